//! The packages of a spec while it is read, and how sections find them.

use std::collections::{BTreeMap, BTreeSet};

use super::dependencies::Dependency;
use super::error::SpecProblem;
use super::{ReadError, Reader};
use crate::evaluation::RelationKind;
use crate::expand::shown;

/// A binary package that is being described.
#[derive(Debug, Default)]
pub(super) struct PackageState {
    /// Empty for a main package that has no name yet.
    pub(super) name: Vec<u8>,
    /// Values of tags by their names; the first of a name counts.
    pub(super) tags: BTreeMap<&'static str, Vec<u8>>,
    pub(super) epoch: Option<u32>,
    pub(super) dependencies: BTreeMap<RelationKind, BTreeSet<Dependency>>,
    pub(super) is_noarch: bool,
    pub(super) has_description: bool,
    pub(super) is_built: bool,
    /// Scriptlets that it has.
    pub(super) scriptlets: BTreeSet<&'static str>,
}

/// The source package that is being described.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    pub(super) requires: BTreeSet<Dependency>,
    pub(super) conflicts: BTreeSet<Dependency>,
    pub(super) exclusive_arch: Vec<Vec<u8>>,
    pub(super) exclude_arch: Vec<Vec<u8>>,
    pub(super) build_options: BTreeMap<&'static str, Vec<Vec<u8>>>,
}

/// How a section names its package.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// Not at all: the main one.
    Main,
    /// By what follows the main package's name.
    Sub(Vec<u8>),
    /// By its whole name.
    Whole(Vec<u8>),
}

impl Reader {
    /// The place of the package that a section names.
    pub(super) fn find_package(&self, named: &Named) -> Result<usize, ReadError> {
        match self.full_name(named) {
            None => Ok(0),
            Some(name) => {
                let found = self.packages.iter().position(|package| package.name == name);
                let missing = || self.problem(SpecProblem::NoSuchPackage(shown(&name)));
                found.ok_or_else(missing)
            }
        }
    }

    /// The name of a new package, which must not exist.
    pub(super) fn new_name(&self, named: &Named) -> Result<Vec<u8>, ReadError> {
        let name = self.full_name(named).unwrap_or_default();
        if self.packages.iter().any(|package| package.name == name) {
            return Err(self.problem(SpecProblem::PackageExists(shown(&name))));
        }
        Ok(name)
    }

    fn full_name(&self, named: &Named) -> Option<Vec<u8>> {
        match named {
            Named::Main => None,
            Named::Whole(name) => Some(name.clone()),
            Named::Sub(rest) => {
                let main = self.packages.first().map(|package| package.name.as_slice()).unwrap_or_default();
                Some([main, b"-", rest].concat())
            }
        }
    }
}

impl PackageState {
    /// Adds a dependency unless it is there.
    pub(super) fn depend(&mut self, kind: RelationKind, dependency: Dependency) {
        self.dependencies.entry(kind).or_default().insert(dependency);
    }
}
