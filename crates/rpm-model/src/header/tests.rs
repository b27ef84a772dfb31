use super::*;
use crate::{Dependency, FileFacts, PackageRecord};

/// A package that the `rpm` crate builds: the independent writer whose bytes are read here.
fn package(format_v6: bool) -> Vec<u8> {
    let config = if format_v6 { rpm::BuildConfig::v6() } else { rpm::BuildConfig::v4() };
    let config = config.compression(rpm::CompressionType::None).source_date(1_700_000_000u32);
    let mut builder = rpm::PackageBuilder::new("hello", "1.2", "MIT", "x86_64", "A greeting");
    builder
        .using_config(config)
        .epoch(3)
        .release("4")
        .requires(rpm::Dependency::greater_eq("libc6", "2.40"))
        .requires(rpm::Dependency::any("(a or b)"))
        .provides(rpm::Dependency::any("greeting"))
        .with_file_contents("hi\n", rpm::FileOptions::new("/usr/bin/hello").permissions(0o755))
        .unwrap();
    let mut bytes = Vec::new();
    builder.build().unwrap().write(&mut bytes).unwrap();
    bytes
}

fn record(bytes: &[u8]) -> PackageRecord {
    let headers = PackageHeaders::parse(bytes).unwrap();
    let checksum = crate::Checksum::sha256(&[0; 32]);
    let facts = FileFacts { checksum, size: bytes.len() as u64, time: 0, location: "hello.rpm".into() };
    PackageRecord::from_headers(&headers, facts).unwrap()
}

#[test]
fn both_formats_are_read() {
    for format_v6 in [false, true] {
        let record = record(&package(format_v6));
        assert_eq!(record.nevra.to_string(), "hello-3:1.2-4.x86_64");
        assert_eq!(record.build_time, 1_700_000_000);
        let requires: Vec<String> = record.requires.iter().map(|r| r.dependency.to_string()).collect();
        assert!(requires.contains(&"libc6 >= 2.40".to_owned()), "{requires:?}");
        assert!(record.requires.iter().any(|r| matches!(r.dependency, Dependency::Rich(_))));
        assert!(record.provides.iter().any(|p| p.to_string() == "hello = 3:1.2-4"));
        assert_eq!(record.files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["/usr/bin/hello"]);
    }
}

#[test]
fn the_payload_starts_where_the_headers_end() {
    let bytes = package(false);
    let headers = PackageHeaders::parse(&bytes).unwrap();
    let start = usize::try_from(headers.header_end).unwrap();
    assert_eq!(&bytes[start..start + 5], b"07070");
    assert_eq!(Header::parse(headers.main.bytes()).unwrap(), headers.main);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = package(false);
    let end = usize::try_from(PackageHeaders::parse(&bytes).unwrap().header_end).unwrap();
    for length in 0..end {
        assert!(PackageHeaders::parse(&bytes[..length]).is_err(), "{length} of {end} bytes");
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    let bytes = package(true);
    let end = usize::try_from(PackageHeaders::parse(&bytes).unwrap().header_end).unwrap();
    for at in 0..end {
        for bit in [0, 7] {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << bit;
            if let Ok(headers) = PackageHeaders::parse(&wrong) {
                let facts = FileFacts {
                    checksum: crate::Checksum::sha256(&[0; 32]),
                    size: 0,
                    time: 0,
                    location: String::new(),
                };
                let _record = PackageRecord::from_headers(&headers, facts);
            }
        }
    }
}

#[test]
fn claimed_lengths_allocate_nothing() {
    let mut bytes = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0];
    bytes.resize(LEAD_LENGTH, 0);
    bytes.extend_from_slice(&HEADER_MAGIC);
    bytes.extend_from_slice(&0xffffu32.to_be_bytes());
    bytes.extend_from_slice(&0x0fff_ffffu32.to_be_bytes());
    assert!(matches!(PackageHeaders::parse(&bytes), Err(HeaderError::Truncated { .. })));
    let at = LEAD_LENGTH + 8;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(PackageHeaders::parse(&bytes), Err(HeaderError::Limits { .. })));
}
