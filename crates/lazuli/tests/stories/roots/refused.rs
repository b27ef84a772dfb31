//! Requests that a root stands against: a reason, an exit code, and the root as it was.

use std::fs;

use rustix::fs::FlockOperation;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use testkit::keys::Key;
use testkit::packages::{self, damage, file, lua, relation, truncate};

use super::{Rooted, copy};
use crate::program::run;
use crate::world::{Ended, World};

#[test]
fn a_folder_that_is_no_root_is_refused() {
    let world = World::new();
    let (empty, absent) = (world.path("empty"), world.path("absent"));
    fs::create_dir(&empty).unwrap();
    let [empty, absent] = [empty, absent].map(|path| path.display().to_string());
    let nowhere = "/nowhere";
    for command in [
        &["list"][..],
        &["install", "a", "--repo", nowhere],
        &["upgrade", "--repo", nowhere],
        &["remove", "a"],
    ] {
        let on = |root: &str| {
            let mut arguments = vec!["root", command[0], root];
            arguments.extend(&command[1..]);
            arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let words = |line: &[String]| line.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        for (root, told) in [(&empty, "has no rpm database"), (&absent, "No such file or directory")] {
            let line = on(root);
            let ended = world.run(&line);
            assert_eq!(ended.code, 1, "{}: {ended}", words(&line));
            assert!(ended.stderr.contains(told) && ended.stderr.contains(root.as_str()), "{told} in {ended}");
        }
    }
    assert_eq!(fs::read_dir(empty).unwrap().count(), 0);
}

#[test]
fn requests_that_cannot_be_met_are_explained() {
    let Some(rooted) = Rooted::new("requests_that_cannot_be_met_are_explained") else { return };
    let world = &rooted.world;
    world.package("needy", "1", |builder| {
        builder.requires(relation("nowhere >= 2"));
    });
    world.package("rival", "1", |builder| {
        builder.conflicts(relation("editor"));
    });
    world.package("editor", "0.5", |_| {});
    world.publish();
    rooted.is_refused("install", &["absent"], 4, &["the packages cannot be had together", "absent"]);
    rooted.is_refused("install", &["needy"], 4, &["needy-1-1.noarch", "nowhere >= 2"]);
    rooted.is_refused("install", &["rival"], 4, &["rival-1-1.noarch", "editor"]);
    rooted.is_refused("remove", &["absent"], 4, &["absent"]);
    rooted.is_refused("upgrade", &["absent"], 4, &["absent"]);
    rooted.is_refused("install", &["(needy or"], 2, &["the request cannot be read"]);
    rooted.is_refused(
        "install",
        &["base", "--repo", "other=/absent"],
        2,
        &["there is no repository at /absent"],
    );
    rooted.is_refused(
        "install",
        &["base", "--repo", "tiny=/absent"],
        2,
        &["two repositories are called `tiny`"],
    );
    let root = rooted.root().display().to_string();
    for line in [&["root", "install", &root, "editor"][..], &["root", "upgrade", &root]] {
        world.fails(line, 2, &["there is no repository to take packages from", "--repo ID=DIR|URL"]);
    }
    let failed = Ended::of(&run(&rooted.call("install", &["absent", "--format", "json"])));
    let told: serde_json::Value = serde_json::from_str(failed.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((told["exit-code"].as_u64(), failed.code), (Some(4), 4), "{failed}");
}

#[test]
fn damaged_packages_and_files_in_two_packages_are_refused() {
    let Some(rooted) = Rooted::new("damaged_packages_and_files_in_two_packages_are_refused") else { return };
    let world = &rooted.world;
    world.package("second", "1", |builder| file(builder, "/usr/bin/editor", "another"));
    let fresh = world.package("fresh", "1", |builder| file(builder, "/usr/fresh", &"content ".repeat(200)));
    world.publish();
    rooted.is_refused(
        "install",
        &["second"],
        1,
        &["/usr/bin/editor from", "second-1-1.noarch", "editor-1-1.noarch"],
    );
    let whole = fs::read(&fresh).unwrap();
    damage(&fresh, 10);
    rooted.is_refused("install", &["fresh"], 5, &["fresh-1-1.noarch", "wrong checksum"]);
    fs::write(&fresh, &whole).unwrap();
    truncate(&fresh);
    rooted.is_refused("install", &["fresh"], 5, &["fresh-1-1.noarch", "wrong size"]);
    fs::write(&fresh, &whole).unwrap();
    rooted.succeeds("install", &["fresh"]);
}

#[test]
fn what_nobody_signed_is_refused() {
    let Some(rooted) = Rooted::new("what_nobody_signed_is_refused") else { return };
    let world = &rooted.world;
    let root = rooted.root().display().to_string();
    let repository = &rooted.options[1];
    let told = ["could be changed on the way", "name the key"];
    world.fails(&["root", "upgrade", &root, "--repo", repository], 2, &told);
    let stranger = Key::new(2);
    for (key, word) in [(Some(&stranger), "key"), (None, "sign")] {
        packages::package(&world.path("mirror/repo"), key, "fresh", "1", |builder| {
            file(builder, "/usr/fresh", "")
        });
        world.publish();
        let told = ["fresh-1-1.noarch is not what its repository signed", word];
        rooted.is_refused("install", &["fresh"], 5, &told);
        rooted.is_refused("install", &["fresh", "--plan"], 5, &told);
    }
    world.package("fresh", "1", |builder| file(builder, "/usr/fresh", ""));
    world.publish();
    world.sign(&stranger);
    rooted.is_refused("install", &["fresh"], 5, &["repomd.xml", "sign"]);
    world.sign(&world.key);
    world.write("nothing.asc", "no key at all");
    let nothing = world.path("nothing.asc").display().to_string();
    rooted.is_refused(
        "install",
        &["fresh", "--key", &nothing],
        5,
        &["the key in", "nothing.asc cannot be used"],
    );
    rooted.succeeds("install", &["fresh"]);
}

#[test]
fn a_script_that_says_no_leaves_the_root_as_it_was() {
    let Some(rooted) = Rooted::new("a_script_that_says_no_leaves_the_root_as_it_was") else { return };
    let unwilling = || lua("error('not now')");
    rooted.world.package("pretrans", "1", |builder| {
        file(builder, "/usr/pretrans", "");
        builder.pre_trans_script(unwilling());
    });
    rooted.world.package("pre", "1", |builder| {
        file(builder, "/usr/pre", "");
        builder.pre_install_script(unwilling());
    });
    rooted.world.package("clinging", "1", |builder| {
        file(builder, "/usr/clinging", "");
        builder.pre_uninstall_script(unwilling());
    });
    rooted.world.publish();
    rooted.is_refused(
        "install",
        &["pretrans"],
        1,
        &["was not changed", "%pretrans of pretrans-1-1.noarch", "not now"],
    );
    rooted.is_refused("install", &["pre", "clinging"], 1, &["%pre of pre-1-1.noarch", "not now"]);
    rooted.succeeds("install", &["clinging"]);
    rooted.is_refused("remove", &["clinging"], 1, &["%preun of clinging-1-1.noarch", "not now"]);
}

#[test]
fn a_time_that_is_none_is_refused() {
    let Some(rooted) = Rooted::new("a_time_that_is_none_is_refused") else { return };
    for time in ["soon", "-1", "4294967296", ""] {
        let ended = Ended::of(&run(&rooted.call("remove", &["watch"]).env("SOURCE_DATE_EPOCH", time)));
        assert_eq!(ended.code, 2, "{time}: {ended}");
        assert!(ended.stderr.contains(&format!("SOURCE_DATE_EPOCH is `{time}`")), "{ended}");
    }
    let ended = Ended::of(&run(&rooted.call("remove", &["watch"]).env("SOURCE_DATE_EPOCH", "1800000000")));
    assert_eq!(ended.code, 0, "{ended}");
}

#[test]
fn a_root_that_another_run_changes_is_left_to_it() {
    let Some(rooted) = Rooted::new("a_root_that_another_run_changes_is_left_to_it") else { return };
    let held = fs::File::open(rooted.root()).unwrap();
    rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    rooted.is_refused("remove", &["watch"], 1, &["another program is changing", "wait for its end"]);
    assert_eq!(rooted.installed().len(), 4, "reading needs no lock");
    rooted.succeeds("remove", &["watch", "--plan"]);
    drop(held);
    rooted.succeeds("remove", &["watch"]);
}

#[test]
fn a_copy_without_room_is_told() {
    let Some(rooted) = Rooted::new("a_copy_without_room_is_told") else { return };
    let disk = rooted.world.path("disk");
    fs::create_dir(&disk).unwrap();
    if let Err(error) = mount("tmpfs", &disk, "tmpfs", MountFlags::empty(), c"size=8m") {
        println!("skipped: no file system of its own can be mounted here: {error}");
        return;
    }
    copy(&rooted.root(), &disk.join("root"));
    let filler = disk.join("root/filler");
    fs::write(&filler, vec![7; 5 << 20]).unwrap();
    let root = disk.join("root").display().to_string();
    let told = ["was not changed", "No space left on device", "hint: make room"];
    rooted.world.fails(&["root", "remove", &root, "watch"], 1, &told);
    assert_eq!(crate::world::names(&disk), ["root"]);
    // The root of a file system cannot be exchanged with anything.
    let told = ["is a mount point", "give a folder on a file system"];
    fs::write(&filler, "").unwrap();
    for entry in crate::world::names(&disk.join("root")) {
        fs::rename(disk.join("root").join(&entry), disk.join(&entry)).unwrap();
    }
    rooted.world.fails(&["root", "remove", &disk.display().to_string(), "watch"], 1, &told);
    unmount(&disk, UnmountFlags::DETACH).unwrap();
}
