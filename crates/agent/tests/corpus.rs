//! Every file of the fuzzer's corpora is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use std::collections::BTreeSet;

use testkit::corpus::seeds;

#[test]
fn every_seed_is_read() {
    let tables = seeds("partition_table").iter().filter(|bytes| entry::partition_table(bytes)).count();
    assert!(tables >= 4, "only {tables} seeds are disks with a table");
    let folders = seeds("boot_folder").iter().filter(|bytes| entry::boot_folder(bytes)).count();
    assert!(folders >= 2, "only {folders} seeds have the file");
    let kinds: BTreeSet<_> =
        seeds("agent_text").iter().filter_map(|bytes| entry::agent_text(bytes)).collect();
    assert_eq!(kinds, BTreeSet::from(["name", "request", "state", "window"]));
}
