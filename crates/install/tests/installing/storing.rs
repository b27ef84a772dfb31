//! Payloads that an installation kept give the next one the same tree, and nothing when they are damaged.

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use install::payload::{Store, StoreError};
use install::{InstallError, PackageRequest, PlanOptions, SignaturePolicy, execute, plan};
use rpm_model::Checksum;
use sha2::{Digest, Sha256};

use crate::packages::{file, package};
use crate::repeating::facts;
use crate::{World, options, request};

/// A package of several blocks, with a large file and many small ones.
fn large(world: &World) -> PathBuf {
    package(world, "large", |builder| {
        let numbers: String = (0..400_000).map(|number| format!("{number}\n")).collect();
        file(builder, "/usr/share/large/numbers", &numbers);
        for number in 0..200 {
            file(builder, &format!("/usr/share/large/small/{number}"), &"x".repeat(number * 37));
        }
    })
}

fn install(
    world: &World,
    package: &Path,
    root: &str,
    store: Option<&Store>,
) -> Result<PathBuf, InstallError> {
    let digest = Sha256::digest(std::fs::read(package).unwrap());
    install_pinned(world, package, &Checksum::sha256(&digest.into()), root, store)
}

fn install_pinned(
    world: &World,
    package: &Path,
    checksum: &Checksum,
    root: &str,
    store: Option<&Store>,
) -> Result<PathBuf, InstallError> {
    let request = PackageRequest { checksum: Some(checksum.clone()), ..request(package) };
    let policy = PlanOptions {
        signatures: SignaturePolicy::DigestsOnly,
        files: install::files::FilePolicy::default(),
    };
    let mut options = options();
    options.store = store.cloned();
    execute(&plan(&[request], &policy).unwrap(), &world.path(root), &options, &Silent).map(|root| root.path)
}

fn kept(world: &World) -> Vec<PathBuf> {
    std::fs::read_dir(world.path("store")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn flip(file: &Path, offset: u64) {
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn a_kept_payload_gives_the_same_tree_without_reading_the_package_s() {
    let Some(world) = World::new() else { return };
    let package = large(&world);
    let checksum = Checksum::sha256(&Sha256::digest(std::fs::read(&package).unwrap()).into());
    let store = Store::open(&world.path("store"), 1 << 30).unwrap();
    let without = facts(&install(&world, &package, "without", None).unwrap());
    let first = facts(&install(&world, &package, "first", Some(&store)).unwrap());
    assert_eq!(without, first);
    assert_eq!(kept(&world).len(), 1);
    // The package's payload is not looked at any more: with another byte in it, only the store gives the tree.
    let length = std::fs::metadata(&package).unwrap().len();
    flip(&package, length - 1000);
    let again = install_pinned(&world, &package, &checksum, "again", Some(&store)).unwrap();
    assert_eq!(without, facts(&again));
    assert!(install_pinned(&world, &package, &checksum, "never", None).is_err());
    // Other headers are another package, whatever its name.
    flip(&package, 10);
    assert!(install_pinned(&world, &package, &checksum, "never", Some(&store)).is_err());
}

#[test]
fn a_damaged_payload_in_the_store_is_replaced_by_the_package_s() {
    let Some(world) = World::new() else { return };
    let package = large(&world);
    let store = Store::open(&world.path("store"), 1 << 30).unwrap();
    let sound = facts(&install(&world, &package, "sound", Some(&store)).unwrap());
    let length = std::fs::metadata(&kept(&world)[0]).unwrap().len();
    // Head, first block, a later block, the table of CRCs, an end cut off.
    for (number, offset) in [30, 5000, 2_000_000, length - 3].into_iter().enumerate() {
        flip(&kept(&world)[0], offset);
        let tree = install(&world, &package, &format!("damaged{number}"), Some(&store)).unwrap();
        assert_eq!(sound, facts(&tree), "byte {offset} of {length}");
    }
    std::fs::OpenOptions::new().write(true).open(&kept(&world)[0]).unwrap().set_len(length / 2).unwrap();
    assert_eq!(sound, facts(&install(&world, &package, "cut", Some(&store)).unwrap()));
    // Each of them was kept anew.
    assert_eq!(std::fs::metadata(&kept(&world)[0]).unwrap().len(), length);
}

#[test]
fn a_damaged_package_is_refused_and_not_kept() {
    let Some(world) = World::new() else { return };
    let package = large(&world);
    let store = Store::open(&world.path("store"), 1 << 30).unwrap();
    let length = std::fs::metadata(&package).unwrap().len();
    flip(&package, length - 1000);
    let error = install(&world, &package, "root", Some(&store)).unwrap_err();
    assert!(matches!(error, InstallError::Package { .. }), "{error}");
    assert!(kept(&world).is_empty());
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let Some(world) = World::new() else { return };
    let store = Store::open(&world.path("store"), 250).unwrap();
    for (name, time) in [("old", 1), ("older", 0), ("new", 2)] {
        let file = std::fs::File::create(world.path("store").join(name)).unwrap();
        file.set_len(100).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(time)).unwrap();
    }
    store.clean().unwrap();
    let mut names: Vec<_> = kept(&world).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["new", "old"]);
}

#[test]
fn a_store_that_others_may_write_to_is_refused() {
    let Some(world) = World::new() else { return };
    std::fs::create_dir(world.path("store")).unwrap();
    std::fs::set_permissions(world.path("store"), PermissionsExt::from_mode(0o777)).unwrap();
    let error = Store::open(&world.path("store"), 1).unwrap_err();
    assert!(matches!(error, StoreError::NotOurs(_)), "{error}");
}
