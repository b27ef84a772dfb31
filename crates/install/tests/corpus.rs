//! Every file of the fuzzer's corpus is read as the fuzzer reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use install::package::contents;
use rpm_model::header::PackageHeaders;
use testkit::corpus::seeds;

#[test]
fn every_seed_is_read() {
    let mut packages = 0;
    for bytes in seeds("payload") {
        entry::payload(&bytes);
        packages +=
            usize::from(PackageHeaders::parse(&bytes).is_ok_and(|headers| contents(&headers).is_ok()));
    }
    assert!(packages >= 8, "of only {packages} seeds the headers are sound");
}
