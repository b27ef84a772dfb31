//! Files in; a folder with them in the place of an older one, whole, out.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use rayon::prelude::*;

use super::WriteError;

/// Writes the files into `folder/repodata`. After a power cut the old ones are there or the new ones, never parts.
pub(super) fn put(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), WriteError> {
    let fresh = folder.join("repodata.new");
    remove_folder(&fresh)?;
    fs::create_dir_all(&fresh).map_err(failed("create", &fresh))?;
    // Each waits for the disk: at once, they wait for it once.
    files.par_iter().try_for_each(|(name, bytes)| write_file(&fresh.join(name), bytes))?;
    replace(&fresh, &folder.join("repodata"))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = File::create(path).map_err(failed("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(failed("write", path))
}

/// Puts the fresh folder in the place of the old one: readers see the one or the other, whole.
fn replace(fresh: &Path, place: &Path) -> Result<(), WriteError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !place.exists() {
        return fs::rename(fresh, place).map_err(failed("rename to", place));
    }
    match renameat_with(CWD, fresh, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => remove_folder(fresh),
        // Some file systems cannot exchange: for a moment there is no metadata at all.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            remove_folder(place)?;
            fs::rename(fresh, place).map_err(failed("rename to", place))
        }
        Err(error) => Err(failed("exchange", place)(error.into())),
    }
}

fn remove_folder(path: &Path) -> Result<(), WriteError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError + use<> {
    let path = path.to_owned();
    move |source| WriteError::Disk { action, path, source }
}
