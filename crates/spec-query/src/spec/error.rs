//! Why a spec cannot be read: rpm fails at the same place.

use rpm_model::RichError;

use crate::expand::MacroError;

/// A spec that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct SpecError {
    /// The spec's file.
    pub file: String,
    /// The line, from 1; of several joined ones the last.
    pub line: u32,
    /// What is wrong.
    pub problem: SpecProblem,
}

/// The same without the file's name.
#[derive(Clone, Debug)]
pub(super) struct ReadError {
    pub(super) line: u32,
    pub(super) problem: SpecProblem,
}

/// What is wrong with a line of a spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecProblem {
    /// Macros that cannot be expanded.
    #[error("{}", with_causes(.0))]
    Macro(#[from] MacroError),
    /// A control character that stands for what is not known.
    #[error("the control character {0:#04x} cannot stand in a spec")]
    Control(u8),
    /// `%if` without `%endif`.
    #[error("this %if has no %endif")]
    UnclosedIf,
    /// A bracket or a backslash at the end of the file.
    #[error("a macro or a continued line is not finished at the end of the file")]
    Unfinished,
    /// Words after `%else` or `%endif`.
    #[error("nothing may follow {0}")]
    ExtraWords(&'static str),
    /// A branch without a condition that it could be of.
    #[error("this {0} has no %if")]
    NoIf(&'static str),
    /// A branch where none can be.
    #[error("{word} cannot follow {after}")]
    Misplaced {
        /// The directive.
        word: &'static str,
        /// The one before.
        after: &'static str,
    },
    /// `%ifarch` and its like without words.
    #[error("{0} needs an argument")]
    NoArgument(&'static str),
    /// A file that cannot be included.
    #[error("cannot include {path}: {problem}")]
    Include {
        /// Its path.
        path: String,
        /// Why not.
        problem: &'static str,
    },
    /// A line that is no tag.
    #[error("`{0}` is no tag of a package")]
    UnknownTag(String),
    /// A tag without a value.
    #[error("tag `{0}` has no value")]
    EmptyTag(String),
    /// Several words where one has to be.
    #[error("tag `{0}` takes a single word")]
    SingleWord(String),
    /// A character that names, versions or releases cannot have.
    #[error("`{text}` has the character `{character}`, which is not allowed here")]
    Character {
        /// The text.
        text: String,
        /// The character.
        character: char,
    },
    /// `..` in a name or version.
    #[error("`{0}` has two dots in a row")]
    Dots(String),
    /// An epoch that is no number.
    #[error("epoch `{0}` is no number of 32 bits")]
    Epoch(String),
    /// `Source` or `Patch` with a number that is none.
    #[error("`{0}` has no number that can be read")]
    Number(String),
    /// A number used twice.
    #[error("{kind} {number} is there twice")]
    Twice {
        /// `source` or `patch`.
        kind: &'static str,
        /// The number.
        number: u32,
    },
    /// `NoSource` of a source that does not exist.
    #[error("there is no {kind} {number}")]
    NoSuchSource {
        /// `source` or `patch`.
        kind: &'static str,
        /// The number.
        number: String,
    },
    /// A qualifier of a dependency that does not exist.
    #[error("`{0}` are no qualifiers of a dependency")]
    Qualifiers(String),
    /// A dependency that begins with something else than a letter, digit, `_` or `/`.
    #[error("dependency `{0}` begins with a character that it cannot begin with")]
    DependencyStart(String),
    /// A comparison without a version.
    #[error("dependency `{0}` has a comparison and no version")]
    NoVersion(String),
    /// A version with a separator twice, or an epoch that is no number.
    #[error("version `{0}` of a dependency is malformed")]
    DependencyVersion(String),
    /// A file with a version.
    #[error("file `{0}` cannot have a version")]
    VersionedFile(String),
    /// A boolean dependency that cannot be read.
    #[error("the boolean dependency `{text}` cannot be read: {source}")]
    Rich {
        /// The dependency.
        text: String,
        /// What is wrong.
        source: RichError,
    },
    /// Parentheses where the kind of dependency has none.
    #[error("boolean dependencies are not allowed in `{0}`")]
    NoRich(String),
    /// `%package` without a name, or with more.
    #[error("`{0}` names no package")]
    BadPackage(String),
    /// A package that is described twice.
    #[error("package {0} exists already")]
    PackageExists(String),
    /// A section of a package that does not exist.
    #[error("package {0} does not exist")]
    NoSuchPackage(String),
    /// A section that may be there once.
    #[error("{0} is there twice")]
    SecondSection(String),
    /// An option that a section does not have, quotes that are not closed, or too many words.
    #[error("`{0}` has options or words that this section does not take")]
    SectionLine(String),
    /// A trigger without `--` and conditions.
    #[error("trigger `{0}` needs `--` and a condition")]
    Trigger(String),
    /// A scriptlet's program that is no path.
    #[error("scriptlet program `{0}` is neither a path nor `<lua>`")]
    Program(String),
    /// A line outside of all sections.
    #[error("`{0}` belongs to no section")]
    NoSection(String),
    /// A main package without name, version or release.
    #[error("the main package has no {0}")]
    Missing(&'static str),
    /// `BuildArch` that makes no sense there.
    #[error("a sub-package's BuildArch can only be noarch, not `{0}`")]
    SubArch(String),
    /// `BuildArch` twice.
    #[error("BuildArch is there twice")]
    SecondBuildArch,
    /// None of the architectures of `BuildArch` fits.
    #[error("none of the architectures `{0}` can be built here")]
    NoArchitecture(String),
    /// A build system without the macros that make it.
    #[error(
        "build system `{0}` is not known: its macros are not among the macro files, or lack %build or %install"
    )]
    BuildSystem(String),
    /// `BuildOption` of a section that does not exist.
    #[error("there is no section `{0}` that BuildOption could be for")]
    BuildOption(String),
}

/// An error and what caused it, in one line.
fn with_causes(error: &MacroError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
