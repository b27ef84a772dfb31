//! Package contents without a package file, for the tests of this crate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rpm_model::{Capability, Dependency, Nevra};
use sha2::{Digest, Sha256};

use super::{FileEntry, PackageContents, PackageTriggers, Relation, RelationKind};

pub(crate) fn package(nevra: &str, files: Vec<FileEntry>) -> PackageContents {
    let nevra = Nevra::parse(nevra).unwrap();
    let own = Capability::parse(&format!("{} = {}", nevra.name, nevra.evr)).unwrap();
    PackageContents {
        nevra,
        color: 0,
        files,
        provides: vec![own],
        obsoletes: Vec::new(),
        relations: Vec::new(),
        scriptlets: BTreeMap::new(),
        triggers: PackageTriggers::default(),
        file_triggers: Vec::new(),
        transaction_file_triggers: Vec::new(),
        accounts: Vec::new(),
    }
}

pub(crate) fn relation(kind: RelationKind, dependency: &str, flags: u32) -> Relation {
    Relation { kind, dependency: Dependency::parse(dependency).unwrap(), flags, color: 0 }
}

pub(crate) fn file(path: &str, content: &str) -> FileEntry {
    FileEntry {
        path: path.into(),
        mode: 0o100_644,
        size: content.len() as u64,
        digest: Some((8, hex::encode(Sha256::digest(content)))),
        link_target: PathBuf::new(),
        user: "root".into(),
        group: "root".into(),
        mtime: 1_700_000_000,
        rdev: 0,
        flags: 0,
        identity: (1, 0),
        color: 0,
        languages: String::new(),
        capabilities: String::new(),
    }
}

pub(crate) fn directory(path: &str) -> FileEntry {
    FileEntry { mode: 0o040_755, digest: None, size: 4096, ..file(path, "") }
}

pub(crate) fn symlink(path: &str, target: &str) -> FileEntry {
    FileEntry {
        mode: 0o120_777,
        digest: None,
        size: target.len() as u64,
        link_target: target.into(),
        ..file(path, "")
    }
}
