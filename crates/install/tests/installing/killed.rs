//! An installation killed at any system call leaves no root or the whole one; the next run removes what is left beside it and makes
//! the root that an undisturbed one makes, also from the payloads and results of scripts that killed runs kept.
//!
//! `LAZULI_KILLS=N` kills N runs instead of a dozen each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::payload::Store;
use install::scriptlets::ScriptletCache;
use install::{
    InstallError, InstallOptions, PackageRequest, PlanOptions, SignaturePolicy, Transaction, execute, plan,
};
use rpm::{Dependency, FileOptions};
use rpm_model::{Checksum, ChecksumAlgorithm};
use sha2::{Digest, Sha256};

use crate::packages::{file, log, lua, package};
use crate::repeating::facts;
use crate::tracing::{Ended, run};
use crate::{World, options, request};

const WORLD: &str = "LAZULI_TEST_KILLED_WORLD";
const KEEPING: &str = "LAZULI_TEST_KILLED_KEEPING";

type Facts = BTreeMap<String, String>;

/// Every step of an installation has something to do.
fn prepare(world: &World) -> Vec<PathBuf> {
    let first = package(world, "base", |builder| {
        builder.pre_trans_script(lua(
            "posix.mkdir('/etc') local f = io.open('/etc/base.conf', 'w') f:write('mine') f:close()",
        ));
        builder.with_file_contents("base", FileOptions::new("/etc/base.conf").config()).unwrap();
        file(builder, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        file(builder, "/etc/group", "root:x:0:\n");
        builder.file_trigger_in("/usr/share", None, lua(&log("'base filetriggerin ' .. rpm.next_file()")));
        builder.trans_file_trigger_in("/usr/share", None, lua(&log("'base transfiletriggerin'")));
    });
    let service = package(world, "service", |builder| {
        builder.requires(Dependency::script_pre("base"));
        // `u service 350 "A service"`, as rpm encodes sysusers lines.
        builder.provides(Dependency::eq("user(service)", "dSBzZXJ2aWNlIDM1MCAiQSBzZXJ2aWNlIgAA"));
        builder
            .with_file_contents("secret", FileOptions::new("/srv/secret").mode(0o100_600).user("service"))
            .unwrap();
        for path in ["/usr/bin/one", "/usr/bin/two"] {
            builder.with_file_contents("shared", FileOptions::new(path).hardlink("set")).unwrap();
        }
        builder.with_symlink(FileOptions::symlink("/usr/bin/link", "one")).unwrap();
        builder.pre_install_script(lua(&log("'service pre'")));
        builder.post_install_script(lua(&log("'service post'")));
        builder.post_trans_script(lua(&log("'service posttrans'")));
    });
    let data = package(world, "data", |builder| {
        builder.requires(Dependency::any("service"));
        for number in 0..20 {
            file(builder, &format!("/usr/share/data/{number}"), &format!("{number} ").repeat(200));
        }
        // Larger than what is held in memory.
        file(builder, "/usr/share/large", &"large ".repeat(300_000));
    });
    vec![first, service, data]
}

fn transaction(packages: &[PathBuf]) -> Transaction {
    let pinned = |file: &PathBuf| {
        let digest = hex::encode(Sha256::digest(std::fs::read(file).unwrap()));
        let checksum = Checksum::new(ChecksumAlgorithm::Sha256, &digest).unwrap();
        PackageRequest { checksum: Some(checksum), ..request(file) }
    };
    let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
    plan(&packages.iter().map(pinned).collect::<Vec<_>>(), &options).unwrap()
}

fn packages(folder: &Path) -> Vec<PathBuf> {
    ["base", "service", "data"].map(|name| folder.join(format!("{name}-1-1.noarch.rpm"))).into()
}

fn install(folder: &Path, root: &str, keeping: bool) -> Result<(), InstallError> {
    let options = if keeping {
        InstallOptions {
            store: Some(Store::open(&folder.join("store"), 1 << 30).unwrap()),
            scriptlet_cache: Some(ScriptletCache::open(folder.join("kept"))),
            ..options()
        }
    } else {
        options()
    };
    execute(&transaction(&packages(folder)), &folder.join(root), &options, &Silent).map(drop)
}

#[test]
#[ignore = "run by the tests below, which kill it"]
fn victim() {
    let folder = PathBuf::from(std::env::var_os(WORLD).unwrap());
    install(&folder, "root", std::env::var_os(KEEPING).is_some()).unwrap();
}

fn victim_command(folder: &Path, keeping: bool) -> Command {
    #[allow(clippy::disallowed_methods, reason = "the test itself is what is started")]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed::victim", "--exact", "--ignored", "--quiet"]).env(WORLD, folder);
    if keeping {
        command.env(KEEPING, "1");
    }
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

fn kills() -> u64 {
    std::env::var("LAZULI_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// Kills runs all over their length, and densely at their end, where the root gets its name.
fn kill(folder: &Path, undisturbed: &Facts, keeping: bool) {
    let [root, partial] = ["root", "root.partial"].map(|name| folder.join(name));
    let clear = || drop(std::fs::remove_dir_all(&root));
    clear();
    let Ended::Itself(stops) = run(victim_command(folder, keeping), u64::MAX) else {
        panic!("the installation fails")
    };
    assert_eq!(&facts(&root), undisturbed);
    let kills = kills();
    let spread = (1..=kills).map(|kill| stops * kill / kills);
    let end = (0..kills).map(|kill| stops.saturating_sub(kill * 2));
    let (mut absent, mut whole) = (0, 0);
    for at in spread.chain(end) {
        clear();
        // A killed run that kept something makes the next one shorter.
        if run(victim_command(folder, keeping), at) != Ended::Killed {
            continue;
        }
        if root.exists() {
            assert_eq!(&facts(&root), undisturbed, "killed at stop {at} of {stops}");
            whole += 1;
        } else {
            absent += 1;
        }
        if at % 3 == 0 {
            clear();
            install(folder, "root", keeping)
                .unwrap_or_else(|error| panic!("after a kill at stop {at}: {error}"));
            assert!(!partial.exists(), "the run after a kill at stop {at} leaves {}", partial.display());
            assert_eq!(&facts(&root), undisturbed, "the run after a kill at stop {at} of {stops}");
        }
    }
    println!("{stops} stops: {absent} killed runs left no root, {whole} the whole one");
    assert!(absent > 5, "{absent} left no root, {whole} the whole one");
}

fn undisturbed(world: &World) -> Facts {
    install(&world.path(""), "undisturbed", false).unwrap();
    let facts = facts(&world.path("undisturbed"));
    let log = std::fs::read_to_string(world.path("undisturbed/log")).unwrap();
    let lines: Vec<&str> = log.lines().map(|line| line.split(" /").next().unwrap()).collect();
    assert_eq!(
        lines,
        ["service pre", "service post", "base filetriggerin", "service posttrans", "base transfiletriggerin"]
    );
    facts
}

#[test]
fn a_killed_installation_leaves_no_root_or_the_whole_one() {
    let Some(world) = World::new() else { return };
    prepare(&world);
    let undisturbed = undisturbed(&world);
    kill(&world.path(""), &undisturbed, false);
}

#[test]
fn what_killed_installations_kept_is_sound() {
    let Some(world) = World::new() else { return };
    prepare(&world);
    let undisturbed = undisturbed(&world);
    let folder = world.path("");
    // Each begins with nothing kept, so that it is killed while it keeps.
    let kills = kills() / 2;
    let forget = || ["store", "kept"].map(|name| drop(std::fs::remove_dir_all(folder.join(name))));
    let clear = || drop(std::fs::remove_dir_all(folder.join("root")));
    forget();
    let Ended::Itself(stops) = run(victim_command(&folder, true), u64::MAX) else {
        panic!("the installation fails")
    };
    let mut killed = 0;
    for part in 1..=kills {
        forget();
        clear();
        killed += u64::from(run(victim_command(&folder, true), stops * part / (kills + 1)) == Ended::Killed);
        clear();
        install(&folder, "root", true).unwrap();
        assert_eq!(
            facts(&folder.join("root")),
            undisturbed,
            "after a kill at {part} of {kills} parts of {stops}"
        );
    }
    assert!(killed > kills / 2, "only {killed} of {kills} runs were killed");
    // And the others go on with whatever the ones before left.
    kill(&folder, &undisturbed, true);
}
