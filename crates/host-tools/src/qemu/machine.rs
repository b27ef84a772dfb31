//! What a virtual machine is made of. Nothing here reads a disk or runs a program.

use std::path::PathBuf;

use crate::qemu_img::Format;

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
    /// Whose programs the firmware starts.
    pub secure_boot: SecureBoot,
    /// A file that keeps the firmware's variables from one start to the next, made when it is missing; none forgets them.
    pub variables: Option<PathBuf>,
    /// Files that the guest finds in QEMU's firmware configuration device.
    pub firmware_files: Vec<FirmwareFile>,
    /// What resets a guest that hangs.
    pub watchdog: Watchdog,
    /// What a restart of the guest does.
    pub restart: Restart,
}

impl Default for Machine {
    /// 1 GiB, two processors, and nothing else.
    fn default() -> Self {
        Machine {
            memory: 1024,
            processors: 2,
            disks: Vec::new(),
            credentials: Vec::new(),
            network: GuestNetwork::None,
            console: Console::Caller,
            second_serial: None,
            accelerator: Accelerator::Fastest,
            secure_boot: SecureBoot::Off,
            variables: None,
            firmware_files: Vec::new(),
            watchdog: Watchdog::None,
            restart: Restart::Ends,
        }
    }
}

/// A disk of the guest, seen as `/dev/vda`, `/dev/vdb`, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The image file.
    pub image: PathBuf,
    /// Its format.
    pub format: Format,
    /// Where the guest's writes go.
    pub writes: Writes,
    /// A file that receives every write, flush and discard of the guest in their order, as Linux's dm-log-writes has them; it is
    /// written anew.
    pub log: Option<PathBuf>,
}

impl Disk {
    /// A disk that is as it was when the machine ends.
    pub fn new(image: impl Into<PathBuf>, format: Format) -> Self {
        Disk { image: image.into(), format, writes: Writes::Forgotten, log: None }
    }
}

/// Where a guest's writes to a disk go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Writes {
    /// To a file that disappears with the machine.
    #[default]
    Forgotten,
    /// Into the image.
    Kept,
    /// Into this file, which `qemu_img::overlay` made on top of the image.
    Beside(PathBuf),
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

/// Whose programs the firmware starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SecureBoot {
    /// Everybody's.
    #[default]
    Off,
    /// Those that a key of one of these certificates (DER) signed; the first is also the platform's owner.
    On {
        /// At least one.
        certificates: Vec<Vec<u8>>,
    },
}

/// A file in QEMU's firmware configuration device, where Ignition looks for `opt/com.coreos/config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareFile {
    /// Beginning with `opt/`.
    pub name: String,
    /// Any bytes.
    pub content: Vec<u8>,
}

/// What resets a guest that hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watchdog {
    /// Nothing.
    #[default]
    None,
    /// An Intel 6300ESB, on the PCI bus.
    I6300esb,
    /// The one of the machine's own chipset (iTCO).
    Chipset,
}

/// What a restart of the guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// The machine ends: who waits for a text would otherwise wait for it a second time.
    #[default]
    Ends,
    /// The guest starts again, with the same disks and variables.
    StartsAgain,
}
