//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use std::io::{BufReader, Read as _};

use install::package::contents;
use install::payload::{Archive, ArchiveError, Compressor};
use rpm_model::header::{PackageHeaders, Tag};

/// Plain bytes of a payload that are looked at.
const MOST: u64 = 16 << 20;

/// A package file: what its header says of files, scriptlets and triggers, and the payload against it.
pub fn payload(bytes: &[u8]) {
    let Ok(headers) = PackageHeaders::parse(bytes) else { return };
    let Ok(contents) = contents(&headers) else { return };
    let name = headers.main.string(Tag::PAYLOAD_COMPRESSOR).unwrap_or("gzip");
    let Some(compressor) = Compressor::from_name(name) else { return };
    let start = usize::try_from(headers.header_end).unwrap();
    let Ok(plain) = compressor.reader(&bytes[start..]) else { return };
    let mut archive = Archive::new(BufReader::new(plain.take(MOST)), &contents.files);
    while let Ok(Some(member)) = archive.next_member() {
        assert!(member.file < contents.files.len());
        let mut left = member.content;
        let read = archive.content(|block| {
            assert!(!block.is_empty());
            if let Some(left) = &mut left {
                *left = left.checked_sub(block.len() as u64).expect("no more bytes than the header says");
            }
            Ok::<_, ArchiveError>(())
        });
        if read.is_err() {
            return;
        }
        assert_eq!(left.unwrap_or(0), 0);
    }
}
