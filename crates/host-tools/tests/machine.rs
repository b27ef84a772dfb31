//! A virtual machine without a disk: its firmware's shell is guest enough. `LAZULI_JUDGE_ROOT` names a root with QEMU and OVMF.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

use std::fs;
use std::time::Duration;

use host_tools::qemu::{
    self, Accelerator, Console, Credential, Guest, GuestError, GuestNetwork, Machine, MachineError,
};
use host_tools::{Sandbox, Stopwatch};

const PATIENCE: Duration = Duration::from_secs(120);

fn tools() -> Option<Sandbox> {
    let root = std::env::var_os("LAZULI_JUDGE_ROOT").unwrap_or_default();
    let sandbox = Sandbox::new(root).read_only_root(true);
    if !sandbox.root().join("usr/bin/qemu-system-x86_64").exists() {
        println!("skipped: LAZULI_JUDGE_ROOT names no root with QEMU");
        return None;
    }
    Some(sandbox)
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

/// A machine whose firmware waits for commands.
fn at_the_shell(tools: &Sandbox) -> Guest {
    let mut guest = qemu::start(tools, &machine()).unwrap();
    guest.wait_for("to skip startup.nsh", PATIENCE).unwrap();
    guest.type_text("\x1b").unwrap();
    guest.wait_for("Shell>", PATIENCE).unwrap();
    guest
}

#[test]
fn the_guest_hears_and_answers_and_dies() {
    let Some(tools) = tools() else { return };
    let mut guest = at_the_shell(&tools);
    let place = guest.wait_for_after(0, "Shell>", PATIENCE).unwrap();
    guest.type_text("smbiosview -t 11\r").unwrap();
    let place = guest.wait_for_after(place, "Type=11", PATIENCE).unwrap();
    guest.wait_for_after(place, "Shell>", PATIENCE).unwrap();
    let directory = guest.directory().to_owned();
    assert!(directory.exists());
    let error = guest.wait_for("never said", Duration::from_secs(1)).unwrap_err();
    assert!(
        matches!(&error, GuestError::TooSlow { last_lines, .. } if last_lines.contains("Shell>")),
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
    let mut guest = at_the_shell(&tools);
    let stopwatch = Stopwatch::start();
    let error = guest.shut_down(Duration::from_secs(2)).unwrap_err();
    assert!(matches!(error, GuestError::DoesNotEnd { .. }), "{error}");
    assert!(stopwatch.elapsed() < Duration::from_secs(20));

    let mut guest = at_the_shell(&tools);
    guest.type_text("reset -s\r").unwrap();
    assert!(guest.wait(PATIENCE).unwrap().success());
}

#[test]
fn what_qemu_says_of_a_bad_image_is_told() {
    let Some(tools) = tools() else { return };
    let work = tempfile::tempdir().unwrap();
    let image = work.path().join("disk.qcow2");
    fs::write(&image, "no qcow2").unwrap();
    let mut machine = machine();
    machine.disks.push(qemu::Disk { image, format: host_tools::qemu_img::Format::Qcow2, keep_writes: false });
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
