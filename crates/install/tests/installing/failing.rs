//! What is refused, and that nothing is left of it.

use std::path::Path;

use host_tools::Progress;
use host_tools::progress::Silent;
use install::package::PackageProblem;
use install::report::WarningKind;
use install::{InstallError, PlanError, SignaturePolicy, execute};
use rpm::{BuildConfig, FileOptions, PackageBuilder};
use rpm_model::{Checksum, ChecksumAlgorithm};

use crate::packages::{file, lua, package, package_as};
use crate::{World, options, request, told};

fn some_package(world: &World) -> std::path::PathBuf {
    package(world, "some", |builder| {
        file(builder, "/usr/share/some/file", &"content ".repeat(500));
        builder.post_install_script(lua("print('hello')"));
        builder.requires(rpm::Dependency::any("rpmlib(CompressedFileNames)"));
    })
}

#[test]
fn a_package_cut_anywhere_is_an_error_and_never_a_panic() {
    let Some(world) = World::new() else { return };
    let whole = std::fs::read(some_package(&world)).unwrap();
    let cut = world.path("cut.rpm");
    let step = (whole.len() / 60).max(1);
    for length in (0..whole.len()).step_by(step).chain([95, 96, 97, 111, 112, whole.len() - 1]) {
        std::fs::write(&cut, &whole[..length]).unwrap();
        let failed = match world.plan(std::slice::from_ref(&cut)) {
            Err(error) => told(&error),
            Ok(transaction) => {
                told(&execute(&transaction, &world.path("root"), &options(), &Silent).unwrap_err())
            }
        };
        assert!(failed.contains("cut.rpm"), "cut at {length}: {failed}");
        world.assert_nothing_left();
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_before_its_scriptlet_runs() {
    let Some(world) = World::new() else { return };
    let path = some_package(&world);
    let whole = std::fs::read(&path).unwrap();
    let headers = rpm_model::header::PackageHeaders::parse(&whole).unwrap();
    let main = usize::try_from(headers.header_start).unwrap();
    let damaged = world.path("damaged.rpm");
    for position in (main..whole.len()).step_by((whole.len() - main) / 80 + 1) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x10;
        std::fs::write(&damaged, &bytes).unwrap();
        let refused = match world.plan(std::slice::from_ref(&damaged)) {
            Err(_) => true,
            Ok(transaction) => execute(&transaction, &world.path("root"), &options(), &Silent).is_err(),
        };
        assert!(refused, "bit at {position} was not noticed");
        world.assert_nothing_left();
    }
    // Before the main header a flip may be harmless (the lead's name), but never a panic.
    for position in (0..main).step_by(main / 80 + 1) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x10;
        std::fs::write(&damaged, &bytes).unwrap();
        drop(world.plan(std::slice::from_ref(&damaged)));
    }
}

#[test]
fn wrong_digests_are_told_as_such() {
    let Some(world) = World::new() else { return };
    let path = some_package(&world);
    let whole = std::fs::read(&path).unwrap();
    let headers = rpm_model::header::PackageHeaders::parse(&whole).unwrap();
    let end = usize::try_from(headers.header_end).unwrap();
    let mut payload = whole.clone();
    payload[end + 20] ^= 1;
    std::fs::write(&path, &payload).unwrap();
    let error = world.install(std::slice::from_ref(&path)).unwrap_err();
    assert!(
        matches!(&error, InstallError::Package { source: PackageProblem::PayloadDigest { .. }, .. }),
        "{}",
        told(&error)
    );
    let mut header = whole.clone();
    header[end - 1] ^= 1;
    std::fs::write(&path, &header).unwrap();
    let Err(PlanError::Packages(errors)) = world.plan(std::slice::from_ref(&path)) else {
        panic!("not refused")
    };
    assert!(matches!(errors[0].source, PackageProblem::HeaderDigest { .. }), "{}", told(&errors[0]));
    std::fs::write(&path, &whole).unwrap();
    let pinned = Checksum::new(ChecksumAlgorithm::Sha256, &"0".repeat(64)).unwrap();
    let mut transaction = world.plan(&[path]).unwrap();
    transaction.steps[0].checksum = Some(pinned);
    let error = execute(&transaction, &world.path("root"), &options(), &Silent).unwrap_err();
    assert!(told(&error).contains("is pinned; fetch it again"), "{}", told(&error));
    world.assert_nothing_left();
}

#[test]
fn an_unsigned_package_is_refused_where_signatures_are_required() {
    let Some(world) = World::new() else {
        return;
    };
    let policy = SignaturePolicy::Required {
        keyring: std::sync::Arc::new(repository::openpgp::Keyring::default()),
        now: 1_800_000_000,
    };
    let error = install::Package::open(&some_package(&world), &policy).unwrap_err();
    assert!(matches!(error.source, PackageProblem::Signature(_)), "{}", told(&error));
}

#[test]
fn packages_that_disagree_are_all_named() {
    let Some(world) = World::new() else { return };
    let make = |name: &str, content: &str| package(&world, name, |builder| file(builder, "/same", content));
    let (a, b, c) = (make("a", "one"), make("b", "two"), make("c", "three"));
    let error = world.plan(&[a.clone(), b, c]).unwrap_err().to_string();
    assert_eq!(
        error,
        "packages do not agree on 2 files\n    /same from b-1-1.noarch and a-1-1.noarch: content differs\n    /same from c-1-1.noarch and b-1-1.noarch: size differs"
    );
    assert_eq!(world.plan(&[a.clone(), a]).unwrap_err().to_string(), "a-1-1.noarch is given twice");
}

#[test]
fn a_failing_pre_fails_the_whole_and_leaves_nothing() {
    let Some(world) = World::new() else { return };
    let good = package(&world, "good", |builder| file(builder, "/good", "x"));
    let bad = package(&world, "zbad", |builder| {
        file(builder, "/bad", "x");
        builder.pre_install_script(lua("error('no room for me')"));
    });
    let error = world.install(&[good, bad]).unwrap_err();
    let text = told(&error);
    assert!(text.starts_with("%pre of zbad-1-1.noarch failed with exit status 1"), "{text}");
    assert!(text.contains("no room for me"), "{text}");
    world.assert_nothing_left();
}

#[test]
fn a_failing_post_is_a_warning_with_its_output() {
    let Some(world) = World::new() else { return };
    let bad = package(&world, "bad", |builder| {
        file(builder, "/bad", "x");
        builder.post_install_script(lua("print('trying') error('post went wrong')"));
        builder.file_trigger_in("/bad", None, "exit 3");
    });
    let installed = world.install(&[bad]).unwrap();
    assert!(installed.path.join("bad").exists());
    let texts: Vec<String> = installed.report.warnings.iter().map(ToString::to_string).collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("%post of bad-1-1.noarch failed") && text.contains("post went wrong")),
        "{texts:?}"
    );
    // There is no shell in this root.
    let shell =
        |what: &WarningKind| matches!(what, WarningKind::Scriptlet { ending, .. } if ending.contains("127"));
    assert!(installed.report.warnings.iter().any(|warning| shell(&warning.what)), "{texts:?}");
}

#[test]
fn a_root_with_something_in_it_is_refused_and_left_alone() {
    let Some(world) = World::new() else { return };
    std::fs::create_dir(world.path("root")).unwrap();
    std::fs::write(world.path("root/mine"), "mine").unwrap();
    let error = world.install(&[some_package(&world)]).unwrap_err();
    assert!(told(&error).contains("only installed into a new root"), "{}", told(&error));
    assert_eq!(std::fs::read_to_string(world.path("root/mine")).unwrap(), "mine");
    assert!(!world.path("root.partial").exists());
}

struct DiesAt(&'static str);

impl Progress for DiesAt {
    fn begin(&self, _stage: &str, _total: Option<u64>) {}
    fn advance(&self, _steps: u64, what: &str) {
        assert!(what != self.0, "interrupted");
    }
    fn finish(&self, _summary: &str) {}
}

#[test]
fn an_interrupted_run_leaves_the_target_absent_and_the_next_one_succeeds() {
    let Some(world) = World::new() else {
        return;
    };
    let a = package(&world, "a", |builder| file(builder, "/a", "x"));
    let b = package(&world, "b", |builder| file(builder, "/b", "x"));
    let transaction = world.plan(&[a.clone(), b.clone()]).unwrap();
    let run = || drop(execute(&transaction, &world.path("root"), &options(), &DiesAt("a-1-1.noarch")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    world.assert_nothing_left();
    // What a killed run leaves is not trusted and not in the way.
    std::fs::create_dir(world.path("root.partial")).unwrap();
    std::fs::write(world.path("root.partial/stale"), "x").unwrap();
    let installed = world.install(&[a, b]).unwrap();
    assert!(installed.path.join("b").exists() && !installed.path.join("stale").exists());
}

/// A file system of one mebibyte that is gone after the test.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        std::fs::create_dir(path).ok()?;
        let size = std::ffi::CString::new("size=1m").ok()?;
        rustix::mount::mount("tmpfs", path, "tmpfs", rustix::mount::MountFlags::empty(), &*size).ok()?;
        Some(Small(path))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        rustix::mount::unmount(self.0, rustix::mount::UnmountFlags::DETACH).ok();
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_the_target_absent() {
    let Some(world) = World::new() else { return };
    let small = world.path("small");
    let Some(_mounted) = Small::mount(&small) else {
        testkit::prepared::skip("no file system can be mounted here");
        return;
    };
    let mut content = String::new();
    for number in 0..300_000 {
        content.push_str(&format!("{number:x} "));
    }
    let big = package(&world, "big", |builder| file(builder, "/big", &content));
    let transaction = world.plan(&[big]).unwrap();
    let error = execute(&transaction, &small.join("root"), &options(), &Silent).unwrap_err();
    let text = told(&error);
    assert!(text.contains("cannot write /big") && text.contains("No space left on device"), "{text}");
    assert_eq!(small.read_dir().unwrap().count(), 0);
}

#[test]
fn hostile_packages_of_format_6_are_no_better() {
    let Some(world) = World::new() else { return };
    let fill = |builder: &mut PackageBuilder| {
        builder.with_file_contents("x".repeat(5000), FileOptions::new("/x")).unwrap();
    };
    let path = package_as(&world, "six", BuildConfig::v6(), fill);
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 40 + 1) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let refused = match world.plan(std::slice::from_ref(&path)) {
            Err(_) => true,
            Ok(transaction) => execute(&transaction, &world.path("root"), &options(), &Silent).is_err(),
        };
        assert!(refused, "cut at {length}");
    }
    let missing = request(&world.path("missing.rpm"));
    assert!(install::Package::open(&missing.file, &SignaturePolicy::DigestsOnly).is_err());
}
