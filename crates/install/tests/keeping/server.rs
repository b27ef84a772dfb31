//! The whole server set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::lua::Interpreter;
use install::scriptlets::{Outcome, ScriptletCache};
use install::{
    InstallOptions, PackageRequest, PlanOptions, Reason, SignaturePolicy, Transaction, execute, plan,
};
use testkit::prepared;

use crate::tree;

const EPOCH: u32 = 1_790_000_000;

/// The server's packages, planned; nothing where they are not prepared.
fn transaction() -> Option<Transaction> {
    let (repository, root) = (prepared::repository()?, prepared::server_tree()?);
    let requests: Vec<PackageRequest> = install::rpmdb::read(&root.join("usr/lib/sysimage/rpm/rpmdb.sqlite"))
        .unwrap()
        .into_iter()
        .map(|nevra| PackageRequest {
            file: repository.join(nevra.file_name()),
            checksum: None,
            reason: Reason::User,
            repository: "up".into(),
        })
        .collect();
    let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
    Some(plan(&requests, &options).unwrap_or_else(|error| panic!("{error}")))
}

/// The same without a package that no script looks at.
fn without(transaction: &Transaction, name: &str) -> Transaction {
    let mut fewer = transaction.clone();
    fewer.steps.retain(|step| step.package.nevra().name != name);
    assert_eq!(fewer.steps.len() + 1, transaction.steps.len());
    fewer
}

fn install(transaction: &Transaction, name: &str, cache: Option<ScriptletCache>) -> (PathBuf, Duration) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if target.exists() {
        std::fs::remove_dir_all(&target).unwrap();
    }
    let lua = Interpreter::program(env!("CARGO_BIN_EXE_lazuli-lua")).unwrap();
    let options = InstallOptions { scriptlet_cache: cache, ..InstallOptions::new(EPOCH, Some(lua)) };
    let (started, before) = (host_tools::Stopwatch::start(), processor_time());
    let installed = execute(transaction, &target, &options, &Silent).unwrap_or_else(|error| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text.push_str(&format!("\n  caused by: {error}"));
            cause = error.source();
        }
        panic!("{text}")
    });
    let took = started.elapsed();
    println!("{name}: {took:.2?}, {:.2?} of processors", processor_time() - before);
    for (phase, time) in &installed.report.phases {
        println!("    {:<10} {time:.2?}", phase.name());
    }
    (installed.path, took)
}

/// Of this process and all that it waited for: what else the machine does shows less in it than in the time of day.
fn processor_time() -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    TICK * fields[11..15].iter().map(|ticks| ticks.parse::<u32>().unwrap()).sum()
}

fn summary(cache: &ScriptletCache) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    let mut runs = cache.runs();
    for run in &runs {
        let kind = match &run.outcome {
            Outcome::Repeated => "repeated",
            Outcome::Run(_) => "run",
            Outcome::Differs(_) => "differs",
            Outcome::NotKept(reason) => {
                println!("    not kept: {} because {reason} ({:.2?})", run.name, run.time);
                "not kept"
            }
        };
        *counts.entry(kind).or_default() += 1;
        if let Outcome::Run(Some(changed)) = &run.outcome {
            println!("    run again: {} because of {}", run.name, changed.display());
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.time));
    for run in runs.iter().take(12) {
        println!("    {:>9.1?} {} {:?}", run.time, run.name, run.outcome);
    }
    println!("    {counts:?} in {:.3?}", runs.iter().map(|run| run.time).sum::<Duration>());
    counts
}

#[test]
fn a_repeated_installation_runs_nothing_and_gives_the_same_tree() {
    let Some(transaction) = transaction() else { return };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    if std::env::var_os("LAZULI_TEST_WITHOUT_CACHE").is_some() {
        install(&transaction, "kept-none", None);
    }
    let cache = || ScriptletCache::open(folder.path().join("kept"));
    let cold = cache();
    let (first, _) = install(&transaction, "kept-first", Some(cold.clone()));
    summary(&cold);
    let warm = cache();
    let (second, _) = install(&transaction, "kept-second", Some(warm.clone()));
    let counts = summary(&warm);
    let differences = tree::differences(&first, &second);
    for difference in &differences {
        println!("    {difference}");
    }
    assert!(differences.is_empty(), "{} differences", differences.len());
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["repeated"]);
    assert_eq!(counts["repeated"], cold.runs().len());
    let fewer = without(&transaction, "bash-completion");
    let other = cache();
    install(&fewer, "kept-second", Some(other.clone()));
    summary(&other);
    let again: Vec<String> =
        other.runs().into_iter().filter(|run| run.outcome != Outcome::Repeated).map(|run| run.name).collect();
    assert!(again.is_empty(), "a package that no script reads makes these run again: {again:?}");
    if std::env::var_os("LAZULI_TEST_CHECK_SCRIPTLETS").is_some() {
        let checked = cache().checking();
        install(&transaction, "kept-checked", Some(checked.clone()));
        summary(&checked);
        let differences: Vec<String> = checked
            .runs()
            .into_iter()
            .filter_map(|run| if let Outcome::Differs(lines) = run.outcome { Some(lines) } else { None })
            .flatten()
            // It names files by inode number and time of change: no two trees agree on it.
            .filter(|line| !line.starts_with("/var/cache/ldconfig/aux-cache: "))
            .collect();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}
