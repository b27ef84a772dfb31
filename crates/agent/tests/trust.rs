//! Repositories that are fresh, held back, rolled back, forged or broken, as an agent meets them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod repository;

use agent::error::Named;
use agent::source::Source as _;
use agent::trust::{Places, Repository, TrustError};
use release::{Architecture, ChannelName, ImageName, Version};
use repository::{FAR, PAST, Published, Roles};

/// A published repository, and an agent with its own memory of it.
struct World {
    published: Published,
    places: Places,
    _memory: tempfile::TempDir,
}

const NOW: u64 = 1_800_000_000;

impl World {
    fn new() -> World {
        let published = Published::new();
        let memory = tempfile::tempdir().unwrap();
        let places = Places { root: memory.path().join("root.json"), folder: memory.path().join("tuf") };
        std::fs::write(&places.root, published.root(1)).unwrap();
        World { published, places, _memory: memory }
    }

    fn open(&self) -> Result<Repository, TrustError> {
        agent::trust::open(&repository::client(), &self.published.url(), &self.places, NOW)
    }

    fn refused(&self) -> &'static str {
        self.open().map(|repository| repository.metadata).unwrap_err().name()
    }
}

#[test]
fn a_fresh_repository_gives_its_files() {
    let world = World::new();
    world.published.publish(1, FAR, &[("web_1_x86-64.root.pack", b"0123456789"), ("note", b"hello")]);
    let repository = world.open().unwrap();
    assert_eq!(repository.metadata.timestamp, 1);
    assert_eq!(repository.whole("note").unwrap(), b"hello");
    assert_eq!(repository.whole("other").unwrap_err().to_string(), "the release repository has no `other`");

    let (image, version) = (ImageName::parse("web").unwrap(), Version::parse("1").unwrap());
    let mut source = repository.source(&image, &version, Architecture::X86_64);
    let mut given = Vec::new();
    source
        .ranges("root.pack", &[1..3, 8..10], &mut |offset, bytes| {
            given.push((offset, bytes.to_vec()));
            Ok(())
        })
        .unwrap();
    assert_eq!(given, [(1, b"12".to_vec()), (8, b"89".to_vec())]);
    assert_eq!(source.whole("tree").unwrap_err().to_string(), "the release has no file `tree`");
}

#[test]
fn a_changed_file_is_not_taken() {
    let world = World::new();
    world.published.publish(1, FAR, &[("note", b"hello")]);
    world.published.change("targets", "note", |bytes| bytes[0] ^= 1);
    let error = world.open().unwrap().whole("note").unwrap_err();
    assert_eq!(error.name(), "release.wrong-digest");
    world.published.change("targets", "note", |bytes| bytes.push(b'!'));
    assert_eq!(world.open().unwrap().whole("note").unwrap_err().name(), "download.wrong-size");
}

#[test]
fn metadata_that_is_held_back_until_it_expires_is_refused() {
    let world = World::new();
    world.published.publish(1, PAST, &[]);
    let error = world.open().unwrap_err();
    assert_eq!(error.name(), "trust.expired");
    assert!(
        error.to_string().ends_with("its metadata has expired (is this machine's clock right?)"),
        "{error}"
    );
}

#[test]
fn metadata_older_than_what_was_seen_is_refused_also_after_a_failed_update() {
    let world = World::new();
    world.published.publish(1, FAR, &[]);
    let first = world.published.save();
    world.published.publish(2, FAR, &[]);
    world.open().unwrap();
    world.published.restore(&first);
    assert_eq!(world.refused(), "trust.older");
    assert_eq!(world.refused(), "trust.older");
    world.published.publish(3, FAR, &[]);
    assert_eq!(world.open().unwrap().metadata.timestamp, 3);
}

#[test]
fn metadata_by_unknown_keys_is_refused() {
    let world = World::new();
    world.published.publish_signed_by(1, FAR, &[], Roles { targets: 77, ..Roles::FIRST });
    assert_eq!(world.refused(), "trust.signature");
    world.published.publish_signed_by(2, FAR, &[], Roles { timestamp: 77, ..Roles::FIRST });
    assert_eq!(world.refused(), "trust.signature");
}

#[test]
fn a_flipped_byte_in_any_metadata_is_refused() {
    for name in ["timestamp.json", "1.snapshot.json", "1.targets.json"] {
        let world = World::new();
        world.published.publish(1, FAR, &[("note", b"hello")]);
        world.published.change("metadata", name, |bytes| {
            // A digit of the date: still JSON, still a date.
            let at = bytes.windows(4).position(|part| part == b"2999").unwrap();
            bytes[at + 3] = b'8';
        });
        assert!(
            ["trust.signature", "trust.mismatch"].contains(&world.refused()),
            "{name}: {}",
            world.refused()
        );
    }
}

#[test]
fn a_server_that_fails_is_not_taken_for_one_without_newer_roots() {
    let world = World::new();
    world.published.publish(1, FAR, &[]);
    world.published.server.fail("metadata/2.root.json", 99, testkit::http::Fault::Status(500));
    assert_eq!(world.refused(), "download.status");
}

#[test]
fn rotated_roots_are_followed_and_remembered() {
    let world = World::new();
    let rotated = Roles { timestamp: 12, root: 11, ..Roles::FIRST };
    world.published.add_root(2, Roles::FIRST, rotated);
    world.published.publish_signed_by(5, FAR, &[], rotated);
    assert_eq!(world.open().unwrap().metadata.root, 2);
    let newest = world.published.save();

    // Whoever stole the first keys hides the second root, and signs with what he has.
    world.published.remove("metadata/2.root.json");
    world.published.publish(9, FAR, &[("evil", b"evil")]);
    assert_eq!(world.refused(), "trust.signature");

    // And what was seen since the rotation is not forgotten at the next update.
    world.published.restore(&newest);
    world.published.publish_signed_by(4, FAR, &[], rotated);
    assert_eq!(world.refused(), "trust.older");
}

#[test]
fn a_newer_root_is_remembered_though_the_rest_is_refused() {
    let world = World::new();
    let rotated = Roles { timestamp: 12, ..Roles::FIRST };
    world.published.add_root(2, Roles::FIRST, rotated);
    world.published.publish(1, FAR, &[]);
    assert_eq!(world.refused(), "trust.signature");
    world.published.remove("metadata/2.root.json");
    assert_eq!(world.refused(), "trust.signature");
}

#[test]
fn a_root_that_does_not_follow_is_refused_and_one_slipped_into_the_memory_ignored() {
    let world = World::new();
    let forged = Roles { root: 66, timestamp: 66, snapshot: 66, targets: 66 };
    world.published.add_root(2, forged, forged);
    world.published.publish_signed_by(1, FAR, &[], forged);
    assert_eq!(world.refused(), "trust.signature");

    let roots = world.places.folder.join("roots");
    std::fs::create_dir_all(&roots).unwrap();
    std::fs::write(roots.join("2.root.json"), world.published.root(2)).unwrap();
    world.published.remove("metadata/2.root.json");
    assert_eq!(world.refused(), "trust.signature");
    world.published.publish(1, FAR, &[]);
    assert_eq!(world.open().unwrap().metadata.root, 1);
}

#[test]
fn more_keys_than_one_must_sign_where_the_root_says_so() {
    let world = World::new();
    world.published.publish(1, FAR, &[]);
    world.published.add_root_with_threshold(2, Roles::FIRST, 2);
    assert_eq!(world.refused(), "trust.signature");
}

#[test]
fn a_torn_memory_is_no_obstacle() {
    let world = World::new();
    world.published.publish(1, FAR, &[]);
    world.open().unwrap();
    for name in ["timestamp.json", "latest_known_time.json", "snapshot.json"] {
        std::fs::write(world.places.folder.join("metadata").join(name), "{\"signed").unwrap();
    }
    std::fs::create_dir_all(world.places.folder.join("metadata.new/rest")).unwrap();
    assert_eq!(world.open().unwrap().metadata.timestamp, 1);
}

#[test]
fn a_clock_may_be_corrected_by_hours_and_not_by_years() {
    let world = World::new();
    world.published.publish(1, FAR, &[]);
    world.open().unwrap();
    let record = world.places.folder.join("metadata/latest_known_time.json");
    let now = host_tools::Clock::System.now();
    let write = |seconds: u64| {
        let time = jiff::Timestamp::from_second(i64::try_from(now + seconds).unwrap()).unwrap();
        std::fs::write(&record, format!("\"{time}\"")).unwrap();
        agent::trust::open(&repository::client(), &world.published.url(), &world.places, now)
    };
    write(7200).unwrap();
    assert_eq!(write(400 * 86_400).unwrap_err().name(), "trust.clock-went-back");
}

#[test]
fn an_image_without_a_root_says_so() {
    let world = World::new();
    std::fs::remove_file(&world.places.root).unwrap();
    assert_eq!(world.refused(), "trust.no-root");
    std::fs::write(&world.places.root, "{}").unwrap();
    assert_eq!(world.refused(), "trust.bad-root");
}

#[test]
fn a_name_that_leads_elsewhere_is_not_followed() {
    let world = World::new();
    world.published.publish(1, FAR, &[("sub/file", b"x"), ("a%2fb", b"x"), ("note", b"hello")]);
    let repository = world.open().unwrap();
    for (name, expected) in [
        ("sub/file", "release.unsafe-name"),
        ("../note", "release.no-such-file"),
        ("/etc/passwd", "release.no-such-file"),
    ] {
        assert_eq!(repository.whole(name).unwrap_err().name(), expected, "{name}");
    }
    assert_eq!(repository.whole("note").unwrap(), b"hello");
    world.published.publish(2, FAR, &[("..", b"x")]);
    assert_eq!(world.refused(), "trust.malformed");
}

#[test]
fn a_channel_is_read_and_another_thing_is_not() {
    let world = World::new();
    world.published.publish(1, FAR, &[("web_x86-64.stable.channel.json", b"{}")]);
    let repository = world.open().unwrap();
    let (image, stable) = (ImageName::parse("web").unwrap(), ChannelName::parse("stable").unwrap());
    let error = repository.channel(&image, Architecture::X86_64, &stable).unwrap_err();
    assert_eq!(
        (error.name(), error.to_string()),
        ("release.channel", "`web_x86-64.stable.channel.json` is no channel".to_owned())
    );
}
