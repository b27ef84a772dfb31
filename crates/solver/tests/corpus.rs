//! Every file of the fuzzer's corpus is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use std::fs;
use std::path::Path;

use solver::testcase::Testcase;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn every_seed_is_read() {
    let mut sound = 0;
    for bytes in seeds("testcase") {
        entry::testcase(&bytes);
        sound += usize::from(Testcase::read(&bytes, &|_| None).is_ok());
    }
    assert!(sound >= 3, "only {sound} seeds are testcases");
    let documents = [seeds("primary_views"), seeds("primary")].concat();
    assert!(documents.len() >= 3);
    documents.iter().for_each(|bytes| entry::primary_views(bytes));
}
