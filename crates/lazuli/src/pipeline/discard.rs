//! Trees that nobody needs any more, in; their names free at once, and their room before the program ends.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::output;

/// Names of what is on its way out begin with this; nothing takes them for a tree.
const PREFIX: &str = ".discarded-";

/// Trees that are being removed while the program goes on; dropping it waits for the end.
#[derive(Debug)]
pub struct Discarding(Option<JoinHandle<()>>);

impl Discarding {
    /// Moves `paths` out of the way, and removes them and what an interrupted run left of others in `folder`.
    pub fn start(folder: &Path, paths: &[PathBuf]) -> io::Result<Self> {
        for path in paths {
            let aside = folder.join(format!("{PREFIX}{:016x}", RandomState::new().hash_one(path)));
            fs::rename(path, aside)?;
        }
        let mut doomed = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                doomed.push(entry.path());
            }
        }
        let thread = (!doomed.is_empty()).then(|| std::thread::spawn(move || remove_all(&doomed)));
        Ok(Discarding(thread))
    }
}

impl Drop for Discarding {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // A thread that panicked has told so itself; the rest is removed by the next run.
            drop(thread.join());
        }
    }
}

fn remove_all(paths: &[PathBuf]) {
    for path in paths {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                output::say(&format!("warning: {} is not removed: {error}", path.display()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Discarding, PREFIX};

    #[test]
    fn names_are_free_at_once_and_everything_is_gone_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        std::fs::create_dir_all(tree.join("usr/bin")).unwrap();
        std::fs::create_dir(folder.path().join(format!("{PREFIX}left"))).unwrap();
        std::fs::write(folder.path().join("other"), "kept").unwrap();
        let discarding = Discarding::start(folder.path(), std::slice::from_ref(&tree)).unwrap();
        assert!(!tree.exists());
        drop(discarding);
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["other"]);
    }
}
