//! Nobody logs in: the host follows its channel, waits for the fleet's lock, restarts, judges, and gives the lock back; all under
//! the enforced policy, which denies nothing of it.

use std::fs;
use std::path::Path;

use host_tools::Stopwatch;
use serde_json::Value;
use testkit::http::{Fault, Server};

use crate::containers::{image, reach};
use crate::host::Host;
use crate::update::{AGAIN, TRIAL, prepare, status, to_guest};
use crate::world::{Change, Extent, world};

/// What the agent may use.
const MOST_MEMORY: u64 = 64 << 10;

#[test]
fn a_host_follows_its_channel_with_the_fleet_s_lock_and_nothing_of_it_is_denied() {
    let Some(world) = world(Extent::All) else { return };
    let second = world.version("2.0", Change::None);
    world.releases().offer(&second, "by-itself");
    let (mut host, server) = prepare(world, "by-itself");
    let lock = fleet_lock(&world.folder.join("fleet-lock"));
    // The first time the lock is somebody else's.
    lock.fail("v1/pre-reboot", 1, Fault::Status(409));
    host.put("/var/tmp/image.tar", &image(world));
    host.ask("ctr images import /var/tmp/image.tar");
    reach(&host, &server);
    let text = format!(
        "[release]\nurl = \"{}\"\nchannel = \"by-itself\"\n[update]\nautomatic = \"reboot\"\nsplay = \"0s\"\n\
         [health]\nsettle = \"5s\"\n[fleet-lock]\nurl = \"{}\"\ngroup = \"workers\"\n",
        to_guest(&server, "/"),
        to_guest(&lock, "/")
    );
    host.ask("mkdir -p /etc/lazuli");
    host.put("/etc/lazuli/agent.toml", text.as_bytes());
    host.ask("systemctl restart lazuli-agent");

    let stopwatch = Stopwatch::start();
    let mut peak = 0;
    while !asked(&lock).ends_with(&["pre-reboot", "pre-reboot"].map(str::to_owned)) {
        assert!(stopwatch.elapsed() < TRIAL, "{:?}\n{}", asked(&lock), journal(&host));
        if asked(&lock).last().is_some_and(|last| last != "pre-reboot") {
            peak = peak.max(memory(&host));
            assert_eq!(host.denials(), "");
        }
        std::thread::sleep(AGAIN);
    }
    println!(
        "the lock was given after {:.0} s; before that the agent had {peak} KiB at most",
        stopwatch.elapsed().as_secs_f32()
    );
    assert!((1..=MOST_MEMORY).contains(&peak), "{peak} KiB");
    // It restarts, stays, and says so.
    while asked(&lock).last().is_none_or(|last| last != "steady-state") {
        assert!(stopwatch.elapsed() < 2 * TRIAL, "{:?}\n{}", asked(&lock), host.last_lines(60));
        std::thread::sleep(AGAIN);
    }
    println!("it is well again after {:.0} s", stopwatch.elapsed().as_secs_f32());
    // The lock is given back by a version that has proven itself, not by one on trial.
    let now = status(&host);
    assert_eq!(
        (&now["version"], &now["condition"]["state"]),
        (&"2.0".into(), &"settled".into()),
        "{}",
        journal(&host)
    );
    reach(&host, &server);
    assert_eq!(host.denials(), "");
    for seen in lock.seen() {
        assert_eq!(seen.headers["fleet-lock-protocol"], "true");
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(body["client_params"]["group"], "workers");
    }
    host.switch_off();
}

/// A server that gives the lock to all who ask.
fn fleet_lock(folder: &Path) -> Server {
    fs::create_dir_all(folder.join("v1")).unwrap();
    for path in ["v1/pre-reboot", "v1/steady-state"] {
        fs::write(folder.join(path), "").unwrap();
    }
    Server::start(folder).unwrap()
}

/// What was asked of the lock, in order.
fn asked(lock: &Server) -> Vec<String> {
    lock.seen().into_iter().map(|seen| seen.path.trim_start_matches("/v1/").to_owned()).collect()
}

/// The most that the agent ever had, in KiB.
fn memory(host: &Host) -> u64 {
    let said = host.ask("grep VmHWM /proc/$(systemctl show -P MainPID lazuli-agent)/status");
    said.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap()
}

fn journal(host: &Host) -> String {
    host.run("journalctl -u lazuli-agent -n 40 --no-pager").text
}
