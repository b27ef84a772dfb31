//! A repository in a folder, its keys, and a clock that stands where a test puts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use release::channel::Promote;
use release::waves::Waves;
use release::{Architecture, ChannelName, ImageName, Sha256Digest, Version};
use release_repository::change::{Lifetimes, RoleSigners};
use release_repository::content::{ChannelId, Entry};
use release_repository::inspect::{Inspection, inspect};
use release_repository::key::{Algorithm, generate, load};
use release_repository::{
    Advance, Folder, Key, Missing, PublicKey, Repository, RoleName, SigningKey, advance,
};

/// 2026-11-21T18:00:00Z.
pub const NOW: u64 = 1_795_284_000;
pub const DAY: u64 = 86_400;

pub struct World {
    folder: tempfile::TempDir,
    pub now: u64,
}

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::create_dir(folder.path().join("repository")).unwrap();
        World { folder, now: NOW }
    }

    /// A published repository with one key a role.
    pub fn published() -> World {
        let world = World::new();
        let signers = world.signers([("root", 1), ("targets", 1), ("online", 1), ("online", 1)]);
        let begun = Repository::begin(&signers, Lifetimes::default(), world.now).unwrap();
        assert_eq!(world.sign(&begun, &["root", "targets", "online"]), []);
        world
    }

    /// Keys named after their file, one a role, and thresholds; `a b` are two keys.
    pub fn signers(&self, roles: [(&str, u64); 4]) -> BTreeMap<RoleName, RoleSigners> {
        let signers = roles.map(|(names, threshold)| {
            let keys = names.split(' ').map(|name| self.public(name)).collect();
            RoleSigners { keys, threshold }
        });
        RoleName::ALL.into_iter().zip(signers).collect()
    }

    /// A key; the first who asks for it makes it.
    pub fn key(&self, name: &str) -> SigningKey {
        let path = self.folder.path().join("keys").join(name);
        if !path.exists() {
            let algorithm = if name.starts_with("ec") { Algorithm::EcdsaP256 } else { Algorithm::Ed25519 };
            return generate(&path, algorithm).unwrap();
        }
        match load(path.to_str().unwrap()).unwrap() {
            Key::Signing(key) => key,
            Key::Public(_) => panic!("{name} is public"),
        }
    }

    pub fn public(&self, name: &str) -> PublicKey {
        self.key(name).public().clone()
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub fn folder(&self) -> Folder {
        Folder::open(&self.path()).unwrap()
    }

    pub fn read(&self) -> Repository {
        self.folder().read().unwrap()
    }

    /// What signing comes to, without writing it.
    pub fn advance(&self, repository: &Repository, keys: &[&str]) -> Advance {
        let keys: Vec<SigningKey> = keys.iter().map(|name| self.key(name)).collect();
        advance(repository, &keys, self.now).unwrap()
    }

    /// Signs, writes, and tells what is missing.
    pub fn sign(&self, repository: &Repository, keys: &[&str]) -> Vec<Missing> {
        let advance = self.advance(repository, keys);
        self.folder().write(&advance).unwrap();
        assert!(self.read() == advance.repository, "what is read is not what was written");
        advance.missing
    }

    /// Publishes a version of small files and its manifest.
    pub fn add(&self, version: &str) {
        let mut files = contents(version).to_vec();
        files.push(("manifest.json", manifest(version).into_bytes()));
        let name = |file: &str| format!("host_{version}_x86-64.{file}");
        let entries: Vec<Entry> = files.iter().map(|(file, bytes)| Entry::of(name(file), bytes)).collect();
        let next = self.read().add_files(&entries, self.now).unwrap();
        for (entry, (_, bytes)) in entries.iter().zip(&files) {
            self.folder().store(entry, bytes).unwrap();
        }
        assert_eq!(self.sign(&next, &["targets", "online"]), []);
    }

    pub fn promote(&self, version: &str) {
        let repository = self.read();
        let current = self.channel();
        let change = repository.promote(&stable(), current.as_deref(), promotion(version, self.now)).unwrap();
        self.folder().store(&change.entry, &change.bytes).unwrap();
        assert_eq!(self.sign(&change.repository, &["targets", "online"]), []);
    }

    /// The channel's file.
    pub fn channel(&self) -> Option<Vec<u8>> {
        let entries = self.read().entries();
        entries.get(&stable().target()).map(|entry| self.folder().load(entry).unwrap())
    }

    pub fn inspect(&self) -> Inspection {
        inspect(&self.folder(), &self.path(), None, self.now, false).unwrap()
    }

    /// Everything that is wrong, in words.
    pub fn problems(&self) -> Vec<String> {
        match inspect(&self.folder(), &self.path(), None, self.now, false) {
            Ok(inspection) => inspection.problems.iter().map(|problem| chain(problem)).collect(),
            Err(error) => vec![chain(&error)],
        }
    }
}

pub fn stable() -> ChannelId {
    ChannelId {
        image: ImageName::parse("host").unwrap(),
        architecture: Architecture::X86_64,
        channel: ChannelName::parse("stable").unwrap(),
    }
}

pub fn promotion(version: &str, now: u64) -> Promote {
    let version = Version::parse(version).unwrap();
    Promote { version, now, waves: Waves::immediate(), barrier: None, allow_downgrade: false }
}

/// The files of a version that nobody could boot.
fn contents(version: &str) -> [(&'static str, Vec<u8>); 3] {
    let bytes = |length: usize| version.bytes().cycle().take(length).collect();
    [("root.erofs", bytes(8192)), ("root.verity", bytes(8192)), ("linux.efi", bytes(1))]
}

pub fn manifest(version: &str) -> String {
    let file = |(name, bytes): (&str, Vec<u8>)| {
        let (size, digest) = (bytes.len(), Sha256Digest::of(&bytes));
        format!(r#"{{"name":"{name}","size":{size},"sha256":"{digest}"}}"#)
    };
    let digest = Sha256Digest::of(version.as_bytes());
    let [root, verity, kernel] = contents(version).map(file);
    format!(
        r#"{{"schema":1,"image":"host","version":"{version}","architecture":"x86-64","source-date-epoch":1,
        "verity":{{"root-hash":"{digest}","salt":"","data-blocks":2}},
        "files":{{"root":{root},"verity":{verity},"kernel":{kernel}}}}}"#
    )
}

/// A message and its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Every file below a folder, and its bytes.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}
