//! A virtual machine without a system: the boot menu is guest enough.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_tools::qemu::{
    self, Accelerator, Console, Credential, Guest, GuestError, GuestNetwork, Machine, MachineError,
};
use host_tools::qemu_img::Format;
use host_tools::{Bind, Call, Sandbox, Stopwatch};

const PATIENCE: Duration = Duration::from_secs(120);

fn tools() -> Option<Sandbox> {
    testkit::prepared::tools_root().map(|root| Sandbox::new(root).read_only_root(true))
}

fn machine() -> Machine {
    Machine {
        memory: 256,
        processors: 1,
        disks: Vec::new(),
        credentials: vec![Credential::new("probe", "value")],
        network: GuestNetwork::None,
        console: Console::Caller,
        second_serial: None,
        accelerator: Accelerator::Software,
    }
}

/// A disk with systemd's boot menu and nothing to boot.
fn disk(tools: &Sandbox, folder: &Path) -> PathBuf {
    fs::write(folder.join("loader.conf"), "timeout menu-force\nauto-poweroff yes\n").unwrap();
    let script = "truncate -s 64M disk && mkfs.fat disk && mmd -i disk ::EFI ::EFI/BOOT ::loader &&
        mcopy -i disk /usr/lib/systemd/boot/efi/systemd-bootx64.efi ::EFI/BOOT/BOOTX64.EFI &&
        mcopy -i disk loader.conf ::loader/loader.conf";
    let call = Call::new("sh").args(["-c", script]).directory("/run/disk");
    tools.clone().bind(Bind::writable(folder, "/run/disk")).run(&call).unwrap();
    folder.join("disk")
}

/// A machine whose boot menu waits for keys.
fn at_the_menu(tools: &Sandbox, folder: &Path) -> Guest {
    let mut machine = machine();
    let image = disk(tools, folder);
    machine.disks.push(qemu::Disk { image, format: Format::Raw, keep_writes: false });
    let guest = qemu::start(tools, &machine).unwrap();
    guest.wait_for("Power Off The System", PATIENCE).unwrap();
    guest
}

#[test]
fn the_guest_hears_and_answers_and_dies() {
    let Some(tools) = tools() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut guest = at_the_menu(&tools, folder.path());
    // The menu tells its state when it is asked to.
    guest.type_text("p").unwrap();
    guest.wait_for("firmware vendor", PATIENCE).unwrap();
    let directory = guest.directory().to_owned();
    assert!(directory.exists());
    let error = guest.wait_for("never said", Duration::from_secs(1)).unwrap_err();
    assert!(
        matches!(&error, GuestError::TooSlow { last_lines, .. } if last_lines.contains("firmware vendor")),
        "{error}"
    );
    assert_eq!(guest.kill().unwrap().code(), None);
    let error = guest.wait_for("never said", PATIENCE).unwrap_err();
    assert!(matches!(error, GuestError::Ended { .. }), "{error}");
    drop(guest);
    assert!(!directory.exists());
}

#[test]
fn a_guest_that_turns_itself_off_ends_well_and_one_that_ignores_its_button_is_killed() {
    let Some(tools) = tools() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut guest = at_the_menu(&tools, folder.path());
    let stopwatch = Stopwatch::start();
    let error = guest.shut_down(Duration::from_secs(2)).unwrap_err();
    assert!(matches!(error, GuestError::DoesNotEnd { .. }), "{error}");
    assert!(stopwatch.elapsed() < Duration::from_secs(20));

    let mut guest = at_the_menu(&tools, folder.path());
    // The menu's key for turning the machine off.
    guest.type_text("O").unwrap();
    assert!(guest.wait(PATIENCE).unwrap().success());
}

#[test]
fn what_qemu_says_of_a_bad_image_is_told() {
    let Some(tools) = tools() else { return };
    let work = tempfile::tempdir().unwrap();
    let image = work.path().join("disk.qcow2");
    fs::write(&image, "no qcow2").unwrap();
    let mut machine = machine();
    machine.disks.push(qemu::Disk { image, format: Format::Qcow2, keep_writes: false });
    let guest = qemu::start(&tools, &machine).unwrap();
    let error = guest.wait_for("anything", PATIENCE).unwrap_err();
    assert!(
        matches!(&error, GuestError::Ended { last_lines, .. } if last_lines.contains("not in qcow2 format")),
        "{error}"
    );
    machine.disks[0].image = work.path().join("missing");
    let error = qemu::start(&tools, &machine).unwrap_err();
    assert!(matches!(&error, MachineError::File { path, .. } if path.ends_with("missing")), "{error}");
}

#[test]
fn a_tools_tree_without_firmware_is_told() {
    let root = tempfile::tempdir().unwrap();
    let error = qemu::start(&Sandbox::new(root.path()), &machine()).unwrap_err();
    assert!(matches!(error, MachineError::NoFirmware { .. }), "{error}");
}
