//! A root tree in; partitions, file systems, unified kernel image and disk files out.
//!
//! The tree is read once into a list of entries; overlays, accounts, labels and devices are changes of that list, so nothing
//! here needs rights on the disk beyond reading. Programs that make file systems and boot files run from a tools tree.

mod archive;
mod boot_files;
mod build;
mod compose;
mod cosi;
mod disk;
mod filesystem;
mod initrd;
mod kept;
mod kernel;
mod modules;
mod payload;
mod plan;
pub mod sbom;
mod sealed;
mod seed;
pub mod selinux;
pub mod signing;
mod slots;
mod specification;
mod tools;
pub mod tree;
mod uki;

pub use build::{BuildError, BuiltImage, Places, Signers, build};
pub use compose::compose;
pub use cosi::CosiFile;
pub use disk::{DiskError, DiskFile, DiskFormat, FatError};
pub use filesystem::{Compression, FileSystemError, RootFileSystem, Size};
pub use initrd::{InitrdContent, InitrdContentError, InitrdError, InitrdPacking};
pub use kept::Kept;
pub use kernel::KernelError;
pub use modules::ModuleError;
pub use payload::{BuiltPayload, PayloadError};
pub use plan::{BuildPlan, PlannedPartition, plan};
pub use sealed::SealError;
pub use seed::Seed;
pub use selinux::{OwnModule, PolicyModules, Selinux, SelinuxMode};
pub use slots::SlotError;
pub use specification::{Boot, Slots, Specification};
pub use tools::Tools;
pub use tree::{
    Account, Addition, Deferred, Identity, Overlay, OverlayRule, PasswordPolicy, TreeSize, Units,
};
pub use uki::{PeError, UkiError};
