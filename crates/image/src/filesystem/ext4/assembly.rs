//! What is stored and where it lies, in; the file system as pieces out.

use std::borrow::Cow;

use super::BLOCK;
use super::checksum::ChecksumSeed;
use super::extents;
use super::field::length;
use super::geometry::Geometry;
use super::groups;
use super::inode::{self, Inode};
use super::nodes::ORPHAN_FILE;
use super::placement::{Placed, Placement};
use super::reserved;
use super::superblock::{Counts, superblock};
use super::survey::{self, Holding, Survey};
use crate::disk::{Piece, Source};
use crate::filesystem::Stamp;
use crate::tree::{Content, Kind};

const RESIZE: u32 = 7;
const JOURNAL: u32 = 8;
/// Where the first superblock stands: before it is room for a boot loader.
const SUPERBLOCK: u64 = 1024;

/// Writes all metadata down, and says where the content of files goes.
pub(super) fn assemble<'t>(
    survey: Survey<'t>,
    geometry: &Geometry,
    placement: Placement,
    label: &str,
    stamp: &Stamp,
) -> Vec<Piece<'t>> {
    let seed = ChecksumSeed::of_file_system(stamp.uuid.as_bytes());
    let mut assembly = Assembly {
        seed,
        geometry,
        time: stamp.source_date_epoch,
        pieces: Vec::new(),
        inodes: Vec::new(),
        directories: vec![0; length(geometry.groups)],
    };
    let last = survey.nodes.iter().map(|node| node.number).max().unwrap_or(0).max(ORPHAN_FILE);
    assembly.inodes = (1..=last).map(|number| inode::unused(seed.of_inode(number))).collect();
    let Survey { nodes, holdings, attributes, shared } = survey;
    for (((node, holding), attributes), placed) in
        nodes.iter().zip(holdings).zip(attributes).zip(&placement.nodes)
    {
        let flags = match &holding {
            Holding::InInode(_) => 0,
            Holding::Bytes(_, flags) => flags | inode::EXTENTS,
            Holding::File(..) => inode::EXTENTS,
        };
        let map = match &holding {
            Holding::InInode(map) => *map,
            _ => assembly.map(node.number, placed),
        };
        let size = match &holding {
            Holding::Bytes(bytes, _) => bytes.len() as u64,
            _ => node.entry.size(),
        };
        assembly.add_content(holding, placed);
        let attribute_block = attributes.block.map(|block| placement.shared[block]);
        assembly.set_inode(
            node.number,
            &Inode {
                mode: inode::kind_bits(node.entry).0 | node.entry.mode & 0o7777,
                user: node.entry.user,
                group: node.entry.group,
                links: node.link_count(),
                size,
                blocks: placed.blocks() + u64::from(attribute_block.is_some()),
                flags,
                map,
                modified: node.entry.modified,
                created: stamp.source_date_epoch,
                in_inode_attributes: attributes.in_inode,
                attribute_block: attribute_block.unwrap_or(0),
            },
        );
        if node.entry.kind == Kind::Directory {
            let group = u64::from(node.number - 1) / geometry.inodes_in_group;
            assembly.directories[length(group)] += 1;
        }
    }
    assembly.add_blocks(shared.encode(&placement.shared, seed));
    assembly.add_orphans(&placement.orphans);
    let journal_map = assembly.add_journal(&placement.journal, stamp);
    assembly.add_resize_inode(placement.indirect);
    assembly.finish(&placement, label, stamp, &journal_map)
}

struct Assembly<'t, 'g> {
    seed: ChecksumSeed,
    geometry: &'g Geometry,
    /// Of what the tree does not hold, in seconds since 1970.
    time: u64,
    pieces: Vec<Piece<'t>>,
    /// From inode 1 on.
    inodes: Vec<[u8; 256]>,
    /// Number of directories by group.
    directories: Vec<u64>,
}

impl<'t> Assembly<'t, '_> {
    fn set_inode(&mut self, number: u32, inode: &Inode) {
        self.inodes[number as usize - 1] = inode.encode(self.seed.of_inode(number));
    }

    /// The map for an inode; what does not fit there becomes blocks.
    fn map(&mut self, number: u32, placed: &Placed) -> [u8; 60] {
        let places = placed.map.iter().copied();
        let (map, blocks) = extents::map(&placed.extents, places, self.seed.of_inode(number));
        self.add_blocks(blocks);
        map
    }

    fn add_blocks(&mut self, blocks: impl IntoIterator<Item = (u64, Vec<u8>)>) {
        self.pieces.extend(blocks.into_iter().map(|(place, bytes)| Piece::memory(place * BLOCK, bytes)));
    }

    fn add_content(&mut self, holding: Holding<'t>, placed: &Placed) {
        match holding {
            Holding::InInode(_) => {}
            Holding::Bytes(bytes, _) if placed.extents.len() == 1 => {
                self.pieces.push(Piece::memory(placed.extents[0].disk.start * BLOCK, bytes));
            }
            Holding::Bytes(bytes, _) => {
                for extent in &placed.extents {
                    let blocks = extent.logical..extent.logical + (extent.disk.end - extent.disk.start);
                    self.pieces.push(Piece::memory(extent.disk.start * BLOCK, survey::part(&bytes, &blocks)));
                }
            }
            Holding::File(content, _) => {
                for extent in &placed.extents {
                    let start = extent.logical * BLOCK;
                    let bytes = ((extent.disk.end - extent.disk.start) * BLOCK).min(content.size() - start);
                    let source = match content {
                        Content::OnDisk { path, .. } => Source::File { path: Cow::Borrowed(path), start },
                        Content::Bytes(memory) => {
                            Source::Memory(Cow::Borrowed(&memory[length(start)..length(start + bytes)]))
                        }
                    };
                    self.pieces.push(Piece { at: extent.disk.start * BLOCK, length: bytes, source });
                }
            }
        }
    }

    fn add_orphans(&mut self, placed: &Placed) {
        let map = self.map(ORPHAN_FILE, placed);
        let seed = self.seed;
        let places = placed.extents.iter().flat_map(|extent| extent.disk.clone());
        self.add_blocks(places.map(|place| (place, reserved::orphan_block(place, seed))));
        let content: u64 = placed.extents.iter().map(|extent| extent.disk.end - extent.disk.start).sum();
        let inode = Inode::reserved(content * BLOCK, placed.blocks(), inode::EXTENTS, map, self.time);
        self.set_inode(ORPHAN_FILE, &inode);
    }

    fn add_journal(&mut self, placed: &Placed, stamp: &Stamp) -> [u8; 60] {
        let map = self.map(JOURNAL, placed);
        let blocks = reserved::journal_blocks(self.geometry.blocks);
        let first = placed.extents.first().map(|extent| extent.disk.start);
        self.add_blocks(first.map(|place| (place, reserved::journal_superblock(blocks, stamp))));
        let inode = Inode::reserved(blocks * BLOCK, placed.blocks(), inode::EXTENTS, map, self.time);
        self.set_inode(JOURNAL, &inode);
        map
    }

    fn add_resize_inode(&mut self, indirect: u64) {
        let (inode, blocks) = reserved::resize_inode(self.geometry, indirect, self.time);
        self.add_blocks(blocks);
        self.set_inode(RESIZE, &inode);
    }

    fn finish(
        mut self,
        placement: &Placement,
        label: &str,
        stamp: &Stamp,
        journal_map: &[u8; 60],
    ) -> Vec<Piece<'t>> {
        let geometry = self.geometry;
        for (group, inodes) in (0..).zip(self.inodes.chunks(length(geometry.inodes_in_group))) {
            let at = geometry.inode_table(group) * BLOCK;
            self.pieces.push(Piece::memory(at, inodes.concat()));
        }
        let used_inodes = self.inodes.len() as u64;
        let groups = groups::describe(geometry, used_inodes, &self.directories, &placement.free, self.seed);
        self.add_blocks(groups.bitmaps);
        let counts = Counts {
            free_blocks: groups.free_blocks,
            free_inodes: groups.free_inodes,
            journal_blocks: reserved::journal_blocks(geometry.blocks),
        };
        let superblock = superblock(geometry, &counts, label, stamp, journal_map);
        let first = superblock.in_group(0).to_vec();
        self.pieces.push(Piece::memory(SUPERBLOCK, first));
        self.pieces.push(Piece::memory(BLOCK, groups.descriptors.clone()));
        for group in geometry.backup_groups() {
            let at = geometry.blocks_of(group).start * BLOCK;
            self.pieces.push(Piece::memory(at, superblock.in_group(group).to_vec()));
            self.pieces.push(Piece::memory(at + BLOCK, groups.descriptors.clone()));
        }
        self.pieces.sort_by_key(|piece| piece.at);
        self.pieces
    }
}
