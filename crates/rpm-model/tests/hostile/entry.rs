//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use rpm_model::header::{Header, PackageHeaders};
use rpm_model::{Checksum, Dependency, FileFacts, PackageRecord, RichDependency};

/// A package file: its headers, everything that they hold, and its record.
pub fn rpm_header(bytes: &[u8]) {
    let Ok(headers) = PackageHeaders::parse(bytes) else { return };
    read_all(&headers.signature);
    read_all(&headers.main);
    assert_eq!(Header::parse(headers.main.bytes()).as_ref().ok(), Some(&headers.main));
    let facts = FileFacts {
        checksum: Checksum::sha256(&[0; 32]),
        size: bytes.len() as u64,
        time: 0,
        location: "a.rpm".to_owned(),
    };
    let Ok(record) = PackageRecord::from_headers(&headers, facts) else { return };
    let paths: usize = record.files.iter().map(|file| file.path.len()).sum();
    assert!(paths <= (1 << 20) + 64 * bytes.len(), "{paths} bytes of paths from {}", bytes.len());
    for requirement in &record.requires {
        // What is printed means the same.
        if let Dependency::Rich(rich) = &requirement.dependency {
            assert_eq!(RichDependency::parse(&rich.to_string()).as_ref(), Ok(rich));
        }
    }
}

fn read_all(header: &Header) {
    use rpm_model::header::Tag;
    for entry in header.entries() {
        let tag = Tag(entry.tag);
        assert_eq!(header.entry_bytes(entry).len(), entry.length);
        std::hint::black_box((header.string(tag), header.text(tag), header.number(tag)));
        if header.entries().len() < 64 {
            std::hint::black_box((header.texts(tag), header.numbers(tag), header.numbers32(tag)));
        }
    }
}
