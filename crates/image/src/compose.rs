//! An installed root directory and a specification in; the tree that the image will hold out.

use crate::build::{BuildError, Places};
use crate::kernel;
use crate::modules;
use crate::selinux;
use crate::specification::Specification;
use crate::tools::Tools;
use crate::tree::{Entry, Tree, TreePath, add_accounts, clean, remove};

/// Seconds since 1970 that every file of a sealed root is dated. Not 0, which some programs take for "unknown".
pub(crate) const SEALED_TIME: u64 = 1;
/// systemd sets the clock to the time of this file where the clock is behind it: it alone is dated when the image was made.
const CLOCK_EPOCH: &str = "usr/lib/clock-epoch";

/// The tree that the image will hold: the installed one without traces of its installation, with the definition's own files.
pub fn compose(
    specification: &Specification,
    places: &Places<'_>,
    tools: &Tools,
    source_date_epoch: u64,
) -> Result<Tree, BuildError> {
    let mut tree = Tree::walk(places.root, source_date_epoch)?;
    for entry in places.deferred {
        entry.apply(&mut tree, source_date_epoch)?;
    }
    clean(&mut tree, source_date_epoch)?;
    let policy = specification.selinux.as_ref().map(|selinux| selinux::gather(selinux, &tree)).transpose()?;
    let policy = policy.flatten();
    remove(&mut tree, &specification.removed)?;
    specification.identity.apply(&mut tree, source_date_epoch)?;
    // Accounts come before the overlays, whose rules may name them as owners.
    add_accounts(&mut tree, &specification.accounts, source_date_epoch)?;
    if let Some(bill) = places.bill {
        bill.apply(&mut tree, source_date_epoch)?;
    }
    for addition in &specification.additions {
        addition.apply(&mut tree, source_date_epoch)?;
    }
    for overlay in &specification.overlays {
        overlay.apply(&mut tree, source_date_epoch)?;
    }
    // Units come after the overlays, which may bring some.
    let id = specification.identity.field("ID").unwrap_or(&specification.name);
    specification.units.apply(&mut tree, id, source_date_epoch)?;
    specification.root.complete(&mut tree, source_date_epoch);
    if specification.slots.is_some() {
        let clock = TreePath::parse(CLOCK_EPOCH)?;
        tree.insert(clock, Entry::file(*b"", 0o644, source_date_epoch));
    }
    if specification.unpacked_modules {
        let kernel = kernel::find(&tree)?;
        modules::unpack_all(&mut tree, &kernel, tools, source_date_epoch)?;
    }
    if let Some(selinux) = &specification.selinux {
        selinux::apply(selinux, policy.as_ref(), &mut tree, tools, source_date_epoch)?;
    }
    if specification.slots.is_some() {
        set_times(&mut tree);
    }
    specification.root.check_size(&tree)?;
    Ok(tree)
}

/// Times of files are no reason for blocks to differ between versions.
fn set_times(tree: &mut Tree) {
    for (path, entry) in tree.entries_mut() {
        if path.as_bytes() != CLOCK_EPOCH.as_bytes() {
            entry.modified = SEALED_TIME;
        }
    }
}
