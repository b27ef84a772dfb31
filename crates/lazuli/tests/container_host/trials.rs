//! Versions that do not come up, and the way back.

use crate::update::{TRIAL, follow, prepare, restarted, settled, status};
use crate::world::{Change, Extent, world};

/// A bad version is tried, the good one runs again, and the bad one is not tried a second time.
fn falls_back(name: &str, change: Change, extent: Extent) {
    let Some(world) = world(extent) else { return };
    let bad = world.version(&format!("2.0-{name}"), change);
    world.releases().offer(&bad, name);
    let (mut host, server) = prepare(world, name);
    follow(&host, &server, name);
    host.ask("echo kept > /var/lib/kept; sync; lazuli-agent stage && lazuli-agent apply");
    let place = host.place();
    host.leave("systemctl reboot");
    // Until then the host still answers.
    host.guest().wait_for_after(place, "Linux version", TRIAL).unwrap();
    let back = settled(&host);
    assert_eq!(back["version"], "1.0");
    let bad_name = bad.name.as_str();
    assert!(back["quarantine"].get(bad_name).is_some(), "{back}");
    println!("{name}: {}", back["quarantine"][bad_name]);
    assert_eq!(host.ask("cat /var/lib/kept"), "kept");
    // By itself it is never tried again; nor after another restart.
    let again = host.run("lazuli-agent stage");
    println!("staging it again: {} {}", again.status, again.text);
    assert!(status(&host).get("staged").is_none_or(|staged| staged["version"] != bad_name));
    restarted(&mut host, "systemctl reboot");
    assert_eq!(settled(&host)["version"], "1.0");
    host.switch_off();
}

#[test]
fn a_version_that_is_not_healthy_gives_way_to_the_one_before() {
    falls_back("unhealthy", Change::Unhealthy, Extent::All);
}

#[test]
fn a_kernel_image_that_others_signed_gives_way_to_the_one_before() {
    falls_back("foreign", Change::Foreign, Extent::All);
}

#[test]
fn a_kernel_that_panics_gives_way_to_the_one_before() {
    falls_back("panics", Change::Panics, Extent::All);
}

#[test]
fn an_initrd_that_hangs_gives_way_to_the_one_before() {
    falls_back("hangs", Change::Hangs, Extent::All);
}

#[test]
fn a_first_process_that_does_nothing_is_ended_by_the_watchdog_and_gives_way_to_the_version_before() {
    falls_back("freezes", Change::Freezes, Extent::All);
}

#[test]
fn a_version_that_nobody_judges_is_ended_by_its_deadline_and_gives_way_to_the_one_before() {
    falls_back("unjudged", Change::Unjudged, Extent::All);
}
