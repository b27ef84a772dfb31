//! Hard links whose bytes have not come yet: the first name is made at once, the others are linked to it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::sync::Arc;

use super::directories::Directory;

#[derive(Default)]
pub(super) struct PendingLinks {
    sets: BTreeMap<usize, Pending>,
}

struct Pending {
    directory: Arc<Directory>,
    name: OsString,
    file: File,
}

impl PendingLinks {
    pub(super) fn start(&mut self, set: usize, directory: Arc<Directory>, name: OsString, file: File) {
        self.sets.insert(set, Pending { directory, name, file });
    }

    /// Directory and name to link from, once the first name is made.
    pub(super) fn source(&self, set: usize) -> Option<(Arc<Directory>, OsString)> {
        let pending = self.sets.get(&set)?;
        Some((Arc::clone(&pending.directory), pending.name.clone()))
    }

    /// The file that takes the bytes, which now come, and where it is.
    pub(super) fn finish(&mut self, set: usize) -> Option<(Arc<Directory>, File)> {
        self.sets.remove(&set).map(|pending| (pending.directory, pending.file))
    }
}
