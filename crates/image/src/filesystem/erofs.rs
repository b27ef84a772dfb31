//! A tree in; a compressed, read-only EROFS file system out.

use std::path::Path;

use host_tools::{fsck_erofs, mkfs_erofs};

use super::{FileSystem, FileSystemError, Stamp, check_label};
use crate::archive;
use crate::tools::Tools;
use crate::tree::Tree;

const LABEL_LIMIT: usize = 15;

/// How EROFS compresses file content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Compression {
    /// Not at all: the largest and the fastest to make.
    None,
    /// LZ4: fast to make and to read.
    Lz4,
    /// LZ4 made slowly and read as fast.
    Lz4Hc {
        /// From 0 to 12.
        level: u8,
    },
    /// Zstandard: the smallest.
    Zstd {
        /// From 1 to 22.
        level: u8,
    },
}

pub(super) struct Options<'a> {
    pub(super) label: &'a str,
    pub(super) compression: Compression,
    pub(super) inline_tails: bool,
}

pub(super) fn make(
    tree: &Tree,
    tools: &Tools,
    path: &Path,
    wanted: &Options<'_>,
    stamp: &Stamp,
) -> Result<FileSystem<'static>, FileSystemError> {
    check_label(wanted.label, LABEL_LIMIT)?;
    let mut extra = vec!["-b4096".to_owned(), "--preserve-mtime".to_owned()];
    if !wanted.inline_tails {
        extra.push("-Enoinline_data".to_owned());
    }
    let sandbox = tools.sandbox();
    let options = mkfs_erofs::Options {
        uuid: stamp.uuid.to_string(),
        label: wanted.label.to_owned(),
        compression: match wanted.compression {
            Compression::None => mkfs_erofs::Compression::None,
            Compression::Lz4 => mkfs_erofs::Compression::Lz4,
            Compression::Lz4Hc { level } => mkfs_erofs::Compression::Lz4hc { level },
            Compression::Zstd { level } => mkfs_erofs::Compression::Zstd { level },
        },
        cluster_size: 65_536,
        source_date_epoch: stamp.source_date_epoch,
        extra,
    };
    let failed = |step| move |source| FileSystemError::Program { step, source };
    let source = mkfs_erofs::Source::Stream(&mut |output| archive::write(tree, output));
    mkfs_erofs::make(&sandbox, &options, source, path).map_err(failed("make the EROFS file system"))?;
    fsck_erofs::check(&sandbox, path).map_err(failed("check the EROFS file system"))?;
    super::in_file(path.to_owned())
}
