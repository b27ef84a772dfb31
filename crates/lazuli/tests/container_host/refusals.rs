//! What does not fit this host, or is not for it, is refused with the bytes that are missing or the reason, and nothing is changed.

use std::fs::{self, File};

use crate::disk::{self, ESP};
use crate::host::Host;
use crate::servers::{fails, refuses};
use crate::update::{follow, status};
use crate::world::{Change, Extent, Version, world};
use testkit::http::Server;

const MIB: u64 = 1 << 20;

#[test]
fn what_does_not_fit_or_is_not_meant_for_a_host_is_refused() {
    let Some(world) = world(Extent::All) else { return };
    let second = world.version("2.0", Change::None);
    let slots = size(&second, "root.erofs").div_ceil(MIB) + 16;
    let small = world.version("1.0-small", Change::Slots(slots));
    let larger = world.version("2.0-larger", Change::Larger(64));
    world.releases().offer(&larger, "larger");
    world.releases().offer(&second, "fits");

    // An EFI system partition with room for half of another kernel image.
    let disk = disk::copy(world, &small, "full.raw");
    let esp = disk::first(&disk::partitions(world, &disk), ESP).range.clone();
    let filler = esp.end - esp.start - 2 * size(&second, "linux.efi") + size(&second, "linux.efi") / 2;
    disk::replace_boot_file(world, &disk, "/filler", &vec![0; usize::try_from(filler).unwrap()]);

    let mut host = Host::new(world, &disk, "refusals");
    host.boot();
    let server = Server::start(&world.releases().folder).unwrap();
    follow(&host, &server, "larger");
    refuses(&host, "a version larger than the slot", "slot.too-small");
    follow(&host, &server, "fits");
    refuses(&host, "a kernel image that does not fit beside the other", "esp.full");

    // A folder is taken only where that is said, and not what was made for other machines.
    let manifest = fs::read_to_string(second.payload.join("manifest.json")).unwrap();
    let other = manifest.replace("\"x86-64\"", "\"arm64\"");
    assert_ne!(other, manifest);
    host.ask("mkdir -p /var/tmp/payload");
    host.put("/var/tmp/payload/manifest.json", other.as_bytes());
    let command = "lazuli-agent stage --payload /var/tmp/payload";
    fails(&host, command, "a folder that nobody signed", "payload.unsigned");
    let command = format!("{command} --unsigned");
    fails(&host, &command, "a version for other processors", "update.wrong-architecture");

    // Metadata whose time is over.
    let expired = world.folder.join("expired-releases");
    drop(fs::remove_dir_all(&expired));
    world.releases().snapshot(&expired);
    world.releases().renew(&expired, "2026-01-01T00:00:00Z");
    let server = Server::start(&expired).unwrap();
    follow(&host, &server, "fits");
    refuses(&host, "metadata whose time is over", "trust.expired");

    // Where there is room again, nothing else is in the way.
    host.ask("mount -t vfat /dev/disk/by-label/ESP /mnt && rm /mnt/filler && umount /mnt");
    let server = Server::start(&world.releases().folder).unwrap();
    follow(&host, &server, "fits");
    host.ask("lazuli-agent stage");
    assert_eq!(status(&host)["staged"]["complete"], true);
    host.switch_off();
    fs::remove_file(disk).unwrap();
}

fn size(version: &Version, file: &str) -> u64 {
    File::open(version.payload.join(file)).unwrap().metadata().unwrap().len()
}
