//! The running host: its kernel command line, os-release, disk, boot entries and state, found and opened.
//!
//! A `Host` is opened for one operation and dropped after it: it holds the lock that keeps two agents apart, and the EFI
//! system partition is mounted only as long as it lives.

mod disk;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use release::{Architecture, ImageName, Sha256Digest, Version};
use rustix::fs::{FlockOperation, flock};

use crate::error::Named;
use crate::esp::{BootEntries, BootFolder, MountError, MountedBoot};
use crate::gpt::{GptError, Table};
use crate::situation::{Running, Situation};
use crate::slots::{self, SlotsError};
use crate::state::{StateFile, StateStore, StoreError};
use crate::storage::{Device, Disk};

pub use disk::{DiskError, SystemDisk};

/// Where a host's parts are; `Paths::default()` is a running system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The kernel's command line.
    pub command_line: PathBuf,
    /// os-release of the image: the one under /usr, which nothing lies over.
    pub os_release: PathBuf,
    /// The root directory, which tells the disk.
    pub root: PathBuf,
    /// Where the kernel tells of its devices.
    pub sys: PathBuf,
    /// Where the devices are.
    pub dev: PathBuf,
    /// The disk or an image of one, where the root directory is not asked.
    pub disk: Option<PathBuf>,
    /// Where the EFI system partition is mounted already; it is mounted at `mount` otherwise.
    pub esp: Option<PathBuf>,
    /// Where the EFI system partition is mounted for an operation.
    pub mount: PathBuf,
    /// The folder of the agent's state.
    pub state: PathBuf,
    /// The file whose lock keeps two agents apart.
    pub lock: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Paths {
            command_line: "/proc/cmdline".into(),
            os_release: "/usr/lib/os-release".into(),
            root: "/".into(),
            sys: "/sys".into(),
            dev: "/dev".into(),
            disk: None,
            esp: None,
            mount: "/run/lazuli/esp".into(),
            state: "/var/lib/lazuli/agent".into(),
            lock: "/run/lazuli/agent.lock".into(),
        }
    }
}

/// An opened host.
pub struct Host {
    /// What runs.
    pub running: Running,
    /// The disk that it runs from.
    pub disk: Box<dyn Device>,
    /// Bytes of a sector of it.
    pub sector: u64,
    /// The boot entries.
    pub boot: Box<dyn BootFolder>,
    /// What is remembered.
    pub store: Box<dyn StateStore>,
    /// The disk's file, whose lock keeps udev from looking while the table changes.
    pub(crate) table_lock: Option<File>,
    _lock: Option<File>,
}

/// Why a host was not opened or not surveyed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file that tells of the host cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The kernel was not started with a root hash.
    #[error(
        "{path} has no `roothash=`: this system does not run from a verified image, and the agent cannot update it"
    )]
    NotVerified {
        /// The kernel's command line.
        path: PathBuf,
    },
    /// os-release lacks a field or has a wrong one.
    #[error("{path}: {problem}; build the image with `lazuli image build`, which writes the field")]
    OsRelease {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another agent is at work.
    #[error("another operation of the agent is under way; wait for it, or ask the service about it")]
    Busy,
    /// The lock cannot be taken.
    #[error("cannot lock {path}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The disk was not found or not opened.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The partition table cannot be used.
    #[error(transparent)]
    Table(#[from] GptError),
    /// The slots were not found.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// The EFI system partition was not mounted.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The boot entries cannot be read.
    #[error("cannot read the boot entries")]
    BootEntries(#[source] io::Error),
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Named for HostError {
    fn name(&self) -> &'static str {
        match self {
            HostError::Read { .. } => "host.read",
            HostError::NotVerified { .. } => "host.not-verified",
            HostError::OsRelease { .. } => "host.os-release",
            HostError::Busy => "host.busy",
            HostError::Lock { .. } => "host.lock",
            HostError::Disk(error) => error.name(),
            HostError::Table(error) => error.name(),
            HostError::Slots(error) => error.name(),
            HostError::Mount(error) => error.name(),
            HostError::BootEntries(_) => "esp.read",
            HostError::Store(error) => error.name(),
        }
    }
}

impl Host {
    /// Opens the host for one operation.
    pub fn open(paths: &Paths) -> Result<Self, HostError> {
        let lock = lock(&paths.lock)?;
        let running = running(paths)?;
        let found = match &paths.disk {
            Some(path) => SystemDisk::image(path),
            None => SystemDisk::of(&paths.root, &paths.sys, &paths.dev)?,
        };
        let disk = Disk::open_to_write(&found.path)
            .map_err(|source| DiskError::Open { path: found.path.clone(), source })?;
        let table_lock = disk.file().try_clone().ok();
        let boot = match &paths.esp {
            Some(folder) => MountedBoot::at(folder).map_err(HostError::BootEntries)?,
            None => MountedBoot::mount(&found.esp(&Table::read(&disk, found.sector)?)?, &paths.mount)?,
        };
        Ok(Host {
            running,
            disk: Box::new(disk),
            sector: found.sector,
            boot: Box::new(boot),
            store: Box::new(StateFile::new(&paths.state)),
            table_lock,
            _lock: Some(lock),
        })
    }

    /// A host of parts that were opened elsewhere.
    pub fn of(
        running: Running,
        disk: Box<dyn Device>,
        sector: u64,
        boot: Box<dyn BootFolder>,
        store: Box<dyn StateStore>,
    ) -> Self {
        Host { running, disk, sector, boot, store, table_lock: None, _lock: None }
    }

    /// Reads all that planning goes by.
    pub fn survey(&self) -> Result<Situation, HostError> {
        let table = Table::read(&*self.disk, self.sector)?;
        let found = slots::slots(&table, self.running.architecture)?;
        let (slot, other) = slots::running_and_other(found, self.running.root_hash)?;
        let entries = BootEntries::read(&*self.boot).map_err(HostError::BootEntries)?;
        let loaded = self.store.load()?;
        Ok(Situation {
            running: self.running.clone(),
            slot,
            other,
            table: table.condition,
            entries,
            state: loaded.state,
            problem: loaded.problem,
        })
    }
}

fn lock(path: &Path) -> Result<File, HostError> {
    let failed = |source| HostError::Lock { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(HostError::Busy),
        Err(error) => Err(failed(error.into())),
    }
}

/// What runs, told by the kernel's command line and the image's os-release.
pub fn running(paths: &Paths) -> Result<Running, HostError> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| HostError::Read { path: path.to_owned(), source })
    };
    let root_hash = root_hash(&read(&paths.command_line)?)
        .ok_or_else(|| HostError::NotVerified { path: paths.command_line.clone() })?;
    let (image, version) = image_and_version(&read(&paths.os_release)?)
        .map_err(|problem| HostError::OsRelease { path: paths.os_release.clone(), problem })?;
    Ok(Running { image, version, architecture: architecture(), root_hash })
}

const fn architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 }
}

/// The `roothash=` of a kernel command line; the last one counts, as for systemd.
fn root_hash(command_line: &str) -> Option<Sha256Digest> {
    let value =
        command_line.split_ascii_whitespace().rev().find_map(|word| word.strip_prefix("roothash="))?;
    Sha256Digest::parse(value).ok()
}

/// `IMAGE_ID` and `IMAGE_VERSION` of an os-release.
fn image_and_version(text: &str) -> Result<(ImageName, Version), String> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
        // Both values are of characters that need no quoting; shells may have been written for all the same.
        let value = line.ok_or_else(|| format!("`{name}` is missing"))?.trim();
        Ok::<_, String>(value.trim_matches(['"', '\'']).to_owned())
    };
    let image = ImageName::parse(&field("IMAGE_ID")?).map_err(|error| error.to_string())?;
    let version = Version::parse(&field("IMAGE_VERSION")?).map_err(|error| error.to_string())?;
    Ok((image, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_root_hash_counts() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        let found = root_hash(&format!("quiet roothash={one} console=ttyS0 roothash={two}\n"));
        assert_eq!(found, Some(Sha256Digest::from_bytes([0x22; 32])));
        assert_eq!(root_hash("root=/dev/vda2 roothash=short"), None);
    }

    #[test]
    fn os_release_tells_image_and_version_or_what_is_wrong() {
        let (image, version) =
            image_and_version("NAME=Lazuli\nIMAGE_ID=container-host\nIMAGE_VERSION=\"2026.11.2\"\n").unwrap();
        assert_eq!((image.as_str(), version.as_str()), ("container-host", "2026.11.2"));
        assert_eq!(image_and_version("IMAGE_ID=a\n").unwrap_err(), "`IMAGE_VERSION` is missing");
        assert!(
            image_and_version("IMAGE_ID=a_b\nIMAGE_VERSION=1").unwrap_err().contains("`a_b` is not the name")
        );
    }

    #[test]
    fn two_agents_do_not_work_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/agent.lock");
        let first = lock(&path).unwrap();
        assert_eq!(lock(&path).err().map(|error| error.name()), Some("host.busy"));
        drop(first);
        lock(&path).unwrap();
    }
}
