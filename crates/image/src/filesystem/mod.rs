//! A labelled tree in; a file that holds it as a file system out, checked by the file system's own checker.

mod erofs;
mod ext4;

use std::path::PathBuf;

use host_tools::CallError;
use uuid::Uuid;

use crate::tools::Tools;
use crate::tree::{Tree, measure};

pub use erofs::Compression;
pub use ext4::LayoutSize;

/// One mebibyte in bytes.
pub const MEBIBYTE: u64 = 1024 * 1024;

/// Which file system holds the root tree, and how large it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum RootFileSystem {
    /// A writable root.
    Ext4 {
        /// Volume label, at most 16 bytes.
        label: String,
        /// How large it becomes.
        size: Size,
    },
    /// A compressed root that nobody can write to.
    Erofs {
        /// Volume label, at most 15 bytes.
        label: String,
        /// How file content is compressed.
        compression: Compression,
    },
}

/// How large a writable file system becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Size {
    /// As large as its content, and this much room.
    Fit {
        /// Mebibytes that stay free.
        free_mebibytes: u64,
    },
    /// Exactly this large.
    Fixed {
        /// Mebibytes of the partition.
        mebibytes: u64,
    },
}

/// A finished file system in a file of the work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemImage {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
}

/// What makes a file system one of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) uuid: Uuid,
    pub(crate) hash_seed: Uuid,
    pub(crate) source_date_epoch: u64,
}

/// Why a file system cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FileSystemError {
    /// The content does not fit.
    #[error("the root partition is too small: its content needs {needed_mebibytes} MiB, {available_mebibytes} MiB are given")]
    TooSmall {
        /// Mebibytes the tree needs in this file system.
        needed_mebibytes: u64,
        /// Mebibytes the definition gives.
        available_mebibytes: u64,
    },
    /// The label is longer than the file system can hold.
    #[error("the file system label `{label}` is longer than {limit} bytes")]
    LabelTooLong {
        /// As given.
        label: String,
        /// Bytes.
        limit: usize,
    },
    /// A file of the work directory cannot be written or read.
    #[error("cannot write {path}")]
    Work {
        /// Which.
        path: PathBuf,
        /// Why: a full disk, for example.
        source: std::io::Error,
    },
    /// The program that makes or checks the file system failed.
    #[error("cannot {step}")]
    Program {
        /// What was to be done.
        step: &'static str,
        /// What the program said.
        source: CallError,
    },
    /// A label did not arrive in the file system.
    #[error("cannot set SELinux labels: {said}")]
    Labels {
        /// What debugfs said.
        said: String,
    },
}

impl RootFileSystem {
    /// The name by which the kernel mounts it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ext4 { .. } => "ext4",
            Self::Erofs { .. } => "erofs",
        }
    }

    /// What the tree must hold besides its own files: ext4 has `lost+found`, which needs a label too.
    pub(crate) fn complete(&self, tree: &mut Tree, source_date_epoch: u64) {
        if let Self::Ext4 { .. } = self {
            ext4::add_lost_and_found(tree, source_date_epoch);
        }
    }

    /// Bytes of the file system where they are known before it is made.
    pub(crate) fn planned_bytes(&self, tree: &Tree) -> Result<Option<u64>, FileSystemError> {
        match self {
            Self::Ext4 { size, .. } => Ok(Some(LayoutSize::plan(&measure(tree), *size)?.bytes())),
            Self::Erofs { .. } => Ok(None),
        }
    }

    /// Makes the file `name` in the work directory.
    pub(crate) fn make(&self, tree: &Tree, tools: &Tools, name: &str, stamp: &Stamp) -> Result<FileSystemImage, FileSystemError> {
        match self {
            Self::Ext4 { label, size } => ext4::make(tree, tools, name, label, *size, stamp),
            Self::Erofs { label, compression } => erofs::make(tree, tools, name, label, compression, stamp),
        }
    }
}

fn check_label(label: &str, limit: usize) -> Result<(), FileSystemError> {
    if label.len() > limit {
        return Err(FileSystemError::LabelTooLong { label: label.to_owned(), limit });
    }
    Ok(())
}
