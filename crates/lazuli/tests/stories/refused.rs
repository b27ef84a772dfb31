//! Signatures, checksums, requests, budgets and mirrors that do not hold: a code of their own each, and nothing made.

use std::fs;

use testkit::http::Fault;
use testkit::keys::Key;
use testkit::packages::{self, damage, file, relation, truncate};

use crate::world::World;

fn one_package(world: &World) {
    world.package("base", "1", |builder| file(builder, "/etc/base", &"content ".repeat(200)));
    world.publish();
    world.image("small", &["base"], "");
}

#[test]
fn metadata_signed_by_another_key_is_refused() {
    let world = World::new();
    one_package(&world);
    world.sign(&Key::new(2));
    world.fails(&["lock", "update"], 5, &["tiny cannot be used", "repomd.xml", "sign"]);
    assert!(!world.path("distro/lazuli.lock").exists());
    world.sign(&world.key);
    world.succeeds(["lock", "update"]);
}

#[test]
fn metadata_without_a_signature_is_refused() {
    let world = World::new();
    one_package(&world);
    fs::remove_file(world.path("mirror/repo/repodata/repomd.xml.asc")).unwrap();
    world.fails(&["lock", "update"], 6, &["repomd.xml.asc", "404"]);
}

#[test]
fn changed_metadata_is_refused() {
    let world = World::new();
    one_package(&world);
    // The metalink promises the old one.
    damage(&world.path("mirror/repo/repodata/repomd.xml"), 30);
    world.fails(&["lock", "update"], 5, &["repomd.xml of tiny", "wrong checksum"]);
    // A metalink that was changed as well still lacks the key.
    let signature = fs::read(world.path("mirror/repo/repodata/repomd.xml.asc")).unwrap();
    world.sign(&world.key);
    fs::write(world.path("mirror/repo/repodata/repomd.xml.asc"), signature).unwrap();
    world.fails(&["lock", "update"], 5, &["tiny cannot be used"]);
    world.publish();
    world.succeeds(["lock", "update"]);
}

#[test]
fn changed_and_cut_package_lists_are_refused() {
    let world = World::new();
    one_package(&world);
    let list = fs::read_dir(world.path("mirror/repo/repodata")).unwrap().map(|entry| entry.unwrap().path());
    let list = list.into_iter().find(|path| path.to_string_lossy().contains("primary")).unwrap();
    let whole = fs::read(&list).unwrap();
    damage(&list, 20);
    world.fails(&["lock", "update"], 5, &["primary of tiny", "wrong checksum"]);
    fs::write(&list, &whole).unwrap();
    truncate(&list);
    world.fails(&["lock", "update"], 5, &["primary of tiny", "wrong size"]);
    fs::write(&list, &whole).unwrap();
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_changed_or_cut_package_is_refused() {
    let Some(world) = World::for_root("a_changed_or_cut_package_is_refused") else { return };
    one_package(&world);
    world.succeeds(["lock", "update"]);
    let package = world.path("mirror/repo/base-1-1.noarch.rpm");
    let whole = fs::read(&package).unwrap();
    damage(&package, 10);
    world.fails(&["image", "build", "small"], 5, &["base-1-1.noarch", "wrong checksum"]);
    world.assert_nothing_built("small");
    fs::write(&package, &whole).unwrap();
    truncate(&package);
    world.fails(&["image", "build", "small"], 5, &["base-1-1.noarch", "wrong size"]);
    world.assert_nothing_built("small");
    fs::write(&package, &whole).unwrap();
    world.build("small");
}

#[test]
fn a_transfer_that_ends_early_goes_on() {
    let Some(world) = World::for_root("a_transfer_that_ends_early_goes_on") else { return };
    one_package(&world);
    world.succeeds(["lock", "update"]);
    world.server.fail("repo/base-1-1.noarch.rpm", 1, Fault::CutAfter(100));
    world.build("small");
}

#[test]
fn a_package_signed_by_another_key_is_refused() {
    let Some(world) = World::for_root("a_package_signed_by_another_key_is_refused") else { return };
    let stranger = Key::new(2);
    for (key, word) in [(Some(&stranger), "key"), (None, "sign")] {
        packages::package(&world.path("mirror/repo"), key, "base", "1", |builder| {
            file(builder, "/etc/base", "x")
        });
        world.publish();
        world.image("small", &["base"], "");
        world.succeeds(["lock", "update"]);
        world.fails(
            &["image", "build", "small"],
            5,
            &["base-1-1.noarch is not what its repository signed", word],
        );
        world.assert_nothing_built("small");
    }
    one_package(&world);
    world.succeeds(["lock", "update"]);
    world.build("small");
}

#[test]
fn plain_http_without_a_key_needs_a_person_s_word() {
    let world = World::new();
    one_package(&world);
    world.define(&format!("base-uri = {:?}", world.server.url("repo")), "");
    let told = world.fails(&["lock", "update"], 3, &["`tiny` has no `gpg-key`", "disable-gpg-check"]);
    assert!(!told.stderr.contains("no repository"), "a consequence is no problem of its own: {told}");
    world.define(&format!("base-uri = {:?}\ndisable-gpg-check = true", world.server.url("repo")), "");
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_request_that_cannot_be_met_is_explained() {
    let world = World::new();
    world.package("base", "1", |builder| {
        builder.requires(relation("middle"));
    });
    world.package("middle", "1", |builder| {
        builder.requires(relation("bottom >= 2"));
    });
    world.package("bottom", "1", |_| {});
    world.publish();
    world.image("small", &["base"], "");
    let words = ["image `small` cannot be had together", "middle-1-1.noarch", "bottom >= 2"];
    world.fails(&["lock", "update"], 4, &words);
    assert!(!world.path("distro/lazuli.lock").exists());
    world.fails(&["solve", "absent"], 4, &["absent"]);
    let ended = world.run(["repo", "check", &world.server.url("repo")]);
    assert_eq!(ended.code, 4, "{ended}");
    assert!(ended.stdout.contains("middle-1-1.noarch requires bottom >= 2 (nearest: "), "{ended}");
}

#[test]
fn files_of_two_packages_in_one_place_are_refused() {
    let Some(world) = World::for_root("files_of_two_packages_in_one_place_are_refused") else { return };
    for name in ["one", "two"] {
        world.package(name, "1", |builder| file(builder, "/etc/shared", name));
    }
    world.publish();
    world.image("small", &["one", "two"], "");
    world.succeeds(["lock", "update"]);
    world.fails(&["image", "build", "small"], 1, &["/etc/shared from", "one-1-1.noarch", "two-1-1.noarch"]);
    world.assert_nothing_built("small");
}

#[test]
fn a_path_out_of_the_tree_is_refused() {
    let Some(world) = World::for_root("a_path_out_of_the_tree_is_refused") else { return };
    world.image("small", &["evil"], "");
    for (from, to) in [("/aaaa/bbbb/", "/../../bbb/"), ("escaped", "../caped"), ("escaped", "a/caped")] {
        let package = world.package("evil", "1", |builder| file(builder, "/aaaa/bbbb/escaped", "x"));
        // Everything but the path is in order, signature included.
        packages::forge(&package, &world.key, from.as_bytes(), &to.as_bytes()[..from.len()]);
        let folder = world.path("mirror/repo").display().to_string();
        let ended = world.run(["repo", "create", &folder]);
        println!("{to}: {ended}");
        if ended.code == 0 {
            world.sign(&world.key);
            world.succeeds(["lock", "update"]);
            world.fails(&["image", "build", "small"], 1, &["evil-1-1.noarch", "describes itself wrongly"]);
        } else {
            assert!(ended.stderr.contains("evil-1-1.noarch.rpm"), "{ended}");
        }
        world.assert_nothing_built("small");
        assert!(!world.path("bbb").exists() && !world.path("distro/bbb").exists());
    }
    world.package("evil", "1", |builder| file(builder, "/aaaa/bbbb/escaped", "x"));
    world.publish();
    world.succeeds(["lock", "update"]);
    world.build("small");
}

#[test]
fn an_image_over_its_budget_is_refused() {
    let Some(world) = World::for_root("an_image_over_its_budget_is_refused") else { return };
    world.package("base", "1", |builder| {
        builder.requires(relation("large"));
    });
    world.package("large", "1", |builder| file(builder, "/usr/share/large", &"x".repeat(3 << 20)));
    world.publish();
    world.image("many", &["base"], "budget = { packages = 1 }");
    world.image("large", &["base"], "budget = { installed-mib = 2 }");
    world.succeeds(["lock", "update"]);
    world.fails(
        &["image", "build", "many"],
        7,
        &["`many` is over its budget: 2 packages, 1 allowed", "many/image.toml"],
    );
    world.fails(&["image", "build", "large"], 7, &["3 MiB installed, 2 MiB allowed"]);
    world.assert_nothing_built("many");
    world.assert_nothing_built("large");
    world.image("large", &["base"], "budget = { installed-mib = 3 }");
    world.build("large");
}

#[test]
fn a_mirror_that_does_not_answer_is_told() {
    let world = World::new();
    one_package(&world);
    // Nothing listens on port 9 of this machine.
    world.define("metalink = \"http://127.0.0.1:9/metalink\"\ngpg-key = \"key.asc\"", "");
    world.fails(
        &["lock", "update"],
        6,
        &["upstream: tiny-1 does not answer", "no upstream answers: tiny-1", "--offline"],
    );
    world.fails(&["lock", "update", "--offline"], 6, &["offline"]);
}
