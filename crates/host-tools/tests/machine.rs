//! A virtual machine without a system: the boot menu is guest enough.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_tools::qemu::{
    self, Accelerator, Credential, FirmwareFile, Guest, GuestError, Machine, MachineError, Restart,
    SecureBoot, Watchdog, Writes,
};
use host_tools::qemu_img::{self, Format};
use host_tools::{Bind, Call, Sandbox, Stopwatch};

const PATIENCE: Duration = Duration::from_secs(120);

fn tools() -> Option<Sandbox> {
    testkit::prepared::tools_root().map(|root| Sandbox::new(root).read_only_root(true))
}

fn machine() -> Machine {
    Machine {
        memory: 256,
        processors: 1,
        credentials: vec![Credential::new("probe", "value")],
        accelerator: Accelerator::Software,
        ..Machine::default()
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
    machine.disks.push(qemu::Disk::new(image, Format::Raw));
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
fn secure_boot_starts_what_was_signed_and_refuses_the_rest() {
    let Some(tools) = tools() else { return };
    let folder = tempfile::tempdir().unwrap();
    let unsigned = disk(&tools, folder.path());
    let script =
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -days 3650 -subj /CN=test
        openssl x509 -in certificate -outform der -out certificate.der
        cp disk signed
        sbsign --key key --cert certificate --output boot.efi /usr/lib/systemd/boot/efi/systemd-bootx64.efi
        mcopy -o -i signed boot.efi ::EFI/BOOT/BOOTX64.EFI";
    let call = Call::new("sh").args(["-ec", script]).directory("/run/disk");
    tools.clone().bind(Bind::writable(folder.path(), "/run/disk")).run(&call).unwrap();
    let variables = folder.path().join("variables");
    let mut machine = Machine {
        secure_boot: SecureBoot::On {
            certificates: vec![fs::read(folder.path().join("certificate.der")).unwrap()],
        },
        variables: Some(variables.clone()),
        ..machine()
    };
    machine.disks.push(qemu::Disk::new(folder.path().join("signed"), Format::Raw));
    let mut guest = qemu::start(&tools, &machine).unwrap();
    guest.wait_for("Power Off The System", PATIENCE).unwrap();
    guest.type_text("p").unwrap();
    guest.wait_for("secure boot: yes (user)", PATIENCE).unwrap();
    guest.kill().unwrap();

    machine.disks[0] = qemu::Disk::new(unsigned, Format::Raw);
    let mut guest = qemu::start(&tools, &machine).unwrap();
    guest.wait_for("Access Denied", PATIENCE).unwrap();
    guest.kill().unwrap();
    // What the firmware kept, it wrote itself; it is read all the same.
    let kept = qemu::variables::read(&fs::read(variables).unwrap()).unwrap();
    assert!(kept.iter().any(|variable| variable.name == "BootOrder"), "{kept:?}");

    machine.secure_boot = SecureBoot::On { certificates: Vec::new() };
    machine.variables = None;
    let error = qemu::start(&tools, &machine).unwrap_err();
    assert!(matches!(error, MachineError::NoCertificate), "{error}");
}

#[test]
fn a_restart_starts_again_with_the_disk_as_it_was_left() {
    let (Some(tools), Some(judges)) = (tools(), testkit::prepared::judge_root()) else { return };
    let judges = Sandbox::new(judges);
    let folder = tempfile::tempdir().unwrap();
    let image = disk(&tools, folder.path());
    let beside = folder.path().join("beside.qcow2");
    qemu_img::overlay(&judges, (&image, Format::Raw), &beside, 128 << 20).unwrap();
    let log = folder.path().join("log");
    let machine = Machine {
        disks: vec![qemu::Disk {
            writes: Writes::Beside(beside.clone()),
            log: Some(log.clone()),
            ..qemu::Disk::new(&image, Format::Raw)
        }],
        restart: Restart::StartsAgain,
        firmware_files: vec![FirmwareFile { name: "opt/com.coreos/config".into(), content: b"{}".to_vec() }],
        watchdog: Watchdog::I6300esb,
        ..machine()
    };
    let before = fs::read(&image).unwrap();
    let mut guest = qemu::start(&tools, &machine).unwrap();
    guest.wait_for("Power Off The System", PATIENCE).unwrap();
    let place = guest.console().text().len();
    guest.reset().unwrap();
    guest.wait_for_after(place, "Power Off The System", PATIENCE).unwrap();
    guest.type_text("O").unwrap();
    assert!(guest.wait(PATIENCE).unwrap().success());
    assert!(fs::read(&image).unwrap() == before, "the image below is not written");
    assert_eq!(qemu_img::info(&judges, &beside).unwrap().virtual_size, 128 << 20);
    assert_eq!(fs::metadata(&log).unwrap().len(), 0, "a menu writes nothing");

    let bad = FirmwareFile { name: "opt/a,b".into(), content: Vec::new() };
    let error = qemu::start(&tools, &Machine { firmware_files: vec![bad], ..machine }).unwrap_err();
    assert!(matches!(error, MachineError::FirmwareFile { .. }), "{error}");
}

#[test]
fn what_qemu_says_of_a_bad_image_is_told() {
    let Some(tools) = tools() else { return };
    let work = tempfile::tempdir().unwrap();
    let image = work.path().join("disk.qcow2");
    fs::write(&image, "no qcow2").unwrap();
    let mut machine = machine();
    machine.disks.push(qemu::Disk::new(image, Format::Qcow2));
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
