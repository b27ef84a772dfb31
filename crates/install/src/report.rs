//! What an installation did, for people and for later stages: warnings, figures, what is left for the image to make.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::package::ScriptletKind;
use crate::unpack::Deferred;

/// The outcome of a whole installation.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Packages installed.
    pub packages: u64,
    /// Packages erased, replaced ones included.
    pub erased: u64,
    /// Files made, directories and links included.
    pub files: u64,
    /// Bytes written from payloads.
    pub bytes: u64,
    /// Scriptlets and triggers run.
    pub scriptlets: u64,
    /// In the order of happening.
    pub warnings: Vec<Warning>,
    /// Device nodes and capabilities that this process may not make, sorted by path.
    pub deferred: Vec<Deferred>,
    /// Wall time of each phase; never part of an output.
    pub phases: BTreeMap<Phase, Duration>,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Copying an existing root.
    Copy,
    /// Making files, waiting for decompression included.
    Unpack,
    /// Removing files.
    Erase,
    /// Accounts.
    Accounts,
    /// %pretrans, %pre, %post, %posttrans.
    Scriptlets,
    /// All triggers.
    Triggers,
    /// The rpm database and dnf5's state.
    Database,
    /// Times of directories and generated files.
    Finish,
}

impl Phase {
    /// The phase in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Unpack => "unpack",
            Self::Erase => "erase",
            Self::Accounts => "accounts",
            Self::Scriptlets => "scriptlets",
            Self::Triggers => "triggers",
            Self::Database => "database",
            Self::Finish => "finish",
        }
    }
}

/// Something that went wrong without failing the installation, as rpm has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The package that it concerns.
    pub package: String,
    /// What happened.
    pub what: WarningKind,
}

/// Kinds of warnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// A scriptlet that may fail did.
    Scriptlet {
        /// Which one.
        kind: ScriptletKind,
        /// How it ended, in words.
        ending: String,
        /// What it said, at most its last lines.
        output: String,
    },
    /// Files whose owner the root does not know belong to root.
    UnknownOwner {
        /// `user NAME` or `group NAME`.
        owner: String,
        /// The first such file.
        path: PathBuf,
    },
    /// A configuration file was kept or set aside.
    SetAside(String),
    /// A file of an erased package could not be removed.
    NotRemoved {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            WarningKind::Scriptlet { kind, ending, output } => {
                write!(f, "%{} of {} {ending}", kind.name(), self.package)?;
                if output.is_empty() {
                    Ok(())
                } else {
                    write!(f, ":\n    {}", output.replace('\n', "\n    "))
                }
            }
            WarningKind::UnknownOwner { owner, path } => {
                write!(f, "{}: {owner} does not exist, {} belongs to root", self.package, path.display())
            }
            WarningKind::SetAside(what) => write!(f, "{}: {what}", self.package),
            WarningKind::NotRemoved { path, problem } => {
                write!(f, "{}: {} was not removed: {problem}", self.package, path.display())
            }
        }
    }
}
