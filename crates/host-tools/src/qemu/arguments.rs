//! A machine, in; QEMU's arguments, out. Nothing here reads a disk or runs a program.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{
    Console, Credential, Disk, Firmware, GuestNetwork, Machine, Restart, SecureBoot, Watchdog, Writes,
};

/// The machine's own files, inside the sandbox.
pub(super) const DIRECTORY: &str = "/run/machine";
pub(super) const VARIABLES: &str = "variables.fd";
pub(super) const KEPT_VARIABLES: &str = "/run/variables";
pub(super) const CONTROL: &str = "control";
pub(super) const SECOND_SERIAL: &str = "/run/serial1";

pub(super) fn disk_path(index: usize) -> String {
    format!("/run/disk{index}")
}

pub(super) fn beside_path(index: usize) -> String {
    format!("/run/beside{index}")
}

pub(super) fn log_path(index: usize) -> String {
    format!("/run/log{index}")
}

pub(super) fn firmware_file(index: usize) -> String {
    format!("firmware-file{index}")
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
    let secure = machine.secure_boot != SecureBoot::Off;
    // Only code in system management mode may change the variables that Secure Boot rests on.
    add("-machine", format!("q35,smm={},vmport=off", if secure { "on" } else { "off" }));
    if secure {
        add("-global", "driver=cfi.pflash01,property=secure,value=on".into());
    }
    add("-accel", if accelerated { "kvm".into() } else { "tcg,thread=multi,tb-size=256".into() });
    add("-cpu", "max".into());
    add("-smp", machine.processors.to_string());
    add("-m", format!("{}M", machine.memory));
    let code = firmware.chosen(machine);
    add("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file=/{code}"));
    let variables = match machine.variables {
        Some(_) => KEPT_VARIABLES.to_owned(),
        None => format!("{DIRECTORY}/{VARIABLES}"),
    };
    add("-drive", format!("if=pflash,unit=1,format=raw,file={variables}"));
    for (index, disk) in machine.disks.iter().enumerate() {
        add("-drive", drive(index, disk));
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
    for (index, file) in machine.firmware_files.iter().enumerate() {
        add("-fw_cfg", format!("name={},file={DIRECTORY}/{}", file.name, firmware_file(index)));
    }
    match machine.watchdog {
        Watchdog::None => {}
        Watchdog::I6300esb => add("-device", "i6300esb".into()),
        Watchdog::Chipset => add("-global", "ICH9-LPC.noreboot=false".into()),
    }
    add("-action", "watchdog=reset".into());
    network(&machine.network, &mut add);
    add("-object", "rng-random,id=rng0,filename=/dev/urandom".into());
    add("-device", "virtio-rng-pci,rng=rng0".into());
    add("-qmp", format!("unix:{DIRECTORY}/{CONTROL},server=on,wait=off"));
    add("-display", "none".into());
    arguments.extend(["-nodefaults".into(), "-no-user-config".into()]);
    if machine.restart == Restart::Ends {
        arguments.push("-no-reboot".into());
    }
    arguments
}

/// A disk's `-drive`.
fn drive(index: usize, disk: &Disk) -> String {
    let (file, format) = (disk_path(index), disk.format.name());
    // unsafe: the guest's flushes need not reach a disk that is thrown away; kept writes wait for the host's own time.
    let (snapshot, cache) =
        if disk.writes == Writes::Forgotten { ("on", "unsafe") } else { ("off", "writeback") };
    // Blocks by their place in a tree of drivers; a log's driver stands above the format's.
    let above = if disk.log.is_some() { "file." } else { "" };
    let image = match &disk.writes {
        Writes::Forgotten | Writes::Kept => {
            format!("{above}driver={format},{above}file.driver=file,{above}file.filename={file}")
        }
        Writes::Beside(_) => format!(
            "{above}driver=qcow2,{above}file.driver=file,{above}file.filename={},\
             {above}backing.driver={format},{above}backing.file.driver=file,{above}backing.file.filename={file}",
            beside_path(index)
        ),
    };
    let log = match &disk.log {
        None => String::new(),
        Some(_) => format!(
            "driver=blklogwrites,log.driver=raw,log.file.driver=file,log.file.filename={},",
            log_path(index)
        ),
    };
    format!("if=none,id=disk{index},{log}{image},snapshot={snapshot},cache={cache},discard=unmap")
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
    use super::super::{Accelerator, Disk, FIRMWARE, FirmwareFile, Forward};
    use super::*;
    use crate::qemu_img::Format;

    #[test]
    fn a_machine_becomes_arguments() {
        let machine = Machine {
            memory: 1024,
            processors: 2,
            disks: vec![Disk::new("/x/server.raw", Format::Raw)],
            credentials: vec![Credential::new("a", "b")],
            network: GuestNetwork::User {
                restricted: true,
                forwards: vec![Forward { host_port: 2222, guest_port: 22 }],
            },
            console: Console::Caller,
            second_serial: Some("/x/probe".into()),
            accelerator: Accelerator::Software,
            ..Machine::default()
        };
        let text = arguments(&machine, &FIRMWARE[0], false).join(" ");
        for part in [
            "-accel tcg,thread=multi,tb-size=256 -cpu max -smp 2 -m 1024M",
            "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
            "-machine q35,smm=off,",
            "if=none,id=disk0,driver=raw,file.driver=file,file.filename=/run/disk0,snapshot=on,cache=unsafe",
            "-chardev file,id=serial1,path=/run/serial1 -serial chardev:serial1",
            "-smbios type=11,path=/run/machine/credential0",
            "restrict=on,hostfwd=tcp:127.0.0.1:2222-:22",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("kvm"));
        assert!(text.ends_with("-no-reboot"));
    }

    #[test]
    fn a_machine_that_is_kept_and_watched_becomes_arguments() {
        let disk = Disk {
            writes: Writes::Beside("/x/beside".into()),
            log: Some("/x/log".into()),
            ..Disk::new("/x/y", Format::Raw)
        };
        let machine = Machine {
            disks: vec![disk],
            secure_boot: SecureBoot::On { certificates: vec![vec![1]] },
            variables: Some("/x/variables".into()),
            firmware_files: vec![FirmwareFile { name: "opt/com.coreos/config".into(), content: Vec::new() }],
            watchdog: Watchdog::I6300esb,
            restart: Restart::StartsAgain,
            ..Machine::default()
        };
        let text = arguments(&machine, &FIRMWARE[0], false).join(" ");
        for part in [
            "-machine q35,smm=on,vmport=off -global driver=cfi.pflash01,property=secure,value=on",
            "file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
            "if=pflash,unit=1,format=raw,file=/run/variables",
            "id=disk0,driver=blklogwrites,log.driver=raw,log.file.driver=file,log.file.filename=/run/log0,file.driver=qcow2,\
             file.file.driver=file,file.file.filename=/run/beside0,file.backing.driver=raw,file.backing.file.driver=file,\
             file.backing.file.filename=/run/disk0,snapshot=off,cache=writeback",
            "-fw_cfg name=opt/com.coreos/config,file=/run/machine/firmware-file0",
            "-device i6300esb -action watchdog=reset",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("-no-reboot"));
    }

    #[test]
    fn a_credential_is_a_string_that_systemd_understands() {
        let text = credential_text(&Credential::new("ssh.authorized_keys.root", "ssh-ed25519 AAAA\n"));
        assert_eq!(text, "io.systemd.credential.binary:ssh.authorized_keys.root=c3NoLWVkMjU1MTkgQUFBQQo=");
    }
}
