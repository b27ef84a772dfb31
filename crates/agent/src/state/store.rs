//! The file of the state: read, replaced in one step, and set aside when it cannot be read.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::State;
use crate::error::Named;

/// Keeps the state.
pub trait StateStore: Send + Sync {
    /// What was remembered last; nothing if nothing ever was.
    fn load(&self) -> Result<Loaded, StoreError>;
    /// Remembers; afterwards a power cut does not make it forgotten, and before it the old state is whole.
    fn save(&self, state: &State) -> Result<(), StoreError>;
}

/// A state, and what was wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is remembered; a fresh state if the file could not be read.
    pub state: State,
    /// Why the file could not be read; it lies beside its place then.
    pub problem: Option<String>,
}

/// Why the state was not read or not kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read.
    #[error("cannot read the agent's state from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file cannot be replaced.
    #[error("cannot keep the agent's state in {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Named for StoreError {
    fn name(&self) -> &'static str {
        match self {
            StoreError::Read { .. } => "state.read",
            StoreError::Write { .. } => "state.write",
        }
    }
}

/// `state.json` in the agent's folder.
#[derive(Debug)]
pub struct StateFile {
    folder: PathBuf,
}

impl StateFile {
    /// In this folder, which is made if it is missing.
    pub fn new(folder: &Path) -> Self {
        StateFile { folder: folder.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let beside = self.folder.join("state.json.new");
        // What a power cut left there is overwritten; only one agent writes at a time.
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, self.path())?;
        File::open(&self.folder)?.sync_all()
    }
}

impl StateStore for StateFile {
    fn load(&self) -> Result<Loaded, StoreError> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Loaded { state: State::default(), problem: None });
            }
            Err(source) => return Err(StoreError::Read { path, source }),
        };
        match State::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(state) => Ok(Loaded { state, problem: None }),
            Err(problem) => {
                let aside = self.folder.join("state.json.unreadable");
                fs::rename(&path, &aside)
                    .map_err(|source| StoreError::Write { path: aside.clone(), source })?;
                Ok(Loaded {
                    state: State::default(),
                    problem: Some(format!("{} was set aside: {problem}", aside.display())),
                })
            }
        }
    }

    fn save(&self, state: &State) -> Result<(), StoreError> {
        self.replace(&state.to_json()).map_err(|source| StoreError::Write { path: self.path(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_file_is_set_aside_and_does_not_stop_the_agent() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateFile::new(&folder.path().join("agent"));
        assert_eq!(store.load().unwrap(), Loaded { state: State::default(), problem: None });
        store.save(&State::default()).unwrap();
        assert_eq!(store.load().unwrap().problem, None);
        fs::write(folder.path().join("agent/state.json"), [0; 40]).unwrap();
        let loaded = store.load().unwrap();
        assert_eq!(loaded.state, State::default());
        assert!(
            loaded.problem.unwrap().contains("state.json.unreadable was set aside: expected value at line 1")
        );
        assert_eq!(fs::read(folder.path().join("agent/state.json.unreadable")).unwrap(), [0; 40]);
        assert_eq!(store.load().unwrap().problem, None);
    }
}
