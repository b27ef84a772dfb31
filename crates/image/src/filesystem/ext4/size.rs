//! What a file system has to hold, and the wish of the definition, in; its skeleton out.

use super::geometry::{Geometry, NoGeometry};
use super::reserved::{journal_blocks, orphan_blocks};
use super::survey::Needs;
use super::{BLOCK, FileSystemError};
use crate::filesystem::{MEBIBYTE, Size};

/// One inode for so many bytes of free room: mke2fs's own rule.
const BYTES_PER_INODE: u64 = 16_384;
/// Inodes that are free in any case.
const SPARE_INODES: u64 = 64;
const BLOCKS_IN_MEBIBYTE: u64 = MEBIBYTE / BLOCK;

/// A skeleton in a place of its own size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sized {
    pub(super) geometry: Geometry,
    /// Bytes of the place: whole mebibytes, of which the file system may leave the last unused.
    pub(super) bytes: u64,
}

/// Decides how large the file system becomes.
pub(super) fn decide(needs: &Needs, size: Size) -> Result<Sized, FileSystemError> {
    match size {
        Size::Fit { free_mebibytes } => {
            let geometry = around(needs, blocks(free_mebibytes)?)?;
            Ok(Sized { bytes: geometry.blocks * BLOCK, geometry })
        }
        Size::Fixed { mebibytes } => {
            let blocks = blocks(mebibytes)?;
            let least = around(needs, 0)?;
            let too_small = FileSystemError::TooSmall {
                needed_mebibytes: least.blocks.div_ceil(BLOCKS_IN_MEBIBYTE),
                available_mebibytes: mebibytes,
            };
            if least.blocks > blocks {
                return Err(too_small);
            }
            // The tables of the further inodes take their share of the room that is left.
            let further = (blocks - least.blocks) * BLOCK / BYTES_PER_INODE;
            let geometry = match Geometry::new(blocks, needs.inodes + SPARE_INODES + further) {
                Ok(geometry) if geometry.room() >= required(needs, &geometry) => geometry,
                Err(NoGeometry::TooLarge) => return Err(too_large(blocks)),
                _ => Geometry::new(blocks, needs.inodes + SPARE_INODES).map_err(|_| too_small)?,
            };
            Ok(Sized { geometry, bytes: mebibytes * MEBIBYTE })
        }
    }
}

fn blocks(mebibytes: u64) -> Result<u64, FileSystemError> {
    // Far more than there can be, and little enough to add to.
    let blocks = mebibytes.checked_mul(BLOCKS_IN_MEBIBYTE).filter(|blocks| blocks >> 48 == 0);
    blocks.ok_or(FileSystemError::TooLarge { mebibytes })
}

/// The next larger skeleton, for content that was scattered more than foreseen.
pub(super) fn enlarge(sized: &Sized, size: Size) -> Result<Sized, FileSystemError> {
    let blocks = sized.geometry.blocks + BLOCKS_IN_MEBIBYTE;
    let mebibytes = blocks.div_ceil(BLOCKS_IN_MEBIBYTE);
    match size {
        Size::Fixed { mebibytes: available_mebibytes } => {
            Err(FileSystemError::TooSmall { needed_mebibytes: mebibytes, available_mebibytes })
        }
        Size::Fit { .. } => {
            let geometry = Geometry::new(blocks, sized.geometry.inodes()).map_err(|_| too_large(blocks))?;
            Ok(Sized { bytes: geometry.blocks * BLOCK, geometry })
        }
    }
}

/// The least skeleton of whole mebibytes that has so much room besides.
fn around(needs: &Needs, free_blocks: u64) -> Result<Geometry, FileSystemError> {
    let inodes = needs.inodes + SPARE_INODES + free_blocks / (BYTES_PER_INODE / BLOCK);
    let mut blocks = needs.blocks + free_blocks;
    loop {
        blocks = blocks.div_ceil(BLOCKS_IN_MEBIBYTE) * BLOCKS_IN_MEBIBYTE;
        match Geometry::new(blocks, inodes) {
            Err(NoGeometry::TooLarge) => return Err(too_large(blocks)),
            Err(NoGeometry::TooSmall { needed }) => blocks = needed,
            Ok(geometry) => {
                let required = required(needs, &geometry) + free_blocks;
                if geometry.room() >= required {
                    return Ok(geometry);
                }
                blocks += required - geometry.room();
            }
        }
    }
}

/// Blocks of content, of what no path leads to, and those that kernels keep for themselves: one in fifty up to 16 MiB.
fn required(needs: &Needs, geometry: &Geometry) -> u64 {
    let blocks = geometry.blocks;
    needs.blocks + 1 + journal_blocks(blocks) + orphan_blocks(blocks) + (blocks / 50).min(4096)
}

fn too_large(blocks: u64) -> FileSystemError {
    FileSystemError::TooLarge { mebibytes: blocks.div_ceil(BLOCKS_IN_MEBIBYTE) }
}

#[cfg(test)]
mod tests {
    use super::{MEBIBYTE, Needs, Size, decide};

    const NEEDS: Needs = Needs { blocks: 104_000, inodes: 20_000 };

    #[test]
    fn a_file_system_that_cannot_hold_its_tree_says_by_how_much() {
        let error = decide(&NEEDS, Size::Fixed { mebibytes: 300 }).unwrap_err().to_string();
        assert_eq!(error, "the root partition is too small: its content needs 437 MiB, 300 MiB are given");
        assert_eq!(decide(&NEEDS, Size::Fixed { mebibytes: 437 }).unwrap().bytes, 437 * MEBIBYTE);
        assert!(decide(&NEEDS, Size::Fixed { mebibytes: 436 }).is_err());
    }

    #[test]
    fn room_asked_for_is_room_given() {
        let least = decide(&NEEDS, Size::Fit { free_mebibytes: 0 }).unwrap();
        let roomy = decide(&NEEDS, Size::Fit { free_mebibytes: 512 }).unwrap();
        assert!(roomy.geometry.room() - least.geometry.room() >= 512 * 256);
        assert!(roomy.geometry.inodes() - least.geometry.inodes() >= 32_000);
        assert_eq!(decide(&NEEDS, Size::Fixed { mebibytes: 2048 }).unwrap().bytes, 2048 * MEBIBYTE);
    }

    #[test]
    fn sizes_beyond_sixteen_tebibytes_are_refused() {
        for size in [Size::Fit { free_mebibytes: u64::MAX }, Size::Fixed { mebibytes: u64::MAX }] {
            assert!(decide(&NEEDS, size).unwrap_err().to_string().contains("16 TiB"));
        }
    }

    #[test]
    fn many_inodes_and_little_content_have_room_for_their_tables() {
        let sized = decide(&Needs { blocks: 10, inodes: 100_000 }, Size::Fit { free_mebibytes: 0 }).unwrap();
        assert!(sized.geometry.inodes() >= 100_000);
    }
}
