//! A disk image and what the guest shall be told, in; a running virtual machine, out.
//!
//! QEMU and the firmware come from the tools tree and run in its sandbox. The image is not changed unless asked: what the guest
//! writes goes to a file that disappears with the machine.

mod arguments;
mod console;
mod control;
mod guest;
mod kvm;
mod machine;
pub mod variables;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

pub use console::Transcript;
pub use guest::{Guest, GuestError};
pub use machine::{
    Accelerator, Console, Credential, Disk, FirmwareFile, Forward, GuestNetwork, Machine, Restart,
    SecureBoot, Watchdog, Writes,
};

use crate::call::{Call, CallError, Sink, Stdin};
use crate::sandbox::{Bind, Network, Sandbox};

/// Firmware that a tools tree has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Firmware {
    code: &'static str,
    /// The same, with Secure Boot.
    secure_code: &'static str,
    variables: &'static str,
}

impl Firmware {
    /// What the machine executes.
    fn chosen(&self, machine: &Machine) -> &'static str {
        match machine.secure_boot {
            SecureBoot::Off => self.code,
            SecureBoot::On { .. } => self.secure_code,
        }
    }
}

/// Where distributions keep UEFI firmware for q35.
const FIRMWARE: [Firmware; 3] = [
    Firmware {
        code: "usr/share/OVMF/OVMF_CODE_4M.fd",
        secure_code: "usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
        variables: "usr/share/OVMF/OVMF_VARS_4M.fd",
    },
    Firmware {
        code: "usr/share/edk2/ovmf/OVMF_CODE_4M.fd",
        secure_code: "usr/share/edk2/ovmf/OVMF_CODE_4M.secboot.fd",
        variables: "usr/share/edk2/ovmf/OVMF_VARS_4M.fd",
    },
    Firmware {
        code: "usr/share/edk2/ovmf/OVMF_CODE.fd",
        secure_code: "usr/share/edk2/ovmf/OVMF_CODE.secboot.fd",
        variables: "usr/share/edk2/ovmf/OVMF_VARS.fd",
    },
];

/// Why a machine does not start.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The tools tree has no firmware.
    #[error("no UEFI firmware in {}: the tools tree needs the package `ovmf` (Debian) or `edk2-ovmf` (Fedora)", root.display())]
    NoFirmware {
        /// The tools tree.
        root: PathBuf,
    },
    /// A file of the machine cannot be read or made.
    #[error("cannot {doing} {} for the virtual machine", path.display())]
    File {
        /// What was being done with it.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The firmware's variables are no store that certificates can be enrolled in.
    #[error("{} {source}", path.display())]
    Variables {
        /// The store.
        path: PathBuf,
        /// What is wrong with it.
        source: variables::StoreError,
    },
    /// Secure Boot without a certificate would start nothing.
    #[error("Secure Boot needs at least one certificate")]
    NoCertificate,
    /// A name that QEMU's configuration device keeps for itself, or its options cannot carry.
    #[error(
        "{name:?} is no name of a firmware file: it must begin with opt/ and have at most 55 letters, digits, dots, dashes, underlines and slashes"
    )]
    FirmwareFile {
        /// As given.
        name: String,
    },
    /// QEMU does not start.
    #[error("cannot start the virtual machine")]
    Start(#[from] CallError),
}

/// A TCP port of 127.0.0.1 that nobody listens on at this moment.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Starts a machine.
pub fn start(tools: &Sandbox, machine: &Machine) -> Result<Guest, MachineError> {
    let file = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| MachineError::File { doing, path, source }
    };
    let firmware = FIRMWARE
        .iter()
        .find(|firmware| tools.root().join(firmware.chosen(machine)).is_file())
        .ok_or_else(|| MachineError::NoFirmware { root: tools.root().to_owned() })?;
    let directory = tempfile::Builder::new()
        .prefix("machine-")
        .tempdir()
        .map_err(|source| MachineError::File { doing: "make", path: std::env::temp_dir(), source })?;

    let variables_path =
        machine.variables.clone().unwrap_or_else(|| directory.path().join(arguments::VARIABLES));
    if machine.variables.is_none() || !variables_path.exists() {
        let variables = new_variables(tools, firmware, machine)?;
        fs::write(&variables_path, variables).map_err(file("write", &variables_path))?;
    }
    for (index, firmware_file) in machine.firmware_files.iter().enumerate() {
        if !is_firmware_file_name(&firmware_file.name) {
            return Err(MachineError::FirmwareFile { name: firmware_file.name.clone() });
        }
        let path = directory.path().join(arguments::firmware_file(index));
        fs::write(&path, &firmware_file.content).map_err(file("write", &path))?;
    }
    for (index, credential) in machine.credentials.iter().enumerate() {
        let path = directory.path().join(arguments::credential_file(index));
        fs::write(&path, arguments::credential_text(credential)).map_err(file("write", &path))?;
    }

    let accelerated = machine.accelerator == Accelerator::Fastest && kvm::works();
    let mut sandbox = tools
        .clone()
        .network(if machine.network == GuestNetwork::None { Network::Off } else { Network::Host })
        .bind(Bind::writable(directory.path(), arguments::DIRECTORY))
        .env("TMPDIR", arguments::DIRECTORY);
    let names = Path::new("/etc/resolv.conf");
    if matches!(machine.network, GuestNetwork::User { restricted: false, .. }) && names.exists() {
        // QEMU answers the guest's questions for names by asking those that are named here.
        sandbox = sandbox.bind(Bind::read_only(names, names));
    }
    if accelerated {
        sandbox = sandbox.bind(Bind::writable("/dev/kvm", "/dev/kvm"));
    }
    if let Some(path) = &machine.variables {
        let source = path.canonicalize().map_err(file("find", path))?;
        sandbox = sandbox.bind(Bind::writable(source, arguments::KEPT_VARIABLES));
    }
    for (index, disk) in machine.disks.iter().enumerate() {
        let image = disk.image.canonicalize().map_err(file("find", &disk.image))?;
        let read_only = disk.writes != Writes::Kept;
        sandbox = sandbox.bind(Bind { source: image, target: arguments::disk_path(index).into(), read_only });
        if let Writes::Beside(path) = &disk.writes {
            let beside = path.canonicalize().map_err(file("find", path))?;
            sandbox = sandbox.bind(Bind::writable(beside, arguments::beside_path(index)));
        }
        if let Some(path) = &disk.log {
            drop(fs::File::create(path).map_err(file("make", path))?);
            let log = path.canonicalize().map_err(file("find", path))?;
            sandbox = sandbox.bind(Bind::writable(log, arguments::log_path(index)));
        }
    }
    if let Some(path) = &machine.second_serial {
        drop(fs::File::create(path).map_err(file("make", path))?);
        let source = path.canonicalize().map_err(file("find", path))?;
        sandbox = sandbox.bind(Bind::writable(source, arguments::SECOND_SERIAL));
    }
    let call = Call::new("qemu-system-x86_64").args(arguments::arguments(machine, firmware, accelerated));
    let call = match machine.console {
        Console::Caller => call.stdin(Stdin::Pipe).stdout(Sink::Pipe).stderr(Sink::Pipe),
        Console::Terminal => call.stdin(Stdin::Inherit).stdout(Sink::Inherit).stderr(Sink::Inherit),
    };
    let running = sandbox.spawn(&call)?;
    Ok(Guest::new(running, directory, machine.second_serial.clone()))
}

/// The store of a firmware that never ran.
fn new_variables(tools: &Sandbox, firmware: &Firmware, machine: &Machine) -> Result<Vec<u8>, MachineError> {
    let path = tools.root().join(firmware.variables);
    let template =
        fs::read(&path).map_err(|source| MachineError::File { doing: "read", path: path.clone(), source })?;
    match &machine.secure_boot {
        SecureBoot::Off => Ok(template),
        SecureBoot::On { certificates } if certificates.is_empty() => Err(MachineError::NoCertificate),
        SecureBoot::On { certificates } => variables::enroll(&template, certificates)
            .map_err(|source| MachineError::Variables { path, source }),
    }
}

/// QEMU's `-fw_cfg`: users' names begin with `opt/`; the device has room for 55 bytes; a comma would end the option.
fn is_firmware_file_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    name.starts_with("opt/") && name.len() <= 55 && name.bytes().all(plain)
}
