//! The file contexts of a tree's own SELinux policy in; a label on every entry of the tree out.
//! Nothing here needs a kernel with SELinux, or the attributes of the disk the tree lies on.

mod compile;
mod configuration;
mod contexts;
mod homes;
mod matcher;
mod modules;
mod substitutions;

use crate::tools::Tools;
use crate::tree::{Kind, ReadError, Tree, TreePath};

pub use compile::CompileError;
pub use configuration::{OwnModule, PolicyModules, Selinux, SelinuxMode};
pub use contexts::{ContextsError, FileKind};
pub use matcher::Contexts;
pub use modules::ModuleError;
pub(crate) use modules::ModuleTexts;

/// The attribute that holds a label.
pub const ATTRIBUTE: &str = "security.selinux";

/// Why a tree cannot be labelled.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The policy the image asks for is not installed in the tree.
    #[error(
        "the image is to be labelled by the SELinux policy `{policy}`, but the tree has no {path}: install the policy's package or turn labels off"
    )]
    NoPolicy {
        /// The policy's name, such as `targeted` or `default`.
        policy: String,
        /// Its file contexts.
        path: TreePath,
    },
    /// The policy's name is no directory name.
    #[error("`{policy}` is no name of an SELinux policy")]
    BadPolicyName {
        /// As given.
        policy: String,
    },
    /// A file of the policy cannot be read.
    #[error("cannot read the SELinux policy `{policy}`")]
    Unreadable {
        /// The policy's name.
        policy: String,
        /// Why.
        source: ReadError,
    },
    /// A file of the policy cannot be understood.
    #[error("cannot use the SELinux policy `{policy}`")]
    Contexts {
        /// The policy's name.
        policy: String,
        /// Why.
        source: ContextsError,
    },
    /// The policy cannot be compiled.
    #[error(transparent)]
    Policy(#[from] CompileError),
}

/// The modules that the policy is to be compiled from; none leaves it as its package made it.
///
/// They are gathered before anything is taken out of the tree: the store lies in /var, which many images lose.
pub(crate) fn gather(selinux: &Selinux, tree: &Tree) -> Result<Option<ModuleTexts>, LabelError> {
    match &selinux.modules {
        Some(modules) if selinux.mode != SelinuxMode::Disabled => {
            let texts = modules::gather(tree, &selinux.policy, modules).map_err(CompileError::from)?;
            Ok(Some(texts))
        }
        _ => Ok(None),
    }
}

/// Configures SELinux in the tree, compiles its policy where that is asked for, and labels every entry.
pub(crate) fn apply(
    selinux: &Selinux,
    modules: Option<&ModuleTexts>,
    tree: &mut Tree,
    tools: &Tools,
    source_date_epoch: u64,
) -> Result<(), LabelError> {
    selinux.configure(tree, source_date_epoch);
    if selinux.mode == SelinuxMode::Disabled {
        return Ok(());
    }
    if let Some(modules) = modules {
        compile::compile(modules, &selinux.policy, tree, tools, source_date_epoch)?;
    }
    label(tree, &Contexts::of_policy(tree, &selinux.policy)?);
    Ok(())
}

impl Contexts {
    /// Reads the file contexts, home directory contexts, local contexts and path substitutions of the policy installed in `tree`.
    pub fn of_policy(tree: &Tree, policy: &str) -> Result<Self, LabelError> {
        let bad_name = || LabelError::BadPolicyName { policy: policy.to_owned() };
        if policy.is_empty() || policy.contains('/') {
            return Err(bad_name());
        }
        let file = |suffix: &str| {
            TreePath::parse(format!("etc/selinux/{policy}/contexts/files/file_contexts{suffix}"))
                .map_err(|_| bad_name())
        };
        let main = file("")?;
        if tree.resolve(&main).is_none() {
            return Err(LabelError::NoPolicy { policy: policy.to_owned(), path: main });
        }
        let unreadable = |source| LabelError::Unreadable { policy: policy.to_owned(), source };
        let optional = |suffix: &str| -> Result<String, LabelError> {
            let path = file(suffix)?;
            if tree.resolve(&path).is_some() {
                tree.read_text(&path).map_err(unreadable)
            } else {
                Ok(String::new())
            }
        };
        // The order is libselinux's: what is read later wins over what was read before.
        let main_name = main.to_string();
        let files = [
            (main_name.clone(), tree.read_text(&main).map_err(unreadable)?),
            (format!("{main_name}.homedirs"), optional(".homedirs")?),
            (format!("{main_name}.local"), optional(".local")?),
        ];
        Self::parse(&files, &optional(".subs")?, &optional(".subs_dist")?)
            .map_err(|source| LabelError::Contexts { policy: policy.to_owned(), source })
    }
}

/// Gives every entry its label; an entry the policy says nothing of, or `<<none>>`, gets none.
pub fn label(tree: &mut Tree, contexts: &Contexts) {
    // Names of one file share one inode: the first name in path order decides for all of them.
    for (path, entry) in tree.entries_mut() {
        let kind = match &entry.kind {
            Kind::Directory => FileKind::Directory,
            Kind::File(_) => FileKind::Regular,
            Kind::HardLink(_) => continue,
            Kind::SymbolicLink(_) => FileKind::SymbolicLink,
            Kind::CharacterDevice { .. } => FileKind::CharacterDevice,
            Kind::BlockDevice { .. } => FileKind::BlockDevice,
            Kind::Pipe => FileKind::Pipe,
        };
        match contexts.lookup(&path.absolute(), kind) {
            Some(context) => {
                // The kernel stores the label with its closing NUL byte.
                let mut value = context.as_bytes().to_vec();
                value.push(0);
                entry.attributes.insert(ATTRIBUTE.to_owned(), value);
            }
            None => {
                entry.attributes.remove(ATTRIBUTE);
            }
        }
    }
}
