//! Indexes of repositories, in; every package that could be installed, and who provides what, out.
//! Never reads a file: the bytes of indexes, and files that only file lists have, come from the caller.
//!
//! Nothing is made of a package before someone asks for it.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use rpm_model::{Capability, Dependency, FileKind, Nevra, PackageRecord, RelationKind, RichDependency};

use crate::flat::{Index, of_records};
use crate::packages::architecture::Policy;
use crate::packages::shelf::Shelf;

/// A package's number: 2 and up in the order of the repositories; 1 is the system, which rpm itself stands for.
pub(crate) type Id = i32;
/// Always installed; provides what rpm can do (`rpmlib(...)`).
pub(crate) const SYSTEM: Id = 1;
const FIRST: usize = 2;

/// One source of packages, as records.
#[derive(Clone, Copy, Debug)]
pub struct Repository<'r> {
    /// Its name in messages and in the solution.
    pub id: &'r str,
    /// As in dnf: the lowest number wins, 99 is usual.
    pub priority: i32,
    /// As in dnf: among equals, the lowest number wins, 1000 is usual.
    pub cost: i32,
    /// Its packages; their order decides where nothing else does.
    pub packages: &'r [PackageRecord],
}

/// One source of packages, as an index.
#[derive(Clone, Debug)]
pub struct IndexedRepository<'r> {
    /// Its name in messages and in the solution.
    pub id: &'r str,
    /// As in dnf: the lowest number wins, 99 is usual.
    pub priority: i32,
    /// As in dnf: among equals, the lowest number wins, 1000 is usual.
    pub cost: i32,
    /// Its packages; their order decides where nothing else does.
    pub index: Index<'r>,
    /// Files that its primary metadata does not list, as far as someone asked for them.
    pub files: &'r [FoundFile],
}

/// A file that only full file lists have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundFile {
    /// Its path.
    pub path: String,
    /// The number of the package in its repository, from zero.
    pub package: usize,
}

/// All packages that a request may choose from.
#[derive(Debug)]
pub struct Universe<'r> {
    shelves: Vec<Shelf<'r>>,
    /// By shelf: the index of its first package, and one more than the last of all.
    starts: Vec<usize>,
    /// Which of them is what is installed.
    installed: Option<usize>,
    /// By package: all of its name.
    namesakes: Box<[OnceCell<Box<[Id]>>]>,
}

/// A hash map whose iteration order is never looked at.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<WordHasher>>;

impl<'r> From<&Repository<'r>> for IndexedRepository<'r> {
    /// Indexes the records.
    fn from(repository: &Repository<'r>) -> Self {
        let bytes = of_records(repository.packages).expect("boolean dependencies of records were read once");
        let index = Index::open(bytes).expect("an index that was just made is whole");
        let Repository { id, priority, cost, .. } = *repository;
        IndexedRepository { id, priority, cost, index, files: &[] }
    }
}

impl<'r> Universe<'r> {
    /// Indexes the packages of all repositories for one machine (`x86_64`, ...).
    pub fn new(machine: &str, repositories: &[Repository<'r>]) -> Self {
        Universe::with_installed(machine, repositories, None)
    }

    /// The same, where one of the repositories (its place in the list) is what the machine has installed.
    ///
    /// Priority and cost of that one do not matter. The machine's name is empty when every architecture will do.
    pub fn with_installed(machine: &str, repositories: &[Repository<'r>], installed: Option<usize>) -> Self {
        Universe::of_indexes(machine, repositories.iter().map(IndexedRepository::from), installed)
    }

    /// The same, of repositories that are indexed already.
    pub fn of_indexes(
        machine: &str,
        repositories: impl IntoIterator<Item = IndexedRepository<'r>>,
        installed: Option<usize>,
    ) -> Self {
        let policy = Policy::of(machine);
        let mut starts = vec![FIRST];
        let mut shelves = Vec::new();
        for repository in repositories {
            let IndexedRepository { id, priority, cost, index, files } = repository;
            let shelf = Shelf::new((id, priority, cost), index, files, &policy);
            starts.push(starts[starts.len() - 1] + shelf.package_count());
            shelves.push(shelf);
        }
        let namesakes = (FIRST..starts[starts.len() - 1]).map(|_| OnceCell::new()).collect();
        Universe { shelves, starts, installed, namesakes }
    }

    /// Paths that some package names in a dependency and that no known file list or provides has, sorted.
    ///
    /// Primary metadata lists few files: find these paths in the full file lists, and make the universe again with
    /// what was found ([`IndexedRepository::files`]).
    pub fn unresolved_paths(&self) -> BTreeSet<&str> {
        let mut unresolved = BTreeSet::new();
        for (number, shelf) in self.shelves.iter().enumerate() {
            for (path, architecture) in shelf.index().paths() {
                let counts = shelf.score_of(architecture) != 0 || Some(number) == self.installed;
                let path = shelf.index().name_text(path);
                if counts && !unresolved.contains(path) && self.providers(&Capability::any(path)).is_empty() {
                    unresolved.insert(path);
                }
            }
        }
        unresolved
    }

    /// How many packages there are.
    pub fn package_count(&self) -> usize {
        self.namesakes.len()
    }

    /// All packages, in order. There may be many: not for the usual way of a solve.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (FIRST..self.table_size()).map(to_id)
    }

    /// One more than the highest id: the size of a table indexed by id.
    pub(crate) fn table_size(&self) -> usize {
        FIRST + self.namesakes.len()
    }

    fn shelf(&self, id: Id) -> (&Shelf<'r>, usize) {
        let number = self.repository_number(id);
        (&self.shelves[number], to_index(id) - self.starts[number])
    }

    /// What is known of a package, made when it is first asked for.
    pub(crate) fn record(&self, id: Id) -> &PackageRecord {
        let (shelf, package) = self.shelf(id);
        shelf.record(package)
    }

    pub(crate) fn name(&self, id: Id) -> &str {
        let (shelf, package) = self.shelf(id);
        shelf.name(package)
    }

    pub(crate) fn nevra(&self, id: Id) -> &Nevra {
        let (shelf, package) = self.shelf(id);
        shelf.nevra(package)
    }

    pub(crate) fn arch(&self, id: Id) -> &str {
        &self.nevra(id).arch
    }

    /// Seconds since 1970; 0 where it is not stated.
    pub(crate) fn build_time(&self, id: Id) -> u64 {
        let (shelf, package) = self.shelf(id);
        shelf.index().build_time(package)
    }

    pub(crate) fn vendor(&self, id: Id) -> &str {
        let (shelf, package) = self.shelf(id);
        shelf.index().vendor(package)
    }

    /// 0 when the machine cannot run it.
    pub(crate) fn score(&self, id: Id) -> u32 {
        let (shelf, package) = self.shelf(id);
        shelf.score(package)
    }

    /// Of its repository: the lowest number wins.
    pub(crate) fn priority(&self, id: Id) -> i32 {
        self.shelf(id).0.priority
    }

    /// Of its repository: among equals, the lowest number wins.
    pub(crate) fn cost(&self, id: Id) -> i32 {
        self.shelf(id).0.cost
    }

    /// The name of its repository.
    pub(crate) fn repository_id(&self, id: Id) -> &'r str {
        self.shelf(id).0.id
    }

    pub(crate) fn requires(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.relations(package, RelationKind::Requires)
    }

    pub(crate) fn conflicts(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.relations(package, RelationKind::Conflicts)
    }

    pub(crate) fn recommends(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.relations(package, RelationKind::Recommends)
    }

    pub(crate) fn suggests(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.relations(package, RelationKind::Suggests)
    }

    pub(crate) fn supplements(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.relations(package, RelationKind::Supplements)
    }

    pub(crate) fn enhances(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.relations(package, RelationKind::Enhances)
    }

    pub(crate) fn provides(&self, id: Id) -> impl ExactSizeIterator<Item = &Capability> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.capabilities(package, RelationKind::Provides)
    }

    pub(crate) fn obsoletes(&self, id: Id) -> impl ExactSizeIterator<Item = &Capability> + Clone {
        let (shelf, package) = self.shelf(id);
        shelf.capabilities(package, RelationKind::Obsoletes)
    }

    /// Files that are known of a package.
    pub(crate) fn files(&self, id: Id) -> impl Iterator<Item = (&str, FileKind)> {
        let (shelf, package) = self.shelf(id);
        shelf.files(package)
    }

    /// Packages that supplement or enhance others, in order.
    pub(crate) fn backwards(&self) -> Vec<Id> {
        let of_shelf = |number: usize| self.shelves[number].index().backwards();
        self.listed_of_all(of_shelf)
    }

    /// Packages that obsolete packages of that name (in some version), in order.
    pub(crate) fn obsoleters_of(&self, name: &str) -> Vec<Id> {
        self.listed_of_all(|number| {
            let index = self.shelves[number].index();
            index.find_name(name).into_iter().flat_map(|name| index.obsoleters(name))
        })
    }

    /// Packages that obsolete anything, in order.
    pub(crate) fn replacing(&self) -> Vec<Id> {
        let mut all = self.listed_of_all(|number| self.shelves[number].index().replacing());
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What each shelf names, as ids.
    fn listed_of_all<I: Iterator<Item = usize>>(&self, of_shelf: impl Fn(usize) -> I) -> Vec<Id> {
        (0..self.shelves.len())
            .flat_map(|number| {
                let count = self.shelves[number].package_count();
                let known = of_shelf(number).filter(move |package| *package < count);
                known.map(move |package| to_id(self.starts[number] + package))
            })
            .collect()
    }

    /// The number of the repository of that name.
    pub(crate) fn repository_named(&self, name: &str) -> Option<usize> {
        self.shelves.iter().position(|shelf| shelf.id == name)
    }

    /// Which repository a package is in.
    pub(crate) fn repository_number(&self, id: Id) -> usize {
        let index = to_index(id);
        self.starts[1..].iter().position(|end| index < *end).expect("ids are below the end of the last shelf")
    }

    /// The packages of the repository of that number.
    pub(crate) fn repository_ids(&self, number: usize) -> Range<Id> {
        to_id(self.starts[number])..to_id(self.starts[number + 1])
    }

    /// The repository that is what the machine has installed.
    pub(crate) fn installed_number(&self) -> Option<usize> {
        self.installed
    }

    /// The packages that are installed.
    pub(crate) fn installed_ids(&self) -> Range<Id> {
        self.installed.map_or(to_id(FIRST)..to_id(FIRST), |number| self.repository_ids(number))
    }

    /// Packages of that name that are installed or that the machine can run, in order.
    pub(crate) fn named(&self, name: &str) -> &[Id] {
        let first = self.find_named(name).next();
        first.map_or(&[], |id| self.same_name(id))
    }

    /// Names of which there are packages; those of several repositories come several times.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.shelves.iter().flat_map(|shelf| {
            let index = shelf.index();
            index.package_names().map(|name| index.name_text(name))
        })
    }

    /// Packages of the same name that are installed or that the machine can run, in order.
    pub(crate) fn same_name(&self, id: Id) -> &[Id] {
        let cell = &self.namesakes[to_index(id) - FIRST];
        cell.get_or_init(|| self.find_named(self.name(id)).collect())
    }

    fn find_named(&self, name: &str) -> impl Iterator<Item = Id> {
        self.shelves.iter().enumerate().flat_map(move |(number, shelf)| {
            let is_installed = Some(number) == self.installed;
            let named = shelf.named(name).filter(move |package| is_installed || shelf.score(*package) != 0);
            named.map(move |package| to_id(self.starts[number] + package))
        })
    }

    /// Packages that provide the capability, in order; [`SYSTEM`] alone for what rpm itself provides.
    pub(crate) fn providers(&self, capability: &Capability) -> Vec<Id> {
        let mut found: Vec<Id> = Vec::new();
        for (number, shelf) in self.shelves.iter().enumerate() {
            let is_installed = Some(number) == self.installed;
            let providers = shelf.providers(capability).into_iter();
            let listed = providers.filter(|package| is_installed || shelf.score(*package) != 0);
            found.extend(listed.map(|package| to_id(self.starts[number] + package)));
        }
        if found.is_empty() && capability.name.starts_with("rpmlib(") {
            found.push(SYSTEM);
        }
        found
    }

    /// Whether name and version of the package itself match; what it provides does not count.
    pub(crate) fn is(&self, id: Id, capability: &Capability) -> bool {
        self.name(id) == capability.name
            && capability.constraint.as_ref().is_none_or(|wanted| wanted.admits(&self.nevra(id).evr))
    }
}

pub(crate) fn operands(rich: &RichDependency) -> Vec<&Dependency> {
    match rich {
        RichDependency::And(list) | RichDependency::Or(list) | RichDependency::With(list) => {
            list.iter().collect()
        }
        RichDependency::Without(a, b) => vec![a, b],
        RichDependency::If { then, condition, otherwise }
        | RichDependency::Unless { then, condition, otherwise } => {
            let mut list: Vec<&Dependency> = vec![then, condition];
            list.extend(otherwise.as_deref());
            list
        }
    }
}

pub(crate) fn to_index(id: Id) -> usize {
    usize::try_from(id).expect("ids of packages are positive")
}

pub(crate) fn to_id(index: usize) -> Id {
    Id::try_from(index).expect("fewer than 2^31 packages")
}

/// Multiply and rotate, eight bytes at a time: keys come from metadata that was verified, and their order is
/// never looked at, so speed is all that counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}
