//! A tree in; an ext4 file system out, every byte of it decided: where files will lie and all that describes them.
//!
//! A survey says what is to be stored, its size decides the skeleton, and everything gets its place; then metadata is written
//! down once. The content of files is not read here, except to find holes.

mod assembly;
mod attributes;
mod checksum;
mod directories;
mod extents;
mod field;
mod geometry;
mod groups;
mod hash;
mod inode;
#[cfg(test)]
mod judged;
mod nodes;
mod placement;
mod reserved;
mod room;
mod size;
mod superblock;
mod survey;

use uuid::Uuid;

use super::{FileSystem, FileSystemError, Size, Stamp, check_label};
use crate::tree::{Entry, Tree, TreePath};
use placement::Placement;
use survey::Survey;

/// Bytes of a block.
const BLOCK: u64 = 4096;
/// Bytes of an inode.
const INODE: u64 = 256;
const LABEL_LIMIT: usize = 16;

/// The checker wants this directory; in the tree it gets its label and its time like everything else.
pub(super) fn add_lost_and_found(tree: &mut Tree, source_date_epoch: u64) {
    let path = TreePath::root().child(b"lost+found");
    if tree.get(&path).is_none() {
        tree.insert(path, Entry::directory(0o700, source_date_epoch));
    }
}

/// Whether a tree fits where its size is given.
pub(super) fn check_size(tree: &Tree, size: Size) -> Result<(), FileSystemError> {
    if let Size::Fit { .. } = size {
        return Ok(());
    }
    // Names are ordered by another seed in the end, which changes no number of blocks that matters here.
    let stamp = Stamp { uuid: Uuid::nil(), hash_seed: Uuid::nil(), source_date_epoch: 0 };
    size::decide(&Survey::new(tree, &stamp)?.needs(), size).map(drop)
}

pub(super) fn lay_out<'t>(
    tree: &'t Tree,
    label: &str,
    size: Size,
    stamp: &Stamp,
) -> Result<FileSystem<'t>, FileSystemError> {
    check_label(label, LABEL_LIMIT)?;
    let survey = Survey::new(tree, stamp)?;
    let mut sized = size::decide(&survey.needs(), size)?;
    let placement = loop {
        match Placement::new(&survey, &sized.geometry) {
            Ok(placement) => break placement,
            Err(room::Full) => sized = size::enlarge(&sized, size)?,
        }
    };
    let pieces = assembly::assemble(survey, &sized.geometry, placement, label, stamp);
    Ok(FileSystem { bytes: sized.bytes, pieces })
}
