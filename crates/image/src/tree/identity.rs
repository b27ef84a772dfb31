//! What a system says it is: os-release and host name, put into a tree.

use super::{Entry, Tree, TreePath};

/// The names a system shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// The whole text of `/usr/lib/os-release`.
    pub os_release: String,
    /// The text of `/etc/hostname`, without a line end; none leaves the file absent.
    pub host_name: Option<String>,
}

impl Identity {
    /// Writes `/usr/lib/os-release` (with `/etc/os-release` linking to it) and `/etc/hostname`.
    pub fn apply(&self, tree: &mut Tree, source_date_epoch: u64) {
        for directory in ["etc", "usr/lib"] {
            tree.ensure_directory(&known(directory), source_date_epoch);
        }
        tree.insert(
            known("usr/lib/os-release"),
            Entry::file(self.os_release.as_bytes(), 0o644, source_date_epoch),
        );
        tree.insert(
            known("etc/os-release"),
            Entry::symbolic_link("../usr/lib/os-release", source_date_epoch),
        );
        match &self.host_name {
            Some(name) => tree.insert(
                known("etc/hostname"),
                Entry::file(format!("{name}\n").into_bytes(), 0o644, source_date_epoch),
            ),
            None => {
                tree.remove(&known("etc/hostname"));
            }
        }
    }

    /// The value of a field of the os-release text, quotes taken off.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.os_release.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key == name).then(|| value.trim_matches(['"', '\'']))
        })
    }
}

fn known(path: &str) -> TreePath {
    TreePath::parse(path).expect("the paths of this module do not climb")
}

#[cfg(test)]
mod tests {
    use super::{Identity, known};
    use crate::tree::Tree;

    #[test]
    fn os_release_is_readable_at_both_places() {
        let identity =
            Identity { os_release: "ID=lazuli\nVERSION_ID=\"1.0\"\n".into(), host_name: Some("node".into()) };
        let mut tree = Tree::default();
        identity.apply(&mut tree, 7);
        assert_eq!(tree.read_text(&known("etc/os-release")).unwrap(), identity.os_release);
        assert_eq!(tree.read_text(&known("etc/hostname")).unwrap(), "node\n");
        assert_eq!(identity.field("VERSION_ID"), Some("1.0"));
        assert_eq!(identity.field("NAME"), None);
    }
}
