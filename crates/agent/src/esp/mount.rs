//! The EFI system partition, mounted for as long as a value lives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use crate::error::Named;

/// A mounted EFI system partition.
#[derive(Debug)]
pub(super) struct Mount {
    at: PathBuf,
}

/// Why the EFI system partition was not mounted.
#[derive(Debug, thiserror::Error)]
#[error("cannot mount the EFI system partition {device} at {at}")]
pub struct MountError {
    device: PathBuf,
    at: PathBuf,
    #[source]
    source: io::Error,
}

impl Named for MountError {
    fn name(&self) -> &'static str {
        "esp.mount"
    }
}

impl MountError {
    pub(super) fn new(device: &Path, at: &Path, source: io::Error) -> Self {
        MountError { device: device.to_owned(), at: at.to_owned(), source }
    }
}

impl Mount {
    /// Unmounts, and tells if that failed.
    pub(super) fn end(self) -> io::Result<()> {
        Ok(unmount(&self.at, UnmountFlags::empty())?)
    }

    pub(super) fn new(device: &Path, at: &Path) -> Result<Self, MountError> {
        let failed = |source| MountError::new(device, at, source);
        fs::create_dir_all(at).map_err(failed)?;
        // What a killed agent left mounted is not mounted twice.
        unmount(at, UnmountFlags::empty()).ok();
        // With `dirsync` a rename writes the new name before it takes the old one away.
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::DIRSYNC;
        // Two names of one file after a power cut are removed one after the other; the second finds its blocks free, which
        // must not make the partition read-only.
        let options = c"umask=0077,errors=continue";
        mount(device, at, c"vfat", flags, Some(options)).map_err(|error| failed(error.into()))?;
        let mounted = Mount { at: at.to_owned() };
        if !mounted.is_ordered().map_err(failed)? {
            // Somebody else has it mounted, and its options are theirs; this one can be changed.
            mount_remount(at, flags | MountFlags::SYNCHRONOUS, options)
                .map_err(|error| failed(error.into()))?;
        }
        Ok(mounted)
    }

    /// Whether folders are written in order: `dirsync` or `sync` among the options of the file system.
    fn is_ordered(&self) -> io::Result<bool> {
        let text = fs::read_to_string("/proc/self/mountinfo")?;
        Ok(is_ordered(&text, &self.at.to_string_lossy()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Everything was synced step by step; what stays mounted is unmounted by the next operation.
        unmount(&self.at, UnmountFlags::empty()).ok();
    }
}

/// Whether the last mount at this place has ordered folders, by the text of /proc/self/mountinfo (proc(5)).
fn is_ordered(text: &str, at: &str) -> bool {
    let line = text.lines().rev().find(|line| line.split(' ').nth(4) == Some(at));
    let options = line.and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
    options.split(',').any(|option| option == "dirsync" || option == "sync")
}

#[cfg(test)]
mod tests {
    use super::is_ordered;

    #[test]
    fn options_of_the_file_system_count() {
        let text = "24 1 0:21 / /proc rw,relatime shared:9 - proc proc rw\n\
            90 24 252:1 / /run/lazuli/esp rw,nosuid - vfat /dev/vda1 rw,dirsync,fmask=0077\n\
            91 24 252:1 / /efi rw,nosuid,sync - vfat /dev/vda1 rw,fmask=0077\n";
        assert!(is_ordered(text, "/run/lazuli/esp"));
        assert!(!is_ordered(text, "/efi"));
        assert!(!is_ordered(text, "/boot"));
    }
}
