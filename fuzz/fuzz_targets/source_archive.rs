#![no_main]

#[path = "../../crates/spec-overlay/tests/hostile/entry.rs"]
#[allow(dead_code)]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::source_archive(bytes));
