//! A tree in; its one kernel out: release, image and module directory.

use crate::tree::{Kind, Tree, TreePath};

/// The kernel of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// What `uname -r` says.
    pub(crate) release: String,
    /// The kernel image.
    pub(crate) image: TreePath,
    /// The directory of its modules and their indexes.
    pub(crate) modules: TreePath,
}

/// Why a tree has no kernel to boot.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// No directory of modules.
    #[error(
        "the tree has no kernel: /usr/lib/modules is missing or empty; add a kernel package to the image"
    )]
    None,
    /// More than one directory of modules.
    #[error("the tree has several kernels ({}); an image boots exactly one", releases.join(", "))]
    Several {
        /// Their releases.
        releases: Vec<String>,
    },
    /// Modules without a kernel image.
    #[error("the tree has modules of kernel {release} and no image of it: neither {} is there", candidates.join(" nor "))]
    NoImage {
        /// The release.
        release: String,
        /// Where the image could be.
        candidates: Vec<String>,
    },
}

/// Finds the kernel that the tree's packages brought.
pub(crate) fn find(tree: &Tree) -> Result<Kernel, KernelError> {
    let folder = TreePath::root().child(b"usr").child(b"lib").child(b"modules");
    let mut releases: Vec<String> = tree
        .list(&folder)
        .into_iter()
        // A directory without an index is what scripts of a removed or halfway built package leave.
        .filter(|path| {
            tree.get(path).is_some_and(|entry| entry.kind == Kind::Directory)
                && tree.get(&path.child(b"modules.builtin")).is_some()
        })
        .map(|path| String::from_utf8_lossy(path.name()).into_owned())
        .collect();
    let release = match releases.len() {
        0 => return Err(KernelError::None),
        1 => releases.remove(0),
        _ => return Err(KernelError::Several { releases }),
    };
    let modules = folder.child(release.as_bytes());
    let candidates = [
        modules.child(b"vmlinuz"),
        TreePath::root().child(b"boot").child(format!("vmlinuz-{release}").as_bytes()),
    ];
    match candidates.iter().find(|path| tree.content(path).is_ok()) {
        Some(image) => Ok(Kernel { image: image.clone(), modules, release }),
        None => Err(KernelError::NoImage {
            release,
            candidates: candidates.iter().map(ToString::to_string).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::tree::Tree;

    #[test]
    fn the_image_lies_with_the_modules_or_in_boot() {
        let kernel =
            find(&Tree::of_files(&["usr/lib/modules/6.1/modules.builtin", "boot/vmlinuz-6.1"])).unwrap();
        assert_eq!(
            (kernel.release.as_str(), kernel.image.to_string().as_str()),
            ("6.1", "/boot/vmlinuz-6.1")
        );
        let kernel =
            find(&Tree::of_files(&["usr/lib/modules/6.1/modules.builtin", "usr/lib/modules/6.1/vmlinuz"]))
                .unwrap();
        assert_eq!(kernel.image.to_string(), "/usr/lib/modules/6.1/vmlinuz");
    }

    #[test]
    fn no_kernel_two_kernels_and_half_a_kernel_are_told_apart() {
        let error = |files: &[&str]| find(&Tree::of_files(files)).unwrap_err().to_string();
        assert!(error(&["etc/passwd"]).starts_with("the tree has no kernel"));
        assert!(
            error(&["usr/lib/modules/1/modules.builtin", "usr/lib/modules/2/modules.builtin"])
                .contains("(1, 2)")
        );
        assert!(error(&["usr/lib/modules/1/modules.builtin"]).contains("nor /boot/vmlinuz-1"));
    }
}
