//! Every file of the fuzzer's corpus is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use solver::testcase::Testcase;
use testkit::corpus::seeds;

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
