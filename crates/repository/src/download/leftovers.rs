//! The folder of partial files in; the same without those that nobody will go on with, out.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// So long a partial file waits to be gone on with, in seconds: a week.
const KEPT: i64 = 7 * 24 * 60 * 60;

/// Removes partial files that are empty or were not written to for a week. What cannot be removed stays: it is in nobody's way.
///
/// A file that another process is writing to is locked, and stays. Whoever waits for a lock looks at the name afterwards, finds it
/// gone and begins anew, as with a file that was finished meanwhile.
pub(super) fn sweep(folder: &Path) {
    let Ok(now) = now(folder) else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        remove_if_left(&path, now).unwrap_or_default();
    }
}

fn remove_if_left(path: &Path, now: i64) -> io::Result<()> {
    let named = fs::symlink_metadata(path)?;
    if !named.is_file() || !is_left(named.len(), named.mtime(), now) {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(path)?;
    if file.try_lock().is_err() {
        return Ok(());
    }
    // As it is now that nobody else can write: it may have grown, or got its final name, before the lock was had.
    let (ours, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    let same = (ours.dev(), ours.ino()) == (named.dev(), named.ino());
    if same && is_left(ours.len(), ours.mtime(), now) { fs::remove_file(path) } else { Ok(()) }
}

fn is_left(length: u64, modified: i64, now: i64) -> bool {
    length == 0 || modified.saturating_add(KEPT) < now
}

/// Seconds since 1970 by the clock that gives files their times.
fn now(folder: &Path) -> io::Result<i64> {
    Ok(tempfile::tempfile_in(folder)?.metadata()?.mtime())
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn old_and_empty_ones_go_and_locked_and_young_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, content: &str, old: bool| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            if old {
                let long_ago = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
                file.set_times(long_ago).unwrap();
            }
            file
        };
        for (name, content, old) in [("old", "x", true), ("empty", "", false), ("young", "x", false)] {
            make(name, content, old);
        }
        let held = make("held", "x", true);
        held.lock().unwrap();
        std::os::unix::fs::symlink("/dev/null", folder.path().join("link")).unwrap();
        sweep(folder.path());
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["held", "link", "young"]);
    }
}
