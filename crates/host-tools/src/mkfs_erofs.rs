//! A file tree, in; an EROFS file system in a file, the same bytes every time, out.
//!
//! From an archive come the extended attributes that it has, SELinux labels among them; `file_contexts` is heeded by the program
//! for a directory alone.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::call::{Call, Stdin};
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "mkfs.erofs";

/// What the file system shall be; nothing of it comes from the machine or the moment.
#[derive(Debug, Clone)]
pub struct Options {
    /// As text with dashes.
    pub uuid: String,
    /// At most 15 bytes.
    pub label: String,
    /// How file contents are packed.
    pub compression: Compression,
    /// The largest piece that is compressed at once, in bytes: a multiple of 4096.
    pub cluster_size: u32,
    /// The build time, in seconds since 1970-01-01 00:00 UTC; files keep their own times.
    pub source_date_epoch: u64,
    /// More options, as the program takes them.
    pub extra: Vec<String>,
}

/// How file contents are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// The fastest.
    Lz4,
    /// Read as fast as lz4, packed tighter.
    Lz4hc {
        /// 0 to 12.
        level: u8,
    },
    /// Tighter still; needs Linux 6.10 to read.
    Zstd {
        /// 0 to 22.
        level: u8,
    },
}

/// What goes into the file system.
pub enum Source<'a> {
    /// A directory of the host, with the owners and attributes that it has there.
    Directory {
        /// On the host.
        path: &'a Path,
        /// SELinux labels by path, as in the policy's `file_contexts`; they win over those on the host.
        file_contexts: Option<&'a Path>,
    },
    /// A tar archive.
    Archive(&'a Path),
    /// A tar archive that is written while `mkfs.erofs` reads it.
    Stream(&'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>),
}

/// Makes the file system in `image`, which is created or overwritten.
pub fn make(sandbox: &Sandbox, options: &Options, source: Source<'_>, image: &Path) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    drop(File::create(image).map_err(|error| exchange.unusable("make", image, error))?);
    let mut call = Call::new(TOOL).args(arguments(options));
    let inside = exchange.write(image)?;
    match source {
        Source::Directory { path, file_contexts } => {
            if let Some(file_contexts) = file_contexts {
                let mut argument = std::ffi::OsString::from("--file-contexts=");
                argument.push(exchange.read(file_contexts)?);
                call = call.arg(argument);
            }
            let tree = exchange.read(path)?;
            exchange.run(&call.arg(inside).arg(tree))?;
        }
        Source::Archive(path) => {
            let archive = exchange.read(path)?;
            exchange.run(&call.arg("--tar=f").arg(inside).arg(archive))?;
        }
        Source::Stream(write) => {
            let call = call.arg("--tar=f").arg(inside).stdin(Stdin::Pipe);
            exchange.sandbox().run_with_input(&call, write)?;
        }
    }
    Ok(())
}

fn arguments(options: &Options) -> Vec<String> {
    // The number of workers is left to the program: erofs-utils 1.9.4 was seen to give the same bytes with 1, 2 and 4.
    let mut arguments = vec![
        "--quiet".to_owned(),
        format!("-T{}", options.source_date_epoch),
        "--mkfs-time".to_owned(),
        format!("-U{}", options.uuid),
        format!("-L{}", options.label),
    ];
    match options.compression {
        Compression::None => {}
        Compression::Lz4 => arguments.push("-zlz4".into()),
        Compression::Lz4hc { level } => arguments.push(format!("-zlz4hc,level={level}")),
        Compression::Zstd { level } => arguments.push(format!("-zzstd,level={level}")),
    }
    if options.compression != Compression::None {
        arguments.push(format!("-C{}", options.cluster_size));
    }
    arguments.extend(options.extra.iter().cloned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_and_identity_are_arguments() {
        let options = Options {
            uuid: "11111111-2222-3333-4444-555555555555".into(),
            label: "root".into(),
            compression: Compression::Zstd { level: 3 },
            cluster_size: 65_536,
            source_date_epoch: 1_700_000_000,
            extra: vec!["--all-root".into()],
        };
        assert_eq!(
            arguments(&options).join(" "),
            "--quiet -T1700000000 --mkfs-time -U11111111-2222-3333-4444-555555555555 -Lroot \
             -zzstd,level=3 -C65536 --all-root"
        );
    }
}
