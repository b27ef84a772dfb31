//! What makes a suite trusted, and what is said when it is not.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panic and say when they are skipped"
)]

mod world;

use std::fs;

use debian_import::apt::ValidUntil;
use world::{Deb, NOW, Tar, World, secret_key, sign, told};

fn world() -> World {
    World::new(&[Deb::new("a", "1.0-1", "", Tar::new().file("./usr/bin/a", 0o755, b"a"))])
}

fn refused(world: &World) -> String {
    told(&world.fetch(&world.suite(), NOW).unwrap_err())
}

#[test]
fn a_signed_suite_is_read() {
    let world = world();
    let suite = world.fetch(&world.suite(), NOW).unwrap();
    assert_eq!(suite.index.package("a").unwrap().version.to_string(), "1.0-1");
    assert_eq!(suite.date, "2026-10-30T08:08:01Z");
}

#[test]
fn an_expired_suite_is_refused_unless_the_policy_says_otherwise() {
    let world = world();
    let mut suite = world.suite();
    suite.valid_until = ValidUntil::Enforce;
    let error = told(&world.fetch(&suite, NOW).unwrap_err());
    assert!(error.contains("was valid until 2026-11-06T08:08:01Z"), "{error}");
}

#[test]
fn a_changed_release_is_refused() {
    let world = world();
    let path = world.path("mirror/dists/tiny/InRelease");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("Codename: tiny", "Codename: tinx")).unwrap();
    assert!(refused(&world).contains("does not match the signature"), "{}", refused(&world));
}

#[test]
fn a_release_by_another_key_is_refused() {
    let world = world();
    let text = "Codename: tiny\nDate: Fri, 30 Oct 2026 08:08:01 UTC\nSHA256:\n";
    world.write("dists/tiny/InRelease", sign(text, &secret_key(7)).as_bytes());
    assert!(refused(&world).contains("is not in the keyring"), "{}", refused(&world));
    world.write("dists/tiny/InRelease", text.as_bytes());
    assert!(refused(&world).contains("is not signed"), "{}", refused(&world));
}

#[test]
fn a_key_that_is_not_pinned_does_not_count() {
    let world = world();
    let mut suite = world.suite();
    suite.fingerprints = vec!["00".repeat(20)];
    let error = told(&world.fetch(&suite, NOW).unwrap_err());
    assert!(error.contains("pinned fingerprint 0000"), "{error}");
}

#[test]
fn an_index_that_the_release_does_not_vouch_for_is_refused() {
    let world = world();
    world.write("dists/tiny/main/binary-amd64/Packages.xz", &world::compress(b"Package: evil\n", ".xz"));
    let error = refused(&world);
    assert!(error.contains("cannot fetch main/binary-amd64/Packages.xz"), "{error}");
}

#[test]
fn a_missing_component_is_named_with_those_that_are_there() {
    let world = world();
    let mut suite = world.suite();
    suite.components = vec!["contrib".to_owned()];
    let error = told(&world.fetch(&suite, NOW).unwrap_err());
    assert!(
        error.contains("no index `contrib/binary-amd64/Packages`; it has main/binary-amd64/Packages.xz"),
        "{error}"
    );
}
