//! Two trees, in; every difference between them, out.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What two trees do not agree on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    pub(crate) path: PathBuf,
    pub(crate) what: &'static str,
    pub(crate) theirs: String,
    pub(crate) ours: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: dnf5 {}, ours {}", self.path.display(), self.what, self.theirs, self.ours)
    }
}

#[derive(Default)]
struct Entry {
    facts: BTreeMap<&'static str, String>,
}

pub(crate) fn differences(theirs: &Path, ours: &Path) -> Vec<Difference> {
    let (left, right) = (entries(theirs), entries(ours));
    let mut all = Vec::new();
    for path in left.keys().chain(right.keys().filter(|path| !left.contains_key(*path))) {
        let difference = |what, theirs: &str, ours: &str| Difference {
            path: path.clone(),
            what,
            theirs: theirs.to_owned(),
            ours: ours.to_owned(),
        };
        match (left.get(path), right.get(path)) {
            (Some(a), Some(b)) => {
                for (what, value) in &a.facts {
                    let other = b.facts.get(what).map_or("nothing", String::as_str);
                    if value != other {
                        all.push(difference(what, value, other));
                    }
                }
                for (what, value) in b.facts.iter().filter(|(what, _)| !a.facts.contains_key(*what)) {
                    all.push(difference(what, "nothing", value));
                }
            }
            (Some(_), None) => all.push(difference("presence", "there", "missing")),
            _ => all.push(difference("presence", "missing", "there")),
        }
    }
    all.sort();
    all
}

fn entries(root: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let mut links: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
    walk(root, Path::new("/"), &mut found, &mut links);
    for paths in links.into_values().filter(|paths| paths.len() > 1) {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        for path in &paths {
            if let Some(entry) = found.get_mut(path) {
                entry.facts.insert("hard links", names.join(" "));
            }
        }
    }
    found
}

fn walk(
    root: &Path,
    path: &Path,
    found: &mut BTreeMap<PathBuf, Entry>,
    links: &mut BTreeMap<u64, Vec<PathBuf>>,
) {
    let outside = root.join(path.strip_prefix("/").unwrap());
    let metadata = std::fs::symlink_metadata(&outside).unwrap();
    let kind = metadata.file_type();
    let mut entry = Entry::default();
    entry.facts.insert("owner", format!("{}:{}", metadata.uid(), metadata.gid()));
    if kind.is_symlink() {
        entry.facts.insert("target", std::fs::read_link(&outside).unwrap().display().to_string());
    } else {
        entry.facts.insert("mode", format!("{:o}", metadata.mode()));
    }
    if kind.is_char_device() || kind.is_block_device() {
        entry.facts.insert("device", metadata.rdev().to_string());
    }
    if kind.is_file() {
        entry.facts.insert("content", hex::encode(Sha256::digest(std::fs::read(&outside).unwrap())));
        entry.facts.insert("time", metadata.mtime().to_string());
        if metadata.nlink() > 1 {
            links.entry(metadata.ino()).or_default().push(path.to_owned());
        }
        let mut value = [0u8; 64];
        if let Ok(length) = rustix::fs::lgetxattr(&outside, "security.capability", &mut value) {
            entry.facts.insert("capabilities", hex::encode(&value[..length]));
        }
    }
    found.insert(path.to_owned(), entry);
    if kind.is_dir() {
        let mut names: Vec<_> =
            std::fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            walk(root, &path.join(name), found, links);
        }
    }
}
