//! A transaction and where to put it, in; the root tree with its databases, and a report, out.

use std::path::{Path, PathBuf};

use host_tools::{Progress, Stopwatch};

use super::finish::set_times;
use super::replacement::{Replacement, ReplacementError};
use super::run::{Decided, Run};
use super::target::{PartialTarget, TargetError};
use super::times::restore_times;
use super::{Existing, Transaction, changes};
use crate::dnf_state;
use crate::files::{FileAction, FileConflict};
use crate::lua::Interpreter;
use crate::package::{FileType, PackageProblem, ScriptletKind};
use crate::payload::Store;
use crate::report::{Phase, Report};
use crate::root::{RootDirectory, RootError};
use crate::rpmdb;
use crate::scriptlets::{ScriptletCache, ScriptletError};
use crate::unpack::UnpackError;
use crate::users::AccountsError;

/// How to install, beyond what the transaction says.
#[derive(Clone, Debug)]
pub struct InstallOptions {
    /// The time that the tree claims to be made at, in seconds since 1970.
    pub epoch: u32,
    /// Threads that decompress ahead.
    pub threads: usize,
    /// Bytes of decompressed payload that may wait in memory.
    pub memory: usize,
    /// Where decompressed payloads are kept for the next installation; nowhere when there is none.
    pub store: Option<Store>,
    /// What runs Lua scriptlets; without it they cannot run, which is an error when one comes.
    pub lua: Option<Interpreter>,
    /// Files of OpenPGP certificates that rpm in the tree shall trust, armored or not.
    pub trusted_keys: Vec<Vec<u8>>,
    /// Where results of scriptlets are kept; without it every script is run.
    pub scriptlet_cache: Option<ScriptletCache>,
}

/// Files are made by one thread, which more than these never keep busy; and each may hold a window of 128 MiB.
const MOST_THREADS: usize = 8;

impl InstallOptions {
    /// For a tree of that time: a thread a processor, up to eight, and at most 256 MiB waiting.
    pub fn new(epoch: u32, lua: Option<Interpreter>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        InstallOptions {
            epoch,
            threads: threads.min(MOST_THREADS),
            memory: 256 << 20,
            store: None,
            lua,
            trusted_keys: Vec::new(),
            scriptlet_cache: None,
        }
    }
}

/// A whole root tree.
#[derive(Debug)]
pub struct InstalledRoot {
    /// Where it is.
    pub path: PathBuf,
    /// What happened.
    pub report: Report,
}

/// Why there is no root tree.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A payload is damaged.
    #[error("package {}", file.display())]
    Package {
        /// The package file.
        file: PathBuf,
        /// What is wrong.
        source: PackageProblem,
    },
    /// A file could not be made.
    #[error("cannot unpack {package}")]
    Unpack {
        /// The package.
        package: String,
        /// What is wrong.
        source: UnpackError,
    },
    /// The package file is not the one that was pinned.
    #[error("{} has the {algorithm} {found}, but {stated} is pinned; fetch it again", file.display())]
    Checksum {
        /// The package file.
        file: PathBuf,
        /// Name of the algorithm.
        algorithm: String,
        /// What is pinned.
        stated: String,
        /// What its bytes give.
        found: String,
    },
    /// Accounts of a package could not be made.
    #[error("cannot make the accounts of {package}")]
    Accounts {
        /// The package.
        package: String,
        /// What is wrong.
        source: AccountsError,
    },
    /// A script that must not fail did.
    #[error("%{} of {package} {ending}{}", kind.name(), quoted(output))]
    Scriptlet {
        /// The package.
        package: String,
        /// Which script.
        kind: ScriptletKind,
        /// How it ended, in words.
        ending: String,
        /// What it said.
        output: String,
    },
    /// A script could not be tried.
    #[error("cannot run %{} of {package}", kind.name())]
    Sandbox {
        /// The package.
        package: String,
        /// Which script.
        kind: ScriptletKind,
        /// What is wrong.
        source: ScriptletError,
    },
    /// The rpm database could not be written.
    #[error("cannot write the rpm database")]
    Database(#[from] rpmdb::WriteError),
    /// The rpm database could not be read back.
    #[error("cannot read the rpm database back")]
    Cookie(#[source] rpmdb::DatabaseError),
    /// dnf5's state could not be written.
    #[error("cannot write the state of dnf5")]
    DnfState(#[from] dnf_state::WriteError),
    /// The tree cannot be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The existing root cannot be copied or exchanged.
    #[error(transparent)]
    Replacement(#[from] ReplacementError),
    /// Files that packages do not agree on, since %pretrans ran.
    #[error("packages do not agree on files{}", .0.iter().map(|conflict| format!("\n    {conflict}")).collect::<String>())]
    Conflicts(Vec<FileConflict>),
    /// A transaction of another root.
    #[error("{} is not the root that the transaction was planned for: {problem}; plan again", root.display())]
    OtherRoot {
        /// The root.
        root: PathBuf,
        /// What does not fit.
        problem: &'static str,
    },
    /// A decompressing thread ended without a word.
    #[error("the thread that decompresses {0} ended early")]
    Lost(String),
}

/// Makes the tree at `target`, which must not exist or be empty; it appears only when it is whole.
pub fn execute(
    transaction: &Transaction,
    target: &Path,
    options: &InstallOptions,
    progress: &dyn Progress,
) -> Result<InstalledRoot, InstallError> {
    let partial = PartialTarget::create(target)?;
    let root = RootDirectory::open(partial.path())?;
    rustix::fs::fchmod(root.fd(), rustix::fs::Mode::from_raw_mode(0o755))
        .map_err(|source| RootError::new("change the mode of", "/", source))?;
    begin(transaction, progress);
    let mut run = Run::new(&root, transaction, options, progress);
    run.before_all()?;
    let mut actions: Vec<Vec<FileAction>> =
        transaction.steps.iter().map(|step| step.actions.clone()).collect();
    keep_existing_configuration(&root, transaction, &mut actions)?;
    let decided = Decided::of_new_root(transaction, actions);
    run.all(&decided)?;
    let phase = Stopwatch::start();
    set_times(partial.path(), transaction, u64::from(options.epoch))?;
    run.spent(Phase::Finish, phase);
    let report = run.finish();
    Ok(InstalledRoot { path: partial.finish()?, report })
}

/// Changes the tree at `target` as planned by [`changes::plan_changes`]: the tree is replaced in one step when the changed copy is whole.
pub fn change(
    transaction: &Transaction,
    target: &Path,
    options: &InstallOptions,
    progress: &dyn Progress,
) -> Result<InstalledRoot, InstallError> {
    let phase = Stopwatch::start();
    let replacement = Replacement::create(target)?;
    let copied = phase.elapsed();
    let root = RootDirectory::open(replacement.path())?;
    refuse_other_root(&root, transaction, target)?;
    begin(transaction, progress);
    let mut run = Run::new(&root, transaction, options, progress);
    run.report.phases.insert(Phase::Copy, copied);
    run.before_all()?;
    let decided = changes::decide(&root, transaction)?.map_err(InstallError::Conflicts)?;
    let decided = Decided::of_existing_root(transaction, decided);
    run.all(&decided)?;
    let phase = Stopwatch::start();
    restore_times(replacement.original(), replacement.path(), transaction, &decided, options.epoch)?;
    run.spent(Phase::Finish, phase);
    let report = run.finish();
    Ok(InstalledRoot { path: replacement.finish()?, report })
}

fn begin(transaction: &Transaction, progress: &dyn Progress) {
    progress.begin("install", Some((transaction.steps.len() + transaction.erasures.len()) as u64));
}

/// The copy holds exactly the packages that were there when the transaction was planned.
fn refuse_other_root(
    root: &RootDirectory,
    transaction: &Transaction,
    target: &Path,
) -> Result<(), InstallError> {
    let other = |problem| InstallError::OtherRoot { root: target.to_owned(), problem };
    let now = Existing::read_open(root).map_err(|_| other("its rpm database cannot be read"))?.system;
    let then = &transaction.before.system;
    let same = now.last_number == then.last_number
        && now.packages.len() == then.packages.len()
        && now.packages.iter().zip(&then.packages).all(|(a, b)| a.number == b.number && a.header == b.header);
    if same { Ok(()) } else { Err(other("other packages are installed")) }
}

/// A %config file whose place is taken (by %pretrans, as nothing else ran) stays beside what is there.
fn keep_existing_configuration(
    root: &RootDirectory,
    transaction: &Transaction,
    actions: &mut [Vec<FileAction>],
) -> Result<(), RootError> {
    use rpm_model::header::file_flags::NOREPLACE;
    for (step, actions) in transaction.steps.iter().zip(actions) {
        for (file, action) in step.package.contents.files.iter().zip(actions) {
            let can_be = matches!(file.file_type(), FileType::Regular | FileType::Symlink);
            if *action == FileAction::Create
                && can_be
                && file.is_config()
                && !file.is_ghost()
                && crate::unpack::differs(root, file)?
            {
                *action = if file.flags & NOREPLACE != 0 {
                    FileAction::CreateBeside
                } else {
                    FileAction::CreateAndKeepOld
                };
            }
        }
    }
    Ok(())
}

fn quoted(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(":\n    {}", output.replace('\n', "\n    ")) }
}
