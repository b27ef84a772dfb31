//! Packages in; the requirements that none of them could fulfil, out.
//!
//! This asks whether each requirement *could* be fulfilled by some package of the set, not whether all packages could be installed
//! together (conflicts are the solver's matter). Boolean requirements are taken by their meaning: all operands of `and` must be
//! available, one package must fulfil all of `with`, and `a if b` asks for nothing where nobody provides `b`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use rpm_model::{Capability, Dependency, Nevra, PackageRecord, RichDependency};

use crate::download::Downloader;
use crate::open::{OpenError, Repository};

/// A requirement that no package fulfils.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    /// The repository of the package.
    pub repository: String,
    /// The package that requires.
    pub package: Nevra,
    /// What it requires.
    pub requirement: String,
    /// What comes nearest: a package that provides the name in another version.
    pub nearest: Option<Nearest>,
}

/// A provider that does not suffice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nearest {
    /// The package.
    pub package: Nevra,
    /// What it provides.
    pub provides: String,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} requires {}, which nothing provides",
            self.package, self.repository, self.requirement
        )?;
        match &self.nearest {
            Some(nearest) => write!(f, " (nearest: {} provides {})", nearest.package, nearest.provides),
            None => Ok(()),
        }
    }
}

/// Loads, of the file lists of all repositories, the paths that are required somewhere and that primary metadata does not list.
/// Repositories without file lists keep what they have. Tells how many files were found.
pub fn load_required_files(
    repositories: &mut [Repository],
    downloader: &Downloader,
) -> Result<usize, OpenError> {
    let missing = missing_paths(repositories.iter().flat_map(|repository| &repository.records));
    if missing.is_empty() {
        return Ok(0);
    }
    let mut found = 0;
    for repository in repositories.iter_mut().filter(|repository| repository.has_file_lists()) {
        found += repository.load_files(downloader, &|path| missing.contains(path))?;
    }
    Ok(found)
}

/// Required paths that no package lists or provides, in order.
pub fn missing_paths<'a>(records: impl Iterator<Item = &'a PackageRecord> + Clone) -> BTreeSet<String> {
    let paths = required_paths(records.clone());
    let mut missing: BTreeSet<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    for record in records {
        for file in &record.files {
            missing.remove(&file.path);
        }
        for capability in record.provides.iter().filter(|capability| capability.is_path()) {
            missing.remove(&capability.name);
        }
    }
    missing
}

/// Requirements that no package of the set fulfils; packages come with the name of their repository. Source packages are passed
/// over: what they require is for building.
pub fn closure<'a>(packages: impl IntoIterator<Item = (&'a str, &'a PackageRecord)>) -> Vec<Unresolved> {
    let packages: Vec<_> = packages.into_iter().filter(|(_, record)| !is_source(record)).collect();
    let index = Index::new(packages.iter().map(|(_, record)| *record));
    let mut unresolved = Vec::new();
    for (repository, record) in packages {
        for requirement in &record.requires {
            if !index.could_hold(&requirement.dependency) {
                unresolved.push(Unresolved {
                    repository: repository.to_owned(),
                    package: record.nevra.clone(),
                    requirement: requirement.dependency.to_string(),
                    nearest: index.nearest(&requirement.dependency),
                });
            }
        }
    }
    unresolved.sort();
    unresolved.dedup();
    unresolved
}

fn is_source(record: &PackageRecord) -> bool {
    matches!(record.nevra.arch.as_str(), "src" | "nosrc")
}

fn required_paths<'a>(records: impl Iterator<Item = &'a PackageRecord>) -> BTreeSet<&'a str> {
    let requirements = records.flat_map(|record| &record.requires);
    let capabilities = requirements.flat_map(|requirement| match &requirement.dependency {
        Dependency::Simple(capability) => vec![capability],
        Dependency::Rich(rich) => rich.capabilities(),
    });
    capabilities
        .filter(|capability| capability.is_path())
        .map(|capability| capability.name.as_str())
        .collect()
}

/// Who provides what; of files, only those that someone requires.
struct Index<'a> {
    provides: HashMap<&'a str, Vec<(&'a Capability, &'a PackageRecord)>>,
    files: HashMap<&'a str, Vec<&'a PackageRecord>>,
}

impl<'a> Index<'a> {
    fn new(records: impl Iterator<Item = &'a PackageRecord> + Clone) -> Index<'a> {
        let paths = required_paths(records.clone());
        let mut index = Index { provides: HashMap::new(), files: HashMap::new() };
        for record in records {
            for capability in &record.provides {
                index.provides.entry(&capability.name).or_default().push((capability, record));
            }
            for file in record.files.iter().filter(|file| paths.contains(file.path.as_str())) {
                index.files.entry(&file.path).or_default().push(record);
            }
        }
        index
    }

    fn could_hold(&self, dependency: &Dependency) -> bool {
        let rich = match dependency {
            Dependency::Simple(capability) => {
                return is_of_rpm(capability) || !self.providers(capability).is_empty();
            }
            Dependency::Rich(rich) => rich,
        };
        match rich {
            RichDependency::And(operands) => operands.iter().all(|operand| self.could_hold(operand)),
            RichDependency::Or(operands) => operands.iter().any(|operand| self.could_hold(operand)),
            RichDependency::With(_) | RichDependency::Without(..) => {
                !self.single_providers(dependency).is_empty()
            }
            RichDependency::If { then, condition, otherwise } => {
                let otherwise_holds = otherwise.as_ref().is_none_or(|otherwise| self.could_hold(otherwise));
                if self.could_hold(condition) { self.could_hold(then) } else { otherwise_holds }
            }
            RichDependency::Unless { then, otherwise, .. } => {
                self.could_hold(then)
                    || otherwise.as_ref().is_some_and(|otherwise| self.could_hold(otherwise))
            }
        }
    }

    fn providers(&self, wanted: &Capability) -> Vec<&'a PackageRecord> {
        let by_name = self.provides.get(wanted.name.as_str()).into_iter().flatten();
        let provided =
            by_name.filter(|(capability, _)| capability.overlaps(wanted)).map(|(_, record)| *record);
        // A file has no version: it fulfils only a requirement without one.
        let owned = self.files.get(wanted.name.as_str()).filter(|_| wanted.constraint.is_none());
        provided.chain(owned.into_iter().flatten().copied()).collect()
    }

    /// Packages that fulfil the whole formula by themselves.
    fn single_providers(&self, dependency: &Dependency) -> Vec<&'a PackageRecord> {
        let holds_in = |record: &PackageRecord, operand: &Dependency| {
            self.single_providers(operand).iter().any(|other| std::ptr::eq(*other, record))
        };
        match dependency {
            Dependency::Simple(capability) => self.providers(capability),
            Dependency::Rich(RichDependency::With(operands)) => match operands.split_first() {
                Some((first, rest)) => {
                    let mut found = self.single_providers(first);
                    found.retain(|record| rest.iter().all(|operand| holds_in(record, operand)));
                    found
                }
                None => Vec::new(),
            },
            Dependency::Rich(RichDependency::Without(wanted, unwanted)) => {
                let mut found = self.single_providers(wanted);
                found.retain(|record| !holds_in(record, unwanted));
                found
            }
            Dependency::Rich(RichDependency::Or(operands)) => {
                operands.iter().flat_map(|operand| self.single_providers(operand)).collect()
            }
            // Within `with`, rpm allows no other operators.
            Dependency::Rich(_) => Vec::new(),
        }
    }

    /// For the first name of the requirement that is provided in a version that does not do.
    fn nearest(&self, dependency: &Dependency) -> Option<Nearest> {
        let capabilities = match dependency {
            Dependency::Simple(capability) => vec![capability],
            Dependency::Rich(rich) => rich.capabilities(),
        };
        let lacking = capabilities.into_iter().filter(|capability| self.providers(capability).is_empty());
        let candidates =
            lacking.flat_map(|capability| self.provides.get(capability.name.as_str()).into_iter().flatten());
        let newest = candidates.max_by(|(_, left), (_, right)| left.nevra.cmp(&right.nevra));
        newest.map(|(capability, record)| Nearest {
            package: record.nevra.clone(),
            provides: capability.to_string(),
        })
    }
}

fn is_of_rpm(capability: &Capability) -> bool {
    capability.name.starts_with("rpmlib(")
}
