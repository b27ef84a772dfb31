//! A disk that is full: the cause is told, nothing half done is taken for whole, and a run with more room succeeds.

use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use testkit::debs::{Deb, Tar, publish};
use testkit::packages::file;

use crate::world::World;

/// A small file system in memory, gone when dropped.
struct Small(PathBuf);

impl Small {
    /// `None`, with the reason told, where this process may not mount.
    fn at(path: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let options = std::ffi::CString::new(format!("size={size}")).unwrap();
        match mount("tmpfs", path, "tmpfs", MountFlags::empty(), options.as_c_str()) {
            Ok(()) => Some(Small(path.to_owned())),
            Err(error) => {
                println!("skipped: no file system of its own can be mounted here: {error}");
                None
            }
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).unwrap();
    }
}

fn large(world: &World) {
    // Little to download, much to unpack: 8 MiB.
    world.package("large", "1", |builder| file(builder, "/usr/share/large", &"content ".repeat(1 << 20)));
    world.publish();
    world.image("small", &["large"], "");
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_full_work_folder_is_told() {
    let Some(world) = World::for_root("a_full_work_folder_is_told") else { return };
    large(&world);
    let Some(disk) = Small::at(&world.path("distro/build"), "2m") else { return };
    world.fails(
        &["image", "build", "small"],
        1,
        &["large-1-1.noarch", "No space left on device", "hint: make room"],
    );
    world.assert_nothing_built("small");
    drop(disk);
    world.build("small");
}

#[test]
fn a_full_cache_is_told() {
    let Some(world) = World::for_root("a_full_cache_is_told") else { return };
    // Bytes that do not compress.
    let noise = (0..400_000_u32)
        .map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761)))
        .collect::<String>();
    world.package("large", "1", |builder| file(builder, "/usr/share/large", &noise));
    world.publish();
    world.image("small", &["large"], "");
    world.succeeds(["lock", "update"]);
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    let Some(disk) = Small::at(&world.path("cache"), "512k") else { return };
    world.fails(
        &["image", "build", "small"],
        1,
        &["large-1-1.noarch", "No space left on device", "hint: make room"],
    );
    world.assert_nothing_built("small");
    drop(disk);
    world.build("small");
}

#[test]
fn a_conversion_on_a_full_disk_is_told() {
    let Some(world) = World::for_root("a_conversion_on_a_full_disk_is_told") else { return };
    let noise = (0..400_000_u32)
        .map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761)))
        .collect::<String>();
    let deb = Deb::new("base", "1", "", Tar::new().file("./large", 0o644, noise.as_bytes()));
    publish(
        &world.path("mirror/debian"),
        &[deb],
        &world.key,
        "Fri, 30 Oct 2026 08:08:01 UTC",
        "Fri, 30 Oct 2099 08:08:01 UTC",
    );
    crate::debian::define(&world, "");
    let Some(disk) = Small::at(&world.path("cache/converted"), "512k") else { return };
    world.fails(&["lock", "update"], 1, &["No space left on device", "hint: make room"]);
    assert!(!world.path("distro/lazuli.lock").exists());
    drop(disk);
    world.succeeds(["lock", "update"]);
}
