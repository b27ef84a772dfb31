#![no_main]

#[path = "../../crates/agent/tests/hostile/entry.rs"]
#[allow(dead_code)]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    entry::boot_folder(bytes);
});
