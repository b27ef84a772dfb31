//! What an image is to be, complete: nothing is filled in later, nothing is looked up elsewhere.

use crate::disk::DiskFormat;
use crate::filesystem::RootFileSystem;
use crate::initrd::InitrdContent;
use crate::selinux::Selinux;
use crate::tree::{Account, Identity, Overlay, Units};

/// Everything that decides about a disk image besides its packages.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Specification {
    /// Name of the image; the disk files are called so.
    pub name: String,
    /// What the system says it is.
    pub identity: Identity,
    /// Paths that are taken out, with what they hold, before anything is laid over; `*` stands for any text in one element.
    pub removed: Vec<String>,
    /// Folders laid over the tree, one after the other.
    pub overlays: Vec<Overlay>,
    /// Accounts beside those of the packages; root is locked unless it is among them.
    pub accounts: Vec<Account>,
    /// Which units of systemd are started.
    pub units: Units,
    /// The SELinux policy whose labels every file gets; none sets no labels and leaves the configuration as it is.
    pub selinux: Option<Selinux>,
    /// Kernel parameters; how the root is found is added unless `root=` is among them.
    pub kernel_command_line: String,
    /// What the initrd holds.
    pub initrd: InitrdContent,
    /// What the firmware starts.
    pub boot: Boot,
    /// Mebibytes of the EFI system partition.
    pub esp_mebibytes: u64,
    /// The file system of the root partition.
    pub root: RootFileSystem,
    /// Mebibytes of the whole disk; none makes it as large as its partitions.
    pub disk_mebibytes: Option<u64>,
    /// Formats of the disk, each a file.
    pub formats: Vec<DiskFormat>,
}

/// What the firmware starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Boot {
    /// systemd-boot, which chooses among the unified kernel images in `/EFI/Linux`.
    Menu {
        /// Seconds that the menu waits; 0 shows it only when a key is held.
        seconds: u32,
    },
    /// The unified kernel image itself.
    Direct,
}
