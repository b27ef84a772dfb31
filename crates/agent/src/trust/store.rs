//! What is remembered of a repository between updates: the newest verified metadata, and the roots of trust.
//!
//! The library writes its files in place; a power cut would leave half of one, which it takes for none, and then believes
//! metadata older than what it had seen. So it writes into a copy, which takes the old one's place when all of it is verified
//! and on the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::TrustError;

/// The library's files.
const FILES: [&str; 5] =
    ["root.json", "timestamp.json", "snapshot.json", "targets.json", "latest_known_time.json"];
/// How far the clock may go back between two updates, in seconds: clocks are corrected, and a day of freedom helps no attacker.
const CORRECTION: u64 = 86_400;

#[derive(Debug)]
pub(super) struct Store<'a> {
    folder: &'a Path,
}

/// A copy of the remembered metadata, for the library to write to.
#[derive(Debug)]
pub(super) struct WorkCopy {
    folder: PathBuf,
}

impl WorkCopy {
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }
}

impl<'a> Store<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Store { folder }
    }

    /// Version and text of the roots that were kept.
    pub(super) fn roots(&self) -> Result<Vec<(u64, Vec<u8>)>, TrustError> {
        let folder = self.folder.join("roots");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &folder)(error)),
        };
        let mut roots = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("read", &folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(version) = name.strip_suffix(".root.json").and_then(|number| number.parse().ok()) {
                roots.push((version, fs::read(&path).map_err(failed("read", &path))?));
            }
        }
        roots.sort();
        Ok(roots)
    }

    /// Keeps a verified root.
    pub(super) fn keep_root(&self, version: u64, bytes: &[u8]) -> Result<(), TrustError> {
        let folder = self.folder.join("roots");
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        let [path, beside] = ["", ".new"].map(|end| folder.join(format!("{version}.root.json{end}")));
        fs::write(&beside, bytes).map_err(failed("write", &beside))?;
        sync(&beside)?;
        fs::rename(&beside, &path).map_err(failed("write", &path))?;
        sync(&folder)
    }

    /// A copy of what is remembered; its record of the time is what the clock says, if that went back a little only.
    pub(super) fn begin(&self, now: u64) -> Result<WorkCopy, TrustError> {
        let folder = self.folder.join("metadata.new");
        remove(&folder)?;
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        for name in FILES {
            let (from, to) = (self.folder.join("metadata").join(name), folder.join(name));
            match fs::copy(&from, &to) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("copy", &from)(error)),
            }
        }
        correct_time(&folder.join("latest_known_time.json"), now)?;
        Ok(WorkCopy { folder })
    }

    /// Lets the copy take the place of what was remembered.
    pub(super) fn keep(&self, work: WorkCopy) -> Result<(), TrustError> {
        for name in FILES {
            let path = work.folder.join(name);
            if path.exists() {
                sync(&path)?;
            }
        }
        sync(&work.folder)?;
        let place = self.folder.join("metadata");
        let flags = if place.exists() { RenameFlags::EXCHANGE } else { RenameFlags::empty() };
        renameat_with(CWD, &work.folder, CWD, &place, flags)
            .map_err(|error| failed("replace", &place)(error.into()))?;
        sync(self.folder)?;
        remove(&work.folder)
    }
}

fn correct_time(path: &Path, now: u64) -> Result<(), TrustError> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(()) };
    let known = serde_json::from_str::<String>(&text).ok().and_then(|text| text.parse().ok());
    let Some(known) = known.map(|known: jiff::Timestamp| known.as_second()) else { return Ok(()) };
    let ahead = u64::try_from(known).unwrap_or(0).saturating_sub(now);
    if ahead == 0 || ahead > CORRECTION { Ok(()) } else { remove_file(path) }
}

fn remove(folder: &Path) -> Result<(), TrustError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", folder)(error)),
        _ => Ok(()),
    }
}

fn remove_file(path: &Path) -> Result<(), TrustError> {
    fs::remove_file(path).map_err(failed("remove", path))
}

fn sync(path: &Path) -> Result<(), TrustError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(failed("sync", path))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TrustError {
    move |source| TrustError::Store { path: path.to_owned(), doing, source }
}
