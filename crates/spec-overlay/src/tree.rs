//! The files beside a spec, or in an archive, while overlays change them.
//! Nothing here writes: what changed is told at the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{FileEffect, FileEvent};
use crate::error::{Cause, Nearest};
use crate::files::{Contents, EntryKind, FileChange, FileChanges, Mode, SourceFiles};
use crate::glob::Glob;
use crate::go_regex::GoRegex;
use crate::overlay::Overlay;

/// More links one after the other lead in a circle.
const MAX_LINKS: usize = 40;

/// A folder's contents as the overlays so far made them.
pub(crate) struct Tree<'f> {
    files: &'f dyn SourceFiles,
    now: BTreeMap<String, Node>,
    before: BTreeMap<String, EntryKind>,
}

#[derive(Debug, Clone)]
struct Node {
    kind: EntryKind,
    contents: Contents,
    mode: Mode,
}

impl<'f> Tree<'f> {
    /// Lists the folder.
    pub(crate) fn new(files: &'f dyn SourceFiles) -> Result<Tree<'f>, Cause> {
        let entries = files
            .entries()
            .map_err(|source| Cause::Read { what: "the list of sources".to_owned(), source })?;
        let mut tree = Tree { files, now: BTreeMap::new(), before: BTreeMap::new() };
        for entry in entries {
            let node = Node {
                kind: entry.kind,
                contents: Contents::Former(entry.path.clone()),
                mode: Mode::Former(entry.path.clone()),
            };
            tree.before.insert(entry.path.clone(), entry.kind);
            tree.now.insert(entry.path, node);
        }
        Ok(tree)
    }

    /// What differs from the folder as it was.
    pub(crate) fn into_changes(self) -> FileChanges {
        let gone = self
            .before
            .iter()
            .filter(|(path, kind)| **kind != EntryKind::Folder && !self.now.contains_key(*path))
            .map(|(path, _)| (path.clone(), FileChange::Removed));
        let mut changes: FileChanges = gone.collect();
        for (path, node) in self.now {
            let same = matches!(&node.contents, Contents::Former(former) if *former == path)
                && matches!(&node.mode, Mode::Former(former) if *former == path);
            if node.kind != EntryKind::Folder && !same {
                changes.insert(path, FileChange::Written { contents: node.contents, mode: node.mode });
            }
        }
        changes
    }

    /// Does what the overlay means for files beside the spec, as far as it means anything for them.
    pub(crate) fn apply(&mut self, overlay: &Overlay) -> Result<Vec<FileEffect>, Cause> {
        match overlay {
            Overlay::PrependFileLines { file, lines } => self.prepend(file, lines),
            Overlay::ReplaceInFile { file, regex, replacement, .. } => self.replace(file, regex, replacement),
            Overlay::AddFile { file, .. } if file.ends_with(".spec") => {
                Err(Cause::SpecFile { path: file.clone() })
            }
            Overlay::AddFile { .. } | Overlay::AddPatch { .. } => self.add(overlay),
            Overlay::RemoveFile { file, .. } | Overlay::RemovePatch { file } => self.remove(file),
            Overlay::RenameFile { file, replacement } => self.rename(file, replacement),
            _ => Ok(Vec::new()),
        }
    }

    /// The bytes of a file as it is now.
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, Cause> {
        let Some(node) = self.now.get(path).filter(|node| node.kind != EntryKind::Folder) else {
            return Err(Cause::NoFile { pattern: path.to_owned() });
        };
        match &node.contents {
            Contents::Bytes(bytes) => Ok(bytes.clone()),
            Contents::Former(former) => {
                self.files.read(former).map_err(|source| Cause::Read { what: former.clone(), source })
            }
            Contents::Source(path) => self
                .files
                .read_source(path)
                .map_err(|source| Cause::Read { what: path.display().to_string(), source }),
        }
    }

    /// Gives a file that is there other bytes.
    pub(crate) fn write(&mut self, path: &str, bytes: Vec<u8>) {
        if let Some(node) = self.now.get_mut(path) {
            node.contents = Contents::Bytes(bytes);
        }
    }

    /// The file whose path is most like the pattern.
    pub(crate) fn nearest(&self, pattern: &str) -> Option<Nearest> {
        let files = self.now.iter().filter(|(_, node)| node.kind == EntryKind::File).map(|(path, _)| path);
        files
            .map(|path| (strsim::jaro_winkler(path, pattern), path))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|(first, _), (second, _)| first.total_cmp(second))
            .map(|(_, path)| Nearest { line: None, text: path.clone() })
    }

    fn prepend(&mut self, file: &Glob, lines: &[String]) -> Result<Vec<FileEffect>, Cause> {
        let mut effects = Vec::new();
        for path in self.matching_contents(file)? {
            let mut bytes = lines.join("\n").into_bytes();
            bytes.push(b'\n');
            bytes.extend(self.read(&path)?);
            self.write(&path, bytes);
            effects.push(FileEffect { path, what: FileEvent::Changed { matches: 1 } });
        }
        Ok(effects)
    }

    fn replace(&mut self, file: &Glob, regex: &GoRegex, replacement: &str) -> Result<Vec<FileEffect>, Cause> {
        let mut effects = Vec::new();
        for path in self.matching_contents(file)? {
            let bytes = self.read(&path)?;
            let Some((replaced, matches)) = regex.replace_all(&bytes, replacement.as_bytes()) else {
                continue;
            };
            if replaced != bytes {
                self.write(&path, replaced);
                effects.push(FileEffect { path, what: FileEvent::Changed { matches } });
            }
        }
        if effects.is_empty() {
            return Err(Cause::FilesUnchanged {
                pattern: file.as_str().to_owned(),
                regex: regex.as_str().to_owned(),
            });
        }
        Ok(effects)
    }

    fn add(&mut self, overlay: &Overlay) -> Result<Vec<FileEffect>, Cause> {
        let (Some(source), Some(path)) = (overlay.source(), overlay.source_name()) else {
            return Err(Cause::Path {
                path: overlay.source().map(|path| path.display().to_string()).unwrap_or_default(),
            });
        };
        let path = path_below(path)?;
        if self.now.contains_key(&path) {
            return Err(Cause::FileExists { path });
        }
        if let Some((folder, _)) = path.rsplit_once('/') {
            match self.now.get(folder).map(|node| node.kind) {
                Some(EntryKind::Folder) => {}
                Some(EntryKind::Link) => return Err(Cause::Link { path: folder.to_owned() }),
                _ => return Err(Cause::NoFolder { folder: folder.to_owned() }),
            }
        }
        let contents = Contents::Source(source.to_owned());
        self.now.insert(path.clone(), Node { kind: EntryKind::File, contents, mode: Mode::Plain });
        Ok(vec![FileEffect { path, what: FileEvent::Added }])
    }

    fn remove(&mut self, file: &Glob) -> Result<Vec<FileEffect>, Cause> {
        let paths = self.matching(file)?;
        for path in &paths {
            self.now.remove(path);
        }
        Ok(paths.into_iter().map(|path| FileEffect { path, what: FileEvent::Removed }).collect())
    }

    /// Renames within the folder; what had the name before is gone.
    fn rename(&mut self, file: &Glob, name: &str) -> Result<Vec<FileEffect>, Cause> {
        let mut paths = self.matching(file)?;
        let path = match (paths.pop(), paths.is_empty()) {
            (Some(path), true) => path,
            (last, _) => {
                paths.extend(last);
                return Err(Cause::SeveralFiles { pattern: file.as_str().to_owned(), files: paths });
            }
        };
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            return Err(Cause::Path { path: name.to_owned() });
        }
        let to = match path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        };
        if self.now.get(&to).is_some_and(|node| node.kind == EntryKind::Folder) {
            return Err(Cause::FileExists { path: to });
        }
        if let Some(node) = self.now.remove(&path) {
            self.now.insert(to.clone(), node);
        }
        Ok(vec![FileEffect { path, what: FileEvent::Renamed { to } }])
    }

    /// The files and links that the pattern means: never specs, and nothing of git's own.
    fn matching(&self, pattern: &Glob) -> Result<Vec<String>, Cause> {
        let Some(below) = pattern.below_folder() else {
            return Err(Cause::Path { path: pattern.as_str().to_owned() });
        };
        let matching: Vec<String> = self
            .now
            .iter()
            .filter(|(path, node)| {
                node.kind != EntryKind::Folder
                    && !path.ends_with(".spec")
                    && !path.starts_with(".git/")
                    && !path.contains("/.git/")
                    && below.matches_file(path)
            })
            .map(|(path, _)| path.clone())
            .collect();
        if matching.is_empty() {
            return Err(Cause::NoFile { pattern: pattern.as_str().to_owned() });
        }
        Ok(matching)
    }

    /// The files whose contents the pattern means, each once: a link is the file that it leads to. Links that lead to no
    /// file of the folder are passed over, as long as anything else matches.
    fn matching_contents(&self, pattern: &Glob) -> Result<Vec<String>, Cause> {
        let mut files = BTreeSet::new();
        let mut astray = None;
        for path in self.matching(pattern)? {
            match self.file_behind(&path) {
                Some(file) => {
                    files.insert(file);
                }
                None => astray = astray.or(Some(path)),
            }
        }
        match astray {
            Some(path) if files.is_empty() => Err(Cause::Link { path }),
            _ => Ok(files.into_iter().collect()),
        }
    }

    /// The file that a path leads to through links by way of files in this folder, but for specs.
    fn file_behind(&self, path: &str) -> Option<String> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            match self.now.get(&path)?.kind {
                EntryKind::File => return Some(path).filter(|path| !path.ends_with(".spec")),
                EntryKind::Folder => return None,
                EntryKind::Link => {
                    let Contents::Former(former) = &self.now.get(&path)?.contents else { return None };
                    path = led_to(&path, &self.files.link_target(former)?)?;
                }
            }
        }
        None
    }
}

/// The path that a link leads to, relative to the folder that the link's own path is relative to; `None` when it leaves that folder.
pub fn led_to(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut names: Vec<&str> = link.split('/').collect();
    names.pop();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// The path without empty names and `.`; one that leads out of the folder is refused.
fn path_below(path: &str) -> Result<String, Cause> {
    let wrong = || Cause::Path { path: path.to_owned() };
    if path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err(wrong());
    }
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    if names.is_empty() || names.contains(&"..") {
        return Err(wrong());
    }
    Ok(names.join("/"))
}
