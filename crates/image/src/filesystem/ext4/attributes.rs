//! Extended attributes in; what fits into the inode, and a block for the rest, out.

use std::collections::BTreeMap;

use super::checksum::ChecksumSeed;
use super::field::{length, low16, low32, put_u16, put_u32};
use super::{BLOCK, FileSystemError};
use crate::tree::TreePath;

/// Bytes of an inode after its fields.
pub(super) const IN_INODE: usize = 96;
const MAGIC: u32 = 0xEA02_0000;
const HEADER_IN_INODE: usize = 4;
const HEADER_IN_BLOCK: usize = 32;
/// Four zero bytes end the list of names.
const END: usize = 4;
const ENTRY: usize = 16;
/// Kernels share a block among no more inodes than this.
const MOST_SHARERS: u32 = 1024;

/// Attributes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Behind the inode's fields; nothing when there are none.
    pub(super) in_inode: Option<[u8; IN_INODE]>,
    /// Which of the shared blocks holds the others.
    pub(super) block: Option<usize>,
}

/// Blocks of attributes, each for all files that have the same in it.
#[derive(Debug, Default)]
pub(super) struct SharedBlocks {
    blocks: Vec<SharedBlock>,
    /// The block of this content that has room for another sharer.
    open: BTreeMap<Vec<u8>, usize>,
}

#[derive(Debug)]
struct SharedBlock {
    bytes: Vec<u8>,
    sharers: u32,
}

struct Attribute<'t> {
    namespace: u8,
    name: &'t [u8],
    value: &'t [u8],
}

impl SharedBlocks {
    /// Sorts the attributes of a file into its inode and a block.
    pub(super) fn place(
        &mut self,
        path: &TreePath,
        attributes: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Attributes, FileSystemError> {
        let mut inside = Vec::new();
        let mut outside = Vec::new();
        let mut left = IN_INODE - HEADER_IN_INODE - END;
        for (name, value) in attributes {
            let attribute = Attribute::parse(path, name, value)?;
            if attribute.size() <= left {
                left -= attribute.size();
                inside.push(attribute);
            } else {
                outside.push(attribute);
            }
        }
        let size: usize = outside.iter().map(Attribute::size).sum();
        if size > length(BLOCK) - HEADER_IN_BLOCK - END {
            return Err(FileSystemError::AttributesTooLarge { path: path.clone() });
        }
        Ok(Attributes {
            in_inode: (!inside.is_empty()).then(|| in_inode(&inside)),
            block: (!outside.is_empty()).then(|| self.share(in_block(outside))),
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// The bytes of each block, which lies at the place of the same number.
    pub(super) fn encode(self, places: &[u64], seed: ChecksumSeed) -> impl Iterator<Item = (u64, Vec<u8>)> {
        self.blocks.into_iter().zip(places).map(move |(SharedBlock { mut bytes, sharers }, place)| {
            put_u32(&mut bytes, 4, sharers);
            let checksum = seed.with(&place.to_le_bytes()).of(&bytes);
            put_u32(&mut bytes, 16, checksum);
            (*place, bytes)
        })
    }

    fn share(&mut self, bytes: Vec<u8>) -> usize {
        if let Some(number) = self.open.get(&bytes)
            && self.blocks[*number].sharers < MOST_SHARERS
        {
            self.blocks[*number].sharers += 1;
            return *number;
        }
        let number = self.blocks.len();
        self.open.insert(bytes.clone(), number);
        self.blocks.push(SharedBlock { bytes, sharers: 1 });
        number
    }
}

impl<'t> Attribute<'t> {
    fn parse(path: &TreePath, name: &'t str, value: &'t [u8]) -> Result<Self, FileSystemError> {
        // Access control lists lie on the disk in another form than programs see, so `system.` is none of these.
        let (namespace, rest) = [("user.", 1), ("trusted.", 4), ("security.", 6)]
            .into_iter()
            .find_map(|(prefix, number)| Some((number, name.strip_prefix(prefix)?)))
            .filter(|(_, rest)| !rest.is_empty() && rest.len() <= 255)
            .ok_or_else(|| FileSystemError::UnknownAttribute { path: path.clone(), name: name.to_owned() })?;
        Ok(Self { namespace, name: rest.as_bytes(), value })
    }

    /// Bytes of name and value together.
    fn size(&self) -> usize {
        self.entry_size() + self.value.len().next_multiple_of(4)
    }

    fn entry_size(&self) -> usize {
        ENTRY + self.name.len().next_multiple_of(4)
    }

    /// Writes name and value; `base` is where places are counted from, `end` where the values begin so far.
    fn put(&self, bytes: &mut [u8], entry: usize, base: usize, end: &mut usize) {
        // Names have at most 255 bytes.
        bytes[entry] = u8::try_from(self.name.len()).unwrap_or(u8::MAX);
        bytes[entry + 1] = self.namespace;
        if !self.value.is_empty() {
            *end -= self.value.len().next_multiple_of(4);
            put_u16(bytes, entry + 2, low16((*end - base) as u64));
            bytes[*end..*end + self.value.len()].copy_from_slice(self.value);
        }
        put_u32(bytes, entry + 8, low32(self.value.len() as u64));
        bytes[entry + ENTRY..entry + ENTRY + self.name.len()].copy_from_slice(self.name);
    }

    fn hash(&self) -> u32 {
        let of_name = self.name.iter().fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(of_name, |hash, word| {
            let mut padded = [0; 4];
            padded[..word.len()].copy_from_slice(word);
            hash.rotate_left(16) ^ u32::from_le_bytes(padded)
        })
    }
}

fn in_inode(attributes: &[Attribute<'_>]) -> [u8; IN_INODE] {
    let mut bytes = [0; IN_INODE];
    put_u32(&mut bytes, 0, MAGIC);
    let (mut entry, mut end) = (HEADER_IN_INODE, IN_INODE);
    for attribute in attributes {
        attribute.put(&mut bytes, entry, HEADER_IN_INODE, &mut end);
        entry += attribute.entry_size();
    }
    bytes
}

/// Everything but the number of sharers and the checksum.
fn in_block(mut attributes: Vec<Attribute<'_>>) -> Vec<u8> {
    // The order in which kernels search.
    attributes.sort_by_key(|attribute| (attribute.namespace, attribute.name.len(), attribute.name));
    let mut bytes = vec![0; length(BLOCK)];
    put_u32(&mut bytes, 0, MAGIC);
    put_u32(&mut bytes, 8, 1);
    let (mut entry, mut end) = (HEADER_IN_BLOCK, length(BLOCK));
    let mut hash = 0_u32;
    for attribute in &attributes {
        attribute.put(&mut bytes, entry, 0, &mut end);
        put_u32(&mut bytes, entry + 12, attribute.hash());
        hash = hash.rotate_left(16) ^ attribute.hash();
        entry += attribute.entry_size();
    }
    put_u32(&mut bytes, 12, hash);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ChecksumSeed, SharedBlocks};
    use crate::tree::TreePath;

    fn attributes(list: &[(&str, usize)]) -> BTreeMap<String, Vec<u8>> {
        list.iter().map(|(name, size)| ((*name).to_owned(), vec![7; *size])).collect()
    }

    #[test]
    fn what_does_not_fit_into_the_inode_is_shared_among_equals() {
        let mut shared = SharedBlocks::default();
        let mut place = |list: &[(&str, usize)]| shared.place(&TreePath::root(), &attributes(list)).unwrap();
        let small = place(&[("security.selinux", 30)]);
        assert!(small.in_inode.is_some() && small.block.is_none());
        let both = [("security.capability", 20), ("security.selinux", 40)];
        let first = place(&both);
        assert!(first.in_inode.is_some());
        assert_eq!(first.block, Some(0));
        for _ in 1..1024 {
            assert_eq!(place(&both), first);
        }
        assert_eq!(place(&both).block, Some(1));
        assert_eq!(place(&[("user.large", 4000)]).block, Some(2));
        assert_eq!(shared.count(), 3);
        let encoded: Vec<_> = shared.encode(&[50, 60, 70], ChecksumSeed::of_file_system(&[0; 16])).collect();
        assert_eq!((encoded[0].0, &encoded[0].1[4..8]), (50, &1024_u32.to_le_bytes()[..]));
    }

    #[test]
    fn attributes_that_ext4_cannot_hold_are_named() {
        let path = TreePath::parse("usr/bin/ping").unwrap();
        let refusal = |list| SharedBlocks::default().place(&path, &attributes(list)).unwrap_err().to_string();
        assert!(refusal(&[("user.large", 4050)]).starts_with("the extended attributes of /usr/bin/ping"));
        assert!(refusal(&[("system.posix_acl_access", 4)]).contains("`system.posix_acl_access`"));
    }
}
