//! A version is packed, a host has another: what the host makes of both is the version, bit for bit.

mod world;

use proptest::prelude::*;
use release::assembly::AssemblyError;
use release::local::Local;
use release::recipe::{Present, Recipe, RecipeError};
use world::{Slot, Version, packed, patched};

/// A file system of files of so many blocks, each filled with its own number.
fn version(files: &[(u32, usize)], kernel: &[u8]) -> Version {
    let mut root = Vec::new();
    for (file, blocks) in files {
        for block in 0..*blocks {
            root.extend(
                format!("file {file} block {block} ").repeat(400).into_bytes().into_iter().take(4096),
            );
        }
    }
    Version { root, kernel: kernel.to_vec() }
}

fn old() -> Version {
    version(&[(1, 130), (2, 40), (0, 3), (3, 300)], &b"an old kernel ".repeat(1000))
}

fn new() -> Version {
    // One file is longer, one is new, one went; the kernel has a part that the root has, too, and no whole last block.
    let mut new = version(&[(1, 130), (4, 20), (2, 44), (0, 3), (3, 290)], &[]);
    new.kernel = [&new.root[..30 * 4096], &b"a new kernel ".repeat(500)[..]].concat();
    new
}

#[test]
fn a_host_with_nothing_fetches_the_whole_pack() {
    let pack = packed(&new(), &[]);
    let recipe = Recipe::from_index(&pack.index, &pack.manifest).unwrap();
    let plan = recipe.plan(&Local::nothing(), &Present::nothing()).unwrap();
    assert!(plan.copies.is_empty());
    assert_eq!(plan.ranges(), vec![0..pack.file.len() as u64]);
    let mut slot = Slot::default();
    slot.apply(&plan, &old(), &pack.file);
    slot.is(&new());
    assert_eq!(zstd::decode_all(pack.file.as_slice()).unwrap().len() % 4096, 0);
}

#[test]
fn a_host_with_another_version_fetches_what_is_new_alone() {
    let pack = packed(&new(), &[]);
    let recipe = Recipe::from_index(&pack.index, &pack.manifest).unwrap();
    let plan = recipe.plan(&old().local(), &Present::nothing()).unwrap();
    let mut slot = Slot::default();
    slot.apply(&plan, &old(), &pack.file);
    slot.is(&new());
    // 290 of 294 blocks of files that both have, and more; 20 + 4 new ones, and those of the kernel.
    assert_eq!(
        plan.fetches.iter().flat_map(|fetch| &fetch.places).map(|place| place.to.count).sum::<u32>(),
        26
    );
    assert_eq!(plan.copied_bytes(), (130 + 40 + 3 + 290 + 30) * 4096);
    assert!(plan.copies.len() < 10, "{:?}", plan.copies);
}

#[test]
fn the_newest_blocks_are_first_in_the_pack() {
    let history = [packed(&old(), &[])];
    let before: Vec<Recipe> =
        history.iter().map(|pack| Recipe::from_index(&pack.index, &pack.manifest).unwrap()).collect();
    let pack = packed(&new(), &before);
    let recipe = Recipe::from_index(&pack.index, &pack.manifest).unwrap();
    let plan = recipe.plan(&old().local(), &Present::nothing()).unwrap();
    assert_eq!(plan.ranges().len(), 1);
    assert_eq!(plan.ranges()[0].start, 0);
    assert_eq!(plan.fetches.len(), 1);
    assert_eq!(plan.fetches[0].blocks, 26, "no block is in the frame that the host has");
    let mut slot = Slot::default();
    slot.apply(&plan, &old(), &pack.file);
    slot.is(&new());
}

#[test]
fn an_interrupted_update_goes_on_where_it_was() {
    let pack = packed(&new(), &[]);
    let recipe = Recipe::from_index(&pack.index, &pack.manifest).unwrap();
    let whole = recipe.plan(&old().local(), &Present::nothing()).unwrap();
    for copies in 0..=whole.copies.len() {
        let mut begun = whole.clone();
        begun.copies.truncate(copies);
        begun.fetches.clear();
        let mut slot = Slot::default();
        slot.apply(&begun, &old(), &pack.file);
        let present = slot.present(&recipe);
        let rest = recipe.plan(&old().local(), &present).unwrap();
        assert!(rest.copied_bytes() <= whole.copied_bytes());
        assert_eq!(rest.copies.is_empty(), copies == whole.copies.len());
        slot.apply(&rest, &old(), &pack.file);
        slot.is(&new());
        assert_eq!(
            recipe.plan(&old().local(), &slot.present(&recipe)).unwrap().to_string(),
            "copy 0 blocks in 0 pieces, fetch 0 bytes in 0 ranges"
        );
    }
}

#[test]
fn a_block_that_only_begins_like_the_right_one_is_fetched() {
    let (pack, new) = (packed(&new(), &[]), new());
    let recipe = Recipe::from_index(&pack.index, &pack.manifest).unwrap();
    // In the third section one digest is another after its first eight bytes, as if another block had been found there.
    let (mut root, kernel) = new.digests();
    let mut bytes = *root[300].bytes();
    bytes[8] ^= 1;
    root[300] = release::Sha256Digest::from_bytes(bytes);
    let present = recipe.present(&root, &kernel);
    let plan = recipe.plan(&new.local(), &present).unwrap();
    assert!(plan.copies.is_empty(), "{:?}", plan.copies);
    let fetched: u32 = plan.fetches.iter().flat_map(|fetch| &fetch.places).map(|place| place.to.count).sum();
    assert_eq!(fetched, 128, "the whole section");
}

#[test]
fn a_patch_makes_the_new_version_of_the_old_one() {
    let (patch, pack) = (patched(&old(), &new()), packed(&new(), &[]));
    let local = old().local();
    let recipe = Recipe::from_patch(&patch, &pack.manifest, &local).unwrap();
    let plan = recipe.plan(&local, &Present::nothing()).unwrap();
    let mut slot = Slot::default();
    slot.apply(&plan, &old(), &patch);
    slot.is(&new());
    // And goes on after an interruption.
    let mut slot = Slot::default();
    let mut begun = plan.clone();
    begun.copies.truncate(2);
    slot.apply(&begun, &old(), &patch);
    let rest = recipe.plan(&local, &slot.present(&recipe)).unwrap();
    assert!(rest.fetches.is_empty());
    slot.apply(&rest, &old(), &patch);
    slot.is(&new());
}

#[test]
fn what_changed_a_little_costs_little_in_a_patch() {
    // Every block of a file is another by a few bytes, as after a compiler's new version.
    let noise = |seed: u32| -> Vec<u8> {
        let mut state = seed;
        (0..200 * 4096)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect()
    };
    let old = Version { root: noise(1), kernel: noise(2) };
    let mut new = old.clone();
    new.root.chunks_mut(4096).for_each(|block| block[100] ^= 0xff);
    let patch = patched(&old, &new);
    let pack = packed(&new, &[]);
    assert!(pack.file.len() > 200 * 4096);
    assert!(patch.len() < 30_000, "{} bytes", patch.len());
    let recipe = Recipe::from_patch(&patch, &pack.manifest, &old.local()).unwrap();
    let mut slot = Slot::default();
    slot.apply(&recipe.plan(&old.local(), &Present::nothing()).unwrap(), &old, &patch);
    slot.is(&new);
}

#[test]
fn a_patch_is_for_one_version_and_its_kernel() {
    let (patch, pack) = (patched(&old(), &new()), packed(&new(), &[]));
    let refused = |local: &Local| Recipe::from_patch(&patch, &pack.manifest, local).unwrap_err().to_string();
    let other = "the patch is not for the version that runs here, or its kernel was changed";
    assert_eq!(refused(&new().local()), other);
    assert_eq!(refused(&Local::nothing()), other);
    let mut changed = old();
    changed.kernel[5] ^= 1;
    assert_eq!(refused(&changed.local()), other);
}

#[test]
fn a_recipe_of_another_version_is_refused() {
    let (pack, other) = (packed(&new(), &[]), packed(&old(), &[]));
    let refused = |index: &[u8], pack: &world::Packed| {
        Recipe::from_index(index, &pack.manifest).unwrap_err().to_string()
    };
    let begin = "the file belongs to another version than the manifest: ";
    assert_eq!(refused(&other.index, &pack), format!("{begin}the root file systems have not the same size"));
    let mut same_size = new();
    same_size.root[7] ^= 1;
    let same_size = packed(&same_size, &[]);
    assert_eq!(refused(&same_size.index, &pack), format!("{begin}the root hashes are not the same"));
    assert_eq!(refused(b"", &pack), "this is no index of a release");
    assert_eq!(refused(&pack.file, &pack), "this is no index of a release");
    assert_eq!(refused(&pack.index[..20], &pack), "the file is damaged: it ends too early");
    let mut huge = pack.index.clone();
    huge[23] = 1;
    assert_eq!(refused(&huge, &pack), "the file is damaged: it is larger than any index");
}

#[test]
fn frames_that_take_more_memory_than_a_host_gives_are_refused() {
    fn number(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push((number & 0x7f) as u8);
        bytes
    }
    let pack = packed(&version(&[(1, 3)], b""), &[]);
    let body = zstd::decode_all(&pack.index[24..]).unwrap();
    let tail = |blocks: u64, length: u64| [number(blocks), number(1), number(length)].concat();
    let length = pack.file.len() as u64;
    let head = body.strip_suffix(&*tail(256, length)).expect("frames are what an index ends with");
    let read = |blocks, length| {
        let body = [head, &tail(blocks, length)].concat();
        let packed = zstd::bulk::compress(&body, 1).unwrap();
        let index = [&pack.index[..16], &(body.len() as u64).to_le_bytes(), &packed].concat();
        Recipe::from_index(&index, &pack.manifest).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(read(256, length), Ok(()));
    assert_eq!(read(4096, 3 * 4096), Ok(()));
    let damaged = |what: &str| Err(format!("the file is damaged: {what}"));
    for blocks in [0, 4097, u64::from(u32::MAX)] {
        assert_eq!(read(blocks, length), damaged("its frames are empty or too large"));
    }
    for length in [0, 4 * 4096, u64::MAX] {
        assert_eq!(read(256, length), damaged("a frame is impossible"));
    }
}

#[test]
fn a_patch_cannot_serve_what_it_has_not() {
    let (patch, pack) = (patched(&old(), &new()), packed(&new(), &[]));
    let recipe = Recipe::from_patch(&patch, &pack.manifest, &old().local()).unwrap();
    assert_eq!(
        recipe.plan(&Local::nothing(), &Present::nothing()).unwrap_err(),
        AssemblyError::NotInPatch { block: 0 }
    );
}

#[test]
fn every_changed_byte_of_a_recipe_is_refused_or_makes_no_difference() {
    let (patch, pack) = (patched(&old(), &new()), packed(&new(), &[]));
    let local = old().local();
    for place in 0..pack.index.len() {
        let mut broken = pack.index.clone();
        broken[place] ^= 0x41;
        if let Ok(recipe) = Recipe::from_index(&broken, &pack.manifest) {
            // TUF would have refused it; here nothing may panic, and the sections tell.
            drop(recipe.plan(&local, &Present::nothing()));
        }
    }
    let head = usize::try_from(release::recipe::patch_head_length(&patch).unwrap()).unwrap();
    for place in 0..head {
        let mut broken = patch[..head].to_vec();
        broken[place] ^= 0x41;
        if let Ok(recipe) = Recipe::from_patch(&broken, &pack.manifest, &local) {
            drop(recipe.plan(&local, &Present::nothing()));
        }
    }
    for end in 0..head {
        let refused = Recipe::from_patch(&patch[..end], &pack.manifest, &local);
        assert!(matches!(refused, Err(RecipeError::Foreign(_) | RecipeError::Damaged(_))), "cut at {end}");
    }
}

#[test]
fn a_damaged_frame_is_an_error() {
    let pack = packed(&new(), &[]);
    let recipe = Recipe::from_index(&pack.index, &pack.manifest).unwrap();
    let plan = recipe.plan(&Local::nothing(), &Present::nothing()).unwrap();
    let fetch = &plan.fetches[0];
    let frame = &pack.file[..usize::try_from(fetch.range.end).unwrap()];
    assert_eq!(fetch.decode(frame, &[]).unwrap().len(), fetch.blocks as usize * 4096);
    assert!(fetch.decode(&frame[..frame.len() - 1], &[]).is_err());
    assert!(fetch.decode(b"no frame", &[]).is_err());
    // A frame that holds less than announced, and one that holds more.
    for length in [4096, (fetch.blocks as usize + 1) * 4096] {
        let other = zstd::bulk::compress(&vec![0; length], 1).unwrap();
        assert!(fetch.decode(&other, &[]).is_err());
    }
}

#[test]
fn the_same_versions_give_the_same_files() {
    let (first, second) = (packed(&new(), &[]), packed(&new(), &[]));
    assert_eq!((first.file, first.index), (second.file, second.index));
    assert_eq!(patched(&old(), &new()), patched(&old(), &new()));
}

fn any_version() -> impl Strategy<Value = Version> {
    let blocks = prop::collection::vec(0_u8..6, 1..300);
    (blocks, prop::collection::vec(0_u8..6, 0..40), 0..4096_usize).prop_map(|(root, kernel, tail)| {
        let fill =
            |blocks: Vec<u8>| -> Vec<u8> { blocks.into_iter().flat_map(|block| vec![block; 4096]).collect() };
        let mut kernel = fill(kernel);
        kernel.extend(vec![9; tail]);
        Version { root: fill(root), kernel }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn from_any_version_to_any_other(old in any_version(), new in any_version(), before in any_version()) {
        let before = packed(&before, &[]);
        let before = Recipe::from_index(&before.index, &before.manifest).unwrap();
        let pack = packed(&new, &[before]);
        let recipe = Recipe::from_index(&pack.index, &pack.manifest).unwrap();
        let mut slot = Slot::default();
        slot.apply(&recipe.plan(&old.local(), &Present::nothing()).unwrap(), &old, &pack.file);
        slot.is(&new);
        let patch = patched(&old, &new);
        let recipe = Recipe::from_patch(&patch, &pack.manifest, &old.local()).unwrap();
        let mut slot = Slot::default();
        slot.apply(&recipe.plan(&old.local(), &Present::nothing()).unwrap(), &old, &patch);
        slot.is(&new);
    }
}
