//! Any bytes, in; nothing out but the promise that they were read without a panic, and that what was read is what its reader
//! says of it. The fuzzer and the tests call the same functions.

#[path = "../world/mod.rs"]
#[allow(dead_code, reason = "of what the tests of updates do, a part")]
mod world;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use release::assembly::Assembly;
use release::blocks::{Area, Extent};
use release::channel::{Choice, Machine};
use release::local::Local;
use release::recipe::{PATCH_BEGIN, Present, Recipe, RecipeError};
use release::target::{self, Target};
use release::verity::{self, PartitionError, Superblock};
use release::{Channel, Manifest, Sha256Digest, Version};
use world::{Packed, Slot, packed, patched};

/// A manifest, a channel, or the name of a target: written again, each is read as the same.
pub fn release_documents(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        let again = Manifest::parse(manifest.to_json().as_bytes()).expect("it was read before");
        assert_eq!(again, manifest);
    }
    if let Ok(channel) = Channel::parse(bytes) {
        let again = Channel::parse(channel.to_json().as_bytes()).expect("it was read before");
        assert_eq!(again, channel);
        every_machine_chooses_well(&channel);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(name) = target::parse(text)
    {
        let again = match &name {
            Target::File { image, version, architecture, file } => {
                target::file(image, version, *architecture, file)
            }
            Target::Channel { image, architecture, channel } => {
                target::channel(image, *architecture, channel)
            }
        };
        assert_eq!(again, text);
    }
}

/// Longer channels are read, and no machine follows them.
const FOLLOWED: usize = 16;

fn every_machine_chooses_well(channel: &Channel) {
    let mut versions: Vec<Version> = channel.promotions.iter().map(|one| one.version.clone()).collect();
    versions.truncate(FOLLOWED);
    versions.extend(["0", "1.5", "zz"].map(|text| Version::parse(text).expect("these are versions")));
    let quarantined: BTreeSet<Version> = versions.iter().take(1).cloned().collect();
    for version in &versions {
        for allow_downgrade in [false, true] {
            for pin in [None, versions.last(), versions.first()] {
                for now in [0, 1_800_000_000, u64::MAX] {
                    let machine = Machine {
                        image: &channel.image,
                        architecture: channel.architecture,
                        version,
                        seed: b"fuzzed",
                        quarantined: &quarantined,
                        pin,
                        allow_downgrade,
                        ignore_waves: false,
                    };
                    chooses_well(channel, &machine, now);
                }
            }
        }
    }
}

/// What a machine takes is offered to it, in its time, and no barrier is left out on the way.
fn chooses_well(channel: &Channel, machine: &Machine<'_>, now: u64) {
    let Choice::Take(taken) = channel.choose(machine, now) else { return };
    assert!(taken.withdrawn.is_none() && taken.version != *machine.version);
    assert!(channel.starts(taken, machine.seed).is_some_and(|start| start <= now));
    let pinned = machine.pin == Some(&taken.version);
    assert!(pinned || !machine.quarantined.contains(&taken.version));
    assert!(pinned || machine.allow_downgrade || taken.version > *machine.version);
    let between = channel
        .promotions
        .iter()
        .filter(|one| one.barrier.is_some() && one.version > *machine.version && one.version < taken.version);
    for barrier in between {
        assert!(barrier.withdrawn.is_some() && taken.barrier.is_some(), "{} is passed over", barrier.version);
    }
}

/// The partition of a hash tree: proven by the root hash that it has, it is written again and read as the same.
pub fn hash_tree(bytes: &[u8]) {
    if let Ok(superblock) = Superblock::parse(bytes) {
        assert_eq!(Superblock::parse(&superblock.block()).expect("it was read before"), superblock);
    }
    let anything = Sha256Digest::from_bytes([1; 32]);
    let root_hash = match verity::parse(bytes, &anything) {
        Err(PartitionError::RootHash { expected, found }) => {
            assert_eq!(expected, anything);
            found
        }
        Err(_) => return,
        Ok((superblock, tree)) => {
            assert_eq!((superblock.data_blocks, tree.root_hash()), (1, anything), "nothing else proves it");
            anything
        }
    };
    let (superblock, tree) = verity::parse(bytes, &root_hash).expect("this is its root hash");
    let written = tree.partition_bytes(superblock.uuid);
    assert_eq!(verity::partition_length(superblock.data_blocks), Some(written.len() as u64));
    assert_eq!(verity::parse(&written, &root_hash).expect("it was read before"), (superblock, tree));
}

/// Two versions, and what is published of them.
struct World {
    old: world::Version,
    local: Local,
    packed: Packed,
    patch: Vec<u8>,
    /// Bytes of the patch before its frames.
    head: usize,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    // More than one section, blocks that come twice, and a kernel that ends within a block.
    let version = |blocks: &[(u8, usize)], kernel: &[u8]| world::Version {
        root: blocks.iter().flat_map(|(byte, count)| vec![*byte; 4096 * count]).collect(),
        kernel: kernel.to_vec(),
    };
    let different = |from: u8, to: u8| (from..to).map(|byte| (byte, 1)).collect::<Vec<_>>();
    let old = version(&[different(1, 120), vec![(0, 30)]].concat(), &[200; 9000]);
    let new = version(&[different(40, 140), vec![(0, 32)], different(1, 20)].concat(), &[210; 9001]);
    let patch = patched(&old, &new);
    let head = release::recipe::patch_head_length(&patch).expect("this is a patch");
    World {
        local: old.local(),
        packed: packed(&new, &[]),
        head: usize::try_from(head).expect("small"),
        patch,
        old,
    }
});

/// The index of a pack, the head of a patch or the frames of either. The first byte says which, and whether it is compressed
/// first, so that the fuzzer changes what is in it and not how it is packed.
///
/// What is read as a recipe tells each block once, and no bytes that it accepts as the version have another root hash.
/// Returns how many recipes were read.
pub fn recipe(bytes: &[u8]) -> usize {
    let Some((kind, bytes)) = bytes.split_first() else { return 0 };
    let World { local, packed: Packed { manifest, index, file }, patch, head, .. } = &*WORLD;
    match kind {
        b'i' => follow(Recipe::from_index(&index_of(bytes), manifest), &[local], file),
        b'p' => {
            let patch = [patch_of(bytes), patch[*head..].to_vec()].concat();
            follow(Recipe::from_patch(&patch, manifest, local), &[local], &patch)
        }
        b'f' => {
            let patch = [&patch[..*head], bytes].concat();
            follow(Recipe::from_index(index, manifest), &[local, &Local::nothing()], bytes)
                + follow(Recipe::from_patch(&patch, manifest, local), &[local], &patch)
        }
        _ => {
            follow(Recipe::from_index(bytes, manifest), &[local], file)
                + follow(Recipe::from_patch(bytes, manifest, local), &[local], bytes)
        }
    }
}

fn index_of(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u64).to_le_bytes();
    [b"lazuli index 1\n\0", &length[..], &compressed(body)].concat()
}

fn patch_of(body: &[u8]) -> Vec<u8> {
    let packed = compressed(body);
    let lengths = [packed.len() as u64, body.len() as u64].map(u64::to_le_bytes).concat();
    [b"lazuli patch 1\n\0", &lengths[..], &packed].concat()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).expect("zstd works")
}

/// Does what a recipe says for a host with each of these.
fn follow(recipe: Result<Recipe, RecipeError>, locals: &[&Local], file: &[u8]) -> usize {
    let Ok(recipe) = recipe else { return 0 };
    let World { old, packed: Packed { manifest, .. }, .. } = &*WORLD;
    assert_eq!(recipe.root_hash(), manifest.verity.root_hash);
    for local in locals {
        let Ok(plan) = recipe.plan(local, &Present::nothing()) else { continue };
        tells_each_block_once(&recipe, &plan);
        let mut slot = Slot::default();
        if slot.try_apply(&plan, old, file).is_err() {
            continue;
        }
        let present = slot.present(&recipe);
        let rest = recipe.plan(local, &present);
        if present.count() == recipe.shape().blocks() {
            assert_eq!(slot.root_hash(), manifest.verity.root_hash);
            let rest = rest.expect("nothing is left to do");
            assert!(rest.copies.is_empty() && rest.fetches.is_empty());
        }
    }
    1
}

fn tells_each_block_once(recipe: &Recipe, plan: &Assembly) {
    let fetched = plan.fetches.iter().flat_map(|fetch| fetch.places.iter().map(|place| place.to));
    let mut told = BTreeSet::new();
    for Extent { area, first, count } in plan.copies.iter().map(|copy| copy.to).chain(fetched) {
        for number in first..first + count {
            assert!(told.insert((area, number)), "block {number} of {area:?} is told twice");
        }
    }
    let blocks = |wanted: Area| told.iter().filter(|(area, _)| *area == wanted).count();
    let shape = recipe.shape();
    assert_eq!(blocks(Area::Root), shape.root_blocks() as usize);
    assert_eq!(told.len(), shape.blocks() as usize);
}

/// What is published of two small versions, to start from: target, file and bytes.
pub fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let World { old, packed: Packed { index, file, .. }, patch, head, .. } = &*WORLD;
    let kind = |byte: u8, bytes: &[u8]| [&[byte], bytes].concat();
    let body = |packed: &[u8]| zstd::decode_all(packed).expect("this was just packed");
    let block = world::Version { root: vec![7; 4096], kernel: Vec::new() };
    vec![
        ("recipe", "index-body", kind(b'i', &body(&index[24..]))),
        ("recipe", "patch-body", kind(b'p', &body(&patch[PATCH_BEGIN..*head]))),
        ("recipe", "frames", kind(b'f', file)),
        ("recipe", "patch-frames", kind(b'f', &patch[*head..])),
        ("recipe", "index", kind(b'-', index)),
        ("recipe", "patch", kind(b'-', patch)),
        ("hash_tree", "two-levels", old.tree().partition_bytes([5; 16])),
        ("hash_tree", "one-block", block.tree().partition_bytes([5; 16])),
        ("release_documents", "manifest", old.manifest().to_json().into_bytes()),
    ]
}
