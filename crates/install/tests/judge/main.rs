//! Judge: the same packages, installed by dnf5 and by this crate, give the same tree; rpm finds ours as clean as its own.
//!
//! Runs when `LAZULI_JUDGE_ROOT` (a tree that dnf5 installed with SOURCE_DATE_EPOCH set) and `LAZULI_TEST_REPOSITORY` (the
//! folder of RPMs it came from) are set. With `LAZULI_JUDGE_PROGRAMS` (a root with rpm in it) `rpm -Va` judges too.
#![allow(missing_docs)]

mod known;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use host_tools::progress::Silent;
use host_tools::{Bind, Call, Sandbox, Sink};
use install::files::FilePolicy;
use install::{InstallOptions, PackageRequest, PlanOptions, Reason, SignaturePolicy, execute, plan};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Judge {
    root: PathBuf,
    repository: PathBuf,
}

fn judge(test: &str) -> Option<Judge> {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    match (path("LAZULI_JUDGE_ROOT"), path("LAZULI_TEST_REPOSITORY")) {
        (Some(root), Some(repository)) => Some(Judge { root, repository }),
        _ => {
            println!("skipped {test}: LAZULI_JUDGE_ROOT and LAZULI_TEST_REPOSITORY are not set");
            None
        }
    }
}

/// Installs what the judge has, into a directory that the build keeps for tests.
fn install_the_same(judge: &Judge, name: &str) -> PathBuf {
    let database = judge.root.join("usr/lib/sysimage/rpm/rpmdb.sqlite");
    let requests: Vec<PackageRequest> = install::rpmdb::read(&database)
        .expect("the judge's database can be read")
        .into_iter()
        .map(|nevra| PackageRequest {
            file: judge.repository.join(nevra.file_name()),
            checksum: None,
            reason: Reason::User,
            repository: "up".into(),
        })
        .collect();
    let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
    let transaction = plan(&requests, &options).unwrap_or_else(|error| panic!("{error}"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if target.exists() {
        std::fs::remove_dir_all(&target).expect("an old tree of this test can be removed");
    }
    let epoch = std::env::var("LAZULI_JUDGE_EPOCH").ok().and_then(|epoch| epoch.parse().ok()).unwrap_or(1_790_000_000);
    let started = host_tools::Stopwatch::start();
    let installed = execute(&transaction, &target, &InstallOptions::new(epoch), &Silent).unwrap_or_else(|error| {
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
        report.packages, report.files, report.bytes, report.scriptlets, started.elapsed()
    );
    for (phase, time) in &report.phases {
        println!("    {:<10} {time:?}", phase.name());
    }
    for warning in &report.warnings {
        println!("warning: {warning}");
    }
    installed.path
}

#[test]
fn the_tree_is_the_one_that_dnf5_makes() {
    let Some(judge) = judge("the_tree_is_the_one_that_dnf5_makes") else { return };
    let _alone = ONE_AT_A_TIME.lock();
    let ours = install_the_same(&judge, "judged-tree");
    let differences = tree::differences(&judge.root, &ours);
    let (known, unknown): (Vec<_>, Vec<_>) =
        differences.into_iter().partition(|difference| known::reason(difference).is_some());
    println!("{} known differences", known.len());
    for difference in &known {
        println!("    {difference}: {}", known::reason(difference).unwrap_or_default());
    }
    for difference in &unknown {
        println!("    UNKNOWN {difference}");
    }
    assert!(unknown.is_empty(), "{} differences that have no reason", unknown.len());
}

#[test]
fn rpm_finds_our_tree_as_clean_as_its_own() {
    let test = "rpm_finds_our_tree_as_clean_as_its_own";
    let Some(judge) = judge(test) else { return };
    let Some(programs) = std::env::var_os("LAZULI_JUDGE_PROGRAMS").map(PathBuf::from) else {
        println!("skipped {test}: LAZULI_JUDGE_PROGRAMS is not set");
        return;
    };
    let _alone = ONE_AT_A_TIME.lock();
    let ours = install_the_same(&judge, "judged-tree");
    let verify = |root: &Path| {
        let call = Call::new("rpm")
            .args(["--root", "/mnt/judged", "--define", "_dbpath /usr/lib/sysimage/rpm", "-Va", "--nodeps"])
            .stderr(Sink::SameAsStdout)
            .accept_any_status();
        let sandbox = Sandbox::new(&programs).bind(Bind::read_only(root, "/mnt/judged"));
        sandbox.run(&call).expect("rpm of the judge runs").stdout_text()
    };
    let (theirs, ours) = (verify(&judge.root), verify(&ours));
    let unknown: Vec<&str> = ours
        .lines()
        .filter(|line| !theirs.lines().any(|other| other == *line))
        .filter(|line| known::verification_reason(line).is_none())
        .collect();
    println!("rpm -Va says {} lines of dnf5's tree, {} of ours", theirs.lines().count(), ours.lines().count());
    assert!(unknown.is_empty(), "only in ours:\n{}", unknown.join("\n"));
}
