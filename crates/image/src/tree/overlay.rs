//! A folder of files from a definition in; the tree with them laid over it out.
//! Owners and modes come from rules, never from the folder on disk, which a version control system does not keep.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Content, Entry, Kind, PathOutsideTree, ReadError, Tree, TreePath, WalkError};

/// A folder laid over a tree, owners and modes of single paths, or both.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Overlay {
    /// The folder; what lies in it lands at the same place in the tree. It is no part of what the image is: another checkout
    /// has another one.
    #[serde(skip)]
    pub folder: Option<PathBuf>,
    /// Owners and modes that differ from the usual ones: root, 0755 for directories and programs, 0644 for other files.
    pub rules: Vec<OverlayRule>,
}

/// Owner and mode of one path of an overlay.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OverlayRule {
    /// The path inside the image.
    pub path: String,
    /// Permission bits (12), where the usual ones do not fit.
    pub mode: Option<u32>,
    /// Name of the owning user in the image.
    pub user: Option<String>,
    /// Name of the owning group in the image.
    pub group: Option<String>,
}

/// Why a folder cannot be laid over a tree.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The folder cannot be read.
    #[error("cannot read the files to lay over the image")]
    Unreadable(#[from] WalkError),
    /// An account file of the tree cannot be read.
    #[error("cannot look up the owner of an overlay file")]
    Accounts(#[from] ReadError),
    /// A rule names a path outside the tree.
    #[error("an overlay rule is out of bounds")]
    OutsideTree(#[from] PathOutsideTree),
    /// A rule names a path that neither the folder nor the tree has.
    #[error(
        "the rule for the owner and mode of {path} fits nothing: neither the overlay nor the image has that path"
    )]
    UnusedRule {
        /// The path of the rule.
        path: TreePath,
    },
    /// A rule names an owner the image does not know.
    #[error("the overlay rule for {path} names the {kind} `{name}`, which the image does not have")]
    UnknownOwner {
        /// The path of the rule.
        path: TreePath,
        /// `user` or `group`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A file would replace a directory, or the other way round.
    #[error("{path} is a {there} in the image and a {here} in the overlay {folder}")]
    KindDiffers {
        /// The path.
        path: TreePath,
        /// What the image has.
        there: &'static str,
        /// What the overlay has.
        here: &'static str,
        /// The overlay's folder.
        folder: PathBuf,
    },
}

impl Overlay {
    /// Lays the folder over the tree, then applies the rules; paths may go through the tree's directory links, such as `/bin`.
    pub fn apply(&self, tree: &mut Tree, source_date_epoch: u64) -> Result<(), OverlayError> {
        if let Some(folder) = &self.folder {
            self.lay(folder, tree, source_date_epoch)?;
        }
        self.rules.iter().try_for_each(|rule| self.own(tree, rule))
    }

    fn lay(&self, folder: &Path, tree: &mut Tree, source_date_epoch: u64) -> Result<(), OverlayError> {
        let kind_differs = |path: TreePath, there, here| OverlayError::KindDiffers {
            path,
            there,
            here,
            folder: folder.to_path_buf(),
        };
        let laid = Tree::walk(folder, source_date_epoch)?;
        for (path, entry) in laid.entries().filter(|(path, _)| !path.is_root()) {
            let place = place(tree, path);
            let existing = tree.get(&place).map(|entry| entry.kind.clone());
            match (&entry.kind, existing) {
                (Kind::Directory, Some(Kind::Directory)) => {}
                (Kind::Directory, None) => tree.insert(place, Entry::directory(0o755, source_date_epoch)),
                (Kind::Directory, Some(_)) => return Err(kind_differs(place, "file", "directory")),
                (_, Some(Kind::Directory)) => return Err(kind_differs(place, "directory", "file")),
                _ => {
                    let laid = self.laid(&laid, path, entry, source_date_epoch)?;
                    // Other names of a replaced file keep the old content: this name alone is laid over.
                    tree.remove(&place);
                    tree.insert(place, laid);
                }
            }
        }
        Ok(())
    }

    fn laid(
        &self,
        folder: &Tree,
        path: &TreePath,
        entry: &Entry,
        source_date_epoch: u64,
    ) -> Result<Entry, OverlayError> {
        Ok(match &entry.kind {
            Kind::SymbolicLink(target) => Entry::symbolic_link(target.clone(), source_date_epoch),
            // A copy in memory: overlay files are small, and the folder may change while the image is built.
            _ => {
                let content = folder.content(path)?;
                let program = match content {
                    Content::OnDisk { path, .. } => {
                        std::fs::metadata(path)
                            .map_err(|source| ReadError::Unreadable { path: path.clone(), source })?
                            .permissions()
                            .mode()
                            & 0o100
                            != 0
                    }
                    Content::Bytes(_) => false,
                };
                Entry::file(content.read()?, if program { 0o755 } else { 0o644 }, source_date_epoch)
            }
        })
    }

    fn own(&self, tree: &mut Tree, rule: &OverlayRule) -> Result<(), OverlayError> {
        let path = place(tree, &TreePath::parse(&rule.path)?);
        let user = self.number(tree, &path, "user", "etc/passwd", rule.user.as_deref())?;
        let group = self.number(tree, &path, "group", "etc/group", rule.group.as_deref())?;
        let Some((_, entry)) = tree.entries_mut().find(|(entry, _)| **entry == path) else {
            return Err(OverlayError::UnusedRule { path });
        };
        entry.mode = rule.mode.unwrap_or(entry.mode) & 0o7777;
        entry.user = user.unwrap_or(entry.user);
        entry.group = group.unwrap_or(entry.group);
        Ok(())
    }

    fn number(
        &self,
        tree: &Tree,
        path: &TreePath,
        kind: &'static str,
        file: &str,
        name: Option<&str>,
    ) -> Result<Option<u32>, OverlayError> {
        let Some(name) = name else { return Ok(None) };
        if name == "root" {
            return Ok(Some(0));
        }
        let text = tree.read_text(&TreePath::parse(file)?)?;
        let number = text.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
        });
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(OverlayError::UnknownOwner { path: path.clone(), kind, name: name.to_owned() }),
        }
    }
}

/// Where a path lands: directory links of the tree are followed, the last component is not.
fn place(tree: &Tree, path: &TreePath) -> TreePath {
    let Some(parent) = path.parent() else { return path.clone() };
    let parent = tree.resolve(&parent).unwrap_or(parent);
    let own = parent.child(path.name());
    // A directory of the overlay that is a directory link in the tree means what the link leads to.
    match tree.get(&own).map(|entry| &entry.kind) {
        Some(Kind::SymbolicLink(_)) => tree
            .resolve(&own)
            .filter(|resolved| tree.get(resolved).is_some_and(|entry| entry.kind == Kind::Directory))
            .unwrap_or(own),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::{Overlay, OverlayRule};
    use crate::tree::{Entry, Tree, TreePath};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    fn base() -> Tree {
        let mut tree = Tree::default();
        tree.ensure_directory(&path("usr/bin"), 0);
        tree.ensure_directory(&path("etc"), 0);
        tree.insert(path("bin"), Entry::symbolic_link("usr/bin", 0));
        tree.insert(path("etc/group"), Entry::file(*b"root:x:0:\nadm:x:4:\n", 0o644, 0));
        tree
    }

    fn rule(path: &str, group: &str) -> OverlayRule {
        OverlayRule { path: path.into(), mode: Some(0o640), user: None, group: Some(group.into()) }
    }

    #[test]
    fn files_land_behind_directory_links_with_the_owners_of_the_rules() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("bin")).unwrap();
        std::fs::create_dir_all(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("bin/tool"), "x").unwrap();
        std::fs::write(folder.path().join("etc/secret"), "y").unwrap();
        let overlay = Overlay { folder: Some(folder.path().into()), rules: vec![rule("etc/secret", "adm")] };
        let mut tree = base();
        overlay.apply(&mut tree, 9).unwrap();
        assert_eq!(tree.read(&path("usr/bin/tool")).unwrap(), b"x");
        let secret = tree.get(&path("etc/secret")).unwrap();
        assert_eq!((secret.mode, secret.user, secret.group, secret.modified), (0o640, 0, 4, 9));
        assert_eq!(tree.get(&path("usr/bin/tool")).unwrap().mode, 0o644);
    }

    #[test]
    fn rules_that_fit_nothing_and_unknown_owners_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        for (rule, expected) in
            [(rule("etc/absent", "adm"), "fits nothing"), (rule("etc/group", "wheel"), "the group `wheel`")]
        {
            let overlay = Overlay { folder: Some(folder.path().into()), rules: vec![rule] };
            let error = overlay.apply(&mut base(), 0).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
