//! What a component's files are before anything of ours is done to them: the values that finding and rendering share.
//! Nothing here reads a disk or runs a program.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

/// The files of a component as its source has them, all in memory: dist-git folders hold specs, patches and small files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFolder {
    /// Files by path relative to the folder, `/` between names; never `.git`, never `..`.
    pub files: BTreeMap<String, SourceEntry>,
    /// Which of the files is the spec; always `<component>.spec`, whatever it is called upstream.
    pub spec: String,
}

/// One entry of a source folder; folders exist by the files in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceEntry {
    /// A regular file.
    File {
        /// Its content.
        bytes: Vec<u8>,
        /// Whether it may be executed: mode 755 instead of 644.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// What it points to, as written.
        target: String,
    },
}

/// What a source folder is, known without reading it: equal identities mean equal files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceIdentity {
    /// A commit of a dist-git repository, as 40 (or 64) lower-case hexadecimal digits.
    Commit(String),
    /// SHA-256 over names, modes and contents, for folders that no commit names.
    Files(String),
}

impl fmt::Display for SourceIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceIdentity::Commit(id) => write!(out, "commit:{id}"),
            SourceIdentity::Files(digest) => write!(out, "sha256:{digest}"),
        }
    }
}

impl SourceFolder {
    /// The spec's bytes.
    pub fn spec_bytes(&self) -> Option<&[u8]> {
        match self.files.get(&self.spec) {
            Some(SourceEntry::File { bytes, .. }) => Some(bytes),
            _ => None,
        }
    }

    /// The identity that the files themselves give.
    pub fn identity(&self) -> SourceIdentity {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for (path, entry) in &self.files {
            field(path.as_bytes());
            match entry {
                SourceEntry::File { bytes, executable: false } => {
                    field(b"file");
                    field(bytes);
                }
                SourceEntry::File { bytes, executable: true } => {
                    field(b"program");
                    field(bytes);
                }
                SourceEntry::Link { target } => {
                    field(b"link");
                    field(target.as_bytes());
                }
            }
        }
        SourceIdentity::Files(hex::encode(hasher.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str, bool)]) -> SourceFolder {
        let files = files.iter().map(|(path, text, executable)| {
            let entry = SourceEntry::File { bytes: text.as_bytes().to_vec(), executable: *executable };
            ((*path).to_owned(), entry)
        });
        SourceFolder { files: files.collect(), spec: "a.spec".into() }
    }

    #[test]
    fn names_modes_and_contents_make_the_identity() {
        let identity = |files: &[_]| folder(files).identity();
        let plain = identity(&[("a", "bc", false)]);
        assert_eq!(plain, identity(&[("a", "bc", false)]));
        assert_ne!(plain, identity(&[("a", "bc", true)]));
        assert_ne!(plain, identity(&[("ab", "c", false)]));
        assert_ne!(plain, identity(&[("a", "bd", false)]));
    }

    #[test]
    fn a_file_and_a_link_of_the_same_text_differ() {
        let mut link = folder(&[]);
        link.files.insert("a".into(), SourceEntry::Link { target: "bc".into() });
        assert_ne!(link.identity(), folder(&[("a", "bc", false)]).identity());
    }
}
