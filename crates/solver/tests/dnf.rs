//! dnf5 is asked the same as the solver, and must give the same packages: with and without weak dependencies, with the best
//! versions demanded and not, with packages excluded, and with packages locked to a version.
//!
//! It reads metadata; no package is downloaded. `LAZULI_REQUESTS` says how many requests there are; each is made in four
//! moods, and once each with something excluded and something locked. `LAZULI_DNF_WORLDS` names other metadata than the
//! prepared repository's: worlds divided by `:`, each of one or more folders with repodata/, divided by `+`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what it did"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use host_tools::{Bind, Call, Sandbox};
use rpm_model::{Nevra, PackageRecord};
use solver::{Repository, Request, Universe, Want, solve};
use support::metadata;
use testkit::prepared;

/// How many requests are made, unless the environment says otherwise: of four, three ask for one package and one for three.
const REQUESTS: usize = 40;

#[test]
fn dnf5_chooses_the_same_packages() {
    let Some(root) = prepared::judge_root() else { return };
    let count = std::env::var("LAZULI_REQUESTS").map_or(REQUESTS, |text| text.parse().unwrap());
    let worlds = worlds();
    let compared: Vec<(usize, String)> = worlds.iter().map(|world| world.compare(&root, count)).collect();
    let different: String = compared.iter().map(|(_, text)| text.as_str()).collect();
    let count = compared.iter().map(|(count, _)| count).sum::<usize>();
    assert!(different.is_empty(), "of {count} requests these differ:\n{different}");
}

/// Repositories, and what is asked of them besides their own names.
struct World {
    folders: Vec<PathBuf>,
    favourite: Option<Vec<String>>,
}

/// One question.
#[derive(Clone, Debug, Default)]
struct Case {
    wants: Vec<String>,
    weak: bool,
    best: bool,
    exclude: Vec<String>,
    lock: Vec<Nevra>,
}

fn worlds() -> Vec<World> {
    let split = |text: &str, by: char| text.split(by).map(str::to_owned).collect::<Vec<_>>();
    match std::env::var("LAZULI_DNF_WORLDS") {
        Ok(worlds) => split(&worlds, ':')
            .iter()
            .map(|world| World {
                folders: split(world, '+').into_iter().map(PathBuf::from).collect(),
                favourite: None,
            })
            .collect(),
        Err(_) => prepared::repository()
            .map(|folder| World { folders: vec![folder], favourite: prepared::packages() })
            .into_iter()
            .collect(),
    }
}

impl World {
    /// How many questions were asked, and where the answers differ.
    fn compare(&self, root: &Path, count: usize) -> (usize, String) {
        let work = tempfile::tempdir().unwrap();
        let packages: Vec<Vec<PackageRecord>> =
            self.folders.iter().map(|folder| metadata::load(folder)).collect();
        let ids: Vec<String> = (0..packages.len()).map(|number| format!("r{number}")).collect();
        let repositories: Vec<Repository<'_>> = ids
            .iter()
            .zip(&packages)
            .map(|(id, packages)| Repository { id, priority: 99, cost: 1000, packages })
            .collect();
        for (id, folder) in ids.iter().zip(&self.folders) {
            publish_primary(folder, &work.path().join(id));
        }
        let universe = Universe::new("x86_64", &repositories);
        let all: Vec<&PackageRecord> = packages.iter().flatten().collect();
        let mut different = String::new();
        let (mut asked, mut refused, mut held) = (0, 0, 0);
        for case in self.cases(&universe, &all, count) {
            let ours = ask_ourselves(&universe, &case);
            let theirs = ask_dnf(root, work.path(), &ids, &case);
            asked += 1;
            refused += usize::from(theirs.is_empty());
            held += case.lock.iter().filter(|lock| holds_back(lock, &all, &theirs)).count();
            if ours != theirs {
                let only =
                    |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
                let told = format!(
                    "{case:?}\n  only ours: {:?}\n  only dnf5's: {:?}\n",
                    only(&ours, &theirs),
                    only(&theirs, &ours)
                );
                println!("{told}");
                different += &told;
            }
        }
        let count = all.len();
        let folders = &self.folders;
        println!(
            "{folders:?}, {count} packages: {asked} questions, {refused} refused, {held} held back by a lock"
        );
        (asked, different)
    }

    fn cases(&self, universe: &Universe<'_>, all: &[&PackageRecord], count: usize) -> Vec<Case> {
        let mut cases = Vec::new();
        let requests = self.favourite.iter().cloned().chain(requests(all, count));
        for (number, wants) in requests.enumerate() {
            for (weak, best) in [(false, true), (true, true), (false, false), (true, false)] {
                cases.push(Case { wants: wants.clone(), weak, best, ..Case::default() });
            }
            let free = Case { wants, weak: number % 2 == 0, best: number % 3 > 0, ..Case::default() };
            let chosen: Vec<String> = ask_ourselves(universe, &free).into_iter().collect();
            let victim = |offset: usize| {
                let text = chosen.get((number * 7 + offset) % chosen.len().max(1))?;
                text.parse::<Nevra>().ok()
            };
            if let Some(victim) = victim(3) {
                cases.push(Case { exclude: vec![victim.name], ..free.clone() });
            }
            if let Some(victim) = victim(5) {
                // To the oldest version that there is, where there are several.
                let versions = all.iter().map(|package| &package.nevra);
                let versions =
                    versions.filter(|nevra| nevra.name == victim.name && nevra.arch == victim.arch);
                let oldest = versions.min_by(|a, b| a.evr.compare(&b.evr));
                cases.push(Case { lock: oldest.cloned().into_iter().collect(), ..free });
            }
        }
        cases
    }
}

/// Whether a package was chosen only because newer ones are locked out.
fn holds_back(lock: &Nevra, all: &[&PackageRecord], chosen: &BTreeSet<String>) -> bool {
    let is_newer = |other: &Nevra| {
        other.name == lock.name && other.arch == lock.arch && other.evr.compare(&lock.evr).is_gt()
    };
    chosen.contains(&lock.to_string()) && all.iter().any(|package| is_newer(&package.nevra))
}

/// Names spread evenly over all.
fn requests(packages: &[&PackageRecord], count: usize) -> Vec<Vec<String>> {
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
    let mut requests: Vec<Vec<String>> =
        spread(count - several, 0).into_iter().map(|name| vec![name]).collect();
    let several = spread(several, 1).into_iter().zip(spread(several, 2)).zip(spread(several, 5));
    requests.extend(several.map(|((a, b), c)| vec![a, b, c]));
    requests
}

/// Only the primary metadata, under contents of its own: published ones may name parts that do not belong together.
fn publish_primary(folder: &Path, place: &Path) {
    let (name, packed, plain) = metadata::primary(folder);
    let (checksum, open) =
        (repository::checksum::sha256(&packed), repository::checksum::sha256(plain.as_bytes()));
    let name = Path::new(&name).file_name().unwrap().to_str().unwrap();
    fs::create_dir_all(place.join("repodata")).unwrap();
    fs::write(place.join("repodata").join(name), &packed).unwrap();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n<revision>1</revision>\n\
         <data type=\"primary\">\n<checksum type=\"sha256\">{}</checksum>\n<open-checksum type=\"sha256\">{}</open-checksum>\n\
         <location href=\"repodata/{name}\"/>\n<timestamp>1</timestamp>\n<size>{}</size>\n<open-size>{}</open-size>\n</data>\n</repomd>\n",
        checksum.hex(),
        open.hex(),
        packed.len(),
        plain.len()
    );
    fs::write(place.join("repodata/repomd.xml"), text).unwrap();
}

/// The packages that the solver chooses; none when it refuses.
fn ask_ourselves(universe: &Universe<'_>, case: &Case) -> BTreeSet<String> {
    let request = Request {
        install: case.wants.iter().map(|want| Want::parse(want).unwrap()).collect(),
        weak: case.weak,
        best: case.best,
        exclude: case.exclude.clone(),
        lock: case.lock.clone(),
        ..Request::default()
    };
    match solve(universe, &request) {
        Ok(solution) => solution.packages().iter().map(|chosen| chosen.nevra().to_string()).collect(),
        Err(_) => BTreeSet::new(),
    }
}

/// The packages that dnf5 would install; none when it refuses.
fn ask_dnf(root: &Path, work: &Path, ids: &[String], case: &Case) -> BTreeSet<String> {
    let locks = work.join("root/etc/dnf");
    fs::create_dir_all(&locks).unwrap();
    fs::write(locks.join("versionlock.toml"), version_locks(&case.lock)).unwrap();
    let sandbox = Sandbox::new(root).read_only_root(true).bind(Bind::writable(work, "/tmp/work"));
    let mut call = Call::new("dnf5")
        .args(["--installroot=/tmp/work/root", "--no-plugins", "--assumeno"])
        .args(["--setopt=reposdir=/nonexistent", "--setopt=cachedir=/tmp/work/cache", "--releasever=1"])
        .args(["--setopt=logdir=/tmp/work/log", "--setopt=metadata_expire=never"])
        .args([format!("--setopt=install_weak_deps={}", case.weak), format!("--setopt=best={}", case.best)])
        .env("COLUMNS", "500")
        .accept_any_status();
    for id in ids {
        call = call.args([format!("--repofrompath={id},file:///tmp/work/{id}"), format!("--repo={id}")]);
        call = call.arg(format!("--setopt={id}.gpgcheck=0"));
    }
    if !case.exclude.is_empty() {
        call = call.arg(format!("--setopt=excludepkgs={}", case.exclude.join(",")));
    }
    let output = sandbox.run(&call.arg("install").args(&case.wants)).unwrap();
    let text = output.stdout_text();
    let all = format!("{text}{}", output.stderr_text());
    assert!(all.contains("Transaction Summary") || all.contains("Failed to resolve"), "dnf5 answered: {all}");
    installed_packages(&text)
}

/// What `dnf5 versionlock add` writes.
fn version_locks(locks: &[Nevra]) -> String {
    let mut text = "version = \"1.0\"\n".to_owned();
    for Nevra { name, evr, .. } in locks {
        text += &format!(
            "[[packages]]\nname = \"{name}\"\n[[packages.conditions]]\nkey = \"evr\"\ncomparator = \"=\"\nvalue = \"{}:{}-{}\"\n",
            evr.epoch, evr.version, evr.release
        );
    }
    text
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
