#![no_main]

#[path = "../../crates/release/tests/hostile/entry.rs"]
#[allow(dead_code)]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::hash_tree(bytes));
