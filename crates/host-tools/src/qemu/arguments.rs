//! A machine, in; QEMU's arguments, out. Nothing here reads a disk or runs a program.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Console, Credential, Firmware, GuestNetwork, Machine};

/// The machine's own files, inside the sandbox.
pub(super) const DIRECTORY: &str = "/run/machine";
pub(super) const VARIABLES: &str = "variables.fd";
pub(super) const CONTROL: &str = "control";
pub(super) const SECOND_SERIAL: &str = "/run/serial1";

pub(super) fn disk_path(index: usize) -> String {
    format!("/run/disk{index}")
}

pub(super) fn credential_file(index: usize) -> String {
    format!("credential{index}")
}

/// The SMBIOS string that carries a credential.
pub(super) fn credential_text(credential: &Credential) -> String {
    format!("io.systemd.credential.binary:{}={}", credential.name, BASE64_STANDARD.encode(&credential.value))
}

pub(super) fn arguments(machine: &Machine, firmware: &Firmware, accelerated: bool) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    add("-name", "lazuli".into());
    add("-machine", "q35,smm=off,vmport=off".into());
    add("-accel", if accelerated { "kvm".into() } else { "tcg,thread=multi,tb-size=256".into() });
    add("-cpu", "max".into());
    add("-smp", machine.processors.to_string());
    add("-m", format!("{}M", machine.memory));
    add("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file=/{}", firmware.code));
    add("-drive", format!("if=pflash,unit=1,format=raw,file={DIRECTORY}/{VARIABLES}"));
    for (index, disk) in machine.disks.iter().enumerate() {
        let snapshot = if disk.keep_writes { "off" } else { "on" };
        let format = disk.format.name();
        // unsafe: the guest's flushes need not reach a disk that a test throws away; kept writes wait for the host's own time.
        let cache = if disk.keep_writes { "writeback" } else { "unsafe" };
        let file = disk_path(index);
        add(
            "-drive",
            format!("if=none,id=disk{index},file={file},format={format},snapshot={snapshot},cache={cache}"),
        );
        add("-device", format!("virtio-blk-pci,drive=disk{index},bootindex={index}"));
    }
    match machine.console {
        Console::Caller => add("-chardev", "stdio,id=serial0,signal=off".into()),
        Console::Terminal => {
            add("-chardev", "stdio,id=serial0,signal=off,mux=on".into());
            add("-mon", "chardev=serial0".into());
        }
    }
    add("-serial", "chardev:serial0".into());
    if machine.second_serial.is_some() {
        add("-chardev", format!("file,id=serial1,path={SECOND_SERIAL}"));
        add("-serial", "chardev:serial1".into());
    }
    for index in 0..machine.credentials.len() {
        add("-smbios", format!("type=11,path={DIRECTORY}/{}", credential_file(index)));
    }
    network(&machine.network, &mut add);
    add("-object", "rng-random,id=rng0,filename=/dev/urandom".into());
    add("-device", "virtio-rng-pci,rng=rng0".into());
    add("-qmp", format!("unix:{DIRECTORY}/{CONTROL},server=on,wait=off"));
    add("-display", "none".into());
    arguments.extend(["-nodefaults".into(), "-no-user-config".into()]);
    if machine.console == Console::Caller {
        // Whoever waits for a text would wait for it a second time.
        arguments.push("-no-reboot".into());
    }
    arguments
}

fn network(network: &GuestNetwork, add: &mut impl FnMut(&str, String)) {
    let GuestNetwork::User { restricted, forwards } = network else { return };
    let mut user = format!("user,id=net0,ipv6=off,restrict={}", if *restricted { "on" } else { "off" });
    for forward in forwards {
        user += &format!(",hostfwd=tcp:127.0.0.1:{}-:{}", forward.host_port, forward.guest_port);
    }
    add("-netdev", user);
    add("-device", "virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56,romfile=".into());
}

#[cfg(test)]
mod tests {
    use super::super::{Accelerator, Disk, FIRMWARE, Forward};
    use super::*;
    use crate::qemu_img::Format;

    #[test]
    fn a_machine_becomes_arguments() {
        let machine = Machine {
            memory: 1024,
            processors: 2,
            disks: vec![Disk { image: "/x/server.raw".into(), format: Format::Raw, keep_writes: false }],
            credentials: vec![Credential::new("a", "b")],
            network: GuestNetwork::User {
                restricted: true,
                forwards: vec![Forward { host_port: 2222, guest_port: 22 }],
            },
            console: Console::Caller,
            second_serial: Some("/x/probe".into()),
            accelerator: Accelerator::Software,
        };
        let text = arguments(&machine, &FIRMWARE[0], false).join(" ");
        for part in [
            "-accel tcg,thread=multi,tb-size=256 -cpu max -smp 2 -m 1024M",
            "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
            "if=none,id=disk0,file=/run/disk0,format=raw,snapshot=on",
            "-chardev file,id=serial1,path=/run/serial1 -serial chardev:serial1",
            "-smbios type=11,path=/run/machine/credential0",
            "restrict=on,hostfwd=tcp:127.0.0.1:2222-:22",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("kvm"));
    }

    #[test]
    fn a_credential_is_a_string_that_systemd_understands() {
        let text = credential_text(&Credential::new("ssh.authorized_keys.root", "ssh-ed25519 AAAA\n"));
        assert_eq!(text, "io.systemd.credential.binary:ssh.authorized_keys.root=c3NoLWVkMjU1MTkgQUFBQQo=");
    }
}
