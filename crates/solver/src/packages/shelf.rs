//! One repository's index, in; its packages as values that are made when they are first asked for, out.

use std::cell::OnceCell;

use rpm_model::{Capability, Constraint, Dependency, FileKind, Nevra, PackageRecord, RelationKind};

use crate::flat::{FILE, Index, OWN};
use crate::packages::architecture::Policy;
use crate::packages::universe::{FoundFile, Map};

/// A repository within a universe; its packages are numbered from zero.
#[derive(Debug)]
pub(crate) struct Shelf<'r> {
    /// Its name in messages and in the solution.
    pub(crate) id: &'r str,
    /// The lowest number wins.
    pub(crate) priority: i32,
    /// Among equals, the lowest number wins.
    pub(crate) cost: i32,
    index: Index<'r>,
    count: usize,
    /// By number of an architecture: how well it fits the machine, 0 for not at all.
    scores: Vec<u32>,
    /// Packages by paths that only full file lists have.
    more_files: Map<&'r str, Vec<usize>>,
    dependencies: Lazy<Dependency>,
    nevras: Lazy<Nevra>,
    records: Lazy<PackageRecord>,
}

impl<'r> Shelf<'r> {
    pub(crate) fn new(
        (id, priority, cost): (&'r str, i32, i32),
        index: Index<'r>,
        files: &'r [FoundFile],
        policy: &Policy,
    ) -> Self {
        let mut more_files: Map<&'r str, Vec<usize>> = Map::default();
        for file in files {
            more_files.entry(&file.path).or_default().push(file.package);
        }
        let count = index.package_count();
        Shelf {
            id,
            priority,
            cost,
            count,
            scores: index.architectures().map(|architecture| policy.score(architecture)).collect(),
            more_files,
            dependencies: Lazy::new(index.dependency_count()),
            nevras: Lazy::new(count),
            records: Lazy::new(count),
            index,
        }
    }

    pub(crate) fn package_count(&self) -> usize {
        self.count
    }

    pub(crate) fn index(&self) -> &Index<'r> {
        &self.index
    }

    pub(crate) fn score(&self, package: usize) -> u32 {
        self.score_of(self.index.architecture(package))
    }

    pub(crate) fn score_of(&self, architecture: usize) -> u32 {
        self.scores.get(architecture).copied().unwrap_or(0)
    }

    pub(crate) fn name(&self, package: usize) -> &str {
        self.index.name_text(self.index.name(package))
    }

    pub(crate) fn nevra(&self, package: usize) -> &Nevra {
        self.nevras.get(package, || self.index.nevra(package))
    }

    pub(crate) fn record(&self, package: usize) -> &PackageRecord {
        self.records.get(package, || self.index.record(package))
    }

    pub(crate) fn relations(
        &self,
        package: usize,
        kind: RelationKind,
    ) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        self.index.relations(package, kind).map(|number| self.dependency(number))
    }

    /// Provides and obsoletes, of which no boolean one gets into an index.
    pub(crate) fn capabilities(
        &self,
        package: usize,
        kind: RelationKind,
    ) -> impl ExactSizeIterator<Item = &Capability> + Clone {
        self.relations(package, kind).map(|dependency| match dependency {
            Dependency::Simple(capability) => capability,
            Dependency::Rich(_) => &NOTHING,
        })
    }

    /// Packages that provide the capability, in order, each once.
    pub(crate) fn providers(&self, wanted: &Capability) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        if let Some(name) = self.index.find_name(&wanted.name) {
            for (package, provided) in self.index.providers(name) {
                if package < self.count
                    && found.last() != Some(&package)
                    && self.meets(package, provided, wanted.constraint.as_ref())
                {
                    found.push(package);
                }
            }
        }
        if let Some(more) = self.more_files.get(wanted.name.as_str()) {
            found.extend_from_slice(more);
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    fn meets(&self, package: usize, provided: u32, wanted: Option<&Constraint>) -> bool {
        let Some(wanted) = wanted else { return true };
        match provided {
            FILE => true,
            OWN => wanted.admits(&self.nevra(package).evr),
            dependency => match self.dependency(dependency) {
                Dependency::Simple(provided) => {
                    provided.constraint.as_ref().is_none_or(|provided| provided.overlaps(wanted))
                }
                Dependency::Rich(_) => false,
            },
        }
    }

    /// Packages of that name, in order.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = usize> {
        let name = self.index.find_name(name);
        let named = name.into_iter().flat_map(|name| self.index.named(name));
        named.filter(|package| *package < self.count)
    }

    /// Files that the repository's metadata lists or that were found in its file lists.
    pub(crate) fn files(&self, package: usize) -> impl Iterator<Item = (&str, FileKind)> {
        let more = self.more_files.iter().filter(move |(_, packages)| packages.contains(&package));
        self.index.files(package).chain(more.map(|(path, _)| (*path, FileKind::File)))
    }

    fn dependency(&self, number: u32) -> &Dependency {
        self.dependencies.get(number as usize, || self.index.dependency(number))
    }
}

static NOTHING: Capability = Capability { name: String::new(), constraint: None };

/// Values by number, each made once.
#[derive(Debug)]
struct Lazy<T> {
    cells: Box<[OnceCell<Box<T>>]>,
    /// Stands for every number that there is not: damaged bytes may hold such.
    beyond: OnceCell<Box<T>>,
}

impl<T> Lazy<T> {
    fn new(count: usize) -> Self {
        Lazy { cells: (0..count).map(|_| OnceCell::new()).collect(), beyond: OnceCell::new() }
    }

    fn get(&self, number: usize, make: impl FnOnce() -> T) -> &T {
        self.cells.get(number).unwrap_or(&self.beyond).get_or_init(|| Box::new(make()))
    }
}
