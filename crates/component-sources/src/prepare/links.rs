//! The files of a source folder, in; the same files with every link replaced by what it leads to, out.
//! Nothing here reads a disk: a link that leaves the folder is refused, not followed.
//!
//! Prepared sources are plain files, as a copy that follows links makes them.

use std::collections::BTreeMap;

use super::PreparedFile;
use crate::source::SourceEntry;

/// As many links in a row as the kernel follows.
const LONGEST_CHAIN: usize = 40;

/// A link that no file can stand for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the link {path} (to {target}) {what}")]
pub struct LinkError {
    /// The link, relative to the source folder.
    pub path: String,
    /// What it points to, as written.
    pub target: String,
    /// What is wrong with it.
    pub what: LinkFault,
}

/// What can be wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// It leads out of the folder.
    #[error("leads out of the source folder")]
    Outside,
    /// It leads to nothing.
    #[error("leads to no file of the source folder")]
    Dangling,
    /// It leads to a folder.
    #[error("leads to a folder")]
    Folder,
    /// It leads to itself.
    #[error("leads to itself")]
    Circle,
}

/// The files with links replaced by copies.
pub fn followed(entries: BTreeMap<String, SourceEntry>) -> Result<BTreeMap<String, PreparedFile>, LinkError> {
    let mut copies = Vec::new();
    for (path, entry) in &entries {
        if let SourceEntry::Link { target } = entry {
            let file = end_of_link(&entries, path, target).map_err(|what| LinkError {
                path: path.clone(),
                target: target.clone(),
                what,
            })?;
            copies.push((path.clone(), file));
        }
    }
    let files = entries.into_iter().filter_map(|(path, entry)| match entry {
        SourceEntry::File { bytes, executable } => Some((path, PreparedFile { bytes, executable })),
        SourceEntry::Link { .. } => None,
    });
    Ok(files.chain(copies).collect())
}

fn end_of_link(
    entries: &BTreeMap<String, SourceEntry>,
    path: &str,
    target: &str,
) -> Result<PreparedFile, LinkFault> {
    let (mut path, mut target) = (path.to_owned(), target);
    for _link in 0..LONGEST_CHAIN {
        path = spec_overlay::led_to(&path, target).ok_or(LinkFault::Outside)?;
        match entries.get(&path) {
            Some(SourceEntry::File { bytes, executable }) => {
                return Ok(PreparedFile { bytes: bytes.clone(), executable: *executable });
            }
            Some(SourceEntry::Link { target: next }) => target = next,
            None if is_folder(entries, &path) => return Err(LinkFault::Folder),
            None => return Err(LinkFault::Dangling),
        }
    }
    Err(LinkFault::Circle)
}

fn is_folder(entries: &BTreeMap<String, SourceEntry>, path: &str) -> bool {
    let below = format!("{path}/");
    path.is_empty() || entries.range(below.clone()..).next().is_some_and(|(name, _)| name.starts_with(&below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(links: &[(&str, &str)]) -> BTreeMap<String, SourceEntry> {
        let file = SourceEntry::File { bytes: b"text".to_vec(), executable: true };
        let mut entries = BTreeMap::from([("dir/file".to_owned(), file)]);
        for (path, target) in links {
            entries.insert((*path).to_owned(), SourceEntry::Link { target: (*target).to_owned() });
        }
        entries
    }

    #[test]
    fn links_become_the_files_that_they_lead_to() {
        let files = followed(entries(&[("a", "dir/./b"), ("dir/b", "../dir/file")])).unwrap();
        let file = PreparedFile { bytes: b"text".to_vec(), executable: true };
        assert_eq!(files, ["a", "dir/b", "dir/file"].map(|path| (path.to_owned(), file.clone())).into());
    }

    #[test]
    fn links_without_a_file_are_refused() {
        let refused = |path, target| followed(entries(&[(path, target)])).unwrap_err();
        assert_eq!(refused("a", "/etc/passwd").what, LinkFault::Outside);
        assert_eq!(refused("dir/a", "../../x").what, LinkFault::Outside);
        assert_eq!(refused("a", "gone").what, LinkFault::Dangling);
        assert_eq!(refused("a", "dir").what, LinkFault::Folder);
        assert_eq!(refused("a", "a").what, LinkFault::Circle);
        assert_eq!(refused("a", "dir").to_string(), "the link a (to dir) leads to a folder");
    }
}
