//! Images, as every later stage sees them: complete, checked, and free of TOML.

mod os_release;
mod types;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

pub(crate) use os_release::KNOWN as KNOWN_OS_RELEASE;
pub use os_release::OsRelease;
pub(crate) use types::FilesystemType;
pub use types::{Compression, DiskFormat, OwnProgram, PartitionFormat, PartitionType, SelinuxMode};

use crate::distro::Upstream;
use crate::place::Located;

/// An image of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Its name: the key in `[images]`.
    pub name: Located<String>,
    /// What it is for.
    pub description: String,
    /// What it can do; an absent key says nothing either way.
    pub capabilities: BTreeMap<String, bool>,
    /// Names of the test suites it must pass.
    pub test_suites: Vec<String>,
    /// Channels it is published in.
    pub channels: Vec<String>,
    /// What is in it.
    pub definition: ImageDefinition,
}

/// Where the description of an image's content comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ImageDefinition {
    /// An `image.toml`, read and checked.
    Native(Box<NativeImage>),
    /// A kiwi description: kept, not built.
    Kiwi {
        /// The description's file.
        path: Option<PathBuf>,
        /// The profile in it.
        profile: Option<String>,
    },
    /// None was given.
    Missing,
}

/// A native image, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NativeImage {
    /// Its name.
    pub name: String,
    /// Its `image.toml`.
    pub file: PathBuf,
    /// What it is for.
    pub description: String,
    /// What is made of the packages.
    pub kind: ImageKind,
    /// Packages, by upstream.
    pub packages: ByUpstream<PackageRequest>,
    /// Whether packages are taken along that are only recommended.
    pub weak_dependencies: bool,
    /// What it may weigh at most.
    pub budget: Budget,
    /// Paths taken out of what the packages bring, by upstream: absolute, `*` stands for any text in one element, none twice.
    pub removed: ByUpstream<Vec<Located<String>>>,
    /// Folder whose files are laid over the installed packages, owned by root.
    pub tree: Option<PathBuf>,
    /// Programs of Lazuli itself in /usr/bin, in the order written, none twice.
    pub programs: Vec<Located<OwnProgram>>,
    /// Owner and mode of single files, applied after `tree`.
    pub files: Vec<FileRule>,
    /// Users beside those that packages bring.
    pub users: Vec<User>,
    /// Units, by upstream.
    pub units: ByUpstream<UnitChoices>,
    /// The target reached at boot.
    pub default_target: String,
    /// What /etc/os-release says; without it the packages' own stays.
    pub os_release: Option<OsRelease>,
    /// Value of LANG; without it the packages' own stays.
    pub locale: Option<String>,
    /// Time zone; without it the packages' own stays.
    pub timezone: Option<String>,
    /// Host name; without it the packages' own stays.
    pub hostname: Option<String>,
    /// Mandatory access control; without it files carry no labels.
    pub selinux: Option<Selinux>,
}

/// What is made of an image's packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ImageKind {
    /// A disk that boots.
    Disk(Box<Disk>),
    /// A plain folder.
    Tree,
}

/// A disk that boots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Kernel command line, one parameter a string.
    pub kernel_command_line: Vec<String>,
    /// Whether the kernel's modules are unpacked in the root.
    pub unpacked_modules: bool,
    /// The initial file system.
    pub initrd: Initrd,
    /// The root file system.
    pub filesystem: Filesystem,
    /// How the root is sealed; without it, it is not.
    pub verity: Option<Verity>,
    /// The partitions in their order on the disk; exactly one root and one ESP are among them, those of a slot once.
    pub partitions: Vec<Partition>,
    /// The disk files made, at least one, sorted.
    pub formats: Vec<DiskFormat>,
    /// Size of the disk in MiB; without it, it is as large as its partitions.
    pub size_mib: Option<u64>,
    /// The machine it is tried on.
    pub machine: Machine,
}

/// A value for every upstream, and what single upstreams add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ByUpstream<T> {
    /// For every upstream.
    pub all: T,
    /// More for one upstream, by its name such as `debian`.
    pub upstreams: BTreeMap<String, T>,
}

/// What is asked of the solver for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PackageRequest {
    /// Package names, file paths or other capabilities, in the order written, none twice.
    pub install: Vec<Located<String>>,
    /// Names of packages that must not be taken, in the order written, none twice.
    pub exclude: Vec<Located<String>>,
}

/// The most an image may weigh; an absent figure is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Budget {
    /// Number of packages.
    pub packages: Option<u64>,
    /// Installed size in MiB.
    pub installed_mib: Option<u64>,
    /// Size of the disk in MiB.
    pub disk_mib: Option<u64>,
}

/// Owner and mode of one file; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRule {
    /// Absolute path in the image.
    pub path: Located<String>,
    /// Permission bits, at most 0o7777.
    pub mode: Option<u32>,
    /// Name of the owner.
    pub owner: Option<String>,
    /// Name of the group.
    pub group: Option<String>,
}

/// A user of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Login name.
    pub name: Located<String>,
    /// Number; without it the next free one from 1000 on.
    pub uid: Option<u32>,
    /// Primary group; without it one of the user's name and number.
    pub group: Option<String>,
    /// Further groups.
    pub groups: Vec<String>,
    /// Full name.
    pub description: String,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// What /etc/shadow holds.
    pub password: Password,
}

/// What /etc/shadow holds for a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Password {
    /// No password opens the account.
    Locked,
    /// A hash as crypt(5) writes it.
    Hash(String),
}

/// Units that are enabled, disabled and masked, in the order written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct UnitChoices {
    /// Units enabled.
    pub enable: Vec<Located<String>>,
    /// Units not enabled, though a package would.
    pub disable: Vec<Located<String>>,
    /// Units that cannot be started.
    pub mask: Vec<Located<String>>,
}

/// Mandatory access control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selinux {
    /// The policy for upstreams that name none of their own.
    pub policy: Option<String>,
    /// The policy by upstream name.
    pub upstreams: BTreeMap<String, String>,
    /// What happens to a denied access.
    pub mode: SelinuxMode,
    /// The policy's modules that are compiled in beside `base`; without them all that are installed are.
    pub modules: Option<Vec<Located<String>>>,
    /// Folder of further modules in the Common Intermediate Language, one `*.cil` file each.
    pub own_modules: Option<PathBuf>,
}

/// What the initial file system holds beside what finds and mounts any root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Initrd {
    /// Kernel modules by name; what they depend on comes along.
    pub modules: Vec<Located<String>>,
    /// Programs by their path in the image; the libraries they need come along.
    pub programs: Vec<Located<String>>,
    /// systemd units by name; the units they need come along.
    pub units: Vec<Located<String>>,
    /// Further files and folders by their path in the image.
    pub files: Vec<Located<String>>,
    /// How it is compressed.
    pub compression: Compression,
}

/// The root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Filesystem {
    /// ext4: can be written to.
    Ext4,
    /// EROFS: cannot be written to.
    Erofs {
        /// How its data are compressed.
        compression: Compression,
        /// How hard, if the compression has levels.
        level: Option<u32>,
        /// Whether the last bytes of a file may lie beside its inode.
        inline_tails: bool,
    },
}

/// A tree of hashes over the root (dm-verity), and the slots that the root is updated in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verity {
    /// How many versions of the root have room on the disk: 1 or 2.
    pub slots: u32,
    /// Salt of the hashes in lower-case hexadecimal digits; without it, it is derived from the image's name.
    pub salt: Option<String>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// What it is for.
    pub kind: PartitionType,
    /// Its name in the partition table, at most 36 UTF-16 units.
    pub label: String,
    /// How large it is.
    pub size: PartitionSize,
    /// What it is formatted with.
    pub format: PartitionFormat,
    /// Where it is defined.
    #[serde(skip)]
    pub place: crate::Place,
}

/// How large a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionSize {
    /// A fixed size in MiB.
    Mib(u64),
    /// As large as what is in it, and this much free room in MiB.
    Fit {
        /// Free room in MiB.
        free_mib: u64,
    },
}

/// The machine an image is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub processors: u32,
}

impl Default for Initrd {
    fn default() -> Self {
        Self {
            modules: Vec::new(),
            programs: Vec::new(),
            units: Vec::new(),
            files: Vec::new(),
            compression: Compression::Zstd,
        }
    }
}

impl Image {
    /// The image as a native one, if it is one.
    pub fn native(&self) -> Option<&NativeImage> {
        match &self.definition {
            ImageDefinition::Native(native) => Some(native),
            ImageDefinition::Kiwi { .. } | ImageDefinition::Missing => None,
        }
    }
}

impl NativeImage {
    /// What is asked of the solver on one upstream.
    pub fn packages_for(&self, upstream: &Upstream) -> PackageRequest {
        let mut request = self.packages.all.clone();
        if let Some(more) = self.packages.upstreams.get(&upstream.name) {
            extend(&mut request.install, &more.install);
            extend(&mut request.exclude, &more.exclude);
        }
        request
    }

    /// The units enabled, disabled and masked on one upstream.
    pub fn units_for(&self, upstream: &Upstream) -> UnitChoices {
        let mut choices = self.units.all.clone();
        if let Some(more) = self.units.upstreams.get(&upstream.name) {
            extend(&mut choices.enable, &more.enable);
            extend(&mut choices.disable, &more.disable);
            extend(&mut choices.mask, &more.mask);
        }
        choices
    }

    /// The paths taken out on one upstream.
    pub fn removed_for(&self, upstream: &Upstream) -> Vec<Located<String>> {
        let mut removed = self.removed.all.clone();
        if let Some(more) = self.removed.upstreams.get(&upstream.name) {
            extend(&mut removed, more);
        }
        removed
    }

    /// The SELinux policy on one upstream: a folder of /etc/selinux.
    pub fn selinux_policy_for(&self, upstream: &Upstream) -> Option<&str> {
        let selinux = self.selinux.as_ref()?;
        selinux.upstreams.get(&upstream.name).or(selinux.policy.as_ref()).map(String::as_str)
    }

    /// The disk, if the image is one.
    pub fn disk(&self) -> Option<&Disk> {
        match &self.kind {
            ImageKind::Disk(disk) => Some(disk),
            ImageKind::Tree => None,
        }
    }
}

impl Disk {
    /// The partition that holds the root file system.
    pub fn root(&self) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.kind == PartitionType::Root)
    }
}

fn extend(list: &mut Vec<Located<String>>, more: &[Located<String>]) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}
