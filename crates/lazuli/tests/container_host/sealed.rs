//! The system is what was built and signed, or it does not run.

use std::fs;
use std::time::Duration;

use crate::disk::{self, ROOT, VERITY};
use crate::host::Host;
use crate::world::{Change, Extent, world};

/// Until firmware or boot loader have decided.
const DECISION: Duration = Duration::from_secs(120);
/// Until the kernel has found what is wrong.
const FINDING: Duration = Duration::from_secs(240);

#[test]
fn a_signed_host_comes_up_sealed_and_keeps_intruders_from_lasting() {
    let Some(world) = world(Extent::Short) else { return };
    let version = world.version("1.0", Change::None);
    let manifest = fs::read_to_string(version.payload.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let root_hash = manifest["verity"]["root-hash"].as_str().unwrap();
    let table = disk::partitions(world, &version.disk);
    let root = disk::first(&table, ROOT);
    assert_eq!(root.uuid.replace('-', "").to_lowercase(), root_hash[..32]);
    assert_eq!(root.name, "container-host_1.0");
    assert_eq!(table.iter().filter(|partition| partition.name == "_empty").count(), 3, "{table:?}");

    let mut host = Host::new(world, &version.disk, "sealed");
    let time = host.boot();
    println!("a login worked after {} s", time.as_secs());
    println!(
        "{}",
        host.run(
            "systemctl is-system-running --wait; systemctl --failed --no-legend --plain; systemd-analyze"
        )
        .text
    );
    assert_eq!(host.ask("systemctl is-system-running --wait"), "running");
    assert_eq!(host.ask("cat /sys/kernel/security/lockdown"), "none [integrity] confidentiality");
    // The last byte of the variable, after its attributes.
    let secure = "od -An -tu1 -j4 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    assert_eq!(host.ask(secure), "1");
    assert!(host.ask("cat /proc/cmdline").contains(&format!("roothash={root_hash}")));
    assert_eq!(host.ask("findmnt -no FSTYPE,SOURCE /").replace("  ", " "), "erofs /dev/mapper/root");

    // The policy is enforced, unless the image itself says otherwise; then nothing of a boot is denied.
    let enforced = host.ask("cat /sys/fs/selinux/enforce");
    let wanted = if host.ask("cat /proc/cmdline").contains("enforcing=0") { "0" } else { "1" };
    assert_eq!(enforced, wanted);
    let denials = host.denials();
    println!("{} denials:\n{denials}", denials.lines().count());
    assert!(enforced == "0" || denials.is_empty(), "{denials}");

    // What an intruder who is root would do to stay.
    for refused in [
        "echo >> /usr/bin/bash",
        "rm /usr/lib/systemd/system/ssh.service",
        "mount -o remount,rw / && echo > /usr/bin/new",
        "echo /var/evil.so > /etc/ld.so.preload",
        "echo '[Service]' > /usr/lib/systemd/system/evil.service",
    ] {
        let answer = host.run(refused);
        assert_ne!(answer.status, 0, "{refused}:\n{}", answer.text);
    }
    for absent in ["apt", "dpkg", "rpm", "dnf5", "gcc", "perl", "python3"] {
        assert_ne!(host.run(&format!("command -v {absent}")).status, 0, "{absent}");
    }
    host.switch_off();
}

#[test]
fn firmware_refuses_what_nobody_signed_or_somebody_changed() {
    let Some(world) = world(Extent::Short) else { return };
    let version = world.version("1.0", Change::None);
    let unsigned = world.version("1.0-unsigned", Change::Unsigned);
    let kernel_image = fs::read(unsigned.payload.join("linux.efi")).unwrap();
    let mut changed = fs::read(version.payload.join("linux.efi")).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;

    // Nothing is signed: the firmware does not start the boot loader.
    let mut host = Host::new(world, &unsigned.disk, "unsigned");
    host.switch_on().wait_for("Access Denied", DECISION).unwrap();
    host.cut_power();

    // The boot loader is signed and the kernel image is not, or is another than was signed: the boot loader does not start it.
    for (name, bytes) in [("unsigned-kernel", &kernel_image), ("changed-kernel", &changed)] {
        let disk = disk::copy(world, &version, &format!("{name}.raw"));
        let files = disk::boot_files(world, &disk, "/EFI/Linux");
        assert_eq!(files.len(), 1, "{files:?}");
        disk::replace_boot_file(world, &disk, &format!("/EFI/Linux/{}", files[0]), bytes);
        let mut host = Host::new(world, &disk, name);
        host.switch_on().wait_for("Access denied", DECISION).unwrap();
        assert!(!host.guest().console().text().contains("Linux version"));
        host.cut_power();
        fs::remove_file(disk).unwrap();
    }
}

#[test]
fn a_changed_byte_of_root_or_tree_stops_the_host() {
    let Some(world) = world(Extent::Short) else { return };
    let version = world.version("1.0", Change::None);
    let table = disk::partitions(world, &version.disk);
    // The superblock of the file system; the top of the hash tree, which follows the tree's own superblock.
    let root = disk::first(&table, ROOT).range.start + 1024;
    let tree = disk::first(&table, VERITY).range.start + 4096 + 100;
    for (name, place) in [("root", root), ("tree", tree)] {
        let disk = disk::copy(world, &version, &format!("changed-{name}.raw"));
        disk::flip(&disk, place);
        let mut host = Host::new(world, &disk, &format!("changed-{name}"));
        host.switch_on().wait_for("verity device corrupted", FINDING).unwrap();
        assert!(host.remote.run("true").is_err(), "nobody can log in");
        host.cut_power();
        fs::remove_file(disk).unwrap();
    }
}
