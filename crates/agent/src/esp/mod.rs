//! Boot entries: the unified kernel images in `EFI/Linux` of the EFI system partition, their names and boot counters.

pub mod fat;
mod folder;
mod mount;
pub mod name;

pub use folder::{BootFile, BootFolder, MountedBoot};
pub use mount::MountError;
pub use name::{Counter, EntryName, Kind};

/// A file in `EFI/Linux` whose name says which version it starts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// What its name says.
    pub name: EntryName,
    /// Bytes.
    pub size: u64,
}

/// What lies in `EFI/Linux`, for planning.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BootEntries {
    /// Files of versions, sorted by name; other files are left alone and not listed.
    pub files: Vec<Entry>,
    /// Names of versions without a byte: the loader passes over them. A power cut within a rename leaves the new name so, while the
    /// old one has the bytes.
    pub empty: Vec<EntryName>,
    /// Bytes that can still be written.
    pub free: u64,
}

impl BootEntries {
    /// Reads the folder.
    pub fn read(folder: &dyn BootFolder) -> std::io::Result<Self> {
        let mut files: Vec<Entry> = folder
            .list()?
            .into_iter()
            .filter_map(|(name, size)| Some(Entry { name: EntryName::parse(&name)?, size }))
            .collect();
        files.sort_by_key(|file| file.name.to_string());
        let (files, empty): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.size > 0);
        let empty = empty.into_iter().map(|file| file.name).collect();
        Ok(BootEntries { files, empty, free: folder.free()? })
    }
}
