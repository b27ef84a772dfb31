//! Hash trees as `veritysetup format` makes them; the expected values come from cryptsetup 2.8.

use release::Sha256Digest;
use release::manifest::Salt;
use release::verity::{self, HashTree, Hasher, Leaves, PartitionError, Superblock, TreeError};

const UUID: [u8; 16] =
    [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];

/// Blocks, root hash, bytes of the hash partition and their SHA-256, from
/// `veritysetup format --uuid=00112233-4455-6677-8899-aabbccddeeff --salt=0102030405060708`.
const JUDGED: &[(u32, &str, usize, &str)] = &[
    (
        1,
        "50f943981fde4b967534c1ecc1a7e8c34832af193f9b66689a95375d6d0eae73",
        4096,
        "20aa4f78d99e316844f207b046ea72f072a6b6df3292bb24c9a77b45881d4f09",
    ),
    (
        2,
        "c121a6803282b65ef9b220305f5bc1015da5f9066f681dfc36249f01f608486f",
        8192,
        "2b7af0a7da7805a84bf34a9007ee27fec3ccc9232e7aba76e19ef56de80172ee",
    ),
    (
        127,
        "5f5197dd9e9d1eef35a7e6f1d89319abf91952b56d81a5d759de138e576a2c80",
        8192,
        "e7b007e9b12029387afe1fc1c03d0fa4ccad499794d9c4cc7eeae9e487999ad0",
    ),
    (
        128,
        "28a3c8bf89de5fb57a6489208738f0f2f8f8692b0a3d74b0ecded6f8ef74a975",
        8192,
        "899b14c1cccc146db972e4f117fbd16a88f9d8f441984e863ae8f41080955ff6",
    ),
    (
        129,
        "7b8d6625321990b1c340674b7eec0e0aa0260a7a72b86c0d28f373929154ee71",
        16384,
        "63a44042a514ee7910769efb56ff99e4bbefe844c15ec12c4177c7db1b5eaeb3",
    ),
    (
        16384,
        "ac328a3bc43063528d00b78956132f2636103445f3d499fb779926883141beb4",
        532_480,
        "d12e5cca12aa24c5f0e1a5149b481cdd87fe6691c2652488e982144860d6805b",
    ),
    (
        16385,
        "c55713b0e8e94198aa3d6d93c2ea80f7540d2aed1ae1013afbac6e932e011059",
        544_768,
        "29c333d610ec1ab5d5e32707f3bf5477260ffe3b7fe844db210513120a3e3a75",
    ),
];

/// Blocks that all differ: each is the SHA-256 of its number, 128 times.
fn blocks(count: u32) -> Vec<u8> {
    (0..count).flat_map(|number| Sha256Digest::of(&number.to_le_bytes()).bytes().repeat(128)).collect()
}

fn salt() -> Salt {
    Salt::new((1..=8).collect()).expect("8 bytes are few")
}

fn tree(count: u32) -> HashTree {
    let mut leaves = Leaves::new(salt());
    leaves.push(&blocks(count));
    leaves.finish().expect("whole blocks were pushed")
}

#[test]
fn trees_are_those_of_veritysetup() {
    for (count, root_hash, length, sha256) in JUDGED {
        let tree = tree(*count);
        let partition = tree.partition_bytes(UUID);
        let found = (tree.root_hash().to_string(), partition.len(), Sha256Digest::of(&partition).to_string());
        assert_eq!(found, ((*root_hash).to_owned(), *length, (*sha256).to_owned()), "{count} blocks");
        assert_eq!(verity::partition_length(u64::from(*count)), Some(*length as u64));
    }
}

#[test]
fn bytes_may_come_in_pieces_of_any_size() {
    let data = blocks(130);
    for size in [1, 4095, 4096, 4097, 10_000] {
        let mut leaves = Leaves::new(salt());
        data.chunks(size).for_each(|piece| leaves.push(piece));
        assert_eq!(leaves.finish().unwrap(), tree(130), "pieces of {size} bytes");
    }
    assert_eq!(Hasher::new(&salt()).digests(&data), tree(130).leaves());
}

#[test]
fn data_that_are_no_blocks_have_no_tree() {
    assert_eq!(Leaves::new(salt()).finish(), Err(TreeError::Empty));
    let mut leaves = Leaves::new(salt());
    leaves.push(&[0; 4097]);
    let refused = leaves.finish().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "4097 bytes are no whole number of blocks of 4096 bytes: fill the file system up before it is hashed"
    );
}

#[test]
fn a_partition_is_read_back_and_proven() {
    for count in [1, 2, 128, 129, 16385] {
        let tree = tree(count);
        let mut partition = tree.partition_bytes(UUID);
        partition.extend([0xff; 5000]);
        let (superblock, found) = verity::parse(&partition, &tree.root_hash()).unwrap();
        assert_eq!(found, tree);
        assert_eq!(superblock, Superblock { uuid: UUID, data_blocks: u64::from(count), salt: salt() });
    }
}

#[test]
fn every_flipped_byte_that_matters_is_found() {
    let tree = tree(129);
    let whole = tree.partition_bytes(UUID);
    // Signature, version, hash type, algorithm, block sizes, number of blocks, salt and its length, digests of the blocks.
    let superblock = (0..16).chain(32..39).chain(64..82).chain(88..96);
    for place in superblock.chain([8192, 8192 + 128 * 32, 8192 + 129 * 32 - 1]) {
        let mut broken = whole.clone();
        broken[place] ^= 0x10;
        let result = verity::parse(&broken, &tree.root_hash());
        assert!(result.is_err(), "byte {place} was changed and nobody saw it");
    }
}

#[test]
fn what_is_no_tree_is_refused_with_its_fault() {
    let tree = tree(129);
    let whole = tree.partition_bytes(UUID);
    let refused = |bytes: &[u8]| verity::parse(bytes, &tree.root_hash()).unwrap_err().to_string();
    let with = |place: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[place] = value;
        bytes
    };
    assert_eq!(refused(b""), "there is no dm-verity superblock");
    assert_eq!(refused(&[0; 4096]), "there is no dm-verity superblock");
    assert_eq!(
        refused(&with(65, 4)),
        "the dm-verity superblock says data block size 1024, and Lazuli's trees have 4096"
    );
    assert_eq!(
        refused(&with(35, b'5')),
        "the dm-verity superblock says algorithm sha556, and Lazuli's trees have sha256"
    );
    assert_eq!(
        refused(&with(81, 2)),
        "the dm-verity superblock says salt size 520, and Lazuli's trees have at most 256"
    );
    assert_eq!(
        refused(&whole[..whole.len() - 1]),
        "a hash tree over 129 blocks has 16384 bytes, and 16383 are there"
    );
    assert_eq!(
        refused(&with(79, 0xff)),
        "a hash tree over 18374686479671623809 blocks has 18446744073709551615 bytes, and 16384 are there"
    );
    assert_eq!(
        refused(&with(72, 145)),
        "the hash tree has no digest of block 129: its superblock tells of too many blocks"
    );
    let other = Sha256Digest::of(b"other");
    assert_eq!(
        verity::parse(&whole, &other).unwrap_err(),
        PartitionError::RootHash { expected: other, found: tree.root_hash() }
    );
}
