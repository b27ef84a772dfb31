//! A call in a sandbox, in; its end and output, and the root as it leaves it, out: without running anything, where the same call
//! was recorded in a root that was the same to it.
//!
//! See `docs/design/0720-kept-scriptlets.md` for what makes this sound.

mod apply;
mod differences;
mod entry;
mod key;
mod store;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host_tools::sandbox::recording::{Digests, Recording, View};
use host_tools::{Call, CallError, Output, Sandbox, Stopwatch};

pub use apply::ApplyError;

use self::entry::{Head, Kept};
use self::store::Store;
use crate::root::RootDirectory;

/// Where results of scriptlets are kept, with all that they depend on; copies share it.
#[derive(Clone, Debug)]
pub struct ScriptletCache {
    store: Arc<Store>,
    check: bool,
    digests: Arc<Digests>,
    runs: Arc<Mutex<Vec<CachedRun>>>,
}

/// What became of one call.
#[derive(Clone, Debug)]
pub struct CachedRun {
    /// What was run, in words.
    pub name: String,
    /// Whether it had to be.
    pub outcome: Outcome,
    /// Wall time; never part of an output.
    pub time: Duration,
}

/// Whether a call had to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was repeated from a kept run.
    Repeated,
    /// It was run and is kept from now on; the path that was not as in the run that is kept already, if there is one.
    Run(Option<PathBuf>),
    /// It was run and cannot be kept, for this reason.
    NotKept(String),
    /// It was run for a check, and did not do what is kept of it: one line a path.
    Differs(Vec<String>),
}

/// A call that ended, run or repeated.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// A call that is to be run, or repeated.
pub(super) struct Work<'a> {
    pub(super) name: &'a str,
    pub(super) sandbox: &'a Sandbox,
    pub(super) call: &'a Call,
    /// A file that is put into the root for this call alone; its content is among `given`.
    pub(super) file: Option<(&'a Path, &'a [u8])>,
    /// What the program is given beside the call and the root.
    pub(super) given: &'a [&'a [u8]],
    /// In seconds since 1970.
    pub(super) epoch: u64,
}

/// Why a call has no end.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It could not be run.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Its kept result could not be put into the root.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The file of the script could not be made.
    #[error(transparent)]
    Root(#[from] crate::root::RootError),
    /// The root could not be compared with what a kept run read.
    #[error("the root cannot be compared with what {name} read in an earlier run")]
    Compare {
        /// What was run.
        name: String,
        /// What the kernel said.
        source: std::io::Error,
    },
}

/// 4 GiB: a dozen states of a large root.
const DEFAULT_LIMIT: u64 = 4 << 30;
/// A result that came about with less space left than this, in bytes, may be that of a full disk: 64 MiB.
const LEAST_SPACE: u64 = 64 << 20;

impl ScriptletCache {
    /// Results kept in a folder, which is made when there is one to keep.
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        ScriptletCache {
            store: Arc::new(Store::new(folder.into(), DEFAULT_LIMIT)),
            check: false,
            digests: Arc::default(),
            runs: Arc::default(),
        }
    }

    /// Runs everything, and tells by [`Outcome::Differs`] where a kept result is not what a run gives.
    #[must_use]
    pub fn checking(mut self) -> Self {
        self.check = true;
        self
    }

    /// What became of each call, in the order of their ends.
    pub fn runs(&self) -> Vec<CachedRun> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Repeats a call, or runs and keeps it.
    pub(super) fn run(&self, root: &RootDirectory, work: &Work<'_>) -> Result<Ended, CacheError> {
        let stopwatch = Stopwatch::start();
        let (ended, outcome) = self.repeat_or_run(root, work)?;
        let run = CachedRun { name: work.name.to_owned(), outcome, time: stopwatch.elapsed() };
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
        Ok(ended)
    }

    fn repeat_or_run(&self, root: &RootDirectory, work: &Work<'_>) -> Result<(Ended, Outcome), CacheError> {
        let compare = |source| CacheError::Compare { name: work.name.to_owned(), source };
        if let Some((path, _)) = work.file {
            // Whether it runs or not, its directory is there afterwards.
            root.open_directory(path.parent().unwrap_or(Path::new("/")), true)?;
        }
        let own: Vec<&Path> = work.file.iter().map(|(path, _)| *path).collect();
        let view = || View::new(work.sandbox, work.epoch, &own, Arc::clone(&self.digests)).map_err(compare);
        let key = key::key(work.sandbox, work.call, root.fd(), work.epoch, work.given);
        let (Some(key), Some(first)) = (key, view()?) else {
            let ended = in_root(root, work, || work.sandbox.run(work.call))?;
            return Ok((ended.into(), Outcome::NotKept("it is given what cannot be compared".into())));
        };
        let mut changed = None;
        for (path, file) in self.store.variants(&key) {
            let Some(head) = Head::read(&file) else {
                self.store.forget(&path);
                continue;
            };
            if let Some(difference) = first.first_difference(&head.seen).map_err(compare)? {
                changed.get_or_insert_with(|| path_of(&difference.0));
                continue;
            }
            let Some(kept) = head.finish(&file) else {
                self.store.forget(&path);
                continue;
            };
            self.store.touch(&file);
            if self.check {
                return self.check(root, work, first, &kept);
            }
            apply::apply(root.fd(), &kept.recording.written, work.epoch)?;
            let ended = Ended { status: ExitStatus::from_raw(0), stdout: kept.stdout, stderr: kept.stderr };
            return Ok((ended, Outcome::Repeated));
        }
        let (output, recording) = in_root(root, work, || work.sandbox.run_recorded(work.call, first))?;
        let outcome = match self.keep(root, &key, &output, recording) {
            Ok(()) => Outcome::Run(changed),
            Err(reason) => Outcome::NotKept(reason),
        };
        Ok((output.into(), outcome))
    }

    /// Keeps a run, or says why not; that it cannot be kept is no reason to fail.
    fn keep(
        &self,
        root: &RootDirectory,
        key: &str,
        output: &Output,
        recording: Result<Recording, String>,
    ) -> Result<(), String> {
        let recording = recording?;
        if !output.status.success() {
            // The reason may be one of the machine: a full disk, no memory.
            return Err(format!("it ended with {}", output.status));
        }
        let space = rustix::fs::fstatvfs(root.fd()).map_err(|error| error.to_string())?;
        if space.f_bavail.saturating_mul(space.f_frsize) < LEAST_SPACE {
            return Err("the disk is nearly full".to_owned());
        }
        let kept = Kept { recording, stdout: output.stdout.clone(), stderr: output.stderr.clone() };
        let name = entry::name_of(&kept.recording.seen);
        self.store
            .put(key, &name, &kept.to_bytes())
            .map_err(|error| format!("it could not be written down: {error}"))
    }

    fn check(
        &self,
        root: &RootDirectory,
        work: &Work<'_>,
        view: View,
        kept: &Kept,
    ) -> Result<(Ended, Outcome), CacheError> {
        let (output, recording) = in_root(root, work, || work.sandbox.run_recorded(work.call, view))?;
        let differences = differences::between(kept, &output, &recording);
        let outcome = if differences.is_empty() { Outcome::Repeated } else { Outcome::Differs(differences) };
        Ok((output.into(), outcome))
    }
}

/// Does something while the call's own file is in the root.
fn in_root<T>(
    root: &RootDirectory,
    work: &Work<'_>,
    act: impl FnOnce() -> Result<T, CallError>,
) -> Result<T, CacheError> {
    if let Some((path, content)) = work.file {
        root.write(path, content, 0o600)?;
    }
    let done = act();
    if let Some((path, _)) = work.file {
        root.remove(path)?;
    }
    Ok(done?)
}

/// Runs a call that is neither repeated nor kept.
pub(super) fn run_plainly(root: &RootDirectory, work: &Work<'_>) -> Result<Ended, CacheError> {
    Ok(in_root(root, work, || work.sandbox.run(work.call))?.into())
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Ended { status: output.status, stdout: output.stdout, stderr: output.stderr }
    }
}

fn path_of(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(path))
}
