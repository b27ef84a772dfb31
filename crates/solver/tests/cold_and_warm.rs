//! The same requests to the same repository, whose packages were read just now into an index, mapped from the cache of
//! indexes, and read as records by the other reader: the same packages for the same reasons, or the same conflict.
//!
//! A repository of random packages is made for it; `LAZULI_METADATA` names folders with repodata/ to judge with besides,
//! divided by `:`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::path::Path;

use repository::Source;
use repository::download::{Cache, Downloader, Options};
use repository::index_cache::IndexCache;
use repository::write::{WriteOptions, write};
use rpm_model::{
    Capability, Checksum, Dependency, Evr, FileKind, Nevra, PackageFile, PackageRecord, Requirement,
};
use solver::flat::{Index, IndexBuilder};
use solver::{FoundFile, IndexedRepository, Repository, Request, Universe, Want, solve};

/// Packages of the made repository: enough that its metadata is read in parts.
const PACKAGES: usize = 1500;
/// Requests to each repository.
const REQUESTS: usize = 150;

#[test]
fn cold_and_warm_indexes_give_the_same_solutions() {
    let made = tempfile::tempdir().unwrap();
    write(made.path(), &random_packages(PACKAGES), &WriteOptions::default()).unwrap();
    let (solved, refused) = compare(made.path());
    assert!(solved > REQUESTS / 4 && refused > REQUESTS / 20, "{solved} solved, {refused} refused");
}

#[test]
fn cold_and_warm_indexes_of_real_metadata_give_the_same_solutions() {
    let Some(folders) = std::env::var_os("LAZULI_METADATA") else { return };
    for folder in std::env::split_paths(&folders) {
        let (solved, _) = compare(&folder);
        assert!(solved > 0, "{}", folder.display());
    }
}

/// How many requests are met and refused, alike by all three.
fn compare(folder: &Path) -> (usize, usize) {
    let work = tempfile::tempdir().unwrap();
    let downloader =
        Downloader::new(Cache::open(&work.path().join("downloads")).unwrap(), Options::default());
    let source = Source::folder("up", folder);
    let mut repository = repository::Repository::open(&source, &downloader, 0).unwrap();
    let cold = repository
        .read_packages(&downloader, IndexBuilder::default, |builder, package| builder.add(package))
        .unwrap()
        .unwrap()
        .finish();
    let cache = IndexCache::new(&work.path().join("indexes"));
    cache.keep("packages", &cold).unwrap();
    let warm = cache.find("packages").unwrap();

    let paths: BTreeSet<String> = {
        let index = IndexedRepository { files: &[], ..indexed(&cold) };
        let universe = Universe::of_indexes("x86_64", [index], None);
        universe.unresolved_paths().into_iter().map(str::to_owned).collect()
    };
    let found = repository.find_files(&downloader, &|path| paths.contains(path)).unwrap();
    let index = Index::open(&cold[..]).unwrap();
    let files: Vec<FoundFile> = (0..index.package_count())
        .flat_map(|package| {
            let listed = found.get(index.checksum(package).hex()).into_iter().flatten();
            listed.map(move |file| FoundFile { path: file.path.clone(), package })
        })
        .collect();
    if !paths.is_empty() {
        repository.load_files(&downloader, &|path| paths.contains(path)).unwrap();
    }

    let requests = requests(&repository.records);
    let records = [Repository { id: "up", priority: 99, cost: 1000, packages: &repository.records }];
    let universes = [
        Universe::of_indexes("x86_64", [IndexedRepository { files: &files, ..indexed(&cold) }], None),
        Universe::of_indexes("x86_64", [IndexedRepository { files: &files, ..indexed(&warm) }], None),
        Universe::new("x86_64", &records),
    ];
    let (mut solved, mut refused) = (0, 0);
    for request in requests {
        let [cold, warm, slow] = universes.each_ref().map(|universe| told(universe, &request));
        assert_eq!(cold, warm, "cold and warm: {request:?}");
        assert_eq!(cold, slow, "index and records: {request:?}");
        match cold {
            Ok(_) => solved += 1,
            Err(_) => refused += 1,
        }
    }
    (solved, refused)
}

fn indexed(bytes: &[u8]) -> IndexedRepository<'_> {
    IndexedRepository { id: "up", priority: 99, cost: 1000, index: Index::open(bytes).unwrap(), files: &[] }
}

/// The packages with their reasons, or the conflict.
fn told(universe: &Universe<'_>, request: &Request) -> Result<Vec<String>, String> {
    match solve(universe, request) {
        Ok(solution) => {
            let packages = solution.packages().iter();
            Ok(packages.map(|chosen| format!("{} {:?}", chosen.nevra(), chosen.reason)).collect())
        }
        Err(conflict) => Err(conflict.to_string()),
    }
}

fn requests(records: &[PackageRecord]) -> Vec<Request> {
    let names: BTreeSet<&str> = records.iter().map(|record| record.nevra.name.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let name = |number: usize| names[number * 31 % names.len()].to_owned();
    (0..REQUESTS)
        .map(|number| {
            let wants = (0..1 + number % 3).map(|offset| Want::Spec(name(number + offset * 7)));
            let exclude = if number % 4 == 0 { vec![name(number + 11)] } else { Vec::new() };
            let (weak, best) = (number % 2 == 0, number % 5 > 0);
            Request { install: wants.collect(), weak, best, exclude, ..Request::default() }
        })
        .collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((value ^ (value >> 31)) % limit as u64).unwrap()
    }
}

/// Every kind of relation, paths that only file lists know among them, and now and then something that nothing has.
fn random_packages(count: usize) -> Vec<PackageRecord> {
    let mut random = Random(7);
    (0..count).map(|number| random_package(&mut random, number, count)).collect()
}

fn random_package(random: &mut Random, number: usize, count: usize) -> PackageRecord {
    let names = count * 2 / 3;
    let arch = ["x86_64", "x86_64", "noarch", "i686"][random.below(4)];
    let evr = Evr::new(0, (1 + random.below(4)).to_string(), "1");
    let nevra = Nevra::new(format!("p{}", random.below(names)), evr, arch);
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let mut record = PackageRecord::new(nevra.clone(), Checksum::sha256(&digest));
    record.location = format!("{number}/{nevra}.rpm");
    "text & <text> ".repeat(40).clone_into(&mut record.description);
    record.provides.push(Capability::exactly(nevra.name.as_str(), &nevra.evr));
    let capability = |random: &mut Random, most: usize| {
        let name = format!("p{}", random.below(most));
        match random.below(4) {
            0 => Capability::parse(&format!("{name} >= {}", 1 + random.below(4))).unwrap(),
            _ => Capability::any(name),
        }
    };
    let place = |path: String| PackageFile { path, kind: FileKind::File };
    record.files.push(place(format!("/usr/bin/tool{}", random.below(names))));
    record.files.push(place(format!("/usr/share/data{}", random.below(names))));
    for _ in 0..random.below(3) {
        // One in forty is nobody's.
        let dependency = match random.below(5) {
            0 => Dependency::Simple(Capability::any(format!("/usr/share/data{}", random.below(names)))),
            1 => Dependency::Simple(Capability::any(format!("/usr/bin/tool{}", random.below(names)))),
            2 => {
                let [a, b, c] = [0; 3].map(|_| capability(random, names).name);
                Dependency::parse(&format!("({a} or ({b} if {c}))")).unwrap()
            }
            _ => Dependency::Simple(capability(random, names + names / 40)),
        };
        record.requires.push(Requirement { dependency, pre: random.below(5) == 0 });
    }
    let simple = |random: &mut Random| Dependency::Simple(capability(random, names));
    match random.below(8) {
        0 => record.recommends.push(simple(random)),
        1 => record.supplements.push(simple(random)),
        2 => record.suggests.push(simple(random)),
        3 => record.enhances.push(simple(random)),
        4 => record.conflicts.push(simple(random)),
        5 if random.below(4) == 0 => record.obsoletes.push(capability(random, names)),
        _ => {}
    }
    record
}
