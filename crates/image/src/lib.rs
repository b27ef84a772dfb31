//! A root tree in; partitions, file systems, unified kernel image and disk files out.
//!
//! The tree is read once into a list of entries; overlays, accounts, labels and devices are changes of that list, so nothing
//! here needs rights on the disk beyond reading. Programs that make file systems and boot files run from a tools tree.

mod archive;
mod build;
mod disk;
mod filesystem;
mod initrd;
mod kept;
mod kernel;
mod plan;
pub mod sbom;
mod seed;
pub mod selinux;
pub mod signing;
mod specification;
mod tools;
pub mod tree;
mod uki;

pub use build::{BuildError, BuiltImage, Places, build, compose};
pub use disk::{DiskError, DiskFile, DiskFormat, FatError};
pub use filesystem::{Compression, FileSystemError, RootFileSystem, Size};
pub use initrd::{InitrdContent, InitrdContentError, InitrdError};
pub use kept::Kept;
pub use kernel::KernelError;
pub use plan::{BuildPlan, PlannedPartition, plan};
pub use seed::Seed;
pub use selinux::{Selinux, SelinuxMode};
pub use specification::{Boot, Specification};
pub use tree::{Account, Deferred, Identity, Overlay, OverlayRule, PasswordPolicy, TreeSize, Units};
pub use uki::{PeError, UkiError};
