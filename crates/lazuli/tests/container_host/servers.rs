//! Servers that are slow, loop, die or lie: the host takes what is whole and signed, and else says what is wrong and runs on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use testkit::http::{Fault, Server};

use crate::host::Host;
use crate::update::{assert_is, follow, prepare, restarted, settled, status, to_guest};
use crate::world::{Change, Extent, world};

/// The attempt fails with this name, and leaves the host as it was.
pub fn refuses(host: &Host, what: &str, name: &str) {
    let before = status(host);
    fails(host, "lazuli-agent stage", what, name);
    let after = status(host);
    assert_eq!(after["condition"]["state"], "settled", "{what}: {after}");
    assert_eq!((&before["version"], &before["slot"]), (&after["version"], &after["slot"]), "{what}");
    assert!(!after["staged"]["complete"].as_bool().unwrap_or(false), "{what}: {after}");
}

/// A command of the agent fails with this name.
pub fn fails(host: &Host, command: &str, what: &str, name: &str) {
    let answer = host.run(command);
    println!("{what}: {}", answer.text.trim());
    assert_ne!(answer.status, 0, "{what} was taken:\n{}", answer.text);
    assert!(answer.text.lines().any(|line| line == format!("name: {name}")), "{what}:\n{}", answer.text);
}

#[test]
fn a_server_s_faults_end_in_words_or_in_the_whole_version() {
    let Some(world) = world(Extent::All) else { return };
    let second = world.version("2.0", Change::None);
    world.releases().offer(&second, "faults");
    let (mut host, server) = prepare(world, "faults");
    follow(&host, &server, "faults");

    server.fail("*timestamp.json", usize::MAX, Fault::Endless);
    refuses(&host, "an endless timestamp", "trust.too-large");
    server.mend();
    server.fail(
        "*timestamp.json",
        usize::MAX,
        Fault::Redirect(to_guest(&server, "/metadata/timestamp.json")),
    );
    refuses(&host, "a redirect to itself", "download.connection");
    server.mend();
    server.fail("*timestamp.json", usize::MAX, Fault::WrongByte);
    refuses(&host, "a changed timestamp", "trust.malformed");
    server.mend();
    server.fail("*manifest.json", usize::MAX, Fault::WrongByte);
    refuses(&host, "a changed manifest", "release.wrong-digest");
    server.mend();
    // A byte alone may lie in a block that this host does not need.
    let nonsense = vec![0x5A; usize::try_from(world.releases().pack_size(&second)).unwrap()];
    server.fail("*blocks.pack", usize::MAX, Fault::Body(nonsense));
    refuses(&host, "another pack", "payload.block");
    server.mend();

    // It dies in the middle, stalls and crawls, and is whole in the end.
    server.fail("*blocks.pack", 3, Fault::CutAfter(1000));
    server.fail("*blocks.pack", 1, Fault::Stall(Duration::from_secs(15)));
    server.fail("*blocks.pack", 1, Fault::Slow(100_000));
    for _ in 0..5 {
        if host.run("lazuli-agent stage").status == 0 {
            break;
        }
    }
    assert_eq!(status(&host)["staged"]["complete"], true);
    server.mend();
    restarted(&mut host, "lazuli-agent apply --reboot");
    assert_eq!(settled(&host)["version"], "2.0");
    assert_is(&host, &second);
    host.switch_off();
}

/// A folder that a server serves, and what is in it by a link.
fn show(folder: &Path, repository: &Path) {
    drop(fs::remove_file(folder));
    symlink(repository, folder).unwrap();
}

#[test]
fn older_or_foreign_metadata_is_refused() {
    let Some(world) = world(Extent::All) else { return };
    let second = world.version("2.0", Change::None);
    world.releases().offer(&second, "old");
    let old = world.folder.join("old-releases");
    drop(fs::remove_dir_all(&old));
    world.releases().snapshot(&old);
    world.releases().offer(&world.version("3.0", Change::None), "old");
    let shown = world.folder.join("shown-releases");
    show(&shown, &world.releases().folder);
    let (mut host, _) = prepare(world, "old");
    let server = Server::start(&shown).unwrap();
    follow(&host, &server, "old");
    let checked = host.ask("lazuli-agent check");
    assert!(checked.contains("3.0"), "{checked}");
    // What was true once is not true any more.
    show(&shown, &old);
    refuses(&host, "older metadata", "trust.older");
    // A repository of somebody else's keys.
    let foreign = world.folder.join("foreign");
    drop(fs::remove_dir_all(&foreign));
    fs::create_dir_all(&foreign).unwrap();
    let theirs = crate::releases::Releases::new(&foreign);
    theirs.offer(&second, "old");
    show(&shown, &theirs.folder);
    refuses(&host, "somebody else's metadata", "trust.signature");
    host.switch_off();
}
