//! dnf5 is asked the same as the solver, and must give the same packages.
//!
//! It reads the prepared repository's metadata; no package is downloaded. `LAZULI_REQUESTS` chooses how many requests are made.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what it did"
)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use host_tools::{Bind, Call, Sandbox};
use rpm_model::PackageRecord;
use solver::{Repository, Request, Universe, Want, solve};
use support::metadata;
use testkit::prepared;

/// How many requests are made, unless the environment says otherwise: of four, three ask for one package and one for three.
const REQUESTS: usize = 160;

#[derive(Clone, Copy, Debug)]
struct Mood {
    weak: bool,
    best: bool,
}

#[test]
fn dnf5_chooses_the_same_packages() {
    let Some(root) = prepared::judge_root() else { return };
    let (Some(folder), Some(server)) = (prepared::repository(), prepared::packages()) else { return };
    let count = std::env::var("LAZULI_REQUESTS").map_or(REQUESTS, |text| text.parse().unwrap());
    let packages = metadata::load(&folder);
    let requests = requests(&packages, count, server);
    let repositories = [Repository { id: "up", priority: 99, cost: 1000, packages: &packages }];
    let universe = Universe::new("x86_64", &repositories);
    let work = tempfile::tempdir().unwrap();
    let mut different = String::new();
    let mut compared = 0;
    for mood in [Mood { weak: false, best: true }, Mood { weak: true, best: false }] {
        for wants in &requests {
            let install = wants.iter().map(|want| Want::parse(want).unwrap()).collect();
            let request = Request { install, weak: mood.weak, best: mood.best, ..Request::default() };
            let ours: BTreeSet<String> = match solve(&universe, &request) {
                Ok(solution) => solution.packages().iter().map(|chosen| chosen.nevra().to_string()).collect(),
                Err(_) => BTreeSet::new(),
            };
            let theirs = ask_dnf(&root, &folder, work.path(), wants, mood);
            compared += 1;
            if ours != theirs {
                let only =
                    |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
                different += &format!("{mood:?} {wants:?}\n  only ours: {:?}\n", only(&ours, &theirs));
                different += &format!("  only dnf5's: {:?}\n", only(&theirs, &ours));
            }
        }
    }
    assert!(different.is_empty(), "of {compared} requests these differ:\n{different}");
    println!("{compared} requests, the same packages");
}

/// The server's own request, and others spread evenly over all names.
fn requests(packages: &[PackageRecord], count: usize, server: Vec<String>) -> Vec<Vec<String>> {
    let names: BTreeSet<&str> = packages
        .iter()
        .filter(|package| matches!(package.nevra.arch.as_str(), "x86_64" | "noarch"))
        .map(|package| package.nevra.name.as_str())
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    let spread = |count: usize, offset: usize| -> Vec<String> {
        (0..count)
            .map(|number| names[(number * names.len() / count + offset) % names.len()].to_owned())
            .collect()
    };
    let several = count / 4;
    let mut requests = vec![server];
    requests.extend(spread(count - several, 0).into_iter().map(|name| vec![name]));
    let several = spread(several, 1).into_iter().zip(spread(several, 2)).zip(spread(several, 5));
    requests.extend(several.map(|((a, b), c)| vec![a, b, c]));
    requests
}

/// The packages that dnf5 would install; none when it refuses.
fn ask_dnf(root: &Path, folder: &Path, work: &Path, wants: &[String], mood: Mood) -> BTreeSet<String> {
    let sandbox = Sandbox::new(root)
        .read_only_root(true)
        .bind(Bind::writable(work, "/tmp/work"))
        .bind(Bind::read_only(folder, "/tmp/repository"));
    let call = Call::new("dnf5")
        .args(["--installroot=/tmp/work/root", "--use-host-config", "--no-plugins", "--assumeno"])
        .args(["--setopt=reposdir=/nonexistent", "--setopt=cachedir=/tmp/work/cache", "--releasever=1"])
        .args(["--repofrompath=up,file:///tmp/repository", "--setopt=up.gpgcheck=0", "--repo=up"])
        .args(["--setopt=logdir=/tmp/work/log", "--setopt=metadata_expire=never"])
        .args([format!("--setopt=install_weak_deps={}", mood.weak), format!("--setopt=best={}", mood.best)])
        .env("COLUMNS", "500")
        .accept_any_status();
    let output = sandbox.run(&call.arg("install").args(wants)).unwrap();
    let text = output.stdout_text();
    let all = format!("{text}{}", output.stderr_text());
    assert!(all.contains("Transaction Summary") || all.contains("Failed to resolve"), "dnf5 answered: {all}");
    installed_packages(&text)
}

/// Lines of the table below `Installing...`: ` NAME ARCH EVR REPOSITORY SIZE UNIT`.
fn installed_packages(text: &str) -> BTreeSet<String> {
    let mut packages = BTreeSet::new();
    let mut installing = false;
    for line in text.lines() {
        if !line.starts_with(' ') {
            installing = line.starts_with("Installing");
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if let (true, [name, arch, evr, _, ..]) = (installing, words.as_slice()) {
            packages.insert(format!("{name}-{}.{arch}", evr.strip_prefix("0:").unwrap_or(evr)));
        }
    }
    packages
}
