//! What the conversion of one package must know of the rest of its suite.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::apt::{BinaryPackage, PackageIndex};

/// Answers about other names of the suite, as far as the package's relations ask for them.
///
/// Taken over the whole suite, never over the packages imported: what is imported beside a package does not change its bytes.
/// The text form (`real:NAME unversioned:NAME …`) is empty for most packages, and goes into the lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Names in both `Replaces` and `Conflicts` that are still packages.
    pub(super) real: BTreeSet<String>,
    /// Names in versioned `Conflicts` and `Breaks` that some package provides without a version.
    pub(super) unversioned: BTreeSet<String>,
}

/// A text that is no list of facts.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no fact of the form `real:NAME` or `unversioned:NAME`")]
pub struct FactsError(String);

impl Facts {
    /// The facts that `package` asks of its suite.
    pub fn of(package: &BinaryPackage, index: &PackageIndex) -> Self {
        let conflicting = || package.conflicts.iter().flatten();
        let replaced = package.replaces.iter().flatten().map(|relation| &relation.name);
        let versioned = conflicting()
            .chain(package.breaks.iter().flatten())
            .filter(|relation| relation.constraint.is_some());
        Self {
            real: replaced
                .filter(|name| conflicting().any(|relation| relation.name == **name) && index.is_real(name))
                .cloned()
                .collect(),
            unversioned: versioned
                .map(|relation| &relation.name)
                .filter(|name| index.is_provided_without_version(name))
                .cloned()
                .collect(),
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let real = self.real.iter().map(|name| format!("real:{name}"));
        let unversioned = self.unversioned.iter().map(|name| format!("unversioned:{name}"));
        formatter.write_str(&real.chain(unversioned).collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Facts {
    type Err = FactsError;

    fn from_str(text: &str) -> Result<Self, FactsError> {
        let mut facts = Self::default();
        for fact in text.split_whitespace() {
            match fact.split_once(':') {
                Some(("real", name)) => facts.real.insert(name.to_owned()),
                Some(("unversioned", name)) => facts.unversioned.insert(name.to_owned()),
                _ => return Err(FactsError(fact.to_owned())),
            };
        }
        Ok(facts)
    }
}
