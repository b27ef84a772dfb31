//! Paths with wild cards in; the tree without what they name out.

use super::{PathOutsideTree, Tree, TreePath};

/// Why paths cannot be taken out of a tree.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// A path is out of bounds.
    #[error("cannot remove a path from the image")]
    Outside(#[from] PathOutsideTree),
    /// The root itself is named.
    #[error("the image is to lose its root directory: delete the line `{pattern}` from its definition")]
    Root {
        /// As given.
        pattern: String,
    },
    /// Nothing has the name.
    #[error("the image is to lose {pattern}, which it does not have: delete the line from its definition")]
    Nothing {
        /// As given.
        pattern: String,
    },
}

/// Takes out every path that a pattern names, with what it holds; `*` stands for any text in one element of a path.
pub fn remove(tree: &mut Tree, patterns: &[String]) -> Result<(), RemovalError> {
    for pattern in patterns {
        let path = TreePath::parse(pattern)?;
        if path.is_root() {
            return Err(RemovalError::Root { pattern: pattern.clone() });
        }
        let named = matching(tree, &path);
        if named.is_empty() {
            return Err(RemovalError::Nothing { pattern: pattern.clone() });
        }
        for path in named {
            tree.remove(&path);
        }
    }
    Ok(())
}

/// The paths that are there and fit; links are not followed.
fn matching(tree: &Tree, pattern: &TreePath) -> Vec<TreePath> {
    let mut found = vec![TreePath::root()];
    for element in pattern.as_bytes().split(|byte| *byte == b'/').filter(|element| !element.is_empty()) {
        found = found
            .iter()
            .flat_map(|folder| {
                if element.contains(&b'*') {
                    tree.list(folder).into_iter().filter(|path| fits(element, path.name())).collect()
                } else {
                    vec![folder.child(element)]
                }
            })
            .filter(|path| tree.get(path).is_some())
            .collect();
    }
    found
}

/// Whether a name is what a pattern stands for.
pub(crate) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.iter().position(|byte| *byte == b'*') {
        None => pattern == name,
        Some(star) => {
            let (before, after) = (&pattern[..star], &pattern[star + 1..]);
            name.starts_with(before) && (before.len()..=name.len()).any(|start| fits(after, &name[start..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{fits, remove};
    use crate::tree::{Kind, Tree};

    fn left(files: &[&str], patterns: &[&str]) -> Result<Vec<String>, String> {
        let mut tree = Tree::of_files(files);
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        remove(&mut tree, &patterns).map_err(|error| error.to_string())?;
        let files = tree.entries().filter(|(_, entry)| entry.kind != Kind::Directory);
        Ok(files.map(|(path, _)| path.to_string()).collect())
    }

    #[test]
    fn a_folder_goes_with_what_it_holds_and_a_star_stands_in_one_element() {
        let files = ["m/1.2/a/x.ko", "m/1.2/b/y.ko", "m/1.3/a/z.ko", "m/note.txt"];
        assert_eq!(left(&files, &["/m/*/a"]).unwrap(), ["/m/1.2/b/y.ko", "/m/note.txt"]);
        assert_eq!(left(&files, &["/m/1.2", "/m/*.txt"]).unwrap(), ["/m/1.3/a/z.ko"]);
    }

    #[test]
    fn what_names_nothing_or_everything_is_refused() {
        let refused = |pattern: &str| left(&["a/b.c"], &[pattern]).unwrap_err();
        assert_eq!(
            refused("/a/*.d"),
            "the image is to lose /a/*.d, which it does not have: delete the line from its definition"
        );
        assert!(refused("//").starts_with("the image is to lose its root directory"));
        assert_eq!(refused("/a/../b"), "cannot remove a path from the image");
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits(b"libtss2-*.so*", b"libtss2-esys.so.0"));
        assert!(!fits(b"libtss2-*", b"libtss.so"));
        assert!(fits(b"*", b"") && fits(b"a", b"a") && !fits(b"a", b"ab"));
    }
}
