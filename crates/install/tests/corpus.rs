//! Every file of the fuzzer's corpus is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use std::fs;
use std::path::Path;

use install::package::contents;
use rpm_model::header::PackageHeaders;

#[test]
fn every_seed_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/payload");
    let mut packages = 0;
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        entry::payload(&bytes);
        packages +=
            usize::from(PackageHeaders::parse(&bytes).is_ok_and(|headers| contents(&headers).is_ok()));
    }
    assert!(packages >= 8, "of only {packages} seeds the headers are sound");
}
