//! Caching, determinism, locks, and what is said when something is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panic and say when they are skipped"
)]

mod world;

use std::fs;
use std::num::NonZeroUsize;

use debian_import::import::{ImportError, Importer, LockedDeb};
use world::{Deb, Tar, World, contents, told};

fn simple(name: &str, fields: &str) -> Deb {
    let tar = Tar::new().file(&format!("./usr/bin/{name}"), 0o755, name.repeat(1000).as_bytes());
    Deb::new(name, "1.0-1", fields, tar)
}

fn world() -> World {
    World::new(&[
        simple("a", "Depends: b, c\n"),
        simple("b", "Conflicts: old (<< 1)\n"),
        simple("c", "Provides: old\n"),
    ])
}

#[test]
fn the_same_bytes_whatever_the_number_of_jobs_and_the_folder() {
    let (one, other) = (world(), world());
    one.import(&["a"], 1).unwrap();
    other.import(&["a"], 7).unwrap();
    assert_eq!(contents(&one.path("output")), contents(&other.path("output")));
}

#[test]
fn a_second_run_converts_nothing_and_gives_the_same() {
    let world = world();
    assert_eq!(world.import(&["a"], 2).unwrap().converted, 3);
    let before = contents(&world.path("output"));
    fs::remove_dir_all(world.path("mirror/pool")).unwrap();
    assert_eq!(world.import(&["a"], 2).unwrap().converted, 0);
    assert_eq!(contents(&world.path("output")), before);
}

#[test]
fn what_is_imported_beside_a_package_does_not_change_it() {
    let world = world();
    let alone = world.import(&["b"], 2).unwrap().packages[0].clone();
    assert_eq!(alone.facts, "unversioned:old");
    let among = world.import(&["a"], 2).unwrap().packages[1].clone();
    assert_eq!(alone, among);
}

#[test]
fn damage_in_the_cache_costs_a_conversion_and_nothing_else() {
    let world = world();
    world.import(&["a"], 2).unwrap();
    let before = contents(&world.path("output"));
    fs::remove_dir_all(world.path("output")).unwrap();
    let rpm = contents(&world.path("converted/rpm"))[0].0.clone();
    let path = world.path("converted/rpm").join(rpm);
    let mut bytes = fs::read(&path).unwrap();
    bytes[500] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let key = contents(&world.path("converted/key"))[0].0.clone();
    let path = world.path("converted/key").join(key);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "{\"name\":").unwrap();
    // A killed run leaves files that were not renamed.
    fs::write(world.path("converted/rpm/.tmpXYZ"), "half").unwrap();
    let again = world.import(&["a"], 2).unwrap();
    assert!((1..=2).contains(&again.converted), "{}", again.converted);
    assert_eq!(contents(&world.path("output")), before);
}

#[test]
fn a_lock_gives_the_same_packages_without_the_index() {
    let world = world();
    let imported = world.import(&["a"], 2).unwrap();
    let mut locked = imported
        .packages
        .iter()
        .map(|package| LockedDeb {
            name: package.name.clone(),
            path: package.deb.clone(),
            sha256: package.deb_sha256.clone(),
            size: package.deb_size,
            facts: package.facts.clone(),
            rpm_sha256: package.rpm_sha256.clone(),
        })
        .collect::<Vec<_>>();
    fs::remove_dir_all(world.path("mirror/dists")).unwrap();
    fs::remove_dir_all(world.path("converted")).unwrap();
    let downloader = world.downloader();
    let cache = world.path("converted");
    let importer = Importer {
        downloader: &downloader,
        cache: &cache,
        overrides: &world.overrides,
        jobs: NonZeroUsize::MIN,
    };
    let mirror = world.suite().mirror;
    let again = importer.import_exactly(&mirror, &locked, &world.path("exact"), &|_| {}).unwrap();
    assert_eq!(again.packages, imported.packages);
    assert_eq!(contents(&world.path("exact")), contents(&world.path("output")));
    let mut renamed = locked.clone();
    renamed[1].name = "other".to_owned();
    let error = importer.import_exactly(&mirror, &renamed, &world.path("exact"), &|_| {}).unwrap_err();
    assert!(told(&error).contains("the file is of package b, not of other"), "{}", told(&error));
    locked[1].facts = String::new();
    let error = importer.import_exactly(&mirror, &locked, &world.path("exact"), &|_| {}).unwrap_err();
    assert!(matches!(&error, ImportError::OtherResult { package, .. } if package == "b"), "{error}");
}

#[test]
fn a_changed_override_is_seen() {
    let mut world = world();
    let first = world.import(&["a"], 2).unwrap();
    world.overrides.add("c", "reason = 'r'\nprovides = ['more']").unwrap();
    let second = world.import(&["a"], 2).unwrap();
    assert_eq!(second.converted, 1);
    assert_eq!(first.packages[..2], second.packages[..2]);
    assert_ne!(first.packages[2].rpm_sha256, second.packages[2].rpm_sha256);
}

#[test]
fn a_deb_that_is_not_what_the_index_promised_is_refused_and_nothing_is_published() {
    let world = world();
    let path = world.path("mirror/pool/b_1.0-1.deb");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = told(&world.import(&["a"], 2).unwrap_err());
    assert!(error.contains("b_1.0-1.deb"), "{error}");
    assert!(!world.path("output").exists());
}

#[test]
fn bad_packages_are_refused_with_the_reason() {
    let plain = || Tar::new().file("./usr/bin/x", 0o755, b"x");
    let mut cut = Deb::new("x", "1", "", Tar::new().file("./f", 0o644, &[7; 5000]));
    cut.tar.truncate(2000);
    cut.compression = "";
    let mut other_compression = Deb::new("x", "1", "", plain());
    other_compression.compression = ".lzma";
    let mut no_name = Deb::new("x", "1", "", plain());
    no_name.control = no_name.control.replace("amd64", "m68k");
    let with = |tar: Tar| Deb::new("x", "1", "", tar);
    let cases = [
        (
            with(Tar::new().file("../../etc/passwd", 0o644, b"x")),
            "\"../../etc/passwd\" leaves the root by `..`",
        ),
        (with(Tar::new().file("./a/../../b", 0o644, b"x")), "leaves the root by `..`"),
        (with(Tar::new().file("/etc/passwd", 0o644, b"x")), "\"/etc/passwd\" is absolute"),
        (with(Tar::new().file("./a\nb", 0o644, b"x")), "has a control character in its name"),
        (with(plain().file("./usr/bin/x", 0o644, b"y")), "\"/usr/bin/x\" is in the package twice"),
        (with(plain().hard_link("./b", "./nowhere")), "\"/b\" is a hard link to no file of the package"),
        (with(plain().hard_link("./b", "../../etc/shadow")), "leaves the root by `..`"),
        (
            with(plain().symlink("./b", "/etc").file("./b/passwd", 0o644, b"x")),
            "lies below a member that is no directory",
        ),
        (
            with(Tar::new().entry("./b", tar::EntryType::Regular, 0o644, "", "", b"")),
            "belongs to a number without a name",
        ),
        (cut, "data.tar of the package is damaged or truncated"),
        (other_compression, "not supported: data.tar.lzma"),
        (no_name, "architecture m68k has no RPM counterpart"),
    ];
    for (deb, expected) in cases {
        let error = told(&World::new(&[deb]).import(&["x"], 1).unwrap_err());
        assert!(
            error.starts_with("cannot convert x: ") && error.contains(expected),
            "{expected} is not in {error}"
        );
    }
}

#[test]
fn a_file_that_is_no_package_is_refused() {
    for (bytes, expected) in [
        (&b"no archive"[..], "the ar archive of the package is damaged or truncated"),
        (b"!<arch>\n", "the package has no debian-binary"),
    ] {
        let world = World::new(&[simple("x", "")]);
        let index = world.index();
        let package = index.package("x").unwrap();
        let locked = LockedDeb {
            name: "x".to_owned(),
            path: package.path.clone(),
            sha256: repository::checksum::sha256(bytes).hex().to_owned(),
            size: bytes.len() as u64,
            facts: String::new(),
            rpm_sha256: String::new(),
        };
        world.write(&package.path, bytes);
        let downloader = world.downloader();
        let cache = world.path("converted");
        let importer = Importer {
            downloader: &downloader,
            cache: &cache,
            overrides: &world.overrides,
            jobs: NonZeroUsize::MIN,
        };
        let error = importer
            .import_exactly(&world.suite().mirror, &[locked], &world.path("output"), &|_| {})
            .unwrap_err();
        assert!(told(&error).contains(expected), "{}", told(&error));
    }
}

#[test]
fn overrides_that_no_longer_fit_are_refused_with_the_reason() {
    for (text, expected) in [
        ("drop = ['/gone']", "the override drops /gone, which the package does not have"),
        (
            "without-requires = ['gone']",
            "leaves out the requirement of gone, which the package does not have",
        ),
        (
            "files = [{ path = '/usr/bin/a', content = 'x' }]",
            "adds /usr/bin/a, which the package has already",
        ),
        (
            "files = [{ path = '/etc/../x', content = 'x' }]",
            "the path is not absolute, or has empty parts, `.` or `..`",
        ),
        (
            "files = [{ path = '/x', content = 'x', symlink = 'y' }]",
            "exactly one of content, symlink, directory, copy and generate",
        ),
        ("files = [{ path = '/x', content = 'x', mode = '999' }]", "mode \"999\" is no octal number"),
        (
            "edits = [{ from = '/usr/bin/a', replace = [{ pattern = 'zzz', with = '', count = 1 }] }]",
            "matches 0 times in /usr/bin/a, not 1",
        ),
        ("attributes = [{ path = '/gone', mode = '0644' }]", "sets attributes of /gone"),
        ("provides = ['a >= ']", "is no RPM relation"),
    ] {
        let mut world = World::new(&[simple("a", "")]);
        world.overrides.add("a", &format!("reason = 'r'\n{text}")).unwrap();
        let error = told(&world.import(&["a"], 1).unwrap_err());
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
}

#[test]
fn the_distribution_s_own_overrides_can_be_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../distro/upstreams/debian-forky/overrides");
    let overrides = debian_import::overrides::Overrides::load(&folder).unwrap();
    assert!(overrides.names().any(|name| name == "base-files"));
}
