//! Versions whose blocks are published: packed, patched, and taken apart again.

use std::fs;

use host_tools::progress::Silent;
use release::Version;
use release_repository::publish::{Options, Prepared, PublishError, prepare};

use crate::payloads::PayloadFolder;
use crate::world::{World, chain, files};

const HOW: Options = Options { level: 3, whole_files: false, patch_from: None };

fn prepared(world: &World, payload: &PayloadFolder, how: &Options) -> Result<Option<Prepared>, PublishError> {
    let folder = world.folder();
    prepare(&folder, &folder.read().unwrap(), &payload.read(), how, &Silent)
}

/// Publishes and gives the names of what was.
fn publish(world: &World, payload: &PayloadFolder, how: &Options) -> Vec<String> {
    let prepared = prepared(world, payload, how).unwrap().unwrap();
    let names = prepared.entries.iter().map(|entry| entry.name.clone()).collect();
    let next = world.read().add_files(&prepared.entries, world.now).unwrap();
    prepared.store(&world.folder()).unwrap();
    assert_eq!(world.sign(&next, &["targets", "online"]), []);
    names
}

/// Blocks by number; most of them stay from version to version.
fn version(name: &str, blocks: impl IntoIterator<Item = u32>) -> PayloadFolder {
    let blocks: Vec<u32> = blocks.into_iter().collect();
    PayloadFolder::of_version(name, &blocks)
}

#[test]
fn a_version_is_published_as_blocks_and_a_patch_from_the_one_before() {
    let world = World::published();
    let target = |version: &str, file: &str| format!("host_{version}_x86-64.{file}");
    let first = version("1", 0..600);
    let names = ["manifest.json", "root.verity-sig", "blocks.index", "blocks.pack"];
    assert_eq!(publish(&world, &first, &HOW), names.map(|file| target("1", file)));
    let second = version("2", (1000..1040).chain(40..590));
    let patch = release::target::patch_file(&first.read().manifest.verity.root_hash);
    let mut expected = names.map(|file| target("2", file)).to_vec();
    expected.push(target("2", patch.as_str()));
    assert_eq!(publish(&world, &second, &HOW), expected);
    assert_eq!(world.problems(), [""; 0]);
    // From the first, passing over the second.
    let third = version("3", (40..300).chain(1000..1040).chain(300..560).chain([7, 7, 7]));
    let how = Options { patch_from: Some(Version::parse("1").unwrap()), ..HOW };
    assert_eq!(publish(&world, &third, &how).last().unwrap(), &target("3", patch.as_str()));
    assert_eq!(world.deep_problems(), [""; 0]);
}

#[test]
fn whole_files_are_published_when_they_are_asked_for_or_needed() {
    let world = World::published();
    let how = Options { whole_files: true, ..HOW };
    let names = publish(&world, &version("1", 0..9), &how);
    let whole = ["root.erofs", "root.verity", "linux.efi"].map(|file| format!("host_1_x86-64.{file}"));
    assert!(whole.iter().all(|name| names.contains(name)), "{names:?}");
    // A tree that machines cannot make by themselves.
    let strange = version("2", 0..9);
    strange.rewrite("root.verity", |bytes| bytes[16] ^= 1);
    let names = publish(&world, &strange, &HOW);
    assert!(names.contains(&"host_2_x86-64.root.verity".to_owned()), "{names:?}");
    assert!(!names.contains(&"host_2_x86-64.root.erofs".to_owned()), "{names:?}");
    assert_eq!(world.deep_problems(), [""; 0]);
}

#[test]
fn equal_versions_give_equal_files() {
    let (one, other) = (World::published(), World::published());
    for world in [&one, &other] {
        publish(world, &version("1", 0..600), &HOW);
        publish(world, &version("2", (1000..1100).chain(100..600)), &HOW);
    }
    let targets = |world: &World| files(&world.path().join("targets"));
    assert_eq!(targets(&one).keys().collect::<Vec<_>>(), targets(&other).keys().collect::<Vec<_>>());
    assert_eq!(targets(&one).len(), 9);
}

#[test]
fn a_version_is_packed_once_and_never_changes() {
    let world = World::published();
    publish(&world, &version("1", 0..9), &HOW);
    let before = files(&world.path());
    assert!(prepared(&world, &version("1", 0..9), &HOW).unwrap().is_none());
    let error = prepared(&world, &version("1", 0..8), &HOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "host 1 is published with another root hash or kernel; a version never changes: build a new one"
    );
    let how = Options { patch_from: Some(Version::parse("9").unwrap()), ..HOW };
    let error = prepared(&world, &version("2", 0..9), &how).unwrap_err();
    assert_eq!(error.to_string(), "9 is not published with a pack; a patch cannot start from it");
    // Nothing is left of what was not published.
    assert_eq!(files(&world.path()), before);
}

#[test]
fn a_pack_or_an_index_that_is_not_the_version_s_is_told() {
    let world = World::published();
    publish(&world, &version("1", 0..600), &HOW);
    publish(&world, &version("2", 600..1200), &HOW);
    let entries = world.read().entries();
    // The metadata itself names the files of another version: signed, and still wrong.
    for (file, message) in [
        (
            "blocks.index",
            "host 1 cannot be put together: the index of host 1 cannot be read: the file belongs to another version than the manifest: ",
        ),
        ("blocks.pack", "host 1 cannot be put together: "),
        (
            "root.verity-sig",
            "host 1 cannot be fetched: host_1_x86-64.root.verity-sig is not the file that the manifest names",
        ),
    ] {
        let wrong = World::published();
        let mut files: Vec<_> = entries.values().cloned().collect();
        for entry in &mut files {
            let mut from = entry.clone();
            if entry.name == format!("host_1_x86-64.{file}") {
                from = entries
                    [&format!("host_2_x86-64.{}", file.replace("root.verity-sig", "manifest.json"))]
                    .clone();
                (entry.length, entry.sha256) = (from.length, from.sha256);
            }
            fs::create_dir_all(wrong.path().join("targets")).unwrap();
            fs::copy(world.path().join(from.path()), wrong.path().join(entry.path())).unwrap();
        }
        let next = wrong.read().add_files(&files, wrong.now).unwrap();
        assert_eq!(wrong.sign(&next, &["targets", "online"]), []);
        let problems = wrong.deep_problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(message), "{}", problems[0]);
    }
}

impl World {
    fn deep_problems(&self) -> Vec<String> {
        let inspected =
            release_repository::inspect::inspect(&self.folder(), &self.path(), None, self.now, true);
        inspected.unwrap().problems.iter().map(|problem| chain(problem)).collect()
    }
}
