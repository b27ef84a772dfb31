//! Repositories, in; every package that could be installed and an index of what each provides, out.
//! Never reads a file: packages and their file lists come from the caller.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use rpm_model::{Capability, Constraint, Dependency, Nevra, PackageRecord, RichDependency};

use crate::architecture::Policy;

/// A package's number: 2 and up in the order of the repositories; 1 is the system, which rpm itself stands for.
pub(crate) type Id = i32;
/// Always installed; provides what rpm can do (`rpmlib(...)`).
pub(crate) const SYSTEM: Id = 1;
const FIRST: usize = 2;

/// One source of packages.
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

/// All packages that a request may choose from.
#[derive(Debug)]
pub struct Universe<'r> {
    pub(crate) policy: Policy,
    repositories: Vec<Repository<'r>>,
    /// Which of them is what is installed.
    installed: Option<usize>,
    packages: Vec<Package<'r>>,
    by_name: Map<&'r str, Vec<Id>>,
    provides: Map<&'r str, Vec<Provide<'r>>>,
}

/// A hash map whose iteration order is never looked at.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<WordHasher>>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Package<'r> {
    pub(crate) record: &'r PackageRecord,
    pub(crate) repository: usize,
    /// 0 when the machine cannot run it.
    pub(crate) score: u32,
}

#[derive(Clone, Copy, Debug)]
struct Provide<'r> {
    package: Id,
    constraint: Option<&'r Constraint>,
    /// The package's own name and version, which metadata may leave out.
    own: bool,
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
        let policy = Policy::of(machine);
        let mut universe = Universe {
            policy,
            repositories: repositories.to_vec(),
            installed,
            packages: Vec::new(),
            by_name: Map::default(),
            provides: Map::default(),
        };
        for (number, repository) in repositories.iter().enumerate() {
            for record in repository.packages {
                let score = universe.policy.score(&record.nevra.arch);
                universe.packages.push(Package { record, repository: number, score });
            }
        }
        universe.index_provides();
        universe.index_files();
        universe
    }

    /// Paths that some package names in a dependency and that no known file list or provides has, sorted.
    ///
    /// Primary metadata lists few files: read these paths from the full file lists, add them to the packages'
    /// `files` and build the universe again when they matter.
    pub fn unresolved_paths(&self) -> BTreeSet<&'r str> {
        let mut paths = self.paths_in_dependencies();
        paths.retain(|path| !self.provides.contains_key(path));
        paths
    }

    /// How many packages there are.
    pub fn package_count(&self) -> usize {
        self.packages.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (FIRST..FIRST + self.packages.len()).map(to_id)
    }

    /// One more than the highest id: the size of a table indexed by id.
    pub(crate) fn table_size(&self) -> usize {
        FIRST + self.packages.len()
    }

    pub(crate) fn package(&self, id: Id) -> &Package<'r> {
        &self.packages[to_index(id) - FIRST]
    }

    pub(crate) fn record(&self, id: Id) -> &'r PackageRecord {
        self.package(id).record
    }

    pub(crate) fn name(&self, id: Id) -> &'r str {
        &self.record(id).nevra.name
    }

    pub(crate) fn repository(&self, id: Id) -> &Repository<'r> {
        &self.repositories[self.package(id).repository]
    }

    pub(crate) fn nevra(&self, id: Id) -> &Nevra {
        &self.record(id).nevra
    }

    pub(crate) fn arch(&self, id: Id) -> &str {
        &self.record(id).nevra.arch
    }

    /// Seconds since 1970; 0 where it is not stated.
    pub(crate) fn build_time(&self, id: Id) -> u64 {
        self.record(id).build_time
    }

    pub(crate) fn vendor(&self, id: Id) -> &str {
        &self.record(id).vendor
    }

    /// 0 when the machine cannot run it.
    pub(crate) fn score(&self, id: Id) -> u32 {
        self.package(id).score
    }

    /// Of its repository: the lowest number wins.
    pub(crate) fn priority(&self, id: Id) -> i32 {
        self.repository(id).priority
    }

    /// Of its repository: among equals, the lowest number wins.
    pub(crate) fn cost(&self, id: Id) -> i32 {
        self.repository(id).cost
    }

    /// The name of its repository.
    pub(crate) fn repository_id(&self, id: Id) -> &str {
        self.repository(id).id
    }

    pub(crate) fn requires(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        self.record(id).requires.iter().map(|requirement| &requirement.dependency)
    }

    pub(crate) fn conflicts(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        self.record(id).conflicts.iter()
    }

    pub(crate) fn recommends(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        self.record(id).recommends.iter()
    }

    pub(crate) fn suggests(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        self.record(id).suggests.iter()
    }

    pub(crate) fn supplements(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        self.record(id).supplements.iter()
    }

    pub(crate) fn enhances(&self, id: Id) -> impl ExactSizeIterator<Item = &Dependency> + Clone {
        self.record(id).enhances.iter()
    }

    pub(crate) fn provides(&self, id: Id) -> impl ExactSizeIterator<Item = &Capability> + Clone {
        self.record(id).provides.iter()
    }

    pub(crate) fn obsoletes(&self, id: Id) -> impl ExactSizeIterator<Item = &Capability> + Clone {
        self.record(id).obsoletes.iter()
    }

    /// Packages that supplement or enhance others, in order.
    pub(crate) fn backwards(&self) -> Vec<Id> {
        let has = |id: &Id| self.supplements(*id).len() + self.enhances(*id).len() > 0;
        self.ids().filter(has).collect()
    }

    /// Packages that obsolete packages of that name (in some version), in order.
    pub(crate) fn obsoleters_of(&self, name: &str) -> Vec<Id> {
        self.ids().filter(|id| self.obsoletes(*id).any(|capability| capability.name == name)).collect()
    }

    /// The number of the repository of that name.
    pub(crate) fn repository_named(&self, name: &str) -> Option<usize> {
        self.repositories.iter().position(|repository| repository.id == name)
    }

    /// Which repository a package is in.
    pub(crate) fn repository_number(&self, id: Id) -> usize {
        self.package(id).repository
    }

    /// The packages of the repository of that number.
    pub(crate) fn repository_ids(&self, number: usize) -> Range<Id> {
        let before: usize = self.repositories[..number].iter().map(|one| one.packages.len()).sum();
        to_id(FIRST + before)..to_id(FIRST + before + self.repositories[number].packages.len())
    }

    /// The repository that is what the machine has installed.
    pub(crate) fn installed_number(&self) -> Option<usize> {
        self.installed
    }

    /// The packages that are installed.
    pub(crate) fn installed_ids(&self) -> Range<Id> {
        self.installed.map_or(to_id(FIRST)..to_id(FIRST), |number| self.repository_ids(number))
    }

    /// Installed, or such as the machine can run.
    fn is_listed(&self, package: &Package<'r>) -> bool {
        package.score != 0 || Some(package.repository) == self.installed
    }

    /// Packages of that name that are installed or that the machine can run, in order.
    pub(crate) fn named(&self, name: &str) -> &[Id] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'r str> {
        self.by_name.keys().copied()
    }

    pub(crate) fn same_name(&self, id: Id) -> &[Id] {
        self.named(self.name(id))
    }

    /// Packages that provide the capability, in order; [`SYSTEM`] alone for what rpm itself provides.
    pub(crate) fn providers(&self, capability: &Capability) -> Vec<Id> {
        let mut found: Vec<Id> = Vec::new();
        for provide in self.provides.get(capability.name.as_str()).map_or(&[][..], Vec::as_slice) {
            if found.last() != Some(&provide.package) && self.provide_meets(provide, capability) {
                found.push(provide.package);
            }
        }
        if found.is_empty() && capability.name.starts_with("rpmlib(") {
            found.push(SYSTEM);
        }
        found
    }

    fn provide_meets(&self, provide: &Provide<'r>, capability: &Capability) -> bool {
        let Some(wanted) = &capability.constraint else { return true };
        if provide.own {
            return self.version_meets(provide.package, wanted);
        }
        provide.constraint.is_none_or(|provided| provided.overlaps(wanted))
    }

    fn version_meets(&self, id: Id, wanted: &Constraint) -> bool {
        let nevra = &self.record(id).nevra;
        Capability::exactly("", &nevra.evr).constraint.is_none_or(|own| own.overlaps(wanted))
    }

    /// Whether name and version of the package itself match; what it provides does not count.
    pub(crate) fn is(&self, id: Id, capability: &Capability) -> bool {
        self.name(id) == capability.name
            && capability.constraint.as_ref().is_none_or(|wanted| self.version_meets(id, wanted))
    }

    fn index_provides(&mut self) {
        for (index, package) in self.packages.iter().enumerate() {
            if !self.is_listed(package) {
                continue;
            }
            let id = to_id(index + FIRST);
            let record = package.record;
            let name = record.nevra.name.as_str();
            self.by_name.entry(name).or_default().push(id);
            let mut has_own = false;
            for capability in &record.provides {
                has_own |= capability.name == name && capability.constraint.is_some();
                let provide = Provide { package: id, constraint: capability.constraint.as_ref(), own: false };
                self.provides.entry(capability.name.as_str()).or_default().push(provide);
            }
            if !has_own {
                let provide = Provide { package: id, constraint: None, own: true };
                self.provides.entry(name).or_default().push(provide);
            }
        }
    }

    /// Files count as provides, but only paths that someone asks for are worth an entry.
    fn index_files(&mut self) {
        let wanted = self.paths_in_dependencies();
        let wanted: Map<&str, ()> = wanted.into_iter().map(|path| (path, ())).collect();
        let mut added: Vec<&'r str> = Vec::new();
        for (index, package) in self.packages.iter().enumerate() {
            if !self.is_listed(package) {
                continue;
            }
            for file in &package.record.files {
                if wanted.contains_key(file.path.as_str()) {
                    let provide = Provide { package: to_id(index + FIRST), constraint: None, own: false };
                    self.provides.entry(file.path.as_str()).or_default().push(provide);
                    added.push(file.path.as_str());
                }
            }
        }
        for path in added {
            if let Some(provides) = self.provides.get_mut(path) {
                provides.sort_by_key(|provide| provide.package);
            }
        }
    }

    fn paths_in_dependencies(&self) -> BTreeSet<&'r str> {
        let mut paths = BTreeSet::new();
        for package in self.packages.iter().filter(|package| self.is_listed(package)) {
            let record = package.record;
            let requires = record.requires.iter().map(|requirement| &requirement.dependency);
            let others = [
                &record.conflicts,
                &record.recommends,
                &record.suggests,
                &record.supplements,
                &record.enhances,
            ];
            for dependency in requires.chain(others.into_iter().flatten()) {
                collect_paths(dependency, &mut paths);
            }
        }
        paths
    }
}

fn collect_paths<'r>(dependency: &'r Dependency, paths: &mut BTreeSet<&'r str>) {
    match dependency {
        Dependency::Simple(capability) => {
            if capability.is_path() {
                paths.insert(&capability.name);
            }
        }
        Dependency::Rich(rich) => {
            operands(rich).into_iter().for_each(|operand| collect_paths(operand, paths))
        }
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
