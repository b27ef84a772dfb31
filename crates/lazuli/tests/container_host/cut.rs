//! The power fails: while an update is staged, applied and flipped, a host that is switched on again runs a whole version.

use std::time::Duration;

use host_tools::Stopwatch;

use crate::update::{assert_is, follow, prepare, restarted, settled, status};
use crate::world::{Change, Extent, world};

/// How often the plug is pulled while staging.
const CUTS: u32 = 6;

#[test]
fn a_host_whose_power_fails_in_an_update_runs_a_whole_version() {
    let Some(world) = world(Extent::All) else { return };
    let second = world.version("2.0", Change::None);
    world.releases().offer(&second, "cut");
    let (mut host, server) = prepare(world, "cut");
    follow(&host, &server, "cut");
    host.ask("sync");
    for cut in 0..CUTS {
        // In the background, for the login ends with the power.
        host.ask("systemd-run --quiet --unit=story lazuli-agent stage");
        let pause = Duration::from_millis(700) * (cut + 1) * (cut + 1);
        wait(pause);
        println!(
            "cut {cut}, after {:.1} s: {}",
            pause.as_secs_f32(),
            host.run("systemctl is-active story").text.trim()
        );
        host.cut_power();
        host.boot();
        let status = settled(&host);
        assert_eq!(status["version"], "1.0", "{status}");
    }
    host.ask("lazuli-agent stage");
    // Applying takes a moment: the plug is pulled in it, and right behind it.
    for pause in [50, 200, 600] {
        host.ask("systemd-run --quiet --unit=story lazuli-agent apply");
        wait(Duration::from_millis(pause));
        host.cut_power();
        host.boot();
        let status = settled(&host);
        println!("cut {pause} ms into applying: {} runs", status["version"]);
        if status["version"] == "2.0" {
            break;
        }
    }
    if status(&host)["version"] == "1.0" {
        host.ask("lazuli-agent stage && lazuli-agent apply");
        restarted(&mut host, "systemctl reboot");
    }
    assert_eq!(settled(&host)["version"], "2.0");
    assert_is(&host, &second);
    host.switch_off();
}

fn wait(time: Duration) {
    let stopwatch = Stopwatch::start();
    while stopwatch.elapsed() < time {
        std::thread::sleep(Duration::from_millis(10));
    }
}
