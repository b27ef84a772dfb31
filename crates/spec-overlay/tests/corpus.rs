//! Every file of the fuzzer's corpus is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use testkit::corpus::seeds;

#[test]
fn every_seed_is_read() {
    for (target, read) in
        [("overlay", entry::overlay as fn(&[u8])), ("source_archive", entry::source_archive as fn(&[u8]))]
    {
        let seeds = seeds(target);
        assert!(seeds.len() >= 3, "only {} seeds for {target}", seeds.len());
        seeds.iter().for_each(|bytes| read(bytes));
    }
}
