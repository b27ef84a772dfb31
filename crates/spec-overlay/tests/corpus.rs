//! Every file of the fuzzer's corpus is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use std::fs;
use std::path::Path;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

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
