//! A folder with repodata/, in; the packages of its primary metadata, out.

use std::fs;
use std::path::Path;

use repository::metadata::compression::unfold;
use repository::metadata::primary::parse;
use repository::metadata::repomd;
use rpm_model::{Checksum, Nevra, PackageRecord};

/// More bytes than any metadata has.
const LARGEST: u64 = 4 << 30;

/// An empty record of that identity.
pub(crate) fn record(nevra: Nevra) -> PackageRecord {
    PackageRecord::new(nevra, Checksum::sha256(&[0; 32]))
}

/// Reads the primary metadata of a folder with repodata/, without proof: for judging the solver alone.
pub(crate) fn load(folder: &Path) -> Vec<PackageRecord> {
    let (location, _, text) = primary(folder);
    parse(&text, &location).unwrap()
}

/// The place of the primary metadata, its bytes as they lie there, and its text.
pub(crate) fn primary(folder: &Path) -> (String, Vec<u8>, String) {
    let text = |bytes: &[u8]| String::from_utf8(unfold(bytes, LARGEST).unwrap()).unwrap();
    let contents = text(&fs::read(folder.join("repodata/repomd.xml")).unwrap());
    let location = repomd::parse(&contents, "repomd.xml").unwrap().entry("primary").unwrap().location.clone();
    let packed = fs::read(folder.join(&location)).unwrap();
    let plain = text(&packed);
    (location, packed, plain)
}
