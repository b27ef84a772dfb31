//! A release repository made of nothing: keys from numbers, metadata by the specification's text, served from a folder.
//! Written apart from the library that reads it, so that a mistake there is not repeated here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::download::{Client, Options};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::http::Server;
use url::Url;

/// A time that does not come in this project's life.
pub const FAR: &str = "2999-01-01T00:00:00Z";
/// A time that has passed.
pub const PAST: &str = "2020-01-01T00:00:00Z";

/// The number of the key of each role.
#[derive(Debug, Clone, Copy)]
pub struct Roles {
    pub root: u8,
    pub timestamp: u8,
    pub snapshot: u8,
    pub targets: u8,
}

impl Roles {
    pub const FIRST: Roles = Roles { root: 1, timestamp: 2, snapshot: 3, targets: 4 };

    fn named(self) -> [(&'static str, u8); 4] {
        [
            ("root", self.root),
            ("timestamp", self.timestamp),
            ("snapshot", self.snapshot),
            ("targets", self.targets),
        ]
    }
}

/// A repository in a folder, and a server of it.
pub struct Published {
    folder: tempfile::TempDir,
    pub server: Server,
}

/// All files of a repository.
pub type Saved = BTreeMap<PathBuf, Vec<u8>>;

/// A client that does not wait.
pub fn client() -> Client {
    let options = Options {
        attempts: 2,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(1),
        ..Options::default()
    };
    Client::new(options).unwrap()
}

impl Published {
    /// With the first root and nothing else.
    pub fn new() -> Published {
        let folder = tempfile::tempdir().unwrap();
        for name in ["metadata", "targets"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let server = Server::start(folder.path()).unwrap();
        let published = Published { folder, server };
        published.add_root(1, Roles::FIRST, Roles::FIRST);
        published
    }

    pub fn url(&self) -> Url {
        Url::parse(&self.server.url("")).unwrap()
    }

    pub fn root(&self, version: u64) -> Vec<u8> {
        fs::read(self.path("metadata", &format!("{version}.root.json"))).unwrap()
    }

    /// A root that names these roles' keys, signed by the old and the new root key.
    pub fn add_root(&self, version: u64, old: Roles, new: Roles) {
        self.write_root(version, old, new, 1);
    }

    /// A root that wants more signatures of metadata than there are.
    pub fn add_root_with_threshold(&self, version: u64, roles: Roles, threshold: u64) {
        self.write_root(version, roles, roles, threshold);
    }

    fn write_root(&self, version: u64, old: Roles, new: Roles, threshold: u64) {
        let mut keys: BTreeMap<String, Value> =
            new.named().iter().map(|(_, key)| (key_id(*key), public(*key))).collect();
        keys.insert(key_id(99), public(99));
        let roles: BTreeMap<&str, Value> = new
            .named()
            .iter()
            .map(|(name, key)| {
                let threshold = if *name == "root" { 1 } else { threshold };
                (*name, json!({"keyids": [key_id(*key), key_id(99)], "threshold": threshold}))
            })
            .collect();
        let root = json!({
            "_type": "root", "spec_version": "1.0.0", "consistent_snapshot": true, "version": version, "expires": FAR,
            "keys": keys, "roles": roles,
        });
        let mut signers = vec![old.root];
        if new.root != old.root {
            signers.push(new.root);
        }
        fs::write(self.path("metadata", &format!("{version}.root.json")), signed(&root, &signers)).unwrap();
    }

    /// Metadata of this version over these files, by the first keys; `expires` is the timestamp's.
    pub fn publish(&self, version: u64, expires: &str, files: &[(&str, &[u8])]) {
        self.publish_signed_by(version, expires, files, Roles::FIRST);
    }

    pub fn publish_signed_by(&self, version: u64, expires: &str, files: &[(&str, &[u8])], roles: Roles) {
        let mut targets = BTreeMap::new();
        for (name, content) in files {
            targets.insert(*name, facts(content));
            let path = self.path("targets", &format!("{}.{name}", sha256(content)));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let common = |kind: &str, expires: &str| json!({"_type": kind, "spec_version": "1.0.0", "version": version, "expires": expires});
        let mut document = common("targets", FAR);
        document["targets"] = json!(targets);
        let targets = signed(&document, &[roles.targets]);
        let mut document = common("snapshot", FAR);
        document["meta"] = json!({"targets.json": meta(version, &targets)});
        let snapshot = signed(&document, &[roles.snapshot]);
        let mut document = common("timestamp", expires);
        document["meta"] = json!({"snapshot.json": meta(version, &snapshot)});
        let timestamp = signed(&document, &[roles.timestamp]);
        for (name, content) in [
            (format!("{version}.targets.json"), targets),
            (format!("{version}.snapshot.json"), snapshot),
            ("timestamp.json".to_owned(), timestamp),
        ] {
            fs::write(self.path("metadata", &name), content).unwrap();
        }
    }

    /// Changes the file whose name is, or ends in, `name`.
    pub fn change(&self, folder: &str, name: &str, change: impl Fn(&mut Vec<u8>)) {
        let mut entries =
            fs::read_dir(self.folder.path().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let path = entries.find(|path| path.to_str().unwrap().ends_with(name)).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    pub fn save(&self) -> Saved {
        let files =
            fs::read_dir(self.folder.path().join("metadata")).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
    }

    /// Makes the metadata what it was.
    pub fn restore(&self, saved: &Saved) {
        let folder = self.folder.path().join("metadata");
        for entry in fs::read_dir(&folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (path, content) in saved {
            fs::write(path, content).unwrap();
        }
    }

    fn path(&self, folder: &str, name: &str) -> PathBuf {
        self.folder.path().join(folder).join(Path::new(name))
    }
}

fn pair(key: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[key; 32]).unwrap()
}

fn public(key: u8) -> Value {
    let public = hex::encode(pair(key).public_key().as_ref());
    json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}})
}

fn key_id(key: u8) -> String {
    sha256(canonical(&public(key)).as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn facts(content: &[u8]) -> Value {
    json!({"length": content.len(), "hashes": {"sha256": sha256(content)}})
}

fn meta(version: u64, content: &[u8]) -> Value {
    let mut meta = facts(content);
    meta["version"] = json!(version);
    meta
}

fn signed(document: &Value, signers: &[u8]) -> Vec<u8> {
    let message = canonical(document);
    let signatures: Vec<Value> = signers
        .iter()
        .map(|key| json!({"keyid": key_id(*key), "sig": hex::encode(pair(*key).sign(message.as_bytes()).as_ref())}))
        .collect();
    serde_json::to_vec_pretty(&json!({"signed": document, "signatures": signatures})).unwrap()
}

/// Canonical JSON of texts without special characters, whole numbers, lists and objects.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            let members: Vec<String> =
                sorted.iter().map(|(name, value)| format!("\"{name}\":{}", canonical(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    }
}
