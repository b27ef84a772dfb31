//! What an image is to be, complete: nothing is filled in later, nothing is looked up elsewhere.

use release::manifest::Salt;
use release::{ImageName, Version};

use crate::disk::DiskFormat;
use crate::filesystem::RootFileSystem;
use crate::initrd::{InitrdContent, InitrdPacking};
use crate::selinux::Selinux;
use crate::tree::{Account, Addition, Identity, Overlay, Units};

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
    /// Single files put into the tree, with what they hold.
    pub additions: Vec<Addition>,
    /// Accounts beside those of the packages; root is locked unless it is among them.
    pub accounts: Vec<Account>,
    /// Which units of systemd are started.
    pub units: Units,
    /// The SELinux policy whose labels every file gets; none sets no labels and leaves the configuration as it is.
    pub selinux: Option<Selinux>,
    /// Kernel parameters; how the root is found is added unless `root=` is among them.
    pub kernel_command_line: String,
    /// Whether the modules of the kernel are unpacked in the root.
    pub unpacked_modules: bool,
    /// What the initrd holds.
    pub initrd: InitrdContent,
    /// How the initrd is packed.
    pub initrd_packing: InitrdPacking,
    /// What the firmware starts.
    pub boot: Boot,
    /// Mebibytes of the EFI system partition.
    pub esp_mebibytes: u64,
    /// The file system of the root partition.
    pub root: RootFileSystem,
    /// How the root is sealed, and the slots that it lies in; without it, it is not sealed and has no slot.
    pub slots: Option<Slots>,
    /// Mebibytes of the whole disk; none makes it as large as its partitions.
    pub disk_mebibytes: Option<u64>,
    /// Formats of the disk, each a file.
    pub formats: Vec<DiskFormat>,
    /// Whether the disk is made into a Composable OS Image, too.
    pub cosi: bool,
}

/// A root that is sealed by a tree of hashes (dm-verity), and the partitions that it and later versions lie in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Slots {
    /// The image, as it is called in partition labels, boot files and payloads.
    pub image: ImageName,
    /// The version in the first slot.
    pub version: Version,
    /// How many there are; all but the first are empty.
    pub count: u32,
    /// What every block is hashed after.
    pub salt: Salt,
    /// Mebibytes of the partition of a hash tree.
    pub tree_mebibytes: u64,
    /// Mebibytes of the partition of a root hash's signature; none makes no such partition.
    pub signature_mebibytes: Option<u64>,
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
