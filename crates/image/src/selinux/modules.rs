//! The module store of a tree's SELinux policy and the names asked for, in; the text of each module to compile, out.
//!
//! The store is libsemanage's: `modules/PRIORITY/NAME/cil`, compressed or not, and `modules/disabled/NAME`.

use std::collections::BTreeMap;
use std::io::Read as _;

use super::configuration::PolicyModules;
use crate::tree::{PathOutsideTree, ReadError, Tree, TreePath};

/// Most bytes that one module may take when unpacked: the largest there is takes 7 MiB.
const MOST_BYTES: u64 = 64 << 20;

/// Why modules cannot be taken from a tree.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// There is no store.
    #[error(
        "the tree has no modules of the SELinux policy `{policy}` in {store}: install the policy's package, or leave `modules` and `own-modules` away"
    )]
    NoStore {
        /// The policy's name.
        policy: String,
        /// Where they would be.
        store: TreePath,
    },
    /// A module that is asked for is not there.
    #[error("the SELinux policy `{policy}` has no module `{module}`{}", nearest.as_ref().map_or_else(String::new, |name| format!("; the nearest is `{name}`")))]
    Unknown {
        /// The policy's name.
        policy: String,
        /// As asked for.
        module: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A module of our own has a name that is taken.
    #[error("the own policy module {module}.cil has the name of a module of the policy: rename it")]
    Taken {
        /// The module.
        module: String,
    },
    /// A module has no text in the policy language that is compiled.
    #[error(
        "the module {path} of the SELinux policy cannot be read: build it anew with `semodule --refresh`"
    )]
    Unreadable {
        /// Where it should be.
        path: TreePath,
        /// Why.
        source: ReadError,
    },
    /// A module is damaged.
    #[error("the module {path} of the SELinux policy is damaged")]
    Damaged {
        /// Where it is.
        path: TreePath,
        /// Why.
        source: std::io::Error,
    },
    /// The policy's name leads out of the tree.
    #[error(transparent)]
    Path(#[from] PathOutsideTree),
}

/// The texts of modules, by name.
#[derive(Debug)]
pub(crate) struct ModuleTexts(pub(super) BTreeMap<String, Vec<u8>>);

/// The texts of all modules to compile: `base`, those asked for, and our own.
pub(super) fn gather(tree: &Tree, policy: &str, modules: &PolicyModules) -> Result<ModuleTexts, ModuleError> {
    let installed = installed(tree, policy)?;
    let chosen = choose(&installed, policy, modules.taken.as_deref())?;
    let mut texts = BTreeMap::new();
    for (name, path) in chosen {
        texts.insert(name.to_owned(), without_logins(&read(tree, path)?));
    }
    for module in &modules.own {
        if texts.insert(module.name.clone(), module.text.clone().into_bytes()).is_some() {
            return Err(ModuleError::Taken { module: module.name.clone() });
        }
    }
    Ok(ModuleTexts(texts))
}

/// The folder of a policy's modules and of what libsemanage made of them.
pub(super) fn store(policy: &str) -> Result<TreePath, PathOutsideTree> {
    TreePath::parse(format!("var/lib/selinux/{policy}"))
}

/// Where each module's text is; of a module at several priorities, the highest.
fn installed(tree: &Tree, policy: &str) -> Result<BTreeMap<String, TreePath>, ModuleError> {
    let store = store(policy)?;
    let folder = store.child(b"active").child(b"modules");
    let mut priorities: Vec<(u32, TreePath)> = tree
        .list(&folder)
        .into_iter()
        .filter_map(|path| Some((std::str::from_utf8(path.name()).ok()?.parse().ok()?, path)))
        .collect();
    priorities.sort();
    let mut found = BTreeMap::new();
    for (_, priority) in priorities {
        for module in tree.list(&priority) {
            let name = String::from_utf8_lossy(module.name()).into_owned();
            found.insert(name, module.child(b"cil"));
        }
    }
    for disabled in tree.list(&folder.child(b"disabled")) {
        found.remove(String::from_utf8_lossy(disabled.name()).as_ref());
    }
    if found.is_empty() {
        return Err(ModuleError::NoStore { policy: policy.to_owned(), store });
    }
    Ok(found)
}

fn choose<'a>(
    installed: &'a BTreeMap<String, TreePath>,
    policy: &str,
    taken: Option<&'a [String]>,
) -> Result<BTreeMap<&'a str, &'a TreePath>, ModuleError> {
    let Some(taken) = taken else {
        return Ok(installed.iter().map(|(name, path)| (name.as_str(), path)).collect());
    };
    // Nothing stands without the module that declares the classes.
    std::iter::once("base")
        .filter(|base| installed.contains_key(*base))
        .chain(taken.iter().map(String::as_str))
        .map(|name| match installed.get_key_value(name) {
            Some((name, path)) => Ok((name.as_str(), path)),
            None => Err(ModuleError::Unknown {
                policy: policy.to_owned(),
                module: name.to_owned(),
                nearest: nearest(installed, name),
            }),
        })
        .collect()
}

/// The name that shares the longest beginning with what was asked for, if it shares half of it.
fn nearest(installed: &BTreeMap<String, TreePath>, asked: &str) -> Option<String> {
    let shared = |name: &str| name.bytes().zip(asked.bytes()).take_while(|(one, other)| one == other).count();
    let best = installed.keys().max_by_key(|name| (shared(name), std::cmp::Reverse(name.len())))?;
    (shared(best) * 2 >= asked.len()).then(|| best.clone())
}

/// Which login is which user of the policy is said by the file `seusers`. What `base` says of it is a default, and may
/// name a user of a module that is not taken.
fn without_logins(text: &[u8]) -> Vec<u8> {
    let keeps = |line: &&[u8]| !line.starts_with(b"(selinuxuser");
    text.split_inclusive(|byte| *byte == b'\n').filter(keeps).flatten().copied().collect()
}

fn read(tree: &Tree, path: &TreePath) -> Result<Vec<u8>, ModuleError> {
    let bytes = tree.read(path).map_err(|source| ModuleError::Unreadable { path: path.clone(), source })?;
    if !bytes.starts_with(b"BZh") {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    let damaged = |source| ModuleError::Damaged { path: path.clone(), source };
    bzip2::read::MultiBzDecoder::new(&bytes[..])
        .take(MOST_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(damaged)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(damaged(std::io::Error::other(format!("it unpacks to more than {MOST_BYTES} bytes"))));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::configuration::{OwnModule, PolicyModules};
    use super::{ModuleTexts, gather};
    use crate::tree::{Entry, Tree, TreePath};

    fn tree() -> Tree {
        let mut tree = Tree::default();
        let store = "var/lib/selinux/default/active/modules";
        for (path, text) in [
            ("100/base/cil", "base"),
            ("100/ssh/cil", "old"),
            ("400/ssh/cil", "new"),
            ("100/sudo/cil", "sudo"),
            ("100/xen/cil", "xen"),
            ("disabled/xen", ""),
        ] {
            let path = TreePath::parse(format!("{store}/{path}")).unwrap();
            tree.ensure_directory(&path.parent().unwrap(), 0);
            tree.insert(path, Entry::file(text.as_bytes().to_vec(), 0o600, 0));
        }
        tree
    }

    fn modules(taken: Option<&[&str]>, own: &[(&str, &str)]) -> PolicyModules {
        PolicyModules {
            taken: taken.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            own: own
                .iter()
                .map(|(name, text)| OwnModule { name: (*name).to_owned(), text: (*text).to_owned() })
                .collect(),
        }
    }

    fn names(texts: &ModuleTexts) -> String {
        let line = |(name, text): (&String, &Vec<u8>)| format!("{name}={}", String::from_utf8_lossy(text));
        texts.0.iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_base_and_what_is_asked_for_is_taken_from_the_highest_priority() {
        let texts = gather(&tree(), "default", &modules(Some(&["ssh"]), &[("host", "own")])).unwrap();
        assert_eq!(names(&texts), "base=base host=own ssh=new");
        let texts = gather(&tree(), "default", &modules(None, &[])).unwrap();
        assert_eq!(names(&texts), "base=base ssh=new sudo=sudo", "what is disabled is not taken");
    }

    #[test]
    fn what_a_module_says_of_logins_is_left_out() {
        let path = TreePath::parse("var/lib/selinux/default/active/modules/100/base/cil").unwrap();
        let mut tree = tree();
        let text = "(type a)\n(selinuxuser root b_u ((s0) (s0)))\n(selinuxuserdefault c_u ((s0) (s0)))\n(user b_u)\n";
        tree.insert(path, Entry::file(text.as_bytes().to_vec(), 0o600, 0));
        let texts = gather(&tree, "default", &modules(Some(&[]), &[])).unwrap();
        assert_eq!(names(&texts), "base=(type a)\n(user b_u)\n");
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        let error = |modules: &PolicyModules| gather(&tree(), "default", modules).unwrap_err().to_string();
        assert_eq!(
            error(&modules(Some(&["sshd"]), &[])),
            "the SELinux policy `default` has no module `sshd`; the nearest is `ssh`"
        );
        assert_eq!(error(&modules(Some(&["zoo"]), &[])), "the SELinux policy `default` has no module `zoo`");
        assert_eq!(
            error(&modules(None, &[("ssh", "")])),
            "the own policy module ssh.cil has the name of a module of the policy: rename it"
        );
        let error = gather(&Tree::default(), "default", &modules(None, &[])).unwrap_err().to_string();
        assert!(error.starts_with("the tree has no modules of the SELinux policy `default` in "), "{error}");
    }

    #[test]
    fn a_compressed_module_is_unpacked_and_a_broken_one_refused() {
        let packed = {
            use std::io::Write as _;
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            writer.write_all(b"(type a)").unwrap();
            writer.finish().unwrap()
        };
        let path = TreePath::parse("var/lib/selinux/default/active/modules/100/base/cil").unwrap();
        let mut tree = tree();
        tree.insert(path.clone(), Entry::file(packed.clone(), 0o600, 0));
        let texts = gather(&tree, "default", &modules(Some(&[]), &[])).unwrap();
        assert_eq!(names(&texts), "base=(type a)");
        tree.insert(path, Entry::file(packed[..packed.len() - 4].to_vec(), 0o600, 0));
        let error = gather(&tree, "default", &modules(Some(&[]), &[])).unwrap_err().to_string();
        assert!(error.ends_with("/base/cil of the SELinux policy is damaged"), "{error}");
    }
}
