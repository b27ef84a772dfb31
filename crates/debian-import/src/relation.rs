//! A relation field (`Depends`, `Breaks`, …) in; groups of alternatives out. Pure.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

use crate::version::{DebianVersion, VersionError};

/// How a versioned relation compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>>`
    Greater,
}

/// A package name, perhaps with a version bound. Architecture qualifiers (`:any`) are read and dropped:
/// a suite is imported for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Package name, real or virtual.
    pub name: String,
    /// Version bound.
    pub constraint: Option<(Operator, DebianVersion)>,
}

/// Alternatives, one of which satisfies the group: `a | b`.
pub type Alternatives = Vec<Relation>;

/// A relation field that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RelationError {
    /// Not `name[:arch] [(operator version)]`.
    #[error("{0:?} is no relation of the form `name (>= version)`")]
    Syntax(String),
    /// A version inside is bad.
    #[error("relation {relation:?} has a bad version")]
    Version {
        /// The relation's text.
        relation: String,
        /// Why.
        source: VersionError,
    },
}

impl Operator {
    /// Whether `version` stands in this relation to `bound`.
    pub fn accepts(self, version: &DebianVersion, bound: &DebianVersion) -> bool {
        let order = version.cmp(bound);
        match self {
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Greater => order == Ordering::Greater,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Less => "<<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">>",
        })
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        self.constraint
            .iter()
            .try_for_each(|(operator, version)| write!(formatter, " ({operator} {version})"))
    }
}

/// Reads a whole field: groups separated by `,`, alternatives by `|`.
pub fn parse(field: &str) -> Result<Vec<Alternatives>, RelationError> {
    field
        .split(',')
        .map(str::trim)
        .filter(|group| !group.is_empty())
        .map(|group| group.split('|').map(|relation| parse_one(relation.trim())).collect())
        .collect()
}

fn parse_one(text: &str) -> Result<Relation, RelationError> {
    let syntax = || RelationError::Syntax(text.to_owned());
    let (name, constraint) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let inner = rest.trim_end().strip_suffix(')').ok_or_else(syntax)?.trim();
            let digits = inner.find(|character| !"<>=".contains(character)).ok_or_else(syntax)?;
            let operator = match &inner[..digits] {
                "<<" => Operator::Less,
                // Policy 7.1: the old `<` and `>` mean "or equal".
                "<=" | "<" => Operator::LessOrEqual,
                "=" => Operator::Equal,
                ">=" | ">" => Operator::GreaterOrEqual,
                ">>" => Operator::Greater,
                _ => return Err(syntax()),
            };
            let version = DebianVersion::parse(inner[digits..].trim())
                .map_err(|source| RelationError::Version { relation: text.to_owned(), source })?;
            (name, Some((operator, version)))
        }
    };
    let name = name.trim();
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    let valid =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
    if valid { Ok(Relation { name: name.to_owned(), constraint }) } else { Err(syntax()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(field: &str) -> Vec<String> {
        let join =
            |group: Alternatives| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        parse(field).unwrap().into_iter().map(join).collect()
    }

    #[test]
    fn groups_alternatives_bounds_and_qualifiers() {
        assert_eq!(
            printed("libc6 (>= 2.38), perl:any (<< 5.40~),\n default-mta | mail-transport-agent,, x(=1)"),
            ["libc6 (>= 2.38)", "perl (<< 5.40~)", "default-mta | mail-transport-agent", "x (= 1)"]
        );
        assert_eq!(printed("a (> 1), b (< 2)"), ["a (>= 1)", "b (<= 2)"]);
    }

    #[test]
    fn malformed_relations_are_refused() {
        for bad in ["a b", "a (>= 1", "a (1.0)", "a (=> 1)", "(>= 1)", "a |"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
