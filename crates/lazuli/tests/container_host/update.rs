//! From version to version and back, with what was there kept, and the new system bit by bit the one that was built.

use std::fs::File;
use std::time::Duration;

use host_tools::Stopwatch;
use serde_json::Value;
use testkit::http::Server;

use crate::host::Host;
use crate::judge::{Known, judge};
use crate::world::{Change, Extent, Version, World, world};

/// Until a new version has come up and was found good: restart, boot, the health gate.
pub const TRIAL: Duration = Duration::from_secs(600);
/// Until a service that runs answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
pub const AGAIN: Duration = Duration::from_secs(3);

/// Tells the agent where releases come from; nothing is done that was not asked for.
pub fn follow(host: &Host, server: &Server, channel: &str) {
    let url = to_guest(server, "/");
    let text = format!(
        "[release]\nurl = \"{url}\"\nchannel = \"{channel}\"\n[update]\nautomatic = \"off\"\n\
         [download]\nstall-timeout = \"10s\"\n[health]\nsettle = \"5s\"\n"
    );
    host.ask(&format!(
        "mkdir -p /etc/lazuli && printf '{text}' > /etc/lazuli/agent.toml && systemctl restart lazuli-agent"
    ));
}

/// An address of a server as the guest sees it: this machine's loopback is its 10.0.2.2.
pub fn to_guest(server: &Server, path: &str) -> String {
    server.url(path).replace("127.0.0.1", "10.0.2.2")
}

/// What the agent says of the host.
pub fn status(host: &Host) -> Value {
    let stopwatch = Stopwatch::start();
    loop {
        match told(host) {
            Ok(status) => return status,
            // The service has just begun.
            Err(said) if stopwatch.elapsed() > PATIENCE => panic!("no status: {said}"),
            Err(_) => std::thread::sleep(AGAIN),
        }
    }
}

fn told(host: &Host) -> Result<Value, String> {
    let answer = host.remote.run("lazuli-agent status --format json").map_err(|error| error.to_string())?;
    let view: Value =
        serde_json::from_str(&answer.text).map_err(|error| format!("{error} in {}", answer.text))?;
    match &view["status"] {
        Value::Null => Err(answer.text),
        status => Ok(status.clone()),
    }
}

/// Waits until the host runs a version that it means to keep.
pub fn settled(host: &Host) -> Value {
    let stopwatch = Stopwatch::start();
    loop {
        host.remote.wait(TRIAL).unwrap_or_else(|error| panic!("{error}\n{}", host.last_lines(60)));
        // A host on its way down still answers.
        match told(host) {
            Ok(status) if status["condition"]["state"] == "settled" => return status,
            said if stopwatch.elapsed() > TRIAL => {
                panic!(
                    "{said:?}\n{}\n{}",
                    host.run("journalctl -u lazuli-agent -n 40 --no-pager").text,
                    host.last_lines(20)
                )
            }
            _ => std::thread::sleep(AGAIN),
        }
    }
}

/// Restarts the host and waits until it was down: its boot id is another one.
pub fn restarted(host: &mut Host, script: &str) {
    let before = host.ask("cat /proc/sys/kernel/random/boot_id");
    let place = host.place();
    host.leave(script);
    host.guest().wait_for_after(place, "Linux version", TRIAL).unwrap();
    host.remote.wait(TRIAL).unwrap_or_else(|error| panic!("{error}\n{}", host.last_lines(60)));
    assert_ne!(host.ask("cat /proc/sys/kernel/random/boot_id"), before);
}

/// The version that runs is proven by this root hash; that its bytes are those that were built, the judge says of the disk.
pub fn assert_is(host: &Host, version: &Version) {
    let text = std::fs::read_to_string(version.payload.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let root_hash = manifest["verity"]["root-hash"].as_str().unwrap();
    assert!(host.ask("cat /proc/cmdline").contains(&format!("roothash={root_hash} ")));
}

/// A world, a host of its first version, and a server that offers the others.
pub fn prepare(world: &'static World, name: &str) -> (Host, Server) {
    let first = world.version("1.0", Change::None);
    let mut host = Host::new(world, &first.disk, name);
    host.boot();
    (host, Server::start(&world.releases().folder).unwrap())
}

#[test]
fn a_host_goes_from_version_to_version_and_back_and_keeps_its_data() {
    let Some(world) = world(Extent::Short) else { return };
    let second = world.version("2.0", Change::None);
    world.releases().offer(&second, "update");
    let (mut host, server) = prepare(world, "update");
    follow(&host, &server, "update");
    host.ask("echo kept > /var/lib/kept; echo kept > /etc/kept; hostnamectl hostname kept.example; sync");
    let before = status(&host);
    assert_eq!(before["version"], "1.0");

    let staged = host.run("time lazuli-agent stage");
    println!("{}", staged.text);
    assert_eq!(staged.status, 0, "{}", staged.text);
    println!("{} bytes were sent", server.sent());
    assert_eq!(status(&host)["staged"]["version"], "2.0");
    let applied = host.run("time lazuli-agent apply");
    println!("{}", applied.text);
    assert_eq!(applied.status, 0, "{}", applied.text);
    // What was done is done again without harm.
    restarted(&mut host, "lazuli-agent apply --reboot");
    let after = settled(&host);
    assert_eq!((&after["version"], &after["fallback"]), (&"2.0".into(), &"1.0".into()));
    assert_ne!(after["slot"], before["slot"]);
    assert_is(&host, &second);
    assert_eq!(host.ask("cat /var/lib/kept /etc/kept; hostnamectl hostname"), "kept\nkept\nkept.example");
    println!("{}", host.ask("systemctl show lazuli-agent -p MemoryPeak"));

    // Nothing newer is there.
    let again = host.run("lazuli-agent stage");
    assert_eq!(again.status, 0, "{}", again.text);
    restarted(&mut host, "lazuli-agent rollback --reboot --reason 'the story wants it'");
    let back = settled(&host);
    assert_eq!(back["version"], "1.0");
    assert_eq!(back["slot"], before["slot"]);
    assert_is(&host, &world.version("1.0", Change::None));
    assert_eq!(host.ask("cat /var/lib/kept /etc/kept; hostnamectl hostname"), "kept\nkept\nkept.example");
    host.switch_off();

    // Slots and kernel images, byte for byte.
    let (disk, first) = (host.flatten("update.raw"), world.version("1.0", Change::None));
    let whole = judge(&File::open(&disk).unwrap(), &[Known::new(&first), Known::new(&second)]).unwrap();
    assert!(whole.contains_key("1.0"), "{whole:?}");
    std::fs::remove_file(disk).unwrap();
}

#[test]
fn two_updates_in_a_row_without_a_restart_end_with_the_second() {
    let Some(world) = world(Extent::All) else { return };
    let (second, third) = (world.version("2.0", Change::None), world.version("3.0", Change::None));
    world.releases().offer(&second, "row");
    let (mut host, server) = prepare(world, "row");
    follow(&host, &server, "row");
    host.ask("lazuli-agent stage && lazuli-agent apply");
    world.releases().offer(&third, "row");
    host.ask("lazuli-agent stage && lazuli-agent apply");
    restarted(&mut host, "systemctl reboot");
    assert_eq!(settled(&host)["version"], "3.0");
    assert_is(&host, &third);
    host.switch_off();
}
