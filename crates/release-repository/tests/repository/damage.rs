//! Repositories that were cut short, or that somebody laid hands on.

use std::fs;

use release_repository::{Folder, FolderError, Repository, RoleName};

use crate::world::{World, chain, files};

/// A program that dies after any of its writes leaves what a client follows, old or new; running again ends the same.
#[test]
fn a_publication_that_is_cut_short_is_whole_for_clients_and_can_be_repeated() {
    let world = World::published();
    world.add("1");
    // A change that writes every kind of metadata: keys, targets, snapshot, timestamp.
    let next = world.read().add_key(RoleName::Targets, &world.public("second"), Some(2), world.now).unwrap();
    assert!(!world.sign(&next, &["root", "targets", "second"]).is_empty());
    let staged = files(&world.path());
    let advance = world.advance(&world.read(), &["online"]);
    assert_eq!(advance.publish.len(), 4);
    let versions: Vec<Vec<u64>> = (0..=advance.publish.len())
        .map(|number| {
            restore(&world, &staged);
            let mut cut = advance.clone();
            cut.publish.truncate(number);
            // Cut before the files of what is staged are removed.
            cut.staged.clear();
            world.folder().write(&cut).unwrap();
            assert_eq!(world.problems(), [""; 0], "after {number} writes");
            let seen = world.inspect().roles.iter().map(|role| role.version).collect();
            assert_eq!(world.sign(&world.read(), &["online"]), []);
            let mut repeated = files(&world.path());
            repeated.retain(|name, _| name.starts_with("metadata/"));
            for (name, bytes) in &advance.publish {
                assert_eq!(repeated.get(name), Some(bytes), "{name} after {number} writes");
            }
            assert!(!world.read().is_staged());
            seen
        })
        .collect();
    assert_eq!(versions[0], [1, 2, 2, 2]);
    // What is new is signed by the old keys, too, and the root comes last.
    assert_eq!(versions[2], [1, 2, 2, 2]);
    assert_eq!(versions[3], [1, 3, 3, 3]);
    assert_eq!(versions[4], [2, 3, 3, 3]);
}

/// Where no metadata can satisfy both roots, a client between the two refuses; it never follows half of each.
#[test]
fn a_lost_key_is_replaced_and_a_cut_in_between_can_be_repeated() {
    let world = World::published();
    world.add("1");
    let lost = world.public("targets").id().to_owned();
    let next = world.read().add_key(RoleName::Targets, &world.public("second"), None, world.now).unwrap();
    let next = next.remove_key(RoleName::Targets, &lost, None, world.now).unwrap();
    assert_eq!(world.sign(&next, &["root", "second"]).len(), 1);
    let staged = files(&world.path());
    let advance = world.advance(&world.read(), &["online"]);
    let seen: Vec<usize> = (0..=advance.publish.len())
        .map(|number| {
            restore(&world, &staged);
            let mut cut = advance.clone();
            cut.publish.truncate(number);
            cut.staged.clear();
            world.folder().write(&cut).unwrap();
            let problems = world.problems().len();
            assert_eq!(world.sign(&world.read(), &["online"]), []);
            assert_eq!(world.problems(), [""; 0]);
            problems
        })
        .collect();
    assert_eq!(seen, [0, 0, 0, 1, 0]);
}

/// The same for the very first publication, where there is nothing to fall back to.
#[test]
fn a_first_publication_that_is_cut_short_can_be_repeated() {
    let world = World::new();
    let signers = world.signers([("root", 1), ("targets", 1), ("online", 1), ("online", 1)]);
    let begun =
        Repository::begin(&signers, release_repository::change::Lifetimes::default(), world.now).unwrap();
    world.sign(&begun, &[]);
    let staged = files(&world.path());
    let advance = world.advance(&world.read(), &["root", "targets", "online"]);
    for number in 0..advance.publish.len() {
        restore(&world, &staged);
        let mut cut = advance.clone();
        cut.publish.truncate(number);
        cut.staged.clear();
        world.folder().write(&cut).unwrap();
        assert_eq!(world.sign(&world.read(), &["root", "targets", "online"]), [], "after {number} writes");
        assert_eq!(files(&world.path()), advance.publish.iter().cloned().collect());
    }
}

#[test]
fn a_flipped_bit_in_any_file_is_found() {
    let world = World::published();
    world.add("1");
    world.promote("1");
    let sound = files(&world.path());
    let named: Vec<&String> = sound
        .keys()
        .filter(|name| {
            !name.starts_with("metadata/1.") && !name.starts_with("metadata/2.")
                || name.ends_with("root.json")
        })
        .collect();
    assert_eq!(named.len(), 1 + 2 + 1 + 5, "{named:?}");
    for name in named {
        let bytes = &sound[name];
        for position in (0..bytes.len()).step_by(bytes.len().div_ceil(40)) {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1;
            fs::write(world.path().join(name), &damaged).unwrap();
            let problems = world.problems();
            assert!(!problems.is_empty() || is_same_json(&damaged, bytes), "{name} at {position}");
        }
        fs::write(world.path().join(name), bytes).unwrap();
    }
    assert_eq!(world.problems(), [""; 0]);
}

/// White space and the like carry nothing in the files that only signatures protect.
fn is_same_json(left: &[u8], right: &[u8]) -> bool {
    let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    value(left).is_some() && value(left) == value(right)
}

#[test]
fn metadata_of_somebody_else_is_refused() {
    let (world, other) = (World::published(), World::published());
    for (file, message) in [
        (
            "1.targets.json",
            "metadata/1.targets.json is not the file that metadata/1.snapshot.json names: its length or SHA-256 differs; restore it from a copy",
        ),
        (
            "timestamp.json",
            "metadata/timestamp.json has 0 of the 1 signatures that it needs by metadata/1.root.json; it was not made by the repository's keys: restore it from a copy",
        ),
        (
            "1.root.json",
            "metadata/timestamp.json has 0 of the 1 signatures that it needs by metadata/1.root.json; it was not made by the repository's keys: restore it from a copy",
        ),
    ] {
        let place = world.path().join("metadata").join(file);
        let own = fs::read(&place).unwrap();
        fs::copy(other.path().join("metadata").join(file), &place).unwrap();
        let problem = world.problems().join("\n");
        let start = format!("{} is not a sound release repository: ", world.path().display());
        assert_eq!(problem.strip_prefix(&start), Some(message), "{problem}");
        fs::write(&place, own).unwrap();
    }
    // A whole repository of somebody else is sound in itself, and not what a machine trusts.
    let root = fs::read(other.path().join("metadata/1.root.json")).unwrap();
    let trusted = Some(("root.json", root.as_slice()));
    let found =
        release_repository::inspect::inspect(&world.folder(), &world.path(), trusted, world.now, false)
            .unwrap();
    let problem = chain(&found.problems[0]);
    assert!(problem.starts_with("a client that trusts root.json refuses the repository: "), "{problem}");
}

#[test]
fn missing_and_misnamed_files_are_told() {
    let world = World::published();
    let place = world.path().join("metadata");
    let message = || {
        world
            .problems()
            .join("\n")
            .replace(&format!("{} is not a sound release repository: ", world.path().display()), "")
    };
    fs::rename(place.join("1.targets.json"), place.join("gone")).unwrap();
    assert_eq!(
        message(),
        "metadata/1.targets.json is missing, which metadata/1.snapshot.json names; restore it from a copy of the repository"
    );
    fs::copy(place.join("1.root.json"), place.join("1.targets.json")).unwrap();
    assert!(message().starts_with("metadata/1.targets.json is not the file that"), "{}", message());
    fs::rename(place.join("gone"), place.join("1.targets.json")).unwrap();
    fs::write(place.join("2.root.json"), "{}").unwrap();
    assert_eq!(message(), "metadata/2.root.json cannot be read: missing field `signed` at line 1 column 2");
    fs::copy(place.join("1.root.json"), place.join("2.root.json")).unwrap();
    assert_eq!(message(), "metadata/2.root.json is of version 1");
    fs::copy(place.join("1.targets.json"), place.join("2.root.json")).unwrap();
    assert_eq!(message(), "metadata/2.root.json cannot be read: it is metadata of the role targets");
    fs::remove_file(place.join("2.root.json")).unwrap();
    fs::remove_file(place.join("timestamp.json")).unwrap();
    assert_eq!(
        message(),
        "metadata/timestamp.json is missing, which metadata/1.root.json names; restore it from a copy of the repository"
    );
    fs::remove_file(place.join("1.root.json")).unwrap();
    assert_eq!(message(), "there is no metadata/1.root.json; begin a repository with `lazuli release init`");
}

#[test]
fn two_programs_do_not_change_one_repository() {
    let world = World::published();
    let _first = world.folder();
    let second = Folder::open(&world.path());
    assert!(matches!(second, Err(FolderError::Busy(_))), "{second:?}");
}

#[test]
fn a_target_that_is_gone_or_changed_is_told() {
    let world = World::published();
    world.add("1");
    let entry = world.read().entries()["host_1_x86-64.root.erofs"].clone();
    let place = world.path().join(entry.path());
    let prefix = "host_1_x86-64.root.erofs cannot be fetched: ";
    fs::write(&place, b"short").unwrap();
    let expected = format!(
        "{prefix}{} is not the file that is published: it has 5 bytes, not 8192; restore it from a copy",
        place.display()
    );
    assert_eq!(world.problems(), [expected]);
    fs::remove_file(&place).unwrap();
    let expected = format!("{prefix}cannot open {}: No such file or directory (os error 2)", place.display());
    assert_eq!(world.problems(), [expected]);
}

fn restore(world: &World, state: &std::collections::BTreeMap<String, Vec<u8>>) {
    for folder in ["metadata", "staged"] {
        let path = world.path().join(folder);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
    }
    for (name, bytes) in state {
        let path = world.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
