//! Every file of the fuzzer's corpus is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use std::fs;
use std::path::Path;

use solver::testcase::Testcase;

#[test]
fn every_seed_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/testcase");
    let mut sound = 0;
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        entry::testcase(&bytes);
        sound += usize::from(Testcase::read(&bytes, &|_| None).is_ok());
    }
    assert!(sound >= 3, "only {sound} seeds are testcases");
}
