//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use std::io::Read as _;

use install::package::contents;
use install::payload::{Archive, Compressor};
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
    let mut archive = Archive::new(plain.take(MOST), &contents.files);
    let mut block = vec![0; 1 << 16];
    while let Ok(Some(member)) = archive.next_member() {
        assert!(member.file < contents.files.len());
        let mut left = member.content.unwrap_or(0);
        while left > 0 {
            match archive.read(&mut block) {
                Ok(count) => {
                    assert!(count > 0 && count as u64 <= left, "{count} bytes of {left}");
                    left -= count as u64;
                }
                Err(_) => return,
            }
        }
    }
}
