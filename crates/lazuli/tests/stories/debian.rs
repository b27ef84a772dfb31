//! A Debian suite as the upstream: what it must prove, and packages that are damaged or reach out of their tree.

use std::fs;

use testkit::debs::{Deb, Tar, publish};
use testkit::keys::Key;
use testkit::packages::{damage, truncate};

use crate::world::{World, names};

const DATE: &str = "Fri, 30 Oct 2026 08:08:01 UTC";
const PAST: &str = "Sat, 31 Oct 2026 08:08:01 UTC";
const FUTURE: &str = "Fri, 30 Oct 2099 08:08:01 UTC";

fn base(tar: Tar) -> Deb {
    Deb::new("base", "1", "", tar)
}

fn good() -> Tar {
    let content = "content ".repeat(400);
    Tar::new()
        .directory("./etc/", 0o755)
        .file("./etc/base", 0o644, content.as_bytes())
        .symlink("./etc/link", "base")
}

/// An upstream whose only repository is the suite; the further lines say what to do when it has expired.
pub fn define(world: &World, more: &str) {
    let mirror = world.server.url("debian");
    let text = format!(
        "[project]\ndescription = \"A tiny distribution\"\nupstreams = [{{ name = \"tiny\", version = \"1\" }}]\n\
         [distros.tiny]\ndescription = \"Tiny\"\ndefault-version = \"1\"\n\
         [distros.tiny.versions.1]\nrelease-ver = \"1\"\ninputs.image-build = [{{ repo = \"suite\" }}]\n\
         [resources.deb-repos.suite]\nmirror = {mirror:?}\nsuite = \"tiny\"\nkeyring = \"key.asc\"\n{more}\n\
         [images.small]\ndefinition = {{ type = \"native\", path = \"small/image.toml\" }}\n"
    );
    world.write("distro/lazuli.toml", &text);
    world.write("distro/small/image.toml", "kind = \"tree\"\n[packages]\ninstall = [\"base\"]\n");
}

fn suite(world: &World, debs: &[Deb]) {
    publish(&world.path("mirror/debian"), debs, &world.key, DATE, FUTURE);
    define(world, "");
}

#[test]
fn a_suite_becomes_a_tree() {
    let Some(world) = World::for_root("a_suite_becomes_a_tree") else { return };
    suite(&world, &[base(good())]);
    world.succeeds(["lock", "update"]);
    let tree = world.build("small");
    assert_eq!(fs::read_to_string(tree.join("etc/base")).unwrap(), "content ".repeat(400));
    let repository = world.path("repos").display().to_string();
    world.succeeds(["upstream", "import", "--output", &repository]);
    let ended = world.succeeds(["repo", "check", &format!("{repository}/suite")]);
    assert!(ended.stdout.contains("1 packages, 0 unresolved"), "{ended}");
}

#[test]
fn a_suite_signed_by_another_key_is_refused() {
    let world = World::new();
    suite(&world, &[base(good())]);
    publish(&world.path("mirror/debian"), &[base(good())], &Key::new(2), DATE, FUTURE);
    world.fails(&["lock", "update"], 5, &["the suite behind suite cannot be used", "not trusted"]);
    assert!(!world.path("distro/lazuli.lock").exists());
    suite(&world, &[base(good())]);
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_changed_suite_is_refused() {
    let world = World::new();
    suite(&world, &[base(good())]);
    let in_release = world.path("mirror/debian/dists/tiny/InRelease");
    let text = fs::read_to_string(&in_release).unwrap();
    fs::write(&in_release, text.replace("Codename: tiny", "Codename: tony")).unwrap();
    world.fails(&["lock", "update"], 5, &["not trusted", "signature"]);
    fs::write(&in_release, text).unwrap();
    let index = world.path("mirror/debian/dists/tiny/main/binary-amd64/Packages.xz");
    damage(&index, 10);
    world.fails(&["lock", "update"], 5, &["Packages", "wrong checksum"]);
    suite(&world, &[base(good())]);
    world.succeeds(["lock", "update"]);
}

#[test]
fn an_expired_suite_is_refused_unless_the_definition_says_why_not() {
    let world = World::new();
    publish(&world.path("mirror/debian"), &[base(good())], &world.key, DATE, PAST);
    define(&world, "valid-until = \"enforce\"");
    world.fails(&["lock", "update"], 5, &["InRelease", "2026-10-31"]);
    define(&world, "valid-until = \"ignore\"");
    world.fails(&["lock", "update"], 3, &["without saying why"]);
    define(&world, "valid-until = \"ignore\"\nvalid-until-reason = \"the lock decides\"");
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_changed_or_cut_deb_is_refused() {
    let world = World::new();
    suite(&world, &[base(good())]);
    let deb = world.path("mirror/debian").join(base(good()).path());
    let whole = fs::read(&deb).unwrap();
    damage(&deb, 10);
    world.fails(
        &["lock", "update"],
        5,
        &["cannot fetch", "wrong checksum", "the mirror has another file than was promised"],
    );
    fs::write(&deb, &whole).unwrap();
    truncate(&deb);
    world.fails(&["lock", "update"], 5, &["wrong size"]);
    assert!(!world.path("distro/lazuli.lock").exists());
    assert_eq!(
        names(&world.path("distro/build/work/import/suite")),
        [""; 0],
        "nothing half done is at its final name"
    );
    fs::write(&deb, &whole).unwrap();
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_deb_that_is_broken_inside_is_refused() {
    let world = World::new();
    let mut broken = base(good());
    broken.tar.truncate(600);
    suite(&world, &[broken]);
    world.fails(&["lock", "update"], 1, &["cannot convert base"]);
    suite(&world, &[base(good())]);
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_deb_that_reaches_out_of_the_tree_is_refused() {
    let world = World::new();
    let escape = |path| good().file(path, 0o644, b"x");
    let through_link = good().symlink("./etc/out", "/").file("./etc/out/../../escaped", 0o644, b"x");
    for tar in [escape("./../escaped"), escape("./etc/../../escaped"), through_link] {
        suite(&world, &[base(tar)]);
        world.fails(&["lock", "update"], 1, &["cannot convert base", "escaped"]);
        assert!(!world.path("distro/lazuli.lock").exists());
    }
    suite(&world, &[base(good())]);
    world.succeeds(["lock", "update"]);
}

#[test]
fn a_package_that_the_suite_lacks_is_told() {
    let world = World::new();
    suite(&world, &[Deb::new("base", "1", "Depends: absent (>= 2)\n", good())]);
    world.fails(&["lock", "update"], 4, &["base", "absent"]);
}

#[test]
fn a_deb_that_the_mirror_dropped_is_told() {
    let Some(world) = World::for_root("a_deb_that_the_mirror_dropped_is_told") else { return };
    suite(&world, &[base(good())]);
    world.succeeds(["lock", "update"]);
    fs::remove_dir_all(world.path("cache")).unwrap();
    fs::remove_dir_all(world.path("mirror/debian/pool")).unwrap();
    let words = ["cannot fetch", "404", "dropped a locked package, run `lazuli lock update`"];
    world.fails(&["image", "build", "small"], 6, &words);
    world.assert_nothing_built("small");
}
