//! Versions and channels that come and go.

use release::{Channel, Version};
use release_repository::content::{ContentError, Entry};

use crate::world::{World, promotion, stable};

#[test]
fn a_version_is_published_and_offered() {
    let world = World::published();
    world.add("1");
    world.add("2");
    world.promote("1");
    world.promote("2");
    let inspection = world.inspect();
    assert_eq!(world.problems(), [""; 0]);
    assert_eq!(
        inspection.versions.iter().map(|manifest| manifest.version.as_str()).collect::<Vec<_>>(),
        ["1", "2"]
    );
    assert_eq!(inspection.channels[0].head().unwrap().version.as_str(), "2");
    // The channel as it was before is still there for who looks at older metadata.
    assert_eq!(inspection.unnamed.len(), 1);
    assert!(inspection.unnamed[0].ends_with(".host_x86-64.stable.channel.json"), "{:?}", inspection.unnamed);
}

#[test]
fn changes_gather_until_they_are_signed() {
    let world = World::published();
    world.add("1");
    let change = world.read().promote(&stable(), None, promotion("1", world.now)).unwrap();
    world.folder().store(&change.entry, &change.bytes).unwrap();
    assert_eq!(world.sign(&change.repository, &[]).len(), 1);
    // A second change builds upon what is staged.
    let other = Entry::of("host_1_x86-64.notes.txt".to_owned(), b"notes");
    world.folder().store(&other, b"notes").unwrap();
    let next = world.read().add_files(std::slice::from_ref(&other), world.now).unwrap();
    assert_eq!(world.sign(&next, &["targets", "online"]), []);
    assert_eq!(world.problems(), [""; 0]);
    assert!(world.read().entries().contains_key(&other.name));
    assert_eq!(world.read().channels(), [stable()]);
    assert_eq!(world.inspect().roles[1].version, 3);
}

#[test]
fn a_version_never_changes() {
    let world = World::published();
    world.add("1");
    let entry = Entry::of("host_1_x86-64.root.erofs".to_owned(), b"other bytes");
    let error = world.read().add_files(&[entry], world.now).unwrap_err();
    assert!(matches!(error, ContentError::OtherContent { .. }));
    assert!(
        error.to_string().starts_with("host_1_x86-64.root.erofs is published with other content (SHA-256 ")
    );
    // The same again is no change.
    let same: Vec<Entry> = world.read().entries().into_values().collect();
    assert_eq!(world.read().add_files(&same, world.now + 1).unwrap(), world.read());
}

#[test]
fn what_is_not_there_cannot_be_offered_or_withdrawn() {
    let world = World::published();
    let repository = world.read();
    let error = repository.promote(&stable(), None, promotion("1", world.now)).unwrap_err();
    assert_eq!(error.to_string(), "version 1 of host for x86-64 is not in the repository; it has: none");
    world.add("1");
    world.add("10");
    let error = world.read().promote(&stable(), None, promotion("2", world.now)).unwrap_err();
    assert_eq!(error.to_string(), "version 2 of host for x86-64 is not in the repository; it has: 1, 10");
    let one = Version::parse("1").unwrap();
    let error = world.read().withdraw(&stable(), None, &one, "broken", world.now).unwrap_err();
    assert_eq!(error.to_string(), "host for x86-64 has no channel stable; it has: none");
    let other = world.channel_of("edge");
    let error = world.read().promote(&stable(), Some(&other), promotion("1", world.now)).unwrap_err();
    assert_eq!(error.to_string(), "host_x86-64.stable.channel.json is the file of another channel");
}

#[test]
fn a_withdrawn_version_stays_published_and_is_not_offered() {
    let world = World::published();
    world.add("1");
    world.add("2");
    world.promote("1");
    world.promote("2");
    let two = Version::parse("2").unwrap();
    let current = world.channel();
    let change =
        world.read().withdraw(&stable(), current.as_deref(), &two, "it loses data", world.now).unwrap();
    world.folder().store(&change.entry, &change.bytes).unwrap();
    assert_eq!(world.sign(&change.repository, &["targets", "online"]), []);
    let channel = Channel::parse(&world.channel().unwrap()).unwrap();
    assert_eq!(channel.head().unwrap().version.as_str(), "1");
    assert_eq!(channel.find(&two).unwrap().withdrawn.as_deref(), Some("it loses data"));
    assert_eq!(world.problems(), [""; 0]);
}

impl World {
    fn channel_of(&self, name: &str) -> Vec<u8> {
        let id = stable();
        let name = release::ChannelName::parse(name).unwrap();
        Channel::new(id.image, id.architecture, name).to_json().into_bytes()
    }
}
