//! A tree with the modules of an SELinux policy, in; the same tree with a policy compiled from the chosen ones, out.

use std::path::{Path, PathBuf};

use host_tools::ToolError;
use host_tools::secilc::{self, Options};

use super::LabelError;
use super::homes::expand;
use super::modules::{ModuleError, ModuleTexts, store};
use crate::tools::Tools;
use crate::tree::{Entry, PathOutsideTree, ReadError, Tree, TreePath};

/// Why a policy cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The modules cannot be gathered.
    #[error(transparent)]
    Modules(#[from] ModuleError),
    /// The compiler refuses them.
    #[error("the modules of the SELinux policy `{policy}` cannot be compiled")]
    Refused {
        /// The policy's name.
        policy: String,
        /// What it says, with the module and its line.
        source: Box<ToolError>,
    },
    /// There is no policy in the tree that says what the kernel takes.
    #[error("the tree has no policy.NUMBER in {folder}, which says the version of the policy's format")]
    NoVersion {
        /// Where it should be.
        folder: TreePath,
    },
    /// A file of the policy cannot be read.
    #[error("cannot read the logins of the SELinux policy")]
    Unreadable(#[from] ReadError),
    /// A work file cannot be used.
    #[error("cannot write {path}")]
    Work {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The policy's name leads out of the tree.
    #[error(transparent)]
    Path(#[from] PathOutsideTree),
}

/// Compiles the modules and puts the result where the kernel and libselinux find it.
///
/// The module store and the contexts in their compiled form are taken out: they would still say what was before.
pub(super) fn compile(
    modules: &ModuleTexts,
    policy: &str,
    tree: &mut Tree,
    tools: &Tools,
    source_date_epoch: u64,
) -> Result<(), LabelError> {
    let folder = TreePath::parse(format!("etc/selinux/{policy}")).map_err(CompileError::from)?;
    let compiled = run(modules, policy, &folder, tree, tools)?;
    let file = |bytes: Vec<u8>| Entry::file(bytes, 0o644, source_date_epoch);
    let contexts = folder.child(b"contexts").child(b"files");
    tree.insert(compiled.path, file(compiled.policy));
    for (name, text) in [("file_contexts", compiled.system), ("file_contexts.homedirs", compiled.homes)] {
        tree.insert(contexts.child(name.as_bytes()), file(text.into_bytes()));
        tree.remove(&contexts.child(format!("{name}.bin").as_bytes()));
    }
    tree.remove(&store(policy).map_err(CompileError::from)?);
    Ok(())
}

struct Compiled {
    path: TreePath,
    policy: Vec<u8>,
    system: String,
    homes: String,
}

fn run(
    modules: &ModuleTexts,
    policy: &str,
    folder: &TreePath,
    tree: &Tree,
    tools: &Tools,
) -> Result<Compiled, CompileError> {
    let (version, path) = version(tree, &folder.child(b"policy"))?;
    let work = tempfile::Builder::new()
        .prefix("policy-")
        .tempdir_in(tools.work())
        .map_err(|source| CompileError::Work { path: tools.work().to_path_buf(), source })?;
    let [sources, output] = ["cil", "compiled"].map(|name| work.path().join(name));
    for folder in [&sources, &output] {
        std::fs::create_dir(folder).map_err(|source| CompileError::Work { path: folder.clone(), source })?;
    }
    for (name, text) in &modules.0 {
        let path = sources.join(format!("{name}.cil"));
        std::fs::write(&path, text).map_err(|source| CompileError::Work { path, source })?;
    }
    let names: Vec<String> = modules.0.keys().cloned().collect();
    let options = Options { modules: &sources, names: &names, version };
    secilc::compile(&tools.sandbox(), &options, &output)
        .map_err(|source| CompileError::Refused { policy: policy.to_owned(), source: Box::new(source) })?;
    let made = |path: &Path| {
        std::fs::read(path).map_err(|source| ReadError::Unreadable { path: path.to_path_buf(), source })
    };
    let contexts = String::from_utf8_lossy(&made(&output.join("file_contexts"))?).into_owned();
    let seusers = tree.read_text(&folder.child(b"seusers"))?;
    let passwd = tree.read_text(&TreePath::root().child(b"etc").child(b"passwd"))?;
    let contexts = expand(&contexts, &seusers, &passwd);
    Ok(Compiled {
        path,
        policy: made(&output.join("policy"))?,
        system: contexts.system,
        homes: contexts.homes,
    })
}

/// The newest `policy.NUMBER`, whose number is the version of the format that the tree's programs expect.
fn version(tree: &Tree, folder: &TreePath) -> Result<(u32, TreePath), CompileError> {
    tree.list(folder)
        .into_iter()
        .filter_map(|path| {
            let number = std::str::from_utf8(path.name()).ok()?.strip_prefix("policy.")?.parse().ok()?;
            Some((number, path))
        })
        .max()
        .ok_or_else(|| CompileError::NoVersion { folder: folder.clone() })
}
