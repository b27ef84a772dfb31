//! Files of the cache and the work folder that were damaged after they were verified.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::packages::{damage, file, truncate};

use crate::world::World;

/// Files below a folder that are at least so large.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn a_cache_damaged_in_any_file_is_noticed_or_mended() {
    let Some(world) = World::for_root("a_cache_damaged_in_any_file_is_noticed_or_mended") else { return };
    world.package("base", "1", |builder| file(builder, "/etc/base", &"content ".repeat(200)));
    world.publish();
    world.image("small", &["base"], "");
    world.succeeds(["lock", "update"]);
    world.build("small");
    let listing = crate::world::listing(&world.tree("small"));
    let rpm = fs::read(world.path("mirror/repo/base-1-1.noarch.rpm")).unwrap();
    let spoilers: [fn(&Path); 2] = [truncate, |path| damage(path, 20)];
    for spoil in spoilers {
        let large =
            files(&world.path("cache")).into_iter().filter(|path| path.metadata().unwrap().len() > 40);
        for path in large {
            let was = fs::read(&path).unwrap();
            spoil(&path);
            fs::remove_dir_all(world.path("distro/build")).unwrap();
            fs::remove_dir_all(world.path("distro/out")).unwrap();
            let ended = world.run(["image", "build", "small"]);
            println!("{} damaged: {ended}", path.display());
            assert!(!ended.stderr.contains("panicked"), "{}: {ended}", path.display());
            if ended.code == 0 {
                assert_eq!(crate::world::listing(&world.tree("small")), listing, "{}", path.display());
            } else {
                assert!(was == rpm, "only a package may stop a build: {}: {ended}", path.display());
                assert!(ended.stderr.contains("base-1-1.noarch"), "{ended}");
                world.assert_nothing_built("small");
                fs::write(&path, was).unwrap();
                world.build("small");
            }
        }
    }
}

#[test]
fn a_damaged_local_repository_is_told() {
    let world = World::new();
    let package = world.package("base", "1", |builder| file(builder, "/etc/base", &"content ".repeat(200)));
    let folder = world.path("mirror/repo").display().to_string();
    world.succeeds(["repo", "create", &folder]);
    fs::write(&package, &fs::read(&package).unwrap()[..600]).unwrap();
    world.fails(&["repo", "create", &folder], 1, &["base-1-1.noarch.rpm"]);
    // The metadata of before is still whole.
    world.succeeds(["repo", "check", &folder]);
    fs::write(world.path("mirror/repo/repodata/repomd.xml"), "<repomd>").unwrap();
    world.fails(&["repo", "check", &folder], 5, &["repomd.xml"]);
}
