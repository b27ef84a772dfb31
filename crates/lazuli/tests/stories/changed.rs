//! A repository that moves on under a lock: what changed is printed, a build goes by the lock alone.

use std::fs;

use testkit::packages::file;

use crate::program::json;
use crate::world::World;

#[test]
fn an_update_of_the_lock_tells_what_changed() {
    let world = World::new();
    world.package("base", "1", |_| {});
    world.package("dropped", "1", |_| {});
    world.publish();
    world.image("small", &["base", "dropped"], "");
    world.succeeds(["lock", "update"]);
    let lock = fs::read_to_string(world.path("distro/lazuli.lock")).unwrap();

    let ended = world.succeeds(["lock", "update"]);
    assert!(ended.stdout.contains("nothing changed"), "{ended}");
    assert_eq!(fs::read_to_string(world.path("distro/lazuli.lock")).unwrap(), lock);

    world.package("base", "2", |_| {});
    world.package("added", "1", |_| {});
    world.publish();
    world.image("small", &["base", "added"], "");
    let ended = world.succeeds(["lock", "update", "--dry-run"]);
    assert!(ended.stdout.contains("not written"), "{ended}");
    assert_eq!(fs::read_to_string(world.path("distro/lazuli.lock")).unwrap(), lock);
    let changes = json(&world.call(["lock", "update", "--dry-run", "--format", "json"])).to_string();
    assert!(changes.contains("base") && changes.contains("added"), "{changes}");
    let ended = world.succeeds(["lock", "update"]);
    let line = |words: &[&str]| ended.stdout.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(line(&["base", "1-1", "2-1"]) && line(&["added"]) && line(&["dropped"]), "{ended}");
}

#[test]
fn a_build_takes_what_is_locked_and_says_when_it_is_gone() {
    let Some(world) = World::for_root("a_build_takes_what_is_locked_and_says_when_it_is_gone") else {
        return;
    };
    let first = world.package("base", "1", |builder| file(builder, "/etc/version", "1"));
    world.publish();
    world.image("small", &["base"], "");
    world.fails(&["image", "build", "small"], 3, &["no packages of any upstream", "lazuli lock update"]);
    world.succeeds(["lock", "update"]);
    world.package("base", "2", |builder| file(builder, "/etc/version", "2"));
    world.publish();
    assert_eq!(fs::read_to_string(world.build("small").join("etc/version")).unwrap(), "1");

    for folder in ["distro/build", "distro/out", "cache"] {
        fs::remove_dir_all(world.path(folder)).unwrap();
    }
    fs::remove_file(first).unwrap();
    let words = [
        "packages of tiny cannot be fetched",
        "base-1-1.noarch",
        "404",
        "dropped a locked package, run `lazuli lock update`",
    ];
    world.fails(&["image", "build", "small"], 6, &words);
    world.assert_nothing_built("small");
    world.publish();
    world.succeeds(["lock", "update"]);
    assert_eq!(fs::read_to_string(world.build("small").join("etc/version")).unwrap(), "2");
}

#[test]
fn a_build_from_the_cache_needs_no_network() {
    let Some(world) = World::for_root("a_build_from_the_cache_needs_no_network") else { return };
    world.package("base", "1", |builder| file(builder, "/etc/version", "1"));
    world.publish();
    world.image("small", &["base"], "");
    world.succeeds(["lock", "update"]);
    world.build("small");
    fs::remove_dir_all(world.path("distro/build")).unwrap();
    fs::remove_dir_all(world.path("mirror")).unwrap();
    world.succeeds(["image", "build", "small", "--offline"]);
}

#[test]
fn a_lock_that_does_not_fit_is_told() {
    let world = World::new();
    world.package("base", "1", |_| {});
    world.package("other", "1", |_| {});
    world.publish();
    world.image("small", &["base"], "");
    world.succeeds(["lock", "update"]);
    world.image("small", &["base", "other"], "");
    world.fails(
        &["image", "build", "small", "--plan"],
        3,
        &["asks for other packages than the lock was made for"],
    );
    world.image("small", &["base"], "");
    let plan = world.succeeds(["image", "build", "small", "--plan"]);
    assert!(plan.stdout.contains("install base-1-1.noarch"), "{plan}");
    let lock = fs::read_to_string(world.path("distro/lazuli.lock")).unwrap();
    world.write("distro/lazuli.lock", &lock[..lock.len() / 2]);
    world.fails(&["image", "build", "small", "--plan"], 3, &["the lock is damaged", "lazuli.lock"]);
}
