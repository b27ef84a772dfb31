//! A commit's files, out of a repository; and as one file of the cache, in and out.

use std::collections::BTreeMap;

use host_tools::git::{GitError, ObjectId, Repository, TreeEntryKind};

use super::{DistGitError, Package};
use crate::source::SourceEntry;

/// Reads all files of a commit; submodules are left out.
pub(super) fn read(
    repository: &Repository,
    package: &Package,
    commit: &ObjectId,
) -> Result<BTreeMap<String, SourceEntry>, DistGitError> {
    let mut entries = repository.files(commit)?;
    entries.retain(|entry| entry.kind != TreeEntryKind::Submodule);
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    let objects = repository.objects(&ids)?;
    let mut files = BTreeMap::new();
    for (entry, object) in entries.into_iter().zip(objects) {
        let name_error = |name: &[u8]| DistGitError::FileName {
            package: package.name.clone(),
            commit: commit.to_string(),
            name: String::from_utf8_lossy(name).into_owned(),
        };
        let path = String::from_utf8(entry.path).map_err(|error| name_error(error.as_bytes()))?;
        if !is_safe(&path) {
            return Err(name_error(path.as_bytes()));
        }
        let bytes = object
            .ok_or_else(|| GitError::Missing {
                repository: repository.directory().to_owned(),
                id: entry.id.to_string(),
            })?
            .bytes;
        let file = match entry.kind {
            TreeEntryKind::Link => SourceEntry::Link {
                target: String::from_utf8(bytes).map_err(|error| name_error(error.as_bytes()))?,
            },
            kind => SourceEntry::File { bytes, executable: kind == TreeEntryKind::Program },
        };
        files.insert(path, file);
    }
    Ok(files)
}

/// Whether a path stays below the folder that it is written to.
fn is_safe(path: &str) -> bool {
    path.split('/').all(|name| !matches!(name, "" | "." | ".." | ".git")) && !path.contains('\0')
}

const MAGIC: &[u8] = b"source tree 1\n";
const FILE: u8 = b'f';
const PROGRAM: u8 = b'x';
const LINK: u8 = b'l';

/// All files as one run of bytes: kind, length and text of the path, length and text of the content.
pub(super) fn pack(files: &BTreeMap<String, SourceEntry>) -> Vec<u8> {
    let mut packed = MAGIC.to_vec();
    let text = |packed: &mut Vec<u8>, text: &[u8]| {
        packed.extend_from_slice(&(text.len() as u64).to_le_bytes());
        packed.extend_from_slice(text);
    };
    for (path, entry) in files {
        let (kind, content) = match entry {
            SourceEntry::File { bytes, executable: false } => (FILE, bytes.as_slice()),
            SourceEntry::File { bytes, executable: true } => (PROGRAM, bytes.as_slice()),
            SourceEntry::Link { target } => (LINK, target.as_bytes()),
        };
        packed.push(kind);
        text(&mut packed, path.as_bytes());
        text(&mut packed, content);
    }
    packed
}

/// The files of such a run; `None` where it is none.
pub(super) fn unpack(packed: &[u8]) -> Option<BTreeMap<String, SourceEntry>> {
    let mut rest = packed.strip_prefix(MAGIC)?;
    let mut files = BTreeMap::new();
    while let Some((kind, tail)) = rest.split_first() {
        rest = tail;
        let path = String::from_utf8(text(&mut rest)?.to_vec()).ok()?;
        let content = text(&mut rest)?.to_vec();
        let entry = match *kind {
            FILE => SourceEntry::File { bytes: content, executable: false },
            PROGRAM => SourceEntry::File { bytes: content, executable: true },
            LINK => SourceEntry::Link { target: String::from_utf8(content).ok()? },
            _ => return None,
        };
        if !is_safe(&path) || files.insert(path, entry).is_some() {
            return None;
        }
    }
    Some(files)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<8>()?;
    let (text, tail) = tail.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *rest = tail;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_tree_comes_back_and_a_cut_one_does_not() {
        let file = |text: &str, executable| SourceEntry::File { bytes: text.into(), executable };
        let files = BTreeMap::from([
            ("a.spec".to_owned(), file("Name: a\n", false)),
            ("tests/run".to_owned(), file("", true)),
            ("link".to_owned(), SourceEntry::Link { target: "../x".into() }),
        ]);
        let packed = pack(&files);
        assert_eq!(unpack(&packed), Some(files));
        assert_eq!(unpack(&packed[..packed.len() - 1]), None);
        assert_eq!(unpack(b""), None);
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in ["/etc/passwd", "a/../../b", "./a", "a//b", ".git/config", "a/.git/hooks/x", "a\0b"] {
            assert!(!is_safe(path), "{path:?}");
        }
        assert!(is_safe("a/b..c/.gitignore"));
    }
}
