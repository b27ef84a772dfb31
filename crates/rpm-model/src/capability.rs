//! What packages provide and what they ask of each other.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evr::{Evr, EvrError, rpmvercmp, split_epoch};
use crate::rich::{RichDependency, RichError};

/// A name, perhaps limited to a range of versions: one side of every relation between packages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Capability {
    /// Package name, file path, `perl(Foo)`, `libc.so.6(GLIBC_2.34)(64bit)`, ...
    pub name: String,
    /// `None` stands for every version.
    pub constraint: Option<Constraint>,
}

/// A half line of versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Constraint {
    /// Which side of the version.
    pub comparison: Comparison,
    /// The version.
    pub evr: PartialEvr,
}

/// How a version is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

/// A version as relations state it: epoch and release may be left open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartialEvr {
    /// `None` counts as zero.
    pub epoch: Option<u32>,
    /// Upstream version.
    pub version: String,
    /// `None` matches every release.
    pub release: Option<String>,
}

/// A relation to one capability or to a formula of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dependency {
    /// `name`, `name >= 1.2`
    Simple(Capability),
    /// `(a or b)`, `(a if b else c)`, ...
    Rich(RichDependency),
}

/// A requirement, with the one thing that the order of installation needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Requirement {
    /// What is required.
    pub dependency: Dependency,
    /// Needed before the package's own scriptlets run (`pre="1"` in rpm-md).
    pub pre: bool,
}

/// Why a text is no capability or dependency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// Neither NAME nor NAME OP EVR.
    #[error("`{0}` is not NAME or NAME OP VERSION, where OP is one of <, <=, =, >=, >")]
    Shape(String),
    /// The version cannot be read.
    #[error("in `{text}`")]
    Evr {
        /// The whole text.
        text: String,
        /// What is wrong.
        source: EvrError,
    },
    /// The boolean dependency cannot be read.
    #[error("boolean dependency `{text}` cannot be read")]
    Rich {
        /// The whole text.
        text: String,
        /// What is wrong.
        source: RichError,
    },
}

impl Comparison {
    /// `RPMSENSE_LESS`, `_GREATER` and `_EQUAL` (2, 4, 8) of a header's flags; `None` when no bit or an
    /// impossible set is given, which rpm reads as "every version".
    pub fn from_sense(flags: u32) -> Option<Self> {
        Some(match flags & 0x0e {
            2 => Self::Less,
            4 => Self::Greater,
            8 => Self::Equal,
            10 => Self::LessOrEqual,
            12 => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The `RPMSENSE_*` bits.
    pub fn sense(self) -> u32 {
        match self {
            Self::Less => 2,
            Self::Greater => 4,
            Self::Equal => 8,
            Self::LessOrEqual => 10,
            Self::GreaterOrEqual => 12,
        }
    }

    /// The operator as written in a spec file.
    pub fn operator(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    /// `LT`, `LE`, `EQ`, `GE`, `GT` as rpm-md writes it.
    pub fn metadata_name(self) -> &'static str {
        match self {
            Self::Less => "LT",
            Self::LessOrEqual => "LE",
            Self::Equal => "EQ",
            Self::GreaterOrEqual => "GE",
            Self::Greater => "GT",
        }
    }

    /// Reads what [`Comparison::metadata_name`] writes.
    pub fn from_metadata_name(name: &str) -> Option<Self> {
        [Self::Less, Self::LessOrEqual, Self::Equal, Self::GreaterOrEqual, Self::Greater]
            .into_iter()
            .find(|comparison| comparison.metadata_name() == name)
    }

    fn from_operator(operator: &str) -> Option<Self> {
        Some(match operator {
            "<" => Self::Less,
            "<=" | "=<" => Self::LessOrEqual,
            "=" | "==" => Self::Equal,
            ">=" | "=>" => Self::GreaterOrEqual,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    fn admits_less(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }

    fn admits_equal(self) -> bool {
        matches!(self, Self::LessOrEqual | Self::Equal | Self::GreaterOrEqual)
    }

    fn admits_greater(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }
}

impl PartialEvr {
    /// Reads `[EPOCH:]VERSION[-RELEASE]`.
    pub fn parse(text: &str) -> Result<Self, EvrError> {
        let (epoch, rest) = split_epoch(text)?;
        let (version, release) = match rest.rsplit_once('-') {
            // rpm treats an empty release ("4-") as missing.
            Some((version, "")) => (version, None),
            Some((version, release)) => (version, Some(release.to_owned())),
            None => (rest, None),
        };
        Ok(PartialEvr { epoch, version: version.to_owned(), release })
    }
}

impl From<&Evr> for PartialEvr {
    fn from(evr: &Evr) -> Self {
        PartialEvr {
            epoch: Some(evr.epoch),
            version: evr.version.clone(),
            release: Some(evr.release.clone()),
        }
    }
}

impl fmt::Display for PartialEvr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch.filter(|epoch| *epoch != 0) {
            write!(f, "{epoch}:")?;
        }
        f.write_str(&self.version)?;
        self.release.as_ref().map_or(Ok(()), |release| write!(f, "-{release}"))
    }
}

impl Constraint {
    /// Whether some version lies in both ranges (`rpmverOverlap`).
    ///
    /// A missing epoch is zero. A missing release matches every release, but only where the side without one
    /// admits equality: `> 2.43` does not hold for `= 2.43-1`.
    pub fn overlaps(&self, other: &Constraint) -> bool {
        Range::from(self).overlaps(&Range::from(other))
    }

    /// Whether the range holds what a package of this version provides of itself: `= evr`.
    pub fn admits(&self, evr: &Evr) -> bool {
        let own = Range {
            comparison: Comparison::Equal,
            epoch: evr.epoch,
            version: &evr.version,
            release: Some(&evr.release),
        };
        own.overlaps(&Range::from(self))
    }
}

/// A half line of versions, borrowed.
struct Range<'a> {
    comparison: Comparison,
    epoch: u32,
    version: &'a str,
    release: Option<&'a str>,
}

impl<'a> From<&'a Constraint> for Range<'a> {
    fn from(constraint: &'a Constraint) -> Self {
        Range {
            comparison: constraint.comparison,
            epoch: constraint.evr.epoch.unwrap_or(0),
            version: &constraint.evr.version,
            release: constraint.evr.release.as_deref(),
        }
    }
}

impl Range<'_> {
    fn overlaps(&self, other: &Range<'_>) -> bool {
        let order = self.epoch.cmp(&other.epoch).then_with(|| rpmvercmp(self.version, other.version));
        let order = match (order, self.release, other.release) {
            (Ordering::Equal, Some(a), Some(b)) => rpmvercmp(a, b),
            (Ordering::Equal, Some(_), None) if other.comparison.admits_equal() => return true,
            (Ordering::Equal, None, Some(_)) if self.comparison.admits_equal() => return true,
            (order, _, _) => order,
        };
        let (a, b) = (self.comparison, other.comparison);
        match order {
            Ordering::Less => a.admits_greater() || b.admits_less(),
            Ordering::Greater => a.admits_less() || b.admits_greater(),
            Ordering::Equal => {
                (a.admits_equal() && b.admits_equal())
                    || (a.admits_less() && b.admits_less())
                    || (a.admits_greater() && b.admits_greater())
            }
        }
    }
}

impl Capability {
    /// A name in every version.
    pub fn any(name: impl Into<String>) -> Self {
        Capability { name: name.into(), constraint: None }
    }

    /// `name = evr`: what every package provides of itself.
    pub fn exactly(name: impl Into<String>, evr: &Evr) -> Self {
        Capability {
            name: name.into(),
            constraint: Some(Constraint { comparison: Comparison::Equal, evr: evr.into() }),
        }
    }

    /// Reads `NAME` or `NAME OP [EPOCH:]VERSION[-RELEASE]`.
    pub fn parse(text: &str) -> Result<Self, CapabilityError> {
        let shape = || CapabilityError::Shape(text.to_owned());
        let mut words = text.split_ascii_whitespace();
        let name = words.next().ok_or_else(shape)?;
        let constraint = match (words.next(), words.next(), words.next()) {
            (None, _, _) => None,
            (Some(operator), Some(version), None) => {
                let comparison = Comparison::from_operator(operator).ok_or_else(shape)?;
                let evr = PartialEvr::parse(version)
                    .map_err(|source| CapabilityError::Evr { text: text.to_owned(), source })?;
                Some(Constraint { comparison, evr })
            }
            _ => return Err(shape()),
        };
        Ok(Capability { name: name.to_owned(), constraint })
    }

    /// Whether the names are equal and the version ranges meet.
    pub fn overlaps(&self, other: &Capability) -> bool {
        self.name == other.name
            && match (&self.constraint, &other.constraint) {
                (Some(a), Some(b)) => a.overlaps(b),
                _ => true,
            }
    }

    /// Whether this names a file.
    pub fn is_path(&self) -> bool {
        self.name.starts_with('/')
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.constraint {
            Some(constraint) => write!(f, " {} {}", constraint.comparison.operator(), constraint.evr),
            None => Ok(()),
        }
    }
}

impl Dependency {
    /// Reads a capability, or a boolean dependency when the text opens with `(`.
    pub fn parse(text: &str) -> Result<Self, CapabilityError> {
        if text.trim_start().starts_with('(') {
            RichDependency::parse(text)
                .map(Dependency::Rich)
                .map_err(|source| CapabilityError::Rich { text: text.to_owned(), source })
        } else {
            Capability::parse(text).map(Dependency::Simple)
        }
    }
}

impl From<Capability> for Dependency {
    fn from(capability: Capability) -> Self {
        Dependency::Simple(capability)
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dependency::Simple(capability) => capability.fmt(f),
            Dependency::Rich(rich) => rich.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(a: &str, b: &str) -> bool {
        let (a, b) = (Capability::parse(a).unwrap(), Capability::parse(b).unwrap());
        let result = a.overlaps(&b);
        assert_eq!(b.overlaps(&a), result, "overlap is symmetric: {a}, {b}");
        result
    }

    #[test]
    fn ranges_meet_as_rpm_says() {
        for (a, b, expected) in [
            ("foo", "foo", true),
            ("foo", "bar", false),
            ("foo", "foo = 1-1", true),
            ("foo = 1-1", "foo = 1-1", true),
            ("foo = 1-1", "foo = 1-2", false),
            ("foo = 1-1", "foo = 1", true),
            ("foo = 1-1", "foo > 1", false),
            ("foo = 1-1", "foo >= 1", true),
            ("foo = 1-1", "foo < 1", false),
            ("foo = 1-1", "foo <= 1", true),
            ("foo = 1-1", "foo > 0.9", true),
            ("foo = 1:1-1", "foo > 9", true),
            ("foo = 0:1-1", "foo = 1", true),
            ("foo = 1:1-1", "foo = 1", false),
            ("foo < 2", "foo > 1", true),
            ("foo < 1", "foo > 2", false),
            ("foo < 1", "foo > 1", false),
            ("foo <= 1", "foo >= 1", true),
            ("foo < 1", "foo < 2", true),
            ("foo >= 2.43-0", "foo = 2.43-1", true),
            ("foo > 2.43-0", "foo = 2.43-1", true),
            ("foo = 4-", "foo = 4-7", true),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} | {b}");
        }
    }

    #[test]
    fn text_is_printed_back() {
        for text in ["foo", "foo >= 1:2.3-4", "perl(Foo::Bar) < 2", "libc.so.6(GLIBC_2.34)(64bit)"] {
            assert_eq!(Capability::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn half_a_relation_is_refused() {
        for text in ["", "foo >=", "foo ~ 1", "foo = 1 2", "foo = x:1"] {
            assert!(Capability::parse(text).is_err(), "{text}");
        }
    }
}
