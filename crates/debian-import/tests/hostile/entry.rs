//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use debian_import::apt::deb822;
use debian_import::apt::{PackageIndex, Release};
use debian_import::{deb, relation, version};

/// A `.deb`: ar, compressed tar archives, and the control file in one of them.
pub fn deb(bytes: &[u8]) {
    if let Ok(deb) = deb::read_from(bytes) {
        control(deb.control.as_bytes());
    }
}

/// A control file, an index or a Release file.
pub fn control(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(stanzas) = deb822::parse(text) else { return };
    for stanza in &stanzas {
        for name in ["Depends", "Pre-Depends", "Provides", "Breaks", "Conflicts", "Replaces", "Recommends"] {
            drop(std::hint::black_box(stanza.field(name).map(relation::parse)));
        }
        if let Some(Ok(version)) = stanza.field("Version").map(version::DebianVersion::parse) {
            std::hint::black_box(version.to_rpm());
            assert_eq!(version.cmp(&version), std::cmp::Ordering::Equal);
        }
    }
    drop(std::hint::black_box(PackageIndex::parse(text)));
    drop(std::hint::black_box(Release::parse(text)));
}
