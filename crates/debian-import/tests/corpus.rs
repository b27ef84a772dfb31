//! Every file of the fuzzer's corpora is read as the fuzzer reads it, and what a hostile `.deb` may take of memory is bounded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use debian_import::deb::{DebError, DebFile, read_from};
use testkit::corpus::seeds;
use testkit::debs::{Deb, Tar};
use testkit::memory::{Alone, Counting};

#[global_allocator]
static COUNTING: Counting = Counting;

fn each_seed(target: &str, mut read: impl FnMut(&[u8])) {
    seeds(target).iter().for_each(|bytes| read(bytes));
}

#[test]
fn every_seed_is_read() {
    let mut packages = 0;
    each_seed("deb", |bytes| {
        entry::deb(bytes);
        packages += usize::from(read_from(bytes).is_ok());
    });
    assert!(packages >= 3, "only {packages} seeds are packages");
    each_seed("control", entry::control);
}

/// An ar archive of these members.
fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).bytes(),
        );
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

/// A tar archive of one entry of this kind and name, whose content is so many zeros.
fn tar(kind: u8, name: &str, zeros: usize) -> Vec<u8> {
    let mut head = [0; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    for (field, number) in [(100..107, 0o644), (108..115, 0), (116..123, 0), (124..135, zeros), (136..147, 0)]
    {
        let digits = format!("{number:0width$o}", width = field.len());
        head[field].copy_from_slice(digits.as_bytes());
    }
    head[156] = kind;
    head[257..265].copy_from_slice(b"ustar  \0");
    head[148..156].fill(b' ');
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut bytes = head.to_vec();
    bytes.resize(512 + zeros.next_multiple_of(512) + 1024, 0);
    bytes
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

const CONTROL: &[u8] = b"Package: a\nVersion: 1\nArchitecture: amd64\nDescription: x\n";

fn control() -> Vec<u8> {
    let mut bytes = tar(b'0', "./control", CONTROL.len());
    bytes[512..512 + CONTROL.len()].copy_from_slice(CONTROL);
    bytes
}

fn read(alone: &Alone, control: &[u8], data: &[u8]) -> (Result<DebFile, DebError>, usize) {
    let deb = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.zst", &zstd(control)),
        ("data.tar.zst", &zstd(data)),
    ]);
    alone.peak(|| read_from(&*deb))
}

fn assert_excess(result: Result<DebFile, DebError>, most: usize, text: &str) {
    assert_eq!(result.unwrap_err().to_string(), text);
    assert!(most < 64 << 20, "{most} bytes held");
}

#[test]
fn the_archives_of_these_tests_are_sound() {
    let alone = Alone::wait();
    let (deb, _) = read(&alone, &control(), &tar(b'0', "./file", 100));
    assert_eq!(deb.unwrap().members.keys().collect::<Vec<_>>(), ["/file"]);
}

#[test]
fn a_control_file_has_a_limit() {
    let alone = Alone::wait();
    let (result, most) = read(&alone, &tar(b'0', "./control", 300 << 20), &control());
    assert_excess(
        result,
        most,
        "control.tar.zst of the package has more than 8388608 bytes: no honest package does",
    );
}

#[test]
fn a_long_name_has_a_limit() {
    let alone = Alone::wait();
    for kind in [b'L', b'K'] {
        let (result, most) = read(&alone, &control(), &tar(kind, "././@LongLink", 300 << 20));
        assert_excess(
            result,
            most,
            "data.tar.zst of the package has more than 4096 bytes: no honest package does",
        );
    }
}

/// Extended headers could hold names of any length; dpkg reads none either.
#[test]
fn extended_headers_are_refused() {
    let alone = Alone::wait();
    let (result, most) = read(&alone, &control(), &tar(b'x', "./PaxHeaders/a", 300 << 20));
    let error = result.unwrap_err();
    assert!(matches!(error, DebError::Unsupported { .. }), "{error}");
    assert!(most < 64 << 20, "{most} bytes held");
}

#[test]
fn a_bomb_stops_at_a_thousand_times_its_size() {
    let alone = Alone::wait();
    let (result, most) = read(&alone, &control(), &tar(b'0', "./zeros", 400 << 20));
    let text =
        "data.tar.zst of the package has more than 1000 times its compressed size: no honest package does";
    // The contents that come before are in memory up to a limit of their own.
    assert_eq!(result.unwrap_err().to_string(), text);
    assert!(most < 96 << 20, "{most} bytes held");
}

#[test]
fn long_names_of_honest_packages_are_kept() {
    let path = format!("./{}/{}", "folder".repeat(20), "file".repeat(40));
    let deb = Deb::new("a", "1", "", Tar::new().file(&path, 0o644, b"x"));
    let read = read_from(&*deb.bytes()).unwrap();
    assert!(read.members.contains_key(&path[1..]), "{:?}", read.members.keys());
}
