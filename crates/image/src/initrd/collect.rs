//! Paths of a tree in; the same paths, the links on the way to them and the libraries behind them out.

use std::collections::{BTreeSet, VecDeque};

use super::{InitrdError, elf};
use crate::tree::{Entry, Kind, Tree, TreePath, fits};

/// Directories the dynamic linker looks in without being told, of Debian and of Fedora.
const LIBRARY_DIRECTORIES: [&str; 5] =
    ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib", "lib64"];

/// Copies parts of one tree into another.
pub(super) struct Collector<'a> {
    source: &'a Tree,
    unwanted: &'a [String],
    modified: u64,
    pub(super) initrd: Tree,
    /// Files whose libraries are still to be looked for.
    pending: VecDeque<TreePath>,
    seen: BTreeSet<TreePath>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(source: &'a Tree, unwanted: &'a [String], modified: u64) -> Self {
        let mut initrd = Tree::default();
        initrd.insert(TreePath::root(), Entry::directory(0o755, modified));
        Self { source, unwanted, modified, initrd, pending: VecDeque::new(), seen: BTreeSet::new() }
    }

    /// Copies every file that fits the last component of the path, and of a directory all it holds; false when there is none.
    pub(super) fn add_matching(&mut self, pattern: &TreePath) -> bool {
        if !pattern.name().contains(&b'*') {
            let held: Vec<TreePath> = match self.source.resolve(pattern) {
                Some(end) => self.source.below(&end).cloned().collect(),
                None => return false,
            };
            // A link inside that leads nowhere is copied by nobody, as in the tree it helps nobody.
            let _links = held.iter().filter(|path| self.add(path)).count();
            return self.add(pattern);
        }
        let Some(directory) = pattern.parent().and_then(|parent| self.source.resolve(&parent)) else {
            return false;
        };
        let found: Vec<TreePath> = self
            .source
            .list(&directory)
            .into_iter()
            .filter(|path| fits(pattern.name(), path.name()))
            .collect();
        let added = found.iter().filter(|path| self.add(path)).count();
        added > 0
    }

    /// Copies a file or link with everything on the way to it; false when it does not exist or its links lead nowhere.
    pub(super) fn add(&mut self, path: &TreePath) -> bool {
        let Some(end) = self.source.resolve(path) else { return false };
        self.copy_way(path, 0);
        if self.seen.insert(end.clone()) {
            self.pending.push_back(end);
        }
        true
    }

    /// Adds a library by name, from the places where the linker looks.
    pub(super) fn add_library(&mut self, name: &str) -> bool {
        LIBRARY_DIRECTORIES
            .iter()
            .any(|directory| TreePath::parse(format!("{directory}/{name}")).is_ok_and(|path| self.add(&path)))
    }

    /// Finds libraries and interpreters until nothing is missing.
    pub(super) fn close(&mut self) -> Result<(), InitrdError> {
        let mut deferred: Vec<(TreePath, String)> = Vec::new();
        while let Some(path) = self.pending.pop_front() {
            let Some(Kind::File(_) | Kind::HardLink(_)) = self.source.get(&path).map(|entry| &entry.kind)
            else {
                continue;
            };
            let bytes = self.source.read(&path)?;
            if let Some(interpreter) = script_interpreter(&bytes) {
                let found = TreePath::parse(&interpreter).is_ok_and(|interpreter| self.add(&interpreter));
                self.require(found, &path, &interpreter)?;
            }
            let linkage = elf::read(&bytes)
                .map_err(|source| InitrdError::BrokenProgram { path: path.clone(), source })?;
            let Some(linkage) = linkage else { continue };
            if let Some(interpreter) = &linkage.interpreter {
                let found = TreePath::parse(interpreter).is_ok_and(|interpreter| self.add(&interpreter));
                self.require(found, &path, interpreter)?;
            }
            for name in &linkage.needed {
                if !self.add_from(&linkage.search, &path, name) && !self.add_library(name) {
                    deferred.push((path.clone(), name.clone()));
                }
            }
            for names in &linkage.loaded {
                // What a program loads by itself it can also do without: systemd says so and goes on.
                let unwanted = |name: &String| {
                    self.unwanted.iter().any(|pattern| fits(pattern.as_bytes(), name.as_bytes()))
                };
                let wanted: Vec<&String> = names.iter().filter(|name| !unwanted(name)).collect();
                let _any_found = wanted
                    .iter()
                    .any(|name| self.add_from(&linkage.search, &path, name) || self.add_library(name));
            }
        }
        // A library without a search path of its own may count on the program having loaded the other one before.
        for (path, name) in &deferred {
            let found = self.initrd.entries().any(|(path, _)| path.name() == name.as_bytes());
            self.require(found, path, name)?;
        }
        Ok(())
    }

    fn require(&self, found: bool, path: &TreePath, needs: &str) -> Result<(), InitrdError> {
        if found {
            Ok(())
        } else {
            Err(InitrdError::NoLibrary { path: path.clone(), needs: needs.to_owned() })
        }
    }

    fn add_from(&mut self, search: &[String], path: &TreePath, name: &str) -> bool {
        let origin = path.parent().unwrap_or_default().to_string();
        search.iter().any(|directory| {
            let directory = directory.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
            // `..` in a search path is rare, and resolved by the tree.
            let place =
                TreePath::parse(format!("{directory}/{name}")).ok().or_else(|| self.climb(&directory, name));
            place.is_some_and(|place| self.add(&place))
        })
    }

    fn climb(&self, directory: &str, name: &str) -> Option<TreePath> {
        let mut place = TreePath::root();
        for component in directory.split('/').filter(|component| !component.is_empty() && *component != ".") {
            place = if component == ".." {
                place.parent().unwrap_or_default()
            } else {
                self.source.resolve(&place.child(component.as_bytes()))?
            };
        }
        Some(place.child(name.as_bytes()))
    }

    /// Copies each component of a path as it is, and where one is a link, what it leads to as well.
    fn copy_way(&mut self, path: &TreePath, depth: usize) {
        // The path was resolved before, so its links are known not to lead in a circle.
        if path.is_root() || depth > 40 {
            return;
        }
        if let Some(parent) = path.parent() {
            self.copy_way(&parent, depth);
        }
        let place = match path.parent().and_then(|parent| self.source.resolve(&parent)) {
            Some(parent) => parent.child(path.name()),
            None => return,
        };
        let Some(entry) = self.source.get(&place) else { return };
        if self.initrd.get(&place).is_none() {
            if let Some(parent) = place.parent() {
                self.copy_directories(&parent);
            }
            self.initrd.insert(place.clone(), self.copied(entry));
        }
        if let Kind::SymbolicLink(target) = &entry.kind {
            let target = target.clone();
            if let Some(next) = self.target(&place, &target) {
                self.copy_way(&next, depth + 1);
            }
        }
    }

    fn copy_directories(&mut self, path: &TreePath) {
        if self.initrd.get(path).is_some() {
            return;
        }
        if let Some(parent) = path.parent() {
            self.copy_directories(&parent);
        }
        let entry = match self.source.get(path) {
            Some(entry) => self.copied(entry),
            None => Entry::directory(0o755, self.modified),
        };
        self.initrd.insert(path.clone(), entry);
    }

    /// Another name of a file becomes the file: the initrd may hold only one of them.
    fn copied(&self, entry: &Entry) -> Entry {
        let mut copy = match &entry.kind {
            Kind::HardLink(first) => self.source.get(first).unwrap_or(entry).clone(),
            _ => entry.clone(),
        };
        copy.modified = self.modified;
        copy.attributes.clear();
        copy
    }

    fn target(&self, link: &TreePath, target: &[u8]) -> Option<TreePath> {
        let mut place = if target.starts_with(b"/") { TreePath::root() } else { link.parent()? };
        for component in
            target.split(|byte| *byte == b'/').filter(|component| !component.is_empty() && *component != b".")
        {
            place =
                if component == b".." { place.parent().unwrap_or_default() } else { place.child(component) };
        }
        Some(place)
    }
}

fn script_interpreter(bytes: &[u8]) -> Option<String> {
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let text = std::str::from_utf8(line).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Collector;
    use crate::tree::{Entry, Tree, TreePath};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    #[test]
    fn links_on_the_way_are_copied_and_scripts_bring_their_shell() {
        let mut tree = Tree::default();
        tree.ensure_directory(&path("usr/bin"), 9);
        tree.insert(path("bin"), Entry::symbolic_link("usr/bin", 9));
        tree.insert(path("usr/bin/sh"), Entry::symbolic_link("dash", 9));
        tree.insert(path("usr/bin/dash"), Entry::file(*b"shell", 0o755, 9));
        tree.insert(path("usr/bin/tool"), Entry::file(*b"#!/bin/sh -e\n", 0o755, 9));
        let mut collector = Collector::new(&tree, &[], 5);
        assert!(collector.add(&path("bin/tool")));
        assert!(!collector.add(&path("bin/absent")));
        collector.close().unwrap();
        let names: Vec<String> = collector.initrd.entries().map(|(path, _)| path.to_string()).collect();
        assert_eq!(names, ["/", "/bin", "/usr", "/usr/bin", "/usr/bin/dash", "/usr/bin/sh", "/usr/bin/tool"]);
        assert!(collector.initrd.entries().all(|(_, entry)| entry.modified == 5));
    }

    #[test]
    fn a_directory_brings_what_it_holds() {
        let mut tree = Tree::default();
        tree.ensure_directory(&path("etc/conf/sub"), 9);
        tree.insert(path("etc/conf/sub/a"), Entry::file(*b"a", 0o644, 9));
        let mut collector = Collector::new(&tree, &[], 5);
        assert!(collector.add_matching(&path("etc/conf")));
        assert!(!collector.add_matching(&path("etc/absent")));
        assert!(collector.initrd.get(&path("etc/conf/sub/a")).is_some());
    }

    #[test]
    fn a_shell_that_is_not_there_is_an_error() {
        let mut tree = Tree::default();
        tree.insert(path("tool"), Entry::file(*b"#!/bin/lua\n", 0o755, 9));
        let mut collector = Collector::new(&tree, &[], 5);
        collector.add(&path("tool"));
        let error = collector.close().unwrap_err().to_string();
        assert_eq!(error, "/tool is to be in the initrd and needs /bin/lua, which the tree does not have");
    }
}
