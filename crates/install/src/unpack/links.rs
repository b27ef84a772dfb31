//! Hard links whose bytes have not come yet: the first name is made at once, the others are linked to it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

#[derive(Default)]
pub(super) struct PendingLinks {
    sets: BTreeMap<usize, Pending>,
}

struct Pending {
    directory: OwnedFd,
    name: OsString,
    file: File,
}

impl PendingLinks {
    pub(super) fn has(&self, set: usize) -> bool {
        self.sets.contains_key(&set)
    }

    pub(super) fn start(&mut self, set: usize, directory: OwnedFd, name: OsString, file: File) {
        self.sets.insert(set, Pending { directory, name, file });
    }

    /// Directory and name to link from.
    pub(super) fn source(&self, set: usize) -> Option<(OwnedFd, OsString)> {
        let pending = self.sets.get(&set)?;
        Some((pending.directory.as_fd().try_clone_to_owned().ok()?, pending.name.clone()))
    }

    /// The file that takes the bytes, which now come.
    pub(super) fn finish(&mut self, set: usize) -> Option<File> {
        self.sets.remove(&set).map(|pending| pending.file)
    }
}
