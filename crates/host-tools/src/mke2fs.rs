//! A file tree, in; an ext4 file system in a file, the same bytes every time, out.
//!
//! From a directory `mke2fs` takes every extended attribute; from a tar archive only `security.capability`: the `debugfs` module
//! adds the others. In an archive a hard link's own entry decides mode, owner and time of the file, so it has to repeat them.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use crate::call::{Call, Stdin};
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "mke2fs";

/// What the file system shall be; nothing of it comes from the machine or the moment.
#[derive(Debug, Clone)]
pub struct Options {
    /// As text with dashes.
    pub uuid: String,
    /// As text with dashes; the seed of the hashes that order large directories.
    pub hash_seed: String,
    /// At most 16 bytes.
    pub label: String,
    /// In bytes: 1024, 2048 or 4096.
    pub block_size: u32,
    /// In blocks of that size; the file gets exactly this length.
    pub blocks: u64,
    /// How many files there can be; by default one per 16 KiB.
    pub inodes: Option<u64>,
    /// Added to (or with `^` taken from) the features of `mke2fs.conf`'s ext4.
    pub features: Vec<String>,
    /// For root, in percent.
    pub reserved_percent: u8,
    /// Every time stamp of the file system itself, in seconds since 1970-01-01 00:00 UTC.
    pub source_date_epoch: u64,
}

/// What goes into the file system.
pub enum Source<'a> {
    /// Nothing but `lost+found`.
    Empty,
    /// A directory of the host, with the owners and attributes that it has there.
    Directory(&'a Path),
    /// A tar archive.
    Archive(&'a Path),
    /// A tar archive that is written while `mke2fs` reads it.
    Stream(&'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>),
}

/// Makes the file system in `image`, which is created, or overwritten, with exactly the asked length.
pub fn make(sandbox: &Sandbox, options: &Options, source: Source<'_>, image: &Path) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let length = options.blocks.checked_mul(u64::from(options.block_size)).ok_or_else(|| {
        ToolError::Request { tool: TOOL, what: format!("to make {} blocks", options.blocks) }
    })?;
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(image);
    file.and_then(|file| file.set_len(length)).map_err(|error| exchange.unusable("make", image, error))?;

    let mut call = Call::new(TOOL)
        .args(arguments(options))
        .env("SOURCE_DATE_EPOCH", options.source_date_epoch.to_string());
    let mut stream = None;
    match source {
        Source::Empty => {}
        Source::Directory(path) | Source::Archive(path) => call = call.arg("-d").arg(exchange.read(path)?),
        Source::Stream(write) => {
            call = call.args(["-d", "-"]).stdin(Stdin::Pipe);
            stream = Some(write);
        }
    }
    call = call.arg(exchange.write(image)?).arg(options.blocks.to_string());
    match stream {
        None => exchange.run(&call)?,
        Some(write) => exchange.sandbox().run_with_input(&call, write)?,
    };
    Ok(())
}

fn arguments(options: &Options) -> Vec<String> {
    // lazy_*: a first mount would otherwise write zeros, and the bytes would depend on what the file held before.
    let extended = format!(
        "hash_seed={},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,nodiscard,assume_storage_prezeroed=1",
        options.hash_seed
    );
    let mut arguments: Vec<String> =
        ["-q", "-F", "-t", "ext4", "-o", "Linux", "-E", &extended, "-U", &options.uuid, "-L", &options.label]
            .map(str::to_owned)
            .to_vec();
    arguments.extend([
        "-b".into(),
        options.block_size.to_string(),
        "-m".into(),
        options.reserved_percent.to_string(),
    ]);
    if let Some(inodes) = options.inodes {
        arguments.extend(["-N".into(), inodes.to_string()]);
    }
    if !options.features.is_empty() {
        arguments.extend(["-O".into(), options.features.join(",")]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_of_chance_is_an_argument() {
        let options = Options {
            uuid: "11111111-2222-3333-4444-555555555555".into(),
            hash_seed: "66666666-7777-8888-9999-000000000000".into(),
            label: "root".into(),
            block_size: 4096,
            blocks: 1000,
            inodes: Some(500),
            features: vec!["verity".into(), "^resize_inode".into()],
            reserved_percent: 0,
            source_date_epoch: 1,
        };
        assert_eq!(
            arguments(&options).join(" "),
            "-q -F -t ext4 -o Linux -E hash_seed=66666666-7777-8888-9999-000000000000,lazy_itable_init=0,\
             lazy_journal_init=0,root_owner=0:0,nodiscard,assume_storage_prezeroed=1 -U \
             11111111-2222-3333-4444-555555555555 -L root -b 4096 -m 0 -N 500 -O verity,^resize_inode"
        );
    }
}
