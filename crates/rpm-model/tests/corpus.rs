//! Every file of the fuzzer's corpus is read as the fuzzer reads it, and what hostile headers may take of memory is bounded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use rpm_model::header::{HEADER_MAGIC, Header, HeaderError, PackageHeaders};
use testkit::corpus::seeds;
use testkit::memory::{Alone, Counting};

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn every_seed_is_read() {
    let mut packages = 0;
    for bytes in seeds("rpm_header") {
        entry::rpm_header(&bytes);
        packages += usize::from(PackageHeaders::parse(&bytes).is_ok());
    }
    assert!(packages >= 3, "only {packages} seeds are packages");
}

/// A header of these entries (tag, type, offset, count) and data, without its magic.
fn header(entries: &[[u32; 4]], data: &[u8]) -> Vec<u8> {
    let counts = [entries.len(), data.len()].map(|number| u32::try_from(number).unwrap());
    let numbers = counts.iter().chain(entries.iter().flatten());
    numbers.flat_map(|number| number.to_be_bytes()).chain(data.iter().copied()).collect()
}

const STRINGS: u32 = 8;
const BINARY: u32 = 7;
const INT32: u32 = 4;

#[test]
fn entries_cannot_claim_the_same_bytes() {
    let data = [0; 64];
    assert!(Header::parse(&header(&[[1000, BINARY, 0, 32], [1001, BINARY, 32, 32]], &data)).is_ok());
    let shared = Header::parse(&header(&[[1000, BINARY, 0, 64], [1001, BINARY, 0, 64]], &data));
    assert_eq!(shared.unwrap_err().to_string(), "entry 1 (tag 1001) of the header shares data with others");
}

/// Each of 65,535 entries claims a million strings: looking at all of them would take 65 thousand million steps.
#[test]
fn many_entries_of_the_same_strings_are_refused_at_once() {
    let entries: Vec<[u32; 4]> = (0..0xffff).map(|tag| [tag, STRINGS, 0, 1 << 20]).collect();
    let bytes = header(&entries, &vec![0; 1 << 20]);
    let error = Header::parse(&bytes).unwrap_err();
    assert!(matches!(error, HeaderError::Entry { index: 1, .. }), "{error}");
}

/// One folder's name of a megabyte, and 60,000 files in it: sixty thousand million bytes of paths.
#[test]
fn paths_are_in_proportion_to_the_header() {
    let alone = Alone::wait();
    const FILES: u32 = 60_000;
    const LONG: u32 = 1 << 20;
    let mut data = vec![b'd'; LONG as usize];
    data.push(0);
    data.resize(data.len().next_multiple_of(4), 0);
    let indexes = u32::try_from(data.len()).unwrap();
    data.resize(data.len() + 4 * FILES as usize, 0);
    let names = u32::try_from(data.len()).unwrap();
    data.extend((0..FILES).flat_map(|_| [b'f', 0]));
    let entries = [[1116, INT32, indexes, FILES], [1117, STRINGS, names, FILES], [1118, STRINGS, 0, 1]];
    let bytes = header(&entries, &data);
    let (result, most) = alone.peak(|| Header::parse(&bytes));
    let error = result.unwrap_err();
    assert!(matches!(error, HeaderError::Paths { .. }), "{error}");
    assert!(most < 8 * bytes.len(), "{most} bytes held for a header of {}", bytes.len());
}

/// 4 GiB are claimed, some kilobytes are there.
#[test]
fn claimed_lengths_take_no_memory() {
    let alone = Alone::wait();
    let mut bytes = vec![0xed, 0xab, 0xee, 0xdb, 3];
    bytes.resize(96, 0);
    bytes.extend_from_slice(&HEADER_MAGIC);
    bytes.extend([0xffff_u32, 0x0fff_ffff].iter().flat_map(|number| number.to_be_bytes()));
    bytes.resize(8192, 0);
    let (result, most) = alone.peak(|| PackageHeaders::parse(&bytes));
    assert!(matches!(result, Err(HeaderError::Truncated { .. })));
    assert!(most < 64 << 10, "{most} bytes held");
}
