//! The names in a directory, in; its blocks out: one after the other while they fit into one block, else ordered by hashes, so that
//! a name among thousands is found by reading two or three blocks (`dir_index`).

use super::checksum::ChecksumSeed;
use super::field::{length, low16, low32, put_u16, put_u32};
use super::hash::half_md4;
use super::nodes::{LOST_AND_FOUND, Node};
use super::{BLOCK, FileSystemError, inode};

const BLOCK_LENGTH: usize = 4096;
/// Each block ends with its checksum in the form of an entry without a name.
const TAIL: usize = 12;
const USABLE: usize = BLOCK_LENGTH - TAIL;
const DIRECTORY: u8 = 2;
/// Blocks that the checker can fill without asking for more.
const LOST_AND_FOUND_BLOCKS: usize = 4;
/// Version of the hash: half MD4, of signed characters by the flag in the superblock.
pub(super) const HASH_VERSION: u8 = 1;
/// Where the index begins in the first block, and in others.
const ROOT_INDEX: usize = 32;
const NODE_INDEX: usize = 8;
const INDEX_ENTRY: usize = 8;
/// The checksum of an index block.
const INDEX_TAIL: usize = 8;

/// The content of a directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) bytes: Vec<u8>,
    /// Whether it begins with an index.
    pub(super) indexed: bool,
}

struct Name<'t> {
    bytes: &'t [u8],
    inode: u32,
    kind: u8,
}

struct Hashed<'t> {
    hash: (u32, u32),
    name: Name<'t>,
}

/// Blocks of names, in the order of hashes.
struct Leaf<'t> {
    /// The least hash in it; odd when names of the same hash lie in the block before.
    first_hash: u32,
    names: Vec<Name<'t>>,
}

/// What the blocks of every directory depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeds<'a> {
    pub(super) hash: &'a [u8; 16],
    pub(super) checksum: ChecksumSeed,
}

/// The content of a directory node.
pub(super) fn content(
    node: &Node<'_>,
    nodes: &[Node<'_>],
    seeds: Seeds<'_>,
) -> Result<Directory, FileSystemError> {
    let checksum = seeds.checksum.of_inode(node.number);
    let name =
        |bytes, node: &Node<'_>| Name { bytes, inode: node.number, kind: inode::kind_bits(node.entry).1 };
    let own = [
        Name { bytes: b".", inode: node.number, kind: DIRECTORY },
        Name { bytes: b"..", inode: nodes[node.parent].number, kind: DIRECTORY },
    ];
    let names = || node.children.iter().map(|child| name(child.name, &nodes[child.node]));
    let size: usize =
        own.iter().map(Name::size).sum::<usize>() + names().map(|name| name.size()).sum::<usize>();
    if size <= USABLE || node.number == LOST_AND_FOUND {
        let least = if node.number == LOST_AND_FOUND { LOST_AND_FOUND_BLOCKS } else { 1 };
        return Ok(Directory {
            bytes: in_order(own.into_iter().chain(names()), least, checksum),
            indexed: false,
        });
    }
    let mut hashed: Vec<Hashed<'_>> =
        names().map(|name| Hashed { hash: half_md4(name.bytes, seeds.hash), name }).collect();
    hashed.sort_by(|a, b| (a.hash, a.name.bytes).cmp(&(b.hash, b.name.bytes)));
    let leaves = leaves(hashed);
    let too_many = || FileSystemError::TooManyNames { path: node.path.clone() };
    Ok(Directory { bytes: indexed(&own, &leaves, checksum).ok_or_else(too_many)?, indexed: true })
}

impl Name<'_> {
    fn size(&self) -> usize {
        8 + self.bytes.len().next_multiple_of(4)
    }
}

/// Names one after the other, in at least so many blocks.
fn in_order<'t>(names: impl Iterator<Item = Name<'t>>, least: usize, seed: ChecksumSeed) -> Vec<u8> {
    let mut blocks: Vec<Vec<Name<'_>>> = vec![Vec::new()];
    let mut left = USABLE;
    for name in names {
        if name.size() > left {
            blocks.push(Vec::new());
            left = USABLE;
        }
        left -= name.size();
        if let Some(block) = blocks.last_mut() {
            block.push(name);
        }
    }
    while blocks.len() < least {
        blocks.push(Vec::new());
    }
    blocks.iter().flat_map(|names| leaf_block(names, seed)).collect()
}

fn leaves(names: Vec<Hashed<'_>>) -> Vec<Leaf<'_>> {
    let mut leaves: Vec<Leaf<'_>> = Vec::new();
    let (mut left, mut previous) = (0, 0);
    for Hashed { hash: (hash, _), name } in names {
        if name.size() > left {
            let continued = !leaves.is_empty() && hash == previous;
            leaves.push(Leaf { first_hash: hash | u32::from(continued), names: Vec::new() });
            left = USABLE;
        }
        left -= name.size();
        previous = hash;
        if let Some(leaf) = leaves.last_mut() {
            leaf.names.push(name);
        }
    }
    leaves
}

/// The index, the blocks of names, and blocks of the index between them when there are many; nothing when there are too many.
fn indexed(own: &[Name<'_>; 2], leaves: &[Leaf<'_>], seed: ChecksumSeed) -> Option<Vec<u8>> {
    let (in_root, in_node) = (index_limit(ROOT_INDEX), index_limit(NODE_INDEX));
    // The first block is the root of the index, the names follow it.
    let entries: Vec<(u32, u32)> = (1..).zip(leaves).map(|(block, leaf)| (leaf.first_hash, block)).collect();
    let mut nodes = Vec::new();
    let mut top = entries.clone();
    if entries.len() > in_root {
        top.clear();
        let first = low32(entries.len() as u64 + 1);
        for (block, part) in (first..).zip(entries.chunks(in_node)) {
            top.push((part[0].0, block));
            nodes.push(part);
        }
        if top.len() > in_root {
            return None;
        }
    }
    let mut root = vec![0; BLOCK_LENGTH];
    put_name(&mut root, 0, &own[0], 12);
    put_name(&mut root, 12, &own[1], BLOCK_LENGTH - 12);
    root[28] = HASH_VERSION;
    root[29] = 8;
    root[30] = u8::from(!nodes.is_empty());
    put_index(&mut root, ROOT_INDEX, &top, seed);
    let mut bytes = root;
    bytes.extend(leaves.iter().flat_map(|leaf| leaf_block(&leaf.names, seed)));
    for entries in nodes {
        let mut node = vec![0; BLOCK_LENGTH];
        // To a reader without an index it is one entry that is not in use.
        put_u16(&mut node, 4, low16(BLOCK));
        put_index(&mut node, NODE_INDEX, entries, seed);
        bytes.extend(node);
    }
    Some(bytes)
}

fn index_limit(start: usize) -> usize {
    (BLOCK_LENGTH - start - INDEX_TAIL) / INDEX_ENTRY
}

fn put_index(block: &mut [u8], start: usize, entries: &[(u32, u32)], seed: ChecksumSeed) {
    for (place, (hash, number)) in (start..).step_by(INDEX_ENTRY).zip(entries) {
        put_u32(block, place, *hash);
        put_u32(block, place + 4, *number);
    }
    // The first entry is for all hashes below the second's: in place of its own hash stand the counts.
    put_u16(block, start, low16(index_limit(start) as u64));
    put_u16(block, start + 2, low16(entries.len() as u64));
    let covered = seed.of(&block[..start + entries.len() * INDEX_ENTRY]);
    let checksum = super::checksum::crc32c(covered, &[0; INDEX_TAIL]);
    put_u32(block, start + index_limit(start) * INDEX_ENTRY + 4, checksum);
}

fn leaf_block(names: &[Name<'_>], seed: ChecksumSeed) -> Vec<u8> {
    let mut block = vec![0; length(BLOCK)];
    let mut place = 0;
    for (number, name) in names.iter().enumerate() {
        let size = if number + 1 == names.len() { USABLE - place } else { name.size() };
        put_name(&mut block, place, name, size);
        place += size;
    }
    if names.is_empty() {
        put_u16(&mut block, 4, low16(USABLE as u64));
    }
    put_u16(&mut block, USABLE + 4, low16(TAIL as u64));
    block[USABLE + 7] = 0xDE;
    let checksum = seed.of(&block[..USABLE]);
    put_u32(&mut block, USABLE + 8, checksum);
    block
}

fn put_name(block: &mut [u8], place: usize, name: &Name<'_>, size: usize) {
    put_u32(block, place, name.inode);
    put_u16(block, place + 4, low16(size as u64));
    // Names have at most 255 bytes.
    block[place + 6] = u8::try_from(name.bytes.len()).unwrap_or(u8::MAX);
    block[place + 7] = name.kind;
    block[place + 8..place + 8 + name.bytes.len()].copy_from_slice(name.bytes);
}

#[cfg(test)]
mod tests {
    use super::{Hashed, Name, leaves};

    #[test]
    fn names_of_one_hash_that_need_two_blocks_say_so() {
        let long = [b'x'; 255];
        let hashed = |hash| Hashed { hash: (hash, 0), name: Name { bytes: &long, inode: 1, kind: 1 } };
        // Fifteen names of 264 bytes fit into a block.
        let leaves = leaves((0..32).map(|number| hashed(if number < 20 { 4 } else { 6 })).collect());
        let found: Vec<(u32, usize)> =
            leaves.iter().map(|leaf| (leaf.first_hash, leaf.names.len())).collect();
        assert_eq!(found, [(4, 15), (5, 15), (7, 2)]);
    }
}
