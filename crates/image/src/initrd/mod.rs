//! A root tree and a list of wishes in; a compressed initrd made of that tree's own files out.
//!
//! Nothing of the machine that builds gets in: programs, libraries, units, rules and modules are the locked packages' own.

mod collect;
mod content;
mod cpio;
mod elf;
mod modules;

use std::collections::BTreeSet;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::kept::Kept;
use crate::kernel::Kernel;
use crate::modules::ModuleError;
use crate::specification::Specification;
use crate::tools::Tools;
use crate::tree::{Entry, Kind, PathOutsideTree, ReadError, Tree, TreePath};
use collect::Collector;

pub use content::{InitrdContent, InitrdContentError};

/// The compression level; a higher one takes several times as long for a few percent.
const COMPRESSION_LEVEL: i32 = 9;

/// Accounts below this number belong to the system.
const FIRST_PERSON: u32 = 1000;
/// From here on numbers have fixed meanings again, such as `nobody`.
const FIRST_SPECIAL: u32 = 65_000;

/// Why no initrd can be made.
#[derive(Debug, thiserror::Error)]
pub enum InitrdError {
    /// Files or units that are required are not in the tree.
    #[error("the initrd needs what the tree does not have: {}; add the packages that bring them to the image", missing.join(", "))]
    Missing {
        /// Paths and units.
        missing: Vec<String>,
    },
    /// A program needs a library or interpreter.
    #[error("{path} is to be in the initrd and needs {needs}, which the tree does not have")]
    NoLibrary {
        /// The program or library.
        path: TreePath,
        /// What it needs.
        needs: String,
    },
    /// A program is no sound ELF file.
    #[error("{path} is no sound ELF file")]
    BrokenProgram {
        /// The program or library.
        path: TreePath,
        /// Why.
        source: object::read::Error,
    },
    /// The kernel has no index of modules.
    #[error("the modules of kernel {release} have no index: depmod did not run when the tree was installed")]
    NoModuleIndex {
        /// The kernel.
        release: String,
        /// What is missing.
        source: ReadError,
    },
    /// Modules that are required are not in the tree.
    #[error("kernel {release} has none of these modules, neither built in nor to load: {}", modules.join(", "))]
    NoModules {
        /// The kernel.
        release: String,
        /// Their names.
        modules: Vec<String>,
    },
    /// Modules cannot be unpacked or indexed.
    #[error("cannot take kernel modules into the initrd")]
    Modules(#[from] ModuleError),
    /// A file of the tree cannot be read.
    #[error("cannot copy into the initrd")]
    Unreadable(#[from] ReadError),
    /// A path would leave the tree.
    #[error("cannot copy into the initrd")]
    OutsideTree(#[from] PathOutsideTree),
    /// The work directory cannot be written.
    #[error("cannot write {path}")]
    Work {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// How an initrd is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum InitrdPacking {
    /// As one zstd stream: the smallest.
    Zstd,
    /// Not compressed, each file from the begin of a block on: its blocks are those that the root has, and an update of both
    /// fetches them once.
    Blocks,
}

/// Makes the archive, or takes it from what an earlier build made of the same files.
pub(crate) fn make(
    tree: &Tree,
    kernel: &Kernel,
    specification: &Specification,
    os_release: &str,
    tools: &Tools,
    modified: u64,
    kept: Option<Kept<'_>>,
) -> Result<Vec<u8>, InitrdError> {
    let gathered = gather(tree, kernel, &specification.initrd, os_release, modified)?;
    let packing = specification.initrd_packing;
    let inputs = match kept {
        Some(kept) => Some((kept, gathered.digest(kernel, modified, packing, kept.inputs())?)),
        None => None,
    };
    if let Some(packed) = inputs.and_then(|(kept, digest)| kept.find("initrd", &digest)) {
        return Ok(packed);
    }
    let initrd = gathered.complete(kernel, tools, modified)?;
    let work_error = |source| InitrdError::Work { path: tools.work().to_path_buf(), source };
    let packed = pack(&initrd, modified, packing).map_err(work_error)?;
    if let Some((kept, digest)) = inputs {
        kept.keep("initrd", &digest, &packed);
    }
    Ok(packed)
}

/// All files of an initrd; the kernel's modules still as they are in the tree.
struct Gathered {
    initrd: Tree,
    modules: modules::Picked,
}

/// Puts the initrd's files together.
fn gather(
    tree: &Tree,
    kernel: &Kernel,
    content: &InitrdContent,
    os_release: &str,
    modified: u64,
) -> Result<Gathered, InitrdError> {
    let mut collector = Collector::new(tree, &content.unwanted_libraries, modified);
    let mut missing = Vec::new();
    for wish in &content.files {
        if !collector.add_matching(&wish.what) && wish.required {
            missing.push(wish.what.to_string());
        }
    }
    for wish in &content.libraries {
        if !collector.add_library(&wish.what) && wish.required {
            missing.push(wish.what.clone());
        }
    }
    for wish in &content.units {
        if !collector.add(&unit_folder().child(wish.what.as_bytes())) && wish.required {
            missing.push(wish.what.clone());
        }
    }
    if !missing.is_empty() {
        return Err(InitrdError::Missing { missing });
    }
    let wanted = content.units.iter().map(|wish| wish.what.clone()).collect();
    let units = add_required_units(&mut collector, tree, wanted);
    add_pulls(&mut collector, tree, &units);
    collector.close()?;
    let mut initrd = collector.initrd;
    let modules = modules::pick(tree, kernel, &content.modules)?;
    for (directory, mode) in &content.directories {
        initrd.ensure_directory(directory, modified);
        initrd.insert(directory.clone(), Entry::directory(*mode, modified));
    }
    for (link, target) in &content.links {
        if let Some(parent) = link.parent() {
            initrd.ensure_directory(&parent, modified);
        }
        initrd.insert(link.clone(), Entry::symbolic_link(target.as_bytes(), modified));
    }
    add_identity(&mut initrd, tree, os_release, modified);
    Ok(Gathered { initrd, modules })
}

impl Gathered {
    /// A digest of everything that decides about the archive.
    fn digest(
        &self,
        kernel: &Kernel,
        modified: u64,
        packing: InitrdPacking,
        mut digest: Sha256,
    ) -> Result<[u8; 32], InitrdError> {
        digest.update(format!("{} {modified} {packing:?} {COMPRESSION_LEVEL}\n", kernel.release));
        for (path, entry) in self.initrd.entries() {
            let (kind, content) = match &entry.kind {
                Kind::File(_) | Kind::HardLink(_) => ("file", self.initrd.read(path)?),
                Kind::SymbolicLink(target) => ("link", target.clone()),
                Kind::Directory => ("directory", Vec::new()),
                Kind::CharacterDevice { major, minor } => {
                    ("character device", format!("{major}:{minor}").into_bytes())
                }
                Kind::BlockDevice { major, minor } => {
                    ("block device", format!("{major}:{minor}").into_bytes())
                }
                Kind::Pipe => ("pipe", Vec::new()),
            };
            let Entry { mode, user, group, .. } = entry;
            digest.update(format!("{path} {kind} {mode:o} {user} {group} {}\n", content.len()));
            digest.update(content);
        }
        for (path, bytes) in self.modules.files() {
            digest.update(format!("{path} {}\n", bytes.len()));
            digest.update(bytes);
        }
        Ok(digest.finalize().into())
    }

    /// The tree of the initrd, its modules unpacked and indexed.
    fn complete(self, kernel: &Kernel, tools: &Tools, modified: u64) -> Result<Tree, InitrdError> {
        let mut initrd = self.initrd;
        for (path, bytes) in self.modules.indexed(kernel, tools)? {
            if let Some(parent) = path.parent() {
                initrd.ensure_directory(&parent, modified);
            }
            initrd.insert(path, Entry::file(bytes, 0o644, modified));
        }
        Ok(initrd)
    }
}

/// Archives an initrd's tree.
fn pack(initrd: &Tree, modified: u64, packing: InitrdPacking) -> std::io::Result<Vec<u8>> {
    match packing {
        InitrdPacking::Zstd => compressed(initrd, modified),
        InitrdPacking::Blocks => {
            let mut output = Vec::new();
            cpio::write(initrd, modified, cpio::Alignment::Blocks, &mut output)?;
            Ok(output)
        }
    }
}

fn compressed(initrd: &Tree, modified: u64) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), COMPRESSION_LEVEL)?;
    // The kernel does not check it, and reads the frame to its end anyway.
    encoder.include_checksum(false)?;
    let mut buffered = std::io::BufWriter::with_capacity(1 << 20, encoder);
    cpio::write(initrd, modified, cpio::Alignment::Words, &mut buffered)?;
    let encoder = buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    encoder.finish()
}

/// Units that others cannot do without come along; all units of the initrd are returned.
fn add_required_units(
    collector: &mut Collector<'_>,
    tree: &Tree,
    mut pending: Vec<String>,
) -> BTreeSet<String> {
    let mut units = BTreeSet::new();
    while let Some(unit) = pending.pop() {
        let path = unit_folder().child(unit.as_bytes());
        let Ok(text) = tree.read_text(&path) else { continue };
        if units.insert(unit) {
            collector.add(&path);
            pending.extend(required_units(&text));
        }
    }
    units
}

fn required_units(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| ["Requires", "BindsTo", "Requisite"].contains(&key.trim()))
        .flat_map(|(_, value)| value.split_whitespace())
        // What a specifier stands for is known when the unit starts, not here.
        .filter(|unit| !unit.contains(['%', '/']))
        .map(str::to_owned)
        .collect()
}

/// Links by which one unit pulls in another, where the initrd has both.
fn add_pulls(collector: &mut Collector<'_>, tree: &Tree, units: &BTreeSet<String>) {
    for unit in units {
        for kind in ["wants", "requires", "upholds"] {
            let folder = unit_folder().child(format!("{unit}.{kind}").as_bytes());
            let pulled: Vec<TreePath> = tree
                .list(&folder)
                .into_iter()
                .filter(|link| units.iter().any(|unit| unit.as_bytes() == link.name()))
                .collect();
            for link in pulled {
                collector.add(&link);
            }
        }
    }
}

/// What marks an initrd as one, and the names behind the numbers that udev's rules use.
fn add_identity(initrd: &mut Tree, tree: &Tree, os_release: &str, modified: u64) {
    let etc = TreePath::root().child(b"etc");
    initrd.ensure_directory(&etc, modified);
    initrd.insert(etc.child(b"initrd-release"), Entry::file(os_release.as_bytes(), 0o644, modified));
    initrd.insert(etc.child(b"os-release"), Entry::symbolic_link("initrd-release", modified));
    // Empty: the initrd is no machine, and writes no id for one.
    initrd.insert(etc.child(b"machine-id"), Entry::file(*b"", 0o444, modified));
    for file in ["passwd", "group"] {
        let path = etc.child(file.as_bytes());
        let text = tree.read_text(&path).unwrap_or_else(|_| default_accounts(file).to_owned());
        initrd.insert(path, Entry::file(system_accounts(&text).into_bytes(), 0o644, modified));
    }
    // Nothing of the tree's links to outside the initrd may stay half copied.
    let usr = TreePath::root().child(b"usr");
    for directory in ["bin", "sbin", "lib", "lib64"] {
        let path = TreePath::root().child(directory.as_bytes());
        let merged = tree.get(&path).is_some_and(|entry| matches!(&entry.kind, Kind::SymbolicLink(_)));
        if merged && initrd.get(&path).is_none() {
            initrd.ensure_directory(&usr.child(directory.as_bytes()), modified);
            initrd.insert(path, Entry::symbolic_link(format!("usr/{directory}").into_bytes(), modified));
        }
    }
}

fn default_accounts(file: &str) -> &'static str {
    if file == "passwd" { "root:x:0:0:root:/root:/bin/sh\n" } else { "root:x:0:\n" }
}

/// Lines of accounts that belong to the system, without members: no person has a place in an initrd.
fn system_accounts(text: &str) -> String {
    text.lines()
        .filter_map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            let number: u32 = fields.get(2)?.parse().ok()?;
            if (FIRST_PERSON..FIRST_SPECIAL).contains(&number) {
                return None;
            }
            if fields.len() == 4 {
                fields[3] = "";
            }
            Some(fields.join(":") + "\n")
        })
        .collect()
}

fn unit_folder() -> TreePath {
    TreePath::root().child(b"usr").child(b"lib").child(b"systemd").child(b"system")
}

#[cfg(test)]
mod tests {
    use super::{required_units, system_accounts};

    #[test]
    fn a_unit_names_what_it_cannot_do_without() {
        let text =
            "[Unit]\nRequires=a.service b.socket\nWants=c.service\nBindsTo=dev-%i.device\n# Requires=d\n";
        assert_eq!(required_units(text), ["a.service", "b.socket"]);
    }

    #[test]
    fn people_do_not_get_into_the_initrd() {
        assert_eq!(
            system_accounts("root:x:0:\nadm:x:4:ada\nada:x:1000:\nnogroup:x:65534:\nbroken\n"),
            "root:x:0:\nadm:x:4:\nnogroup:x:65534:\n"
        );
    }
}
