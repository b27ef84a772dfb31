//! Runs that are killed in the middle: the next one goes on and gives what an undisturbed one gives.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testkit::debs::{Deb, Tar, publish};
use testkit::http::Fault;
use testkit::packages::{file, log, lua};

use crate::world::{World, listing, names};

#[expect(
    clippy::disallowed_methods,
    reason = "host-tools waits for the programs it runs; this one must be killed"
)]
fn start(world: &World, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lazuli"))
        .args(arguments)
        .arg("-C")
        .arg(world.path("distro"))
        .arg("--cache-dir")
        .arg(world.path("cache"))
        .env("HOME", world.path("home"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a command with SIGKILL, and tells whether it was still running.
fn kill(mut child: Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

/// Starts a command, and kills it after so long. Tells whether it was still running.
pub fn kill_after(world: &World, arguments: &[&str], time: Duration) -> bool {
    let child = start(world, arguments);
    std::thread::sleep(time);
    kill(child)
}

fn several_packages(world: &World) {
    for name in ["one", "two", "three"] {
        world.package(name, "1", |builder| {
            for number in 0..40 {
                file(builder, &format!("/usr/share/{name}/{number}"), &format!("{number} ").repeat(20_000));
            }
            builder.post_install_script(lua(&log(&format!("'{name}'"))));
        });
    }
    world.publish();
    world.image("small", &["one", "two", "three"], "");
}

/// A run may be killed after its last step: the tree that a later build would take, and the one at its final name, are whole.
fn assert_nothing_half_built(world: &World, whole: &[String]) {
    let trees = world.path("distro/build/work/trees");
    for list in names(&trees) {
        if let Some(tree) = list.strip_suffix(".deferred.json") {
            assert_eq!(listing(&trees.join(tree)), whole);
        }
    }
    if world.path("distro/out/small/tree").exists() {
        let tree = world.tree("small");
        assert!(tree.with_extension("deferred.json").exists(), "{} has no list", tree.display());
    }
}

#[test]
fn a_killed_build_is_made_again() {
    let Some(world) = World::for_root("a_killed_build_is_made_again") else { return };
    several_packages(&world);
    world.succeeds(["lock", "update"]);
    let undisturbed = listing(&world.build("small"));
    let mut hits = 0;
    for milliseconds in [0, 5, 10, 20, 30, 45, 60, 80, 100, 130, 170, 220, 300] {
        for folder in ["distro/build", "distro/out"] {
            fs::remove_dir_all(world.path(folder)).unwrap();
        }
        if kill_after(&world, &["image", "build", "small"], Duration::from_millis(milliseconds)) {
            hits += 1;
            assert_nothing_half_built(&world, &undisturbed);
        }
        assert_eq!(listing(&world.build("small")), undisturbed, "killed after {milliseconds} ms");
        let left = names(&world.path("distro/build/work/trees"));
        assert_eq!(left.len(), 2, "one tree and its list: {left:?}");
    }
    assert!(hits >= 3, "{hits} runs were killed before they ended");
}

#[test]
fn a_tree_without_its_list_is_made_again() {
    let Some(world) = World::for_root("a_tree_without_its_list_is_made_again") else { return };
    several_packages(&world);
    world.succeeds(["lock", "update"]);
    let tree = world.build("small");
    let undisturbed = listing(&tree);
    // As if the run had been killed after the tree was there and before its list was.
    fs::remove_file(tree.with_extension("deferred.json")).unwrap();
    fs::remove_file(tree.join("log")).unwrap();
    assert_eq!(listing(&world.build("small")), undisturbed);
}

#[test]
fn a_killed_download_goes_on() {
    let Some(world) = World::for_root("a_killed_download_goes_on") else { return };
    several_packages(&world);
    world.succeeds(["lock", "update"]);
    world.server.fail("repo/two-1-1.noarch.rpm", 1, Fault::Stall(Duration::from_secs(60)));
    let child = start(&world, &["image", "build", "small"]);
    let partial = world.path("cache/downloads/partial");
    let is_begun = |name: &String| fs::metadata(partial.join(name)).is_ok_and(|file| file.len() > 0);
    let waits_for_one = || {
        let asked = world.server.seen().iter().filter(|seen| seen.path.ends_with(".rpm")).count();
        asked == 3 && names(&partial).iter().filter(|name| is_begun(name)).count() == 1
    };
    // For a whole second: a package that was asked for and has not begun to come looks like one that is there.
    let mut waited = 0;
    let tries = (0..600).find(|_| {
        std::thread::sleep(Duration::from_millis(50));
        waited = if waits_for_one() { waited + 1 } else { 0 };
        waited == 20
    });
    assert!(kill(child) && tries.is_some(), "it waits for the second half of one package");
    world.assert_nothing_built("small");
    let killed = world.server.seen().len();
    world.build("small");
    let seen = &world.server.seen()[killed..];
    let asked =
        seen.iter().find(|seen| seen.path == "/repo/two-1-1.noarch.rpm").expect("the rest was asked for");
    let range = asked.headers.get("range").map(String::as_str).unwrap_or_default();
    assert!(
        range.starts_with("bytes=") && range != "bytes=0-",
        "{range:?}: what was there is not sent again"
    );
    assert!(
        !seen.iter().any(|seen| seen.path == "/repo/one-1-1.noarch.rpm"),
        "a finished file is not asked for again"
    );
}

#[test]
fn a_killed_import_goes_on() {
    let world = World::new();
    let deb = |name: &str| {
        let content = format!("{name} ").repeat(200_000);
        Deb::new(
            name,
            "1",
            "",
            Tar::new().directory("./usr/", 0o755).file(&format!("./usr/{name}"), 0o644, content.as_bytes()),
        )
    };
    let packages = ["base", "b", "c", "d", "e", "f"];
    let mut debs: Vec<Deb> = packages.iter().map(|name| deb(name)).collect();
    debs[0].control = debs[0].control.replace("Description:", "Depends: b, c, d, e, f\nDescription:");
    let valid = ["Fri, 30 Oct 2026 08:08:01 UTC", "Fri, 30 Oct 2099 08:08:01 UTC"];
    publish(&world.path("mirror/debian"), &debs, &world.key, valid[0], valid[1]);
    crate::debian::define(&world, "");
    world.succeeds(["lock", "update"]);
    let lock = fs::read_to_string(world.path("distro/lazuli.lock")).unwrap();
    let mut hits = 0;
    for milliseconds in [0, 10, 20, 35, 50, 70, 100, 140, 200, 300, 450] {
        fs::remove_dir_all(world.path("cache")).unwrap();
        fs::remove_dir_all(world.path("distro/build")).unwrap();
        fs::remove_file(world.path("distro/lazuli.lock")).unwrap();
        if kill_after(&world, &["lock", "update"], Duration::from_millis(milliseconds)) {
            hits += 1;
            // It is written last: killed after that, the run has done its work.
            if let Ok(written) = fs::read_to_string(world.path("distro/lazuli.lock")) {
                assert_eq!(written, lock, "a killed run wrote half a lock");
            }
        }
        world.succeeds(["lock", "update"]);
        assert_eq!(fs::read_to_string(world.path("distro/lazuli.lock")).unwrap(), lock, "{milliseconds} ms");
    }
    assert!(hits >= 3, "{hits} runs were killed before they ended");
}
