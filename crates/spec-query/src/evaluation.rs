//! What a spec describes, as data that can be compared and printed.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// A text as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// All of it.
    Known(String),
    /// Not all of it.
    Unknown {
        /// With `<unknown: …>` where something is missing, or with the macro calls that nothing defines.
        text: String,
        /// What would have to be known.
        unknown: Vec<String>,
    },
}

impl Value {
    /// The text, whole or not.
    pub fn text(&self) -> &str {
        match self {
            Self::Known(text) | Self::Unknown { text, .. } => text,
        }
    }

    /// The text if all of it is known.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Unknown { .. } => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// How versions compare in a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Comparison {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    LessOrEqual,
    /// `=`
    #[serde(rename = "=")]
    Equal,
    /// `>=`
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// `>`
    #[serde(rename = ">")]
    Greater,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        })
    }
}

/// When a dependency counts, or what it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words of rpm's own language")]
pub enum Qualifier {
    Pre,
    Post,
    Preun,
    Postun,
    Verify,
    #[serde(rename = "interp")]
    Interpreter,
    Rpmlib,
    Pretrans,
    Posttrans,
    Preuntrans,
    Postuntrans,
    MissingOk,
    Meta,
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pre => "pre",
            Self::Post => "post",
            Self::Preun => "preun",
            Self::Postun => "postun",
            Self::Verify => "verify",
            Self::Interpreter => "interp",
            Self::Rpmlib => "rpmlib",
            Self::Pretrans => "pretrans",
            Self::Posttrans => "posttrans",
            Self::Preuntrans => "preuntrans",
            Self::Postuntrans => "postuntrans",
            Self::MissingOk => "missingok",
            Self::Meta => "meta",
        })
    }
}

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Relation {
    /// What it names; of a boolean dependency all of it.
    pub name: Value,
    /// The version and how it compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<(Comparison, Value)>,
    /// When it counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub qualifiers: Vec<Qualifier>,
}

impl Relation {
    /// Whether all of it is known.
    pub fn is_known(&self) -> bool {
        self.name.known().is_some()
            && self.version.as_ref().is_none_or(|(_, version)| version.known().is_some())
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match &self.version {
            Some((comparison, version)) => write!(f, " {comparison} {version}"),
            None => Ok(()),
        }
    }
}

/// The kinds of dependencies that a spec states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words of rpm's own language")]
pub enum RelationKind {
    Provides,
    Requires,
    Recommends,
    Suggests,
    Supplements,
    Enhances,
    Conflicts,
    Obsoletes,
    Orders,
}

impl fmt::Display for RelationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provides => "provides",
            Self::Requires => "requires",
            Self::Recommends => "recommends",
            Self::Suggests => "suggests",
            Self::Supplements => "supplements",
            Self::Enhances => "enhances",
            Self::Conflicts => "conflicts",
            Self::Obsoletes => "obsoletes",
            Self::Orders => "orders",
        })
    }
}

/// A binary package that the spec describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Package {
    /// Its name.
    pub name: Value,
    /// Its epoch, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Its version.
    pub version: Value,
    /// Its release.
    pub release: Value,
    /// Its architecture, or `noarch`.
    pub arch: Value,
    /// Its summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Value>,
    /// Its licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<Value>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Value>,
    /// Whether it has a %files section, without which it is not built.
    pub is_built: bool,
    /// What the spec states, in rpm's order; what rpm finds out from built files is not among it.
    pub relations: BTreeMap<RelationKind, Vec<Relation>>,
}

impl Package {
    /// Version and release, with the epoch if there is one.
    pub fn evr(&self) -> String {
        let epoch = self.epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// Name, epoch, version, release and architecture.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr(), self.arch)
    }

    /// Whether name, version, release and architecture are known.
    pub fn is_known(&self) -> bool {
        [&self.name, &self.version, &self.release, &self.arch].iter().all(|value| value.known().is_some())
    }
}

/// A source or a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    /// Whether it is a patch.
    pub is_patch: bool,
    /// Its number, given or counted.
    pub number: u32,
    /// As it is written, macros expanded: a URL, a path or a name.
    pub location: Value,
    /// The name that it has in the source package.
    pub file_name: Value,
    /// Whether it is left out of the source package.
    pub is_withheld: bool,
}

/// What only the source package has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SourcePackage {
    /// What has to be installed to build, in rpm's order; what %generate_buildrequires finds is not among it.
    pub build_requires: Vec<Relation>,
    /// What must not be installed.
    pub build_conflicts: Vec<Relation>,
    /// `ExclusiveArch`
    pub exclusive_arch: Vec<Value>,
    /// `ExcludeArch`
    pub exclude_arch: Vec<Value>,
    /// Sources and patches in the spec's order.
    pub sources: Vec<Source>,
    /// Whether %generate_buildrequires adds to what is required to build.
    pub has_dynamic_build_requires: bool,
}

/// Something to tell about a line of the spec.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Note {
    /// The line, from 1.
    pub line: u32,
    /// What there is to tell.
    pub text: String,
}

/// What a spec describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evaluation {
    /// Binary packages in the spec's order, the main one first.
    pub packages: Vec<Package>,
    /// The source package.
    pub source: SourcePackage,
    /// Where the answer rests on something that is not known: conditions taken as false, macros that nothing defines.
    pub doubts: Vec<Note>,
    /// What the spec says by `%{echo:}` and `%{warn:}`.
    pub messages: Vec<Note>,
    /// Macros that the answer rests on and no macro file defines: this program's own definitions stood in for them.
    pub fallbacks: Vec<String>,
    /// The spec with macros expanded and other branches left out, as `rpmspec -P` prints it.
    #[serde(skip)]
    pub expanded: String,
}
