//! Names of kernel modules and a tree in; those modules with all they need, unpacked and indexed for that kernel, out.

use std::collections::{BTreeMap, BTreeSet};

use super::InitrdError;
use super::content::Wish;
use crate::kernel::Kernel;
use crate::modules::{INDEX_SOURCES, index, plain_name, unpack};
use crate::tools::Tools;
use crate::tree::{Tree, TreePath};

/// Modules as the tree has them, and what depmod reads besides.
pub(super) struct Picked {
    /// By their path in the tree, the compressed ones compressed.
    modules: BTreeMap<TreePath, Vec<u8>>,
    sources: BTreeMap<TreePath, Vec<u8>>,
}

/// Finds the modules and all they need.
pub(super) fn pick(tree: &Tree, kernel: &Kernel, wishes: &[Wish<String>]) -> Result<Picked, InitrdError> {
    let mut modules = BTreeMap::new();
    for relative in Catalogue::read(tree, kernel)?.pick(wishes, kernel)? {
        let path = TreePath::parse([kernel.modules.as_bytes(), b"/", relative.as_bytes()].concat())?;
        let bytes = tree.read(&path)?;
        modules.insert(path, bytes);
    }
    let mut sources = BTreeMap::new();
    for name in INDEX_SOURCES {
        let path = kernel.modules.child(name.as_bytes());
        if tree.content(&path).is_ok() {
            let bytes = tree.read(&path)?;
            sources.insert(path, bytes);
        }
    }
    Ok(Picked { modules, sources })
}

impl Picked {
    /// Everything that decides about the modules of the initrd.
    pub(super) fn files(&self) -> impl Iterator<Item = (&TreePath, &Vec<u8>)> {
        self.modules.iter().chain(&self.sources)
    }

    /// The modules unpacked, with indexes for exactly these.
    pub(super) fn indexed(
        self,
        kernel: &Kernel,
        tools: &Tools,
    ) -> Result<BTreeMap<TreePath, Vec<u8>>, InitrdError> {
        let mut files = self.sources;
        for (path, bytes) in self.modules {
            let bytes = unpack(&path, bytes)?;
            files.insert(TreePath::parse(plain_name(path.as_bytes()))?, bytes);
        }
        let indexes = index(kernel, &files, tools)?;
        files.extend(indexes);
        Ok(files)
    }
}

/// Modules of a kernel, by name with `_` for `-`.
struct Catalogue {
    /// Path under the module directory and the paths it needs.
    modules: BTreeMap<String, (String, Vec<String>)>,
    built_in: BTreeSet<String>,
    soft: BTreeMap<String, Vec<String>>,
}

impl Catalogue {
    fn read(tree: &Tree, kernel: &Kernel) -> Result<Self, InitrdError> {
        let text = |name: &str| tree.read_text(&kernel.modules.child(name.as_bytes()));
        let mut modules = BTreeMap::new();
        for line in text("modules.dep")
            .map_err(|source| InitrdError::NoModuleIndex { release: kernel.release.clone(), source })?
            .lines()
        {
            let Some((path, needs)) = line.split_once(':') else { continue };
            modules
                .insert(name(path), (path.to_owned(), needs.split_whitespace().map(str::to_owned).collect()));
        }
        let built_in = text("modules.builtin")?.lines().map(name).collect();
        let mut soft = BTreeMap::new();
        for line in text("modules.softdep").unwrap_or_default().lines() {
            let mut words = line.split_whitespace();
            if words.next() != Some("softdep") {
                continue;
            }
            let Some(module) = words.next() else { continue };
            let others = words.filter(|word| !word.ends_with(':')).map(str::to_owned);
            soft.entry(module.replace('-', "_")).or_insert_with(Vec::new).extend(others);
        }
        Ok(Self { modules, built_in, soft })
    }

    /// Paths of the wanted modules and of all they need.
    fn pick(&self, wishes: &[Wish<String>], kernel: &Kernel) -> Result<BTreeSet<String>, InitrdError> {
        let mut absent = Vec::new();
        let mut pending: Vec<String> = Vec::new();
        for wish in wishes {
            if self.modules.contains_key(&wish.what) {
                pending.push(wish.what.clone());
            } else if wish.required && !self.built_in.contains(&wish.what) {
                absent.push(wish.what.clone());
            }
        }
        if !absent.is_empty() {
            return Err(InitrdError::NoModules { release: kernel.release.clone(), modules: absent });
        }
        let mut picked = BTreeSet::new();
        while let Some(module) = pending.pop() {
            // A soft dependency may be built in, or not exist for this kernel.
            let Some((path, needs)) = self.modules.get(&module) else { continue };
            if picked.insert(path.clone()) {
                pending.extend(needs.iter().map(|path| name(path)));
                pending.extend(
                    self.soft.get(&module).into_iter().flatten().map(|module| module.replace('-', "_")),
                );
            }
        }
        Ok(picked)
    }
}

/// `kernel/fs/nls/nls-utf8.ko.xz` is the module `nls_utf8`.
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, name};
    use crate::initrd::content::Wish;
    use crate::kernel::Kernel;
    use crate::tree::{Entry, Tree, TreePath};

    fn kernel() -> Kernel {
        let modules = TreePath::parse("usr/lib/modules/6.1").unwrap();
        Kernel { release: "6.1".into(), image: modules.child(b"vmlinuz"), modules }
    }

    fn catalogue() -> Catalogue {
        let mut tree = Tree::default();
        tree.ensure_directory(&kernel().modules, 0);
        for (file, text) in [
            (
                "modules.dep",
                "kernel/a-b.ko.xz: kernel/c.ko.xz\nkernel/c.ko.xz:\nkernel/d.ko.xz:\nkernel/e.ko.xz:\n",
            ),
            ("modules.builtin", "kernel/fs/builtin.ko\n"),
            ("modules.softdep", "# comment\nsoftdep c pre: d gone post: builtin\n"),
        ] {
            tree.insert(kernel().modules.child(file.as_bytes()), Entry::file(text.as_bytes(), 0o644, 0));
        }
        Catalogue::read(&tree, &kernel()).unwrap()
    }

    fn wish(what: &str, required: bool) -> Wish<String> {
        Wish { what: what.into(), required }
    }

    #[test]
    fn a_module_brings_what_it_needs_and_what_it_would_like() {
        let picked = catalogue()
            .pick(&[wish("a_b", true), wish("builtin", true), wish("absent", false)], &kernel())
            .unwrap();
        assert_eq!(
            picked.into_iter().collect::<Vec<_>>(),
            ["kernel/a-b.ko.xz", "kernel/c.ko.xz", "kernel/d.ko.xz"]
        );
    }

    #[test]
    fn all_absent_modules_are_told_at_once() {
        let error = catalogue().pick(&[wish("x", true), wish("y", true)], &kernel()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "kernel 6.1 has none of these modules, neither built in nor to load: x, y"
        );
    }

    #[test]
    fn a_path_stands_for_a_name() {
        assert_eq!(name("kernel/fs/nls/nls-utf8.ko.zst"), "nls_utf8");
    }
}
