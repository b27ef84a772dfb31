//! The symbolic links of all packages, in; paths with their directories seen through those links, out.
//!
//! rpm knows files by the identity of their directory (`lib/fprint.cc`): `/bin/sh` and `/usr/bin/sh` are one file where a
//! package ships `/bin -> usr/bin`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::package::{FileEntry, FileType};
use crate::root::RootDirectory;

/// rpm's limit: more links than this in one path is a circle.
const MOST_LINKS: usize = 50;

/// Where directories that are symbolic links lead.
#[derive(Debug, Default)]
pub struct DirectoryLinks<'r> {
    targets: BTreeMap<Vec<u8>, Vec<u8>>,
    known: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
    /// Directories of an existing root come before what packages bring.
    existing: Option<&'r RootDirectory>,
    on_disk: RefCell<BTreeMap<Vec<u8>, OnDisk>>,
}

#[derive(Clone, Debug)]
enum OnDisk {
    Nothing,
    Directory,
    Link(Vec<u8>),
}

impl<'r> DirectoryLinks<'r> {
    /// As [`DirectoryLinks::of`], over the directories and links that a root has already.
    pub fn over<'a>(root: &'r RootDirectory, files: impl IntoIterator<Item = &'a FileEntry>) -> Self {
        let mut links = DirectoryLinks::of(files);
        links.existing = Some(root);
        let again: Vec<(Vec<u8>, Vec<u8>)> =
            links.targets.iter().map(|(path, target)| (links.resolve(path), target.clone())).collect();
        for (path, target) in again {
            links.targets.entry(path).or_insert(target);
        }
        links.known.borrow_mut().clear();
        links
    }

    /// The links among these files; of two at one path the first counts.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a FileEntry>) -> Self {
        let mut links = DirectoryLinks::default();
        for file in files {
            if file.file_type() == FileType::Symlink && !file.link_target.as_os_str().is_empty() {
                let path = file.path.as_os_str().as_bytes().to_vec();
                let target = file.link_target.as_os_str().as_bytes().to_vec();
                links.targets.entry(path).or_insert(target);
            }
        }
        // A link may itself be named through another one: `/lib/x -> y` is also at `/usr/lib/x`.
        let again: Vec<(Vec<u8>, Vec<u8>)> =
            links.targets.iter().map(|(path, target)| (links.resolve(path), target.clone())).collect();
        for (path, target) in again {
            links.targets.entry(path).or_insert(target);
        }
        links.known.borrow_mut().clear();
        links
    }

    /// The path with its directory's links followed; the last part stays as it is.
    pub fn resolve(&self, path: &[u8]) -> Vec<u8> {
        let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else { return path.to_vec() };
        let (directory, name) = (&path[..slash], &path[slash + 1..]);
        let mut resolved = self.directory(directory);
        resolved.push(b'/');
        resolved.extend_from_slice(name);
        resolved
    }

    /// A directory without its final slash; empty for the root.
    fn directory(&self, directory: &[u8]) -> Vec<u8> {
        if let Some(known) = self.known.borrow().get(directory) {
            return known.clone();
        }
        let mut current = Cow::Borrowed(directory);
        for _ in 0..MOST_LINKS {
            match self.follow_first(&current) {
                Some(next) => current = Cow::Owned(next),
                None => break,
            }
        }
        let resolved = current.into_owned();
        self.known.borrow_mut().insert(directory.to_vec(), resolved.clone());
        resolved
    }

    fn follow_first(&self, directory: &[u8]) -> Option<Vec<u8>> {
        let ends = (1..=directory.len()).filter(|end| *end == directory.len() || directory[*end] == b'/');
        for end in ends {
            let on_disk = self.on_disk(&directory[..end]);
            let target = match &on_disk {
                OnDisk::Directory => continue,
                OnDisk::Link(target) => target,
                OnDisk::Nothing => match self.targets.get(&directory[..end]) {
                    Some(target) => target,
                    None => continue,
                },
            };
            let parent = directory[..end].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            let base = if target.first() == Some(&b'/') { &b""[..] } else { &directory[..parent] };
            return Some(clean(&[base, b"/", target, &directory[end..]].concat()));
        }
        None
    }

    /// A link that leads nowhere counts as nothing, as rpm looks at what is behind it.
    fn on_disk(&self, directory: &[u8]) -> OnDisk {
        let Some(root) = self.existing else { return OnDisk::Nothing };
        if let Some(known) = self.on_disk.borrow().get(directory) {
            return known.clone();
        }
        let path = Path::new(OsStr::from_bytes(directory));
        let found = match root.stat(path) {
            Ok(Some(stat)) if is(&stat, rustix::fs::FileType::Directory) => OnDisk::Directory,
            Ok(Some(stat)) if is(&stat, rustix::fs::FileType::Symlink) => {
                match (root.open_directory(path, false), root.read_link(path)) {
                    (Ok(_), Ok(target)) => OnDisk::Link(target),
                    _ => OnDisk::Nothing,
                }
            }
            _ => OnDisk::Nothing,
        };
        self.on_disk.borrow_mut().insert(directory.to_vec(), found.clone());
        found
    }
}

fn is(stat: &rustix::fs::Stat, kind: rustix::fs::FileType) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode) == kind
}

/// Without `.`, `..`, doubled or final slashes; `..` of the root is the root.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().flat_map(|part| [b"/", *part]).flatten().copied().collect()
}
