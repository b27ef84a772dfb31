//! A tree in; a compressed, read-only EROFS file system out.

use std::io::BufWriter;

use host_tools::{Call, Stdin};

use super::{FileSystemError, FileSystemImage, Stamp, check_label};
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

pub(super) fn make(
    tree: &Tree,
    tools: &Tools,
    name: &str,
    label: &str,
    compression: &Compression,
    stamp: &Stamp,
) -> Result<FileSystemImage, FileSystemError> {
    check_label(label, LABEL_LIMIT)?;
    let path = tools.work().join(name);
    let work_error = |source| FileSystemError::Work { path: path.clone(), source };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(work_error(error)),
        _ => {}
    }
    tools
        .sandbox()
        .run_with_input(&make_call(name, label, compression, stamp), |input| {
            let mut output = BufWriter::with_capacity(1 << 20, input);
            archive::write(tree, &mut output)?;
            std::io::Write::flush(&mut output)
        })
        .map_err(|source| FileSystemError::Program { step: "make the EROFS file system", source })?;
    let check = Call::new("fsck.erofs").arg(Tools::inside(name));
    tools
        .sandbox()
        .run(&check)
        .map_err(|source| FileSystemError::Program { step: "check the EROFS file system", source })?;
    let bytes = std::fs::metadata(&path).map_err(work_error)?.len();
    Ok(FileSystemImage { path, bytes })
}

fn make_call(name: &str, label: &str, compression: &Compression, stamp: &Stamp) -> Call {
    let compressor = match compression {
        Compression::None => Vec::new(),
        Compression::Lz4 => vec!["-zlz4".to_owned(), "-C65536".to_owned()],
        Compression::Lz4Hc { level } => vec![format!("-zlz4hc,level={level}"), "-C65536".to_owned()],
        Compression::Zstd { level } => vec![format!("-zzstd,level={level}"), "-C65536".to_owned()],
    };
    Call::new("mkfs.erofs")
        .args(["--quiet", "--tar=f", "-b4096"])
        .args(compressor)
        // Files keep their own times; this one is the file system's.
        .args([
            format!("-T{}", stamp.source_date_epoch),
            "--mkfs-time".to_owned(),
            "--preserve-mtime".to_owned(),
        ])
        .args([format!("-U{}", stamp.uuid), "-L".to_owned(), label.to_owned()])
        .args([Tools::inside(name), "/dev/stdin".to_owned()])
        .stdin(Stdin::Pipe)
}
