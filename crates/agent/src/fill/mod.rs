//! A manifest and where its bytes come from, in; the other slot's partitions filled, and the kernel beside the boot entries,
//! out. A block that lies there already is left, one that the running version has is copied, and only the rest is fetched;
//! every block is compared with its digest before it is written, and what tells of digests with the root hash before that.
//!
//! What an interrupted filling left is found by its digests: nothing is remembered, and nothing fetched twice.
//!
//! A release has a patch for the running version, or an index and a pack, or only whole files, as a payload folder has: they
//! are asked for in this order.

mod blocks;
mod error;
mod known;
mod whole;

use release::local::Local;
use release::manifest::PayloadFile;
use release::partition::SlotPartition;
use release::recipe::{self, Recipe};
use release::verity::{self, BLOCK_SIZE, HashTree, Hasher};
use release::{Manifest, Sha256Digest, target};

use crate::esp::{BootFolder, EntryName, Kind};
use crate::source::Source;
use crate::storage::{ReadAt, Window, WritableWindow};

pub use error::FillError;

/// The most bytes that the head of a patch may have.
const MOST_HEAD: u64 = 32 * 1024 * 1024;

/// What may be read and what is written.
pub struct Partitions<'a> {
    /// The running version's root file system.
    pub running_root: Window<'a>,
    /// The running version's hash tree.
    pub running_verity: Window<'a>,
    /// The root hash of the running version.
    pub running_root_hash: Sha256Digest,
    /// The running version's kernel, if its boot entry is there.
    pub running_kernel: Option<Box<dyn ReadAt>>,
    /// The boot entries, beside which the kernel is written.
    pub boot: &'a dyn BootFolder,
    /// For the root file system.
    pub root: WritableWindow<'a>,
    /// For the hash tree.
    pub verity: WritableWindow<'a>,
    /// For the signature of the root hash, where the disk has a place for it.
    pub signature: Option<WritableWindow<'a>>,
}

/// Where the bytes of root file system and kernel came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Filled {
    /// Bytes that lay in their places already.
    pub kept: u64,
    /// Bytes copied from elsewhere on this disk.
    pub copied: u64,
    /// Bytes fetched: compressed ones of a patch or pack, else as they lie on the disk.
    pub fetched: u64,
}

/// Fills the other slot; `progress` hears how many bytes are in their places.
pub fn fill(
    partitions: &Partitions<'_>,
    manifest: &Manifest,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Filled),
) -> Result<Filled, FillError> {
    let filled = match by_recipe(partitions, manifest, source, progress)? {
        ByRecipe::Filled(filled) => filled,
        ByRecipe::NotPossible(why) => match by_files(partitions, manifest, source, progress) {
            // What went wrong before tells more than that there are no whole files.
            Err(error) if error.is_missing() => return Err(why.unwrap_or(error)),
            filled => filled?,
        },
    };
    if let (Some(file), Some(window)) = (&manifest.files.verity_signature, &partitions.signature) {
        signature(window, file, source)?;
    }
    let device = |source| FillError::Device { action: "flush", part: "partitions", source };
    partitions.root.flush().map_err(device)?;
    Ok(filled)
}

/// Fills by the whole hash tree and ranges of the whole files.
fn by_files(
    partitions: &Partitions<'_>,
    manifest: &Manifest,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Filled),
) -> Result<Filled, FillError> {
    let bytes = source.whole(manifest.files.verity.name.as_str())?;
    let tree = tree(&bytes, manifest)?;
    write_if_other(&partitions.verity, "hash tree", &bytes)?;
    drop(bytes);
    whole::fill(partitions, manifest, &tree, source, progress)
}

enum ByRecipe {
    Filled(Filled),
    /// With the first thing that was wrong, if it was more than a missing file.
    NotPossible(Option<FillError>),
}

/// Fills by a patch or a pack, if the release has one and the server gives it.
fn by_recipe(
    partitions: &Partitions<'_>,
    manifest: &Manifest,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Filled),
) -> Result<ByRecipe, FillError> {
    let hasher = Hasher::new(&manifest.verity.salt);
    let local = known::local(partitions, &manifest.verity.salt, &hasher);
    let patch = target::patch_file(&partitions.running_root_hash);
    let mut assemble = |recipe: &Recipe, file: &str, source: &mut dyn Source| {
        let kernel = kernel_part(partitions, manifest)?;
        let hasher = hasher.clone();
        let work = blocks::Work { partitions, manifest, recipe, hasher, file, kernel };
        let (tree, filled) = blocks::assemble(&work, &local, source, progress)?;
        write_tree(partitions, manifest, &tree, source)?;
        Ok::<_, FillError>(ByRecipe::Filled(filled))
    };
    let mut why = None;
    if let Some(recipe) = patch_recipe(manifest, &local, patch.as_str(), source)? {
        match assemble(&recipe, patch.as_str(), source) {
            Err(error @ FillError::Device { .. }) => return Err(error),
            // Whatever is wrong with the patch, or with a block that it builds upon, the pack is the way.
            Err(error) => why = Some(error).filter(|error| !error.is_missing()),
            done => return done,
        }
    }
    let index = match source.whole(target::INDEX_FILE) {
        Ok(index) => index,
        Err(error) if error.is_missing() => return Ok(ByRecipe::NotPossible(why)),
        Err(error) => return Err(error.into()),
    };
    let recipe = Recipe::from_index(&index, manifest)
        .map_err(|source| FillError::Recipe { file: target::INDEX_FILE.to_owned(), source })?;
    drop(index);
    match assemble(&recipe, target::PACK_FILE, source) {
        Err(error) if error.is_missing() => Ok(ByRecipe::NotPossible(why)),
        done => done,
    }
}

/// The recipe of a patch, if there is one for this host.
fn patch_recipe(
    manifest: &Manifest,
    local: &Local,
    file: &str,
    source: &mut dyn Source,
) -> Result<Option<Recipe>, FillError> {
    if local.root_hash().is_none() {
        return Ok(None);
    }
    let mut head = Vec::new();
    let mut end = recipe::PATCH_BEGIN as u64;
    // The first bytes tell how many more there are.
    for _ in 0..2 {
        let start = head.len() as u64;
        let read = source.ranges(file, std::slice::from_ref(&(start..end)), &mut |_, bytes| {
            head.extend_from_slice(bytes);
            Ok(())
        });
        match read {
            Ok(()) => {}
            Err(error) if error.is_missing() => return Ok(None),
            // A head that was damaged on its way tells of bytes that are not there.
            Err(_) if start > 0 => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        match recipe::patch_head_length(&head) {
            Ok(length) if length <= MOST_HEAD => end = length,
            // The pack is there as well.
            _ => return Ok(None),
        }
        if head.len() as u64 >= end {
            break;
        }
    }
    Ok(Recipe::from_patch(&head, manifest, local).ok())
}

fn kernel_part(
    partitions: &Partitions<'_>,
    manifest: &Manifest,
) -> Result<Box<dyn crate::esp::BootFile>, FillError> {
    let (image, version) = (manifest.image.clone(), manifest.version.clone());
    let name = EntryName { image, version, kind: Kind::Part }.to_string();
    let part = "unified kernel image";
    partitions.boot.edit(&name).map_err(|source| FillError::Device { action: "write", part, source })
}

/// Writes the partition of a tree. The root hash does not tell the UUID in its superblock, the manifest's SHA-256 does: it is
/// the running version's, which is of the same image, or what the root hash gives, or stands in the published tree.
fn write_tree(
    partitions: &Partitions<'_>,
    manifest: &Manifest,
    tree: &HashTree,
    source: &mut dyn Source,
) -> Result<(), FillError> {
    let file = &manifest.files.verity;
    let derived = SlotPartition::Verity.uuid(&manifest.verity.root_hash).into_bytes();
    for uuid in known::running_tree_uuid(partitions).into_iter().chain([derived]) {
        let bytes = tree.partition_bytes(uuid);
        if Sha256Digest::of(&bytes) == file.sha256 {
            return write_if_other(&partitions.verity, "hash tree", &bytes);
        }
    }
    let mut superblock = Vec::with_capacity(BLOCK_SIZE);
    source.ranges(file.name.as_str(), std::slice::from_ref(&(0..BLOCK_SIZE as u64)), &mut |_, bytes| {
        superblock.extend_from_slice(bytes);
        Ok(())
    })?;
    let parsed = verity::Superblock::parse(&superblock)
        .map_err(|source| FillError::Tree { file: file.name.to_string(), source })?;
    let bytes = tree.partition_bytes(parsed.uuid);
    let found = Sha256Digest::of(&bytes);
    if found != file.sha256 {
        return Err(FillError::TreeFile { expected: file.sha256, found });
    }
    write_if_other(&partitions.verity, "hash tree", &bytes)
}

/// The hash tree of a manifest, proven.
fn tree(bytes: &[u8], manifest: &Manifest) -> Result<HashTree, FillError> {
    let file = manifest.files.verity.name.to_string();
    let (superblock, tree) = verity::parse(bytes, &manifest.verity.root_hash)
        .map_err(|source| FillError::Tree { file: file.clone(), source })?;
    // The root hash tells neither: a tree over other blocks of zeros, or with another salt, is another one all the same.
    if superblock.data_blocks != manifest.verity.data_blocks {
        return Err(FillError::TreeDiffers { file, field: "number of blocks" });
    }
    if superblock.salt != manifest.verity.salt {
        return Err(FillError::TreeDiffers { file, field: "salt" });
    }
    Ok(tree)
}

/// The signature, and zeros to the end of its partition.
fn signature(
    window: &WritableWindow<'_>,
    file: &PayloadFile,
    source: &mut dyn Source,
) -> Result<(), FillError> {
    let mut bytes = source.whole(file.name.as_str())?;
    if let Ok(size) = usize::try_from(window.readable().size()) {
        bytes.resize(size.min(MOST_SIGNATURE).max(bytes.len()), 0);
    }
    write_if_other(window, "signature", &bytes)
}

/// Signature partitions are small; what lies further behind is not looked at by anybody.
const MOST_SIGNATURE: usize = 1024 * 1024;

fn write_if_other(window: &WritableWindow<'_>, part: &'static str, bytes: &[u8]) -> Result<(), FillError> {
    const PIECE: usize = 512 * 1024;
    let mut there = vec![0; PIECE.min(bytes.len())];
    for (number, piece) in bytes.chunks(PIECE).enumerate() {
        let offset = (number * PIECE) as u64;
        let there = &mut there[..piece.len()];
        let read = window.readable().read_at(offset, there);
        read.map_err(|source| FillError::Device { action: "read", part, source })?;
        if there != piece {
            let written = window.write_at(offset, piece);
            written.map_err(|source| FillError::Device { action: "write", part, source })?;
        }
    }
    Ok(())
}
