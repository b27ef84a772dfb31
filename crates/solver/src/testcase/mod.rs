//! A testcase of libsolv (what `dnf --debugsolver` writes, too), in; what the solver answers to it, out.
//!
//! A testcase is lines of text: repositories with their packages, the machine, switches and jobs, perhaps with the
//! expected result; `nextjob` begins another segment in the same world. Nothing here reads a file: the packages of
//! repositories that lie in files of their own come from the caller.

mod answer;
mod expected;
mod packages;
mod read;
mod recommendations;
mod selection;
mod statement;
mod suse;
mod term;

use std::sync::Arc;

use rpm_model::PackageRecord;

pub use packages::PackageError;
pub use term::TermError;

use crate::jobs::settings::Settings;
use selection::Order;
use statement::Statement;
use term::Term;

/// All segments of a testcase.
#[derive(Clone, Debug)]
pub struct Testcase {
    segments: Vec<Segment>,
}

/// A world and what is asked of it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Line of its first statement.
    line: usize,
    machine: String,
    repositories: Vec<Arc<World>>,
    installed: Option<usize>,
    settings: Settings,
    disabled: Vec<Statement>,
    jobs: Vec<Order>,
    /// `genid`: dependencies to be shown as trees.
    terms: Vec<Term>,
    /// `evrcmp`: versions to be compared.
    versions: Vec<(String, String)>,
    results: Vec<Expected>,
}

/// A repository.
#[derive(Debug)]
struct World {
    name: String,
    priority: i32,
    cost: i32,
    packages: Vec<PackageRecord>,
}

/// An expected result.
#[derive(Clone, Debug)]
struct Expected {
    /// `transaction`, `problems`, ...
    kinds: Vec<String>,
    lines: Vec<String>,
}

/// Why a text is no testcase that the solver can answer; every variant names the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestcaseError {
    /// The bytes are no text.
    #[error("the testcase is not UTF-8 text (byte {0})")]
    NotText(usize),
    /// More than any testcase has.
    #[error("the testcase has more than {0} lines")]
    TooLong(usize),
    /// A statement is not known.
    #[error("line {line}: `{word}` is no statement of a testcase")]
    Unknown {
        /// Where.
        line: usize,
        /// The statement's first word.
        word: String,
    },
    /// A statement lacks a part or has a strange one.
    #[error("line {line}: {expected}, not `{found}`")]
    Shape {
        /// Where.
        line: usize,
        /// What should stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A statement about what RPM and dnf do not have.
    #[error("line {line}: {what} is not supported")]
    Unsupported {
        /// Where.
        line: usize,
        /// What it asks for.
        what: String,
    },
    /// No repository or package of that name is known.
    #[error("line {line}: there is no {what} `{name}`")]
    Missing {
        /// Where.
        line: usize,
        /// Repository, package or file.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A package's line cannot be read.
    #[error("line {line}: a package cannot be read")]
    Package {
        /// Where.
        line: usize,
        /// Why.
        source: PackageError,
    },
    /// A job's dependency cannot be read.
    #[error("line {line}: a dependency cannot be read")]
    Term {
        /// Where.
        line: usize,
        /// Why.
        source: TermError,
    },
}

impl Testcase {
    /// Reads a testcase; `file` gives the (uncompressed) bytes of a repository that it keeps beside itself.
    pub fn read(bytes: &[u8], file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Testcase, TestcaseError> {
        read::read(bytes, file).map(|segments| Testcase { segments })
    }

    /// What is asked, one segment a `nextjob`.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl Segment {
    /// Line of its first statement.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether packages are installed before.
    pub fn has_installed(&self) -> bool {
        self.installed.is_some_and(|number| !self.repositories[number].packages.is_empty())
    }

    /// The answer as sorted lines: `install A-1-1.noarch@repo`, `upgrade OLD NEW`, `problem`, ...
    ///
    /// Which kinds there are is decided by the expected result; without one, what changes and what is wrong is told.
    pub fn answer(&self) -> Result<Vec<String>, TestcaseError> {
        answer::lines(self)
    }

    /// The expected result in the same form; `None` where the testcase states none.
    pub fn expected(&self) -> Option<Vec<String>> {
        expected::lines(self)
    }

    /// The kinds of result that the testcase states; what changes and what is wrong where it states none.
    pub fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self.results.iter().flat_map(|one| one.kinds.iter().cloned()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() { ["problems", "transaction"].map(str::to_owned).to_vec() } else { kinds }
    }
}
