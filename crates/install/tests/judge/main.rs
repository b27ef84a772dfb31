//! Judge: the same packages, installed by dnf5 and by this crate, give the same tree; rpm finds ours as clean as its own.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test tells what it found, and panics"
)]

#[path = "../judge_root/mod.rs"]
mod judge_root;
mod known;
mod peer;
mod scripts;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use host_tools::progress::Silent;
use host_tools::{Bind, Call, Sandbox, Sink};
use install::files::FilePolicy;
use install::lua::Interpreter;
use install::{InstallOptions, PackageRequest, PlanOptions, Reason, SignaturePolicy, execute, plan};
use peer::{EPOCH, Judge, judge};

/// What the judge has, installed by us, once for all tests.
fn installed(judge: &Judge) -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| install_the_same(judge, "judged-tree")).clone()
}

fn install_the_same(judge: &Judge, name: &str) -> PathBuf {
    let reasons = reasons(&judge.root);
    let database = judge.root.join("usr/lib/sysimage/rpm/rpmdb.sqlite");
    let requests: Vec<PackageRequest> = install::rpmdb::read(&database)
        .expect("the judge's database can be read")
        .into_iter()
        .map(|nevra| PackageRequest {
            file: judge.repository.join(nevra.file_name()),
            checksum: None,
            reason: reasons
                .get(&format!("{}.{}", nevra.name, nevra.arch))
                .copied()
                .unwrap_or(Reason::Dependency),
            repository: "up".into(),
        })
        .collect();
    let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
    let transaction = plan(&requests, &options).unwrap_or_else(|error| panic!("{error}"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if target.exists() {
        std::fs::remove_dir_all(&target).expect("an old tree of this test can be removed");
    }
    let started = host_tools::Stopwatch::start();
    let installed = execute(&transaction, &target, &InstallOptions::new(EPOCH, Some(interpreter())), &Silent)
        .unwrap_or_else(|error| {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text.push_str(&format!("\n  caused by: {error}"));
                cause = error.source();
            }
            panic!("{text}")
        });
    let report = &installed.report;
    println!(
        "{} packages, {} files, {} bytes, {} scriptlets in {:?}",
        report.packages,
        report.files,
        report.bytes,
        report.scriptlets,
        started.elapsed()
    );
    for (phase, time) in &report.phases {
        println!("    {:<10} {time:?}", phase.name());
    }
    for warning in &report.warnings {
        println!("warning: {warning}");
    }
    installed.path
}

/// dnf5's own memory of why each package is there.
fn reasons(root: &Path) -> BTreeMap<String, Reason> {
    let text =
        std::fs::read_to_string(root.join("usr/lib/sysimage/libdnf5/packages.toml")).unwrap_or_default();
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix('"')?.split_once('"')?;
        let reason = if rest.contains("\"User\"") { Reason::User } else { Reason::Dependency };
        Some((name.to_owned(), reason))
    };
    text.lines().filter_map(row).collect()
}

fn interpreter() -> Interpreter {
    Interpreter::program(env!("CARGO_BIN_EXE_lazuli-lua")).expect("the interpreter was built with this test")
}

/// Package names in the order of the database, and each record.
fn records(root: &Path) -> Vec<(String, Vec<u8>)> {
    // A copy: opening the judge's own would change it.
    let copy = tempfile::tempdir().expect("a directory for the copy");
    for suffix in ["", "-wal"] {
        let name = format!("rpmdb.sqlite{suffix}");
        let from = root.join("usr/lib/sysimage/rpm").join(&name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(&name)).expect("a copy of the database");
        }
    }
    let database = rusqlite::Connection::open(copy.path().join("rpmdb.sqlite")).expect("a database");
    let mut rows = database
        .prepare("SELECT Name.key, Packages.blob FROM Packages JOIN Name USING (hnum) ORDER BY hnum")
        .expect("rpm's tables");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("names and records")
}

#[test]
fn packages_come_in_dnf5_s_order_and_their_records_are_byte_for_byte_rpm_s() {
    let Some(judge) = judge() else { return };
    let ours = records(&installed(judge));
    let theirs = records(&judge.root);
    let names =
        |records: &[(String, Vec<u8>)]| records.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    // dnf5 was told that /proc, /sys and /dev are mounted there, which the file states of their package tell.
    let told = |name: &str| name == "base-files" || name == "filesystem";
    let other: Vec<&String> = ours
        .iter()
        .zip(&theirs)
        .filter(|(a, b)| a.1 != b.1 && !told(&a.0))
        .map(|(record, _)| &record.0)
        .collect();
    assert!(other.is_empty(), "records differ: {other:?}");
}

#[test]
fn the_tree_is_the_one_that_dnf5_makes() {
    let Some(judge) = judge() else { return };
    let ours = installed(judge);
    let differences = tree::differences(&judge.root, &ours);
    let epoch = u64::from(EPOCH);
    let mut unknown = Vec::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for difference in differences {
        match known::reason(&difference, epoch) {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => unknown.push(difference),
        }
    }
    for (reason, count) in &reasons {
        println!("{count:>5} known differences: {reason}");
    }
    for difference in &unknown {
        println!("    UNKNOWN {difference}");
    }
    assert!(unknown.is_empty(), "{} differences that have no reason", unknown.len());
}

#[test]
fn rpm_finds_our_tree_as_clean_as_its_own() {
    let Some(judge) = judge() else { return };
    let ours = installed(judge);
    let verify = |root: &Path| {
        let call = Call::new("rpm")
            .args(["--root", "/mnt/judged", "--define", "_dbpath /usr/lib/sysimage/rpm", "-Va", "--nodeps"])
            .stderr(Sink::SameAsStdout)
            .accept_any_status();
        let sandbox =
            Sandbox::new(&judge.programs).read_only_root(true).bind(Bind::read_only(root, "/mnt/judged"));
        sandbox.run(&call).expect("rpm of the judge runs").stdout_text()
    };
    let (theirs, ours) = (verify(&judge.root), verify(&ours));
    let unknown: Vec<&str> = ours
        .lines()
        .filter(|line| !theirs.lines().any(|other| other == *line))
        .filter(|line| known::verification_reason(line).is_none())
        .collect();
    println!(
        "rpm -Va says {} lines of dnf5's tree, {} of ours",
        theirs.lines().count(),
        ours.lines().count()
    );
    assert!(unknown.is_empty(), "only in ours:\n{}", unknown.join("\n"));
}
