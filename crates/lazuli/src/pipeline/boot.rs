//! A disk file and the tools tree, in; a virtual machine that runs it, out.

use std::path::Path;
use std::time::Duration;

use definition::Machine as MachineSize;
use host_tools::Sandbox;
use host_tools::qemu::{
    self, Console, Credential, Disk, Forward, Guest, GuestNetwork, Machine, Restart, Writes,
};
use host_tools::qemu_img::Format;

use crate::failure::{Context as _, ExitCode, Failure};

/// What a machine is given beside its disk.
#[derive(Debug, Default)]
pub struct Extras {
    /// Public keys that may log in as root, one a line.
    pub ssh_keys: Option<String>,
    /// Port of this machine that leads to the guest's port 22.
    pub ssh_port: Option<u16>,
    /// Whether the guest's writes stay in the disk file.
    pub keep_changes: bool,
    /// Whether the person at the terminal talks to the guest.
    pub terminal: bool,
}

/// Starts a machine from a disk file.
pub fn start(tools: &Path, disk: &Path, size: MachineSize, extras: &Extras) -> Result<Guest, Failure> {
    let format = match disk.extension().and_then(|extension| extension.to_str()) {
        Some("qcow2") => Format::Qcow2,
        Some("vhd") => Format::Vpc,
        _ => Format::Raw,
    };
    let keys =
        extras.ssh_keys.iter().map(|keys| Credential::new("ssh.authorized_keys.root", keys.as_bytes()));
    let machine = Machine {
        memory: size.memory_mib,
        processors: size.processors,
        disks: vec![Disk {
            writes: if extras.keep_changes { Writes::Kept } else { Writes::Forgotten },
            ..Disk::new(disk, format)
        }],
        credentials: keys.collect(),
        network: GuestNetwork::User {
            restricted: false,
            forwards: extras
                .ssh_port
                .map(|host_port| Forward { host_port, guest_port: 22 })
                .into_iter()
                .collect(),
        },
        console: if extras.terminal { Console::Terminal } else { Console::Caller },
        restart: if extras.terminal { Restart::StartsAgain } else { Restart::Ends },
        ..Machine::default()
    };
    let failed = || format!("{} was not booted", disk.display());
    qemu::start(&Sandbox::new(tools), &machine)
        .context(failed)
        .map_err(|failure| failure.code(ExitCode::Boot))
}

/// Waits for the guest's login prompt and gives what it printed until then; the machine is stopped in any case.
pub fn wait_for_login(mut guest: Guest, limit: Duration) -> Result<String, Failure> {
    let waited = guest.wait_for("login:", limit);
    let console = guest.console().text();
    let killed = guest.kill();
    waited.map_err(|error| {
        Failure::caused(
            format!("the guest showed no login; its last lines:\n{}", last_lines(&console, 20)),
            &error,
        )
        .code(ExitCode::Boot)
    })?;
    killed.context(|| "the machine could not be stopped".to_owned())?;
    Ok(console)
}

/// The end of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
