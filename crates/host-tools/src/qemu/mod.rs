//! A disk image and what the guest shall be told, in; a running virtual machine, out.
//!
//! QEMU and the firmware come from the tools tree and run in its sandbox. The image is not changed unless asked: what the guest
//! writes goes to a file that disappears with the machine.

mod arguments;
mod console;
mod control;
mod guest;
mod kvm;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

pub use console::Transcript;
pub use guest::{Guest, GuestError};

use crate::call::{Call, CallError, Sink, Stdin};
use crate::sandbox::{Bind, Network, Sandbox};

/// A virtual machine: q35, UEFI, virtio disks, serial ports.
#[derive(Debug, Clone)]
pub struct Machine {
    /// In MiB.
    pub memory: u32,
    /// Processors.
    pub processors: u32,
    /// In boot order.
    pub disks: Vec<Disk>,
    /// What the guest finds in its credentials directory, by systemd's SMBIOS protocol.
    pub credentials: Vec<Credential>,
    /// The guest's network card.
    pub network: GuestNetwork,
    /// Who talks on the first serial port.
    pub console: Console,
    /// A file that receives what the guest writes to its second serial port (`/dev/ttyS1`).
    pub second_serial: Option<PathBuf>,
    /// Who executes the guest's instructions.
    pub accelerator: Accelerator,
}

/// A disk of the guest, seen as `/dev/vda`, `/dev/vdb`, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The image file.
    pub image: PathBuf,
    /// Its format.
    pub format: crate::qemu_img::Format,
    /// Whether the guest's writes stay in the image.
    pub keep_writes: bool,
}

/// A systemd credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// As `systemd.extra-unit.probe.service` or `ssh.authorized_keys.root`.
    pub name: String,
    /// Any bytes.
    pub value: Vec<u8>,
}

impl Credential {
    /// A credential.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Credential { name: name.into(), value: value.into() }
    }
}

/// What the guest is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GuestNetwork {
    /// Nothing: it has no network card.
    #[default]
    None,
    /// QEMU's user network: the guest is 10.0.2.15, and unless it is restricted reaches whatever this machine reaches, and this
    /// machine's own 127.0.0.1 as 10.0.2.2.
    User {
        /// Whether the guest is kept from everything but the forwarded ports.
        restricted: bool,
        /// Ports of this machine that lead to the guest.
        forwards: Vec<Forward>,
    },
}

/// A TCP port of this machine's 127.0.0.1 that leads to a port of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// Here; `free_port` finds one.
    pub host_port: u16,
    /// There.
    pub guest_port: u16,
}

/// Who talks on the guest's first serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Console {
    /// The caller, through `Guest`.
    #[default]
    Caller,
    /// The person at this terminal; Ctrl-a x ends the machine.
    Terminal,
}

/// Who executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accelerator {
    /// The processor, if a trial shows that it does; QEMU otherwise.
    #[default]
    Fastest,
    /// QEMU, in software: the same everywhere, and much slower.
    Software,
}

/// Firmware that a tools tree has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Firmware {
    code: &'static str,
    variables: &'static str,
}

/// Where distributions keep UEFI firmware for q35.
const FIRMWARE: [Firmware; 3] = [
    Firmware { code: "usr/share/OVMF/OVMF_CODE_4M.fd", variables: "usr/share/OVMF/OVMF_VARS_4M.fd" },
    Firmware {
        code: "usr/share/edk2/ovmf/OVMF_CODE_4M.fd",
        variables: "usr/share/edk2/ovmf/OVMF_VARS_4M.fd",
    },
    Firmware { code: "usr/share/edk2/ovmf/OVMF_CODE.fd", variables: "usr/share/edk2/ovmf/OVMF_VARS.fd" },
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
        .find(|firmware| tools.root().join(firmware.code).is_file())
        .ok_or_else(|| MachineError::NoFirmware { root: tools.root().to_owned() })?;
    let directory = tempfile::Builder::new()
        .prefix("machine-")
        .tempdir()
        .map_err(|source| MachineError::File { doing: "make", path: std::env::temp_dir(), source })?;

    let template = tools.root().join(firmware.variables);
    let variables = fs::read(&template).map_err(file("read", &template))?;
    let variables_path = directory.path().join(arguments::VARIABLES);
    fs::write(&variables_path, variables).map_err(file("write", &variables_path))?;
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
    for (index, disk) in machine.disks.iter().enumerate() {
        let image = disk.image.canonicalize().map_err(file("find", &disk.image))?;
        let read_only = !disk.keep_writes;
        sandbox = sandbox.bind(Bind { source: image, target: arguments::disk_path(index).into(), read_only });
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
