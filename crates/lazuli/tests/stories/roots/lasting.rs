//! What holds however a command is run: the same root comes out, and a run that is killed leaves the old root or the new one.

use std::fs;
use std::time::Duration;

use testkit::packages::{file, log, lua};

use super::{Rooted, copy, editor};
use crate::killed::kill_after;
use crate::program::run;
use crate::world::{Ended, listing};

#[test]
fn the_same_change_gives_the_same_root() {
    let Some(rooted) = Rooted::new("the_same_change_gives_the_same_root") else { return };
    let world = &rooted.world;
    editor(world, "2");
    world.package("words", "2", |builder| file(builder, "/usr/share/words/en", "a\nb\n"));
    world.publish();
    for place in ["here", "there/deep"] {
        fs::create_dir_all(world.path(place)).unwrap();
        copy(&rooted.root(), &world.path(place).join("root"));
    }
    let absolute = world.path("here/root").display().to_string();
    let first = world.call(["root", "upgrade", &absolute]).args(&rooted.options);
    // Another folder, another name for the root, another time zone and language, a second later.
    std::thread::sleep(Duration::from_millis(1100));
    let second = world
        .call(["root", "upgrade", "deep/../deep/root/"])
        .args(&rooted.options)
        .directory(world.path("there"))
        .env("TZ", "Asia/Tokyo")
        .env("LC_ALL", "de_DE.UTF-8")
        .env("TMPDIR", world.path("cache"));
    let said = [first, second].map(|call| {
        let ended = Ended::of(&run(&call));
        assert_eq!(ended.code, 0, "{ended}");
        ended.stdout
    });
    assert_eq!(said[0], said[1]);
    let [one, other] = ["here/root", "there/deep/root"].map(|root| listing(&world.path(root)));
    assert_eq!(one, other);
    assert_ne!(one, listing(&rooted.root()));
}

#[test]
fn a_link_to_a_root_is_followed_and_stays() {
    let Some(rooted) = Rooted::new("a_link_to_a_root_is_followed_and_stays") else { return };
    let link = rooted.world.path("link");
    std::os::unix::fs::symlink("root", &link).unwrap();
    rooted.world.succeeds(["root", "remove", &link.display().to_string(), "watch"]);
    assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("root"));
    assert_eq!(rooted.installed(), ["base-1", "editor-1", "words-1"]);
}

#[test]
fn a_change_that_is_killed_is_whole_or_not_there() {
    let Some(rooted) = Rooted::new("a_change_that_is_killed_is_whole_or_not_there") else { return };
    let world = &rooted.world;
    editor(world, "2");
    world.package("bulk", "1", |builder| {
        for number in 0..60 {
            file(builder, &format!("/usr/share/bulk/{number}"), &format!("{number} ").repeat(20_000));
        }
        builder.post_install_script(lua(&log("'bulk post'")));
    });
    world.publish();
    let start = world.path("start");
    copy(&rooted.root(), &start);
    let root = rooted.root().display().to_string();
    let mut line = vec!["root", "install", &root, "bulk", "editor >= 2"];
    line.extend(rooted.options.iter().map(String::as_str));
    let old = listing(&start);
    let started = host_tools::Stopwatch::start();
    world.succeeds(&line);
    let whole = started.elapsed();
    let new = listing(&rooted.root());
    assert_ne!(old, new);
    let (mut left_old, mut left_new, mut killed) = (0, 0, 0);
    for part in 0..20 {
        fs::remove_dir_all(rooted.root()).unwrap();
        copy(&start, &rooted.root());
        killed += u32::from(kill_after(world, &line, whole * part / 18));
        let found = listing(&rooted.root());
        assert!(found == old || found == new, "killed after {part} of 18 parts of {whole:?}");
        left_old += u32::from(found == old);
        left_new += u32::from(found == new);
        world.succeeds(&line);
        assert_eq!(listing(&rooted.root()), new, "the run after a kill");
        assert!(!world.path("root.partial").exists(), "something is left beside the root");
    }
    println!("{killed} runs killed: {left_old} left the old root, {left_new} the new one");
    assert!(killed >= 5 && left_old >= 5, "{killed} killed, {left_old} left the old root");
}
