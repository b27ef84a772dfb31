//! rpm and this crate install the same made-up packages: scriptlets and triggers run in the same order, with the same arguments
//! and input; packages come in the same order.

use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use host_tools::{Bind, Call, Sandbox, Sink};
use install::files::FilePolicy;
use install::{InstallOptions, PackageRequest, PlanOptions, Reason, SignaturePolicy, execute, plan};
use rpm::{BuildConfig, Dependency, DependencyFlags, FileOptions, PackageBuilder, Scriptlet};

use testkit::prepared;

use crate::interpreter;
use crate::peer::EPOCH;

fn write(directory: &Path, name: &str, version: &str, fill: impl FnOnce(&mut PackageBuilder)) -> PathBuf {
    let path = directory.join(format!("{name}-{version}-1.noarch.rpm"));
    let mut builder = PackageBuilder::new(name, version, "MIT", "noarch", "made for a test");
    builder.using_config(BuildConfig::v4().source_date(1_700_000_000)).build_host("localhost");
    fill(&mut builder);
    builder.build().unwrap().write_file(&path).unwrap();
    path
}

/// A scriptlet that writes its name, arguments and input to `/log`.
fn told(name: &str) -> Scriptlet {
    let body = format!(
        "local t = {{}} if rpm.next_file then local p = rpm.next_file() while p do table.insert(t, p) p = rpm.next_file() end end
local f = io.open('/log', 'a')
f:write('{name} ' .. tostring(arg[2]) .. ' ' .. tostring(arg[3]) .. ' ' .. table.concat(t, ',') .. '\\n') f:close()"
    );
    Scriptlet::new(body).prog(vec!["<lua>"])
}

/// What rpm leaves of an installation of all packages of a directory: the log, and the names in the order of its database.
fn installed_by_rpm(programs: &Path, directory: &Path) -> (String, Vec<String>) {
    let root = directory.join("by-rpm");
    std::fs::create_dir(&root).unwrap();
    let mut packages: Vec<String> = packages(directory)
        .iter()
        .map(|path| format!("/mnt/packages/{}", path.file_name().unwrap().to_str().unwrap()))
        .collect();
    // rpm breaks ties by the order in which it is given packages; ours is that of their names.
    packages.sort();
    let rpm = |arguments: &[&str], more: &[String]| {
        let call = Call::new("rpm")
            .args(["--root", "/mnt/packages/by-rpm", "--define", "_dbpath /usr/lib/sysimage/rpm"])
            .args(arguments)
            .args(more)
            .stderr(Sink::SameAsStdout)
            .env("SOURCE_DATE_EPOCH", EPOCH.to_string());
        let sandbox =
            Sandbox::new(programs).read_only_root(true).bind(Bind::writable(directory, "/mnt/packages"));
        sandbox.run(&call).unwrap_or_else(|error| panic!("{error}")).stdout_text()
    };
    rpm(&["-U", "--nodeps", "--nosignature", "--ignorearch", "--ignoreos"], &packages);
    let records = crate::records(&root);
    let names = records.into_iter().map(|(name, _)| name).collect();
    (std::fs::read_to_string(root.join("log")).unwrap_or_default(), names)
}

fn installed_by_us(directory: &Path) -> (String, Vec<String>) {
    let requests: Vec<PackageRequest> = packages(directory)
        .into_iter()
        .map(|file| PackageRequest { file, checksum: None, reason: Reason::User, repository: "test".into() })
        .collect();
    let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
    let transaction = plan(&requests, &options).unwrap_or_else(|error| panic!("{error}"));
    let options = InstallOptions::new(EPOCH, Some(interpreter()));
    let installed =
        execute(&transaction, &directory.join("by-us"), &options, &Silent).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(installed.report.warnings, []);
    let names = transaction.steps.iter().map(|step| step.package.nevra().name.clone()).collect();
    (std::fs::read_to_string(installed.path.join("log")).unwrap_or_default(), names)
}

fn packages(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "rpm")).collect()
}

#[test]
fn scriptlets_and_triggers_run_as_in_rpm() {
    let Some(programs) = prepared::judge_root() else { return };
    let world = tempfile::tempdir().unwrap();
    let file = |builder: &mut PackageBuilder, path: &str| {
        builder.with_file_contents("x", FileOptions::new(path)).unwrap();
    };
    for (name, requires) in [("alpha", "beta"), ("beta", "gamma"), ("gamma", "delta"), ("delta", "nothing")] {
        write(world.path(), name, "1", |builder| {
            builder.requires(Dependency::any(requires));
            file(builder, &format!("/usr/lib/{name}/one"));
            file(builder, &format!("/usr/lib/{name}/two"));
            file(builder, &format!("/usr/share/{name}"));
            builder.with_ghost(FileOptions::ghost(format!("/usr/lib/{name}/ghost"))).unwrap();
            builder.pre_trans_script(told(&format!("{name} pretrans")));
            builder.pre_install_script(told(&format!("{name} pre")));
            builder.post_install_script(told(&format!("{name} post")));
            builder.post_trans_script(told(&format!("{name} posttrans")));
            for other in ["alpha", "beta", "gamma", "delta"] {
                builder.trigger_prein(other, None, told(&format!("{name} triggerprein {other}")));
                builder.trigger_in(other, None, told(&format!("{name} triggerin {other}")));
                let never = Some((DependencyFlags::LESS, "1"));
                builder.trigger_in(other, never, told(&format!("{name} triggerin {other} never")));
            }
            for prefix in ["/usr/lib", "/usr/lib/", "/usr/share/", "/usr/lib/beta/o", "/usr/lib/gamma"] {
                builder.file_trigger_in(prefix, None, told(&format!("{name} filetriggerin {prefix}")));
                builder.trans_file_trigger_in(
                    prefix,
                    None,
                    told(&format!("{name} transfiletriggerin {prefix}")),
                );
            }
        });
    }
    let (theirs, their_order) = installed_by_rpm(&programs, world.path());
    let (ours, our_order) = installed_by_us(world.path());
    assert_eq!(our_order, their_order);
    assert!(theirs.lines().count() > 100, "rpm ran {} scripts", theirs.lines().count());
    for (number, (theirs, ours)) in theirs.lines().zip(ours.lines()).enumerate() {
        assert_eq!(ours, theirs, "script {}", number + 1);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn tangled_packages_come_in_rpm_s_order() {
    let Some(programs) = prepared::judge_root() else { return };
    for seed in 0..12 {
        let world = tempfile::tempdir().unwrap();
        let mut numbers = Numbers(seed);
        let count = 40;
        for number in 0..count {
            write(world.path(), &format!("p{number:02}"), "1", |builder| {
                builder.with_file_contents("x", FileOptions::new(format!("/files/{number}"))).unwrap();
                if number % 5 == 0 {
                    builder.provides(Dependency::any("common"));
                }
                for _ in 0..numbers.below(4) {
                    let other = format!("p{:02}", numbers.below(count));
                    match numbers.below(12) {
                        0 => builder.requires(Dependency::script_pre(other)),
                        1 => builder.requires(Dependency::script_post(other)),
                        2 => builder.requires(Dependency::any(format!("/files/{}", numbers.below(count)))),
                        3 => builder.recommends(Dependency::any(other)),
                        4 => builder.supplements(Dependency::any(other)),
                        5 => builder.order_with_requires(Dependency::any(other)),
                        6 => builder.requires(Dependency::any("common")),
                        7 => builder.requires(Dependency::any(format!("(p00 or {other})"))),
                        8 => builder.requires(Dependency::any(format!("({other} if p01 else p02)"))),
                        _ => builder.requires(Dependency::any(other)),
                    };
                }
            });
        }
        let (_, theirs) = installed_by_rpm(&programs, world.path());
        let (_, ours) = installed_by_us(world.path());
        assert_eq!(ours, theirs, "seed {seed}");
    }
}
