//! A change killed at any system call leaves the old root or the new one, and the next run removes what is left beside it.
//!
//! `LAZULI_KILLS=N` kills N runs instead of a few dozen.

use std::path::{Path, PathBuf};
use std::process::Command;

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::{
    Addition, Changes, InstallOptions, PackageRequest, PlanOptions, Reason, Replacing, SignaturePolicy,
    change, execute, plan, plan_changes,
};
use rpm::{BuildConfig, FileOptions, PackageBuilder, Scriptlet};

use crate::peers::told;
use crate::tracing::{Ended, run};
use crate::{interpreter, tree};

const EPOCH: u32 = 1_790_000_000;
const WORLD: &str = "LAZULI_TEST_KILLED_WORLD";

fn package(folder: &Path, name: &str, version: &str, fill: impl FnOnce(&mut PackageBuilder)) -> PathBuf {
    let mut builder = PackageBuilder::new(name, version, "MIT", "noarch", "made for a test");
    builder.using_config(BuildConfig::v4().source_date(1_700_000_000_u32)).build_host("localhost");
    fill(&mut builder);
    let path = folder.join(format!("{name}-{version}.rpm"));
    builder.build().unwrap().write_file(&path).unwrap();
    path
}

fn request(file: PathBuf) -> PackageRequest {
    PackageRequest { file, checksum: None, reason: Reason::User, repository: "test".into() }
}

fn options() -> PlanOptions {
    PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() }
}

fn file(builder: &mut PackageBuilder, path: &str, content: &str) {
    builder.with_file_contents(content, FileOptions::new(path).mode(0o100_644)).unwrap();
}

/// Two packages in `start`; a new version of one beside it.
fn prepare(world: &Path) {
    let first = package(world, "a", "1", |builder| {
        file(builder, "/usr/a", "one");
        file(builder, "/usr/gone", "one");
        builder.with_file_contents("one", FileOptions::new("/etc/a").mode(0o100_644).config()).unwrap();
    });
    let other = package(world, "b", "1", |builder| file(builder, "/usr/b", "one"));
    package(world, "a", "2", |builder| {
        file(builder, "/usr/a", "two");
        file(builder, "/usr/new", "two");
        builder.with_file_contents("two", FileOptions::new("/etc/a").mode(0o100_644).config()).unwrap();
        let body = "local f = io.open('/log', 'a') f:write('post\\n') f:close()";
        builder.post_install_script(Scriptlet::new(body).prog(vec!["<lua>"]));
    });
    let transaction = plan(&[request(first), request(other)], &options()).unwrap();
    let install = InstallOptions::new(EPOCH, Some(interpreter()));
    execute(&transaction, &world.join("start"), &install, &Silent).unwrap();
    std::fs::write(world.join("start/etc/a"), "mine").unwrap();
}

/// What the killed program does: an upgrade, or the removal of the other package where that is done.
fn upgrade(world: &Path, root: &Path) -> Result<(), String> {
    let add = Addition { package: request(world.join("a-2.rpm")), replacing: Replacing::Older };
    let changes = if root.join("usr/new").exists() {
        Changes { add: Vec::new(), erase: vec![rpm_model::Nevra::parse("b-1-1.noarch").unwrap()] }
    } else {
        Changes { add: vec![add], erase: Vec::new() }
    };
    let transaction = plan_changes(root, &changes, &options()).map_err(|error| told(&error))?;
    let install = InstallOptions::new(EPOCH + 1, Some(interpreter()));
    change(&transaction, root, &install, &Silent).map_err(|error| told(&error))?;
    Ok(())
}

#[test]
#[ignore = "run by the test below, which kills it"]
fn victim() {
    let world = PathBuf::from(std::env::var_os(WORLD).unwrap());
    upgrade(&world, &world.join("root")).unwrap();
}

fn victim_command(world: &Path) -> Command {
    #[allow(clippy::disallowed_methods, reason = "the test itself is what is started")]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed::victim", "--exact", "--ignored", "--quiet"]).env(WORLD, world);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

fn same(a: &Path, b: &Path) -> bool {
    tree::differences(a, b).is_empty()
}

#[test]
fn a_killed_change_leaves_the_old_root_or_the_new_one() {
    if !rustix::process::geteuid().is_root() {
        testkit::prepared::skip("it gives files to owners, which needs root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let world = directory.path();
    let [start, done, root, rest] = ["start", "done", "root", "root.partial"].map(|name| world.join(name));
    prepare(world);
    let again = || {
        drop(std::fs::remove_dir_all(&rest));
        drop(std::fs::remove_dir_all(&root));
        copy(&start, &root);
    };
    again();
    let Ended::Itself(stops) = run(victim_command(world), u64::MAX) else { panic!("the change fails") };
    copy(&root, &done);
    assert!(!same(&start, &done) && !rest.exists());
    assert_eq!(std::fs::read_to_string(done.join("etc/a.rpmsave")).unwrap(), "mine");
    let kills = std::env::var("LAZULI_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    // All over the run, and densely over its end, where the roots are exchanged.
    let spread = (1..=kills).map(|kill| stops * kill / kills);
    let end = (0..kills * 2).map(|kill| stops.saturating_sub(kill * 5));
    let (mut old, mut new) = (0, 0);
    for at in spread.chain(end) {
        again();
        if run(victim_command(world), at) != Ended::Killed {
            continue;
        }
        let (is_old, is_new) = (same(&start, &root), same(&done, &root));
        assert!(is_old != is_new, "killed at stop {at} of {stops}: {:?}", tree::differences(&done, &root));
        old += u32::from(is_old);
        new += u32::from(is_new);
        if at % 7 == 0 {
            upgrade(world, &root).unwrap_or_else(|error| panic!("after a kill at stop {at}: {error}"));
            assert!(!rest.exists(), "the run after a kill at stop {at} leaves {}", rest.display());
            assert!(if is_old { same(&done, &root) } else { !root.join("usr/b").exists() });
        }
    }
    println!("{stops} stops: {old} killed runs left the old root, {new} the new one");
    assert!(old > 5 && new > 5, "{old} old, {new} new: the kills missed one side");
}

fn copy(from: &Path, to: &Path) {
    let call = host_tools::Call::new("cp").arg("-a").arg(from).arg(to);
    host_tools::program::run(&call).unwrap();
}
