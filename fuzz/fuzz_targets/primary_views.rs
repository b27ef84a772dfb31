#![no_main]

#[path = "../../crates/solver/tests/hostile/entry.rs"]
#[allow(dead_code)]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::primary_views(bytes));
