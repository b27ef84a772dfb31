//! Why an image cannot be built.

use std::path::PathBuf;

use crate::disk::DiskError;
use crate::filesystem::FileSystemError;
use crate::initrd::InitrdError;
use crate::kernel::KernelError;
use crate::modules::ModuleError;
use crate::payload::PayloadError;
use crate::sealed::SealError;
use crate::selinux::LabelError;
use crate::signing::SigningError;
use crate::slots::SlotError;
use crate::tree::{
    AccountError, AdditionError, CleanError, DeferredError, IdentityError, OverlayError, PathOutsideTree,
    ReadError, RemovalError, UnitError, WalkError,
};
use crate::uki::UkiError;

/// Why an image cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The root directory cannot be read.
    #[error("cannot read the root tree")]
    Walk(#[from] WalkError),
    /// The tree is not fit for an image.
    #[error("cannot make an image of the root tree")]
    Clean(#[from] CleanError),
    /// What is to be taken out is not there, or out of bounds.
    #[error(transparent)]
    Removal(#[from] RemovalError),
    /// Files cannot be laid over.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A device or capability has no place.
    #[error(transparent)]
    Deferred(#[from] DeferredError),
    /// The system cannot be given its names.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Units cannot be chosen.
    #[error(transparent)]
    Units(#[from] UnitError),
    /// The tree says nothing of what it is.
    #[error(
        "the tree has no os-release: add the package that brings it, or write the fields into the image's definition"
    )]
    NoOsRelease(#[source] ReadError),
    /// Accounts cannot be written.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// Files cannot be labelled.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// There is no kernel to boot.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Modules cannot be unpacked.
    #[error(transparent)]
    Modules(#[from] ModuleError),
    /// The initrd cannot be made.
    #[error(transparent)]
    Initrd(#[from] InitrdError),
    /// The unified kernel image cannot be made.
    #[error(transparent)]
    Uki(#[from] UkiError),
    /// The root file system cannot be made.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// The root cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A slot cannot hold what belongs in it.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The update payload cannot be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Something cannot be signed.
    #[error("cannot sign the image")]
    Signing(#[source] SigningError),
    /// A single file cannot be put into the tree.
    #[error(transparent)]
    Addition(#[from] AdditionError),
    /// A path of the build's own is out of bounds.
    #[error(transparent)]
    OutOfBounds(#[from] PathOutsideTree),
    /// The disk files, a Composable OS Image among them, cannot be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The work directory cannot be used.
    #[error("cannot write {path}")]
    Work {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
