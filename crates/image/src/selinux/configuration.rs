//! The policy and mode that a definition asks for in; `/etc/selinux/config` saying so out.

use sha2::{Digest as _, Sha256};

use crate::tree::{Entry, Tree, TreePath};

/// SELinux in an image.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Selinux {
    /// The policy's name, such as `targeted` or `default`.
    pub policy: String,
    /// What a denied access comes to.
    pub mode: SelinuxMode,
    /// What the policy is compiled from at the build; none leaves it as its package made it.
    pub modules: Option<PolicyModules>,
}

/// What a policy is compiled from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicyModules {
    /// Modules of the policy's package, besides `base`; none takes all.
    pub taken: Option<Vec<String>>,
    /// Modules of our own.
    pub own: Vec<OwnModule>,
}

/// A module that the definition brings.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OwnModule {
    /// Its name, without suffix.
    pub name: String,
    /// Its text, in the Common Intermediate Language.
    #[serde(rename = "sha256", serialize_with = "digest")]
    pub text: String,
}

/// What a denied access comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum SelinuxMode {
    /// It is refused.
    Enforcing,
    /// It is logged and allowed.
    Permissive,
    /// Nothing: no policy is loaded, and files get no labels.
    Disabled,
}

impl Selinux {
    /// Sets mode and policy, and keeps what else the file says.
    pub fn configure(&self, tree: &mut Tree, source_date_epoch: u64) {
        let folder = TreePath::root().child(b"etc").child(b"selinux");
        let path = folder.child(b"config");
        let old = tree.read_text(&path).unwrap_or_default();
        let mode = match self.mode {
            SelinuxMode::Enforcing => "enforcing",
            SelinuxMode::Permissive => "permissive",
            SelinuxMode::Disabled => "disabled",
        };
        let kept = old.lines().filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            key != "SELINUX" && key != "SELINUXTYPE"
        });
        let own = [format!("SELINUX={mode}"), format!("SELINUXTYPE={}", self.policy)];
        let text: String = kept.map(str::to_owned).chain(own).map(|line| line + "\n").collect();
        tree.ensure_directory(&folder, source_date_epoch);
        tree.insert(path, Entry::file(text.into_bytes(), 0o644, source_date_epoch));
    }
}

/// A plan shows which text it was, not the text.
fn digest<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::{Selinux, SelinuxMode};
    use crate::tree::{Entry, Tree, TreePath};

    #[test]
    fn other_lines_stay() {
        let path = TreePath::parse("etc/selinux/config").unwrap();
        let mut tree = Tree::default();
        tree.ensure_directory(&path.parent().unwrap(), 0);
        tree.insert(
            path.clone(),
            Entry::file(*b"# text\nSELINUX=disabled\nSETLOCALDEFS=0\nSELINUXTYPE=mls\n", 0o644, 0),
        );
        Selinux { policy: "default".into(), mode: SelinuxMode::Permissive, modules: None }
            .configure(&mut tree, 1);
        assert_eq!(
            tree.read_text(&path).unwrap(),
            "# text\nSETLOCALDEFS=0\nSELINUX=permissive\nSELINUXTYPE=default\n"
        );
    }
}
