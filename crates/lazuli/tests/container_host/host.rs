//! A disk, in; a host that runs from it, keeps what it writes, is asked, restarted and cut off, out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_tools::Sandbox;
use host_tools::qemu::{
    self, Credential, Disk, FirmwareFile, Guest, GuestNetwork, Machine, Restart, SecureBoot, Watchdog, Writes,
};
use host_tools::qemu_img::{self, Format};
use testkit::machine::Answer;
use testkit::remote::{Remote, RemoteError};

use crate::world::World;

/// Until a login works: a boot without hardware help takes about a minute, a loaded machine several.
pub const BOOT_LIMIT: Duration = Duration::from_secs(420);
/// What the guest sees: room for the data partition to grow into.
const DISK_BYTES: u64 = 8 << 30;

/// A host and what it keeps when it is off.
pub struct Host {
    world: &'static World,
    pub remote: Remote,
    pub machine: Machine,
    guest: Option<Guest>,
    /// Held while the guest runs: two machines at once would only slow each other down.
    turn: Option<MutexGuard<'static, ()>>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Host {
    /// A host that was never on; `name` is that of its files.
    pub fn new(world: &'static World, disk: &Path, name: &str) -> Host {
        let judges = Sandbox::new(&world.judges);
        let file = |kind: &str| world.folder.join(format!("{name}.{kind}"));
        let (overlay, variables) = (file("qcow2"), file("variables"));
        for old in [&overlay, &variables] {
            if old.exists() {
                fs::remove_file(old).unwrap();
            }
        }
        qemu_img::overlay(&judges, (disk, Format::Raw), &overlay, DISK_BYTES).unwrap();
        let remote = Remote::new(&world.judges).unwrap();
        let machine = Machine {
            disks: vec![Disk { writes: Writes::Beside(overlay), ..Disk::new(disk, Format::Raw) }],
            credentials: vec![remote.credential()],
            network: GuestNetwork::User { restricted: false, forwards: vec![remote.forward()] },
            secure_boot: SecureBoot::On { certificates: vec![world.certificate()] },
            variables: Some(variables),
            watchdog: Watchdog::I6300esb,
            restart: Restart::StartsAgain,
            ..Machine::default()
        };
        Host { world, remote, machine, guest: None, turn: None }
    }

    /// Gives the guest an Ignition configuration.
    pub fn ignite(&mut self, configuration: &str) {
        let content = configuration.as_bytes().to_vec();
        self.machine.firmware_files.push(FirmwareFile { name: "opt/com.coreos/config".into(), content });
    }

    /// Gives the guest a credential.
    pub fn credential(&mut self, name: &str, value: &str) {
        self.machine.credentials.push(Credential::new(name, value));
    }

    /// Writes every change of the disk down, too.
    pub fn log_writes(&mut self, log: &Path) {
        self.machine.disks[0].log = Some(log.to_owned());
    }

    /// The file that holds what the host wrote.
    pub fn overlay(&self) -> &Path {
        match &self.machine.disks[0].writes {
            Writes::Beside(path) => path,
            other => panic!("{other:?}"),
        }
    }

    /// The disk of a host that is off, as one file of this name.
    pub fn flatten(&self, name: &str) -> PathBuf {
        let folder = &self.world.folder;
        let below = self.machine.disks[0].image.strip_prefix(folder).unwrap().display().to_string();
        let overlay = self.overlay().file_name().unwrap().to_str().unwrap();
        let script = format!(
            "qemu-img rebase -u -b {below} -F raw {overlay} && qemu-img convert -f qcow2 -O raw {overlay} {name}"
        );
        self.world.judge(folder, &script);
        folder.join(name)
    }

    /// Switches it on.
    pub fn switch_on(&mut self) -> &mut Guest {
        if self.turn.is_none() {
            self.turn = Some(TURN.lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.guest.insert(qemu::start(&self.world.tools(), &self.machine).unwrap())
    }

    /// Switches it on and waits for a login.
    pub fn boot(&mut self) -> Duration {
        self.switch_on();
        self.wait()
    }

    /// Waits for a login.
    pub fn wait(&mut self) -> Duration {
        match self.remote.wait(BOOT_LIMIT) {
            Ok(time) => time,
            Err(error) => panic!("{error}; the console's end:\n{}", self.last_lines(60)),
        }
    }

    /// What a script says, which must end well.
    pub fn ask(&self, script: &str) -> String {
        let answer = self.run(script);
        assert_eq!(answer.status, 0, "{script}:\n{}", answer.text);
        answer.text.trim().to_owned()
    }

    /// What a script says, and how it ends.
    pub fn run(&self, script: &str) -> Answer {
        self.remote.run(script).unwrap_or_else(|error| panic!("{script}: {error}\n{}", self.last_lines(40)))
    }

    /// Runs a script that ends with the host going down, and maybe with the connection.
    pub fn leave(&self, script: &str) {
        match self.remote.run(script) {
            Ok(answer) => assert_eq!(answer.status, 0, "{script}:\n{}", answer.text),
            Err(RemoteError::Login { .. }) => {}
            Err(error) => panic!("{script}: {error}"),
        }
    }

    /// What the policy denied since the host started, one line each.
    pub fn denials(&self) -> String {
        let script =
            "journalctl -b -q --no-pager -o cat _TRANSPORT=audit + _TRANSPORT=kernel -g 'avc: +denied'";
        self.run(script).text.trim().to_owned()
    }

    /// Puts a file into the guest.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let answer = self.remote.run_with_input(&format!("cat > {path}"), bytes).unwrap();
        assert_eq!(answer.status, 0, "{path}: {}", answer.text);
    }

    pub fn guest(&mut self) -> &mut Guest {
        self.guest.as_mut().unwrap()
    }

    /// Where the console is, for `wait_for_after`.
    pub fn place(&self) -> usize {
        self.guest.as_ref().unwrap().console().text().len()
    }

    pub fn last_lines(&self, count: usize) -> String {
        let Some(guest) = &self.guest else { return String::new() };
        let text = guest.console().text();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}\n{}", lines[lines.len().saturating_sub(count)..].join("\n"), guest.messages())
    }

    /// Pulls the plug.
    pub fn cut_power(&mut self) {
        if let Some(mut guest) = self.guest.take() {
            guest.kill().unwrap();
        }
        self.turn = None;
    }

    /// Presses the power button.
    pub fn switch_off(&mut self) {
        if let Some(mut guest) = self.guest.take() {
            guest.shut_down(Duration::from_secs(120)).unwrap();
        }
        self.turn = None;
    }

    /// The files that it keeps.
    fn files(&self) -> Vec<PathBuf> {
        let log = self.machine.disks[0].log.clone();
        self.machine.variables.iter().cloned().chain([self.overlay().to_owned()]).chain(log).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(guest) = self.guest.take() {
            // The story ended before the machine did: that is worth reading.
            let said = guest.console().text() + &guest.messages();
            drop(fs::write(self.overlay().with_extension("console"), said));
        } else {
            for file in self.files() {
                drop(fs::remove_file(file));
            }
        }
    }
}
