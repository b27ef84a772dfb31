//! A real image booted and asked: `LAZULI_BOOT_IMAGE` names one (raw, with systemd), `LAZULI_JUDGE_ROOT` a root with QEMU and OVMF.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test")]

use std::time::Duration;

use host_tools::Sandbox;
use host_tools::qemu::{Credential, GuestNetwork};
use host_tools::qemu_img::Format;
use testkit::machine::{Boot, Probe, boot};

#[test]
fn a_machine_comes_up_answers_and_shuts_down() {
    let (Some(image), Some(root)) =
        (std::env::var_os("LAZULI_BOOT_IMAGE"), std::env::var_os("LAZULI_JUDGE_ROOT"))
    else {
        println!("skipped: LAZULI_BOOT_IMAGE and LAZULI_JUDGE_ROOT name no image and no root with QEMU");
        return;
    };
    let tools = Sandbox::new(root).read_only_root(true);
    let mut how = Boot::new(image, Format::Raw);
    how.memory = 2048;
    how.credentials.push(Credential::new("greeting", "hello\n"));
    how.network = GuestNetwork::User { restricted: true, forwards: Vec::new() };
    let probe = Probe::new()
        .ask("greeting", "systemd-creds --system cat greeting || cat /run/credentials/@system/greeting")
        .ask("failing", "echo bad >&2; exit 7")
        .ask("disks", "udevadm settle; ls /sys/block");
    let mut booted = boot(&tools, &how, &probe).unwrap();
    println!("{} after {:?}: {:#?}", booted.state, booted.time, booted.answers);
    assert!(["running", "degraded"].contains(&&*booted.state), "{}", booted.state);
    assert_eq!(booted.answers["greeting"].text, "hello\n");
    assert_eq!((booted.answers["failing"].status, &*booted.answers["failing"].text), (7, "bad\n"));
    assert!(booted.answers["disks"].text.contains("vda"));
    assert!(booted.guest.shut_down(Duration::from_secs(120)).unwrap().success());
}
