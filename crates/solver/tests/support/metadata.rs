//! A folder with repodata/, in; the packages of its primary metadata, out.

use std::fs;
use std::path::Path;

use repository::metadata::compression::unfold;
use repository::metadata::{primary, repomd};
use rpm_model::{Checksum, Nevra, PackageRecord};

/// More bytes than any metadata has.
const LARGEST: u64 = 4 << 30;

/// An empty record of that identity.
pub(crate) fn record(nevra: Nevra) -> PackageRecord {
    PackageRecord::new(nevra, Checksum::sha256(&[0; 32]))
}

/// Reads the primary metadata of a folder with repodata/, without proof: for judging the solver alone.
pub(crate) fn load(folder: &Path) -> Vec<PackageRecord> {
    let text = |path: &Path| String::from_utf8(unfold(&fs::read(path).unwrap(), LARGEST).unwrap()).unwrap();
    let repomd = repomd::parse(&text(&folder.join("repodata/repomd.xml")), "repomd.xml").unwrap();
    let location = &repomd.entry("primary").unwrap().location;
    primary::parse(&text(&folder.join(location)), location).unwrap()
}
