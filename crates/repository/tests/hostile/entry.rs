//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use repository::metadata::compression;
use repository::metadata::{filelists, metalink, plain_filelists, repomd};

/// A primary document.
pub fn primary(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(std::hint::black_box(repository::metadata::primary::parse(text, "fuzzed")));
}

/// A filelists document: what the fast reader takes at all, it takes as the other one does.
pub fn filelists(bytes: &[u8]) {
    let slow = filelists::read(bytes, "fuzzed", &|_| true);
    if let Ok(Some(quick)) = plain_filelists::scan(bytes, &|_| true) {
        assert_eq!(Ok(quick), slow, "the readers disagree");
    }
}

/// A table of contents.
pub fn repomd(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(std::hint::black_box(repomd::parse(text, "fuzzed")));
}

/// A metalink, or a list of mirrors.
pub fn metalink(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(std::hint::black_box(metalink::parse(text, "fuzzed")));
    std::hint::black_box(metalink::parse_mirror_list(text));
}

/// A compressed document, whose form shows in its first bytes.
pub fn unfold(bytes: &[u8]) {
    let limit = compression::limit(bytes.len() as u64, None).min(4 << 20);
    if let Ok(plain) = compression::unfold(bytes, limit) {
        assert!(plain.len() as u64 <= limit);
    }
}
