//! The tables of an `image.toml`: a native image.

use crate::decode::{Entries, Text, choice, table};
use crate::image::{
    Compression, DiskFormat, FilesystemType, OwnProgram, PartitionFormat, PartitionType, SelinuxMode,
};
use crate::place::Located;

table! {
    #[allow(dead_code, reason = "`$schema` speaks to editors alone")]
    /// A native image: what is in it and what is made of it.
    pub(crate) struct NativeImageFile {
        /// Where the JSON schema of this file lies; for editors.
        "$schema" => schema: Option<Text>,
        /// What the image is for.
        "description" => description: Option<Text>,
        /// A disk that boots, or a plain folder.
        "kind" => kind: Located<NativeImageKind>,
        /// Its packages.
        "packages" => packages: Option<PackagesTable>,
        /// Takes packages along that are only recommended (default false).
        "weak-dependencies" => weak_dependencies: Option<bool>,
        /// What it may weigh at most.
        "budget" => budget: Option<Located<BudgetTable>>,
        /// What is taken out of the installed packages, before `tree` is laid over them.
        "remove" => remove: Option<RemoveTable>,
        /// Folder whose files are laid over the installed packages.
        "tree" => tree: Option<Text>,
        /// Programs of Lazuli itself that come into /usr/bin, taken from beside the running `lazuli`.
        "programs" => programs: Option<Vec<Located<OwnProgram>>>,
        /// Owner and mode of files that are not root's or not as git keeps them.
        "files" => files: Option<Vec<Located<FileRuleTable>>>,
        /// Users beside those that packages bring.
        "users" => users: Option<Vec<Located<UserTable>>>,
        /// Services that start, and those that do not.
        "units" => units: Option<UnitsTable>,
        /// The lines of /etc/os-release.
        "os-release" => os_release: Option<Located<Entries<String>>>,
        /// Language and character set, such as `C.UTF-8`.
        "locale" => locale: Option<Text>,
        /// Time zone, such as `UTC`.
        "timezone" => timezone: Option<Text>,
        /// Host name.
        "hostname" => hostname: Option<Text>,
        /// Mandatory access control.
        "selinux" => selinux: Option<Located<SelinuxTable>>,
        /// The kernel.
        "kernel" => kernel: Option<Located<KernelTable>>,
        /// What the initial file system holds beside what finds and mounts any root.
        "initrd" => initrd: Option<Located<InitrdTable>>,
        /// The root file system.
        "filesystem" => filesystem: Option<Located<FilesystemTable>>,
        /// Seals the root by a tree of hashes (dm-verity), and gives it slots to be updated in.
        "verity" => verity: Option<Located<VerityTable>>,
        /// The disk's partitions, in their order on it.
        "partitions" => partitions: Option<Vec<Located<PartitionTable>>>,
        /// The disk files made.
        "disk" => disk: Option<Located<DiskTable>>,
        /// The machine it is tried on.
        "boot" => boot: Option<Located<BootTable>>,
    }
}

choice! {
    /// What is made of the packages.
    pub(crate) enum NativeImageKind {
        /// A disk that boots.
        "disk" => Disk,
        /// A plain folder.
        "tree" => Tree,
    }
}

table! {
    /// An image's packages.
    pub(crate) struct PackagesTable {
        /// What is asked for: package names, file paths or other capabilities, whatever the upstream.
        "install" => install: Option<Vec<Text>>,
        /// Packages that must not be taken.
        "exclude" => exclude: Option<Vec<Text>>,
        /// What differs by upstream: the keys are names from `[distros]`.
        "upstreams" => upstreams: Entries<UpstreamPackagesTable>,
    }
}

table! {
    /// Packages on one upstream, beside those for all.
    pub(crate) struct UpstreamPackagesTable {
        /// What is asked for.
        "install" => install: Option<Vec<Text>>,
        /// Packages that must not be taken.
        "exclude" => exclude: Option<Vec<Text>>,
    }
}

table! {
    /// What is taken out of the installed packages.
    pub(crate) struct RemoveTable {
        /// Files and folders with all they hold, from the root of the image; `*` stands for any text in one element of the path.
        "paths" => paths: Option<Vec<Text>>,
        /// What differs by upstream: the keys are names from `[distros]`.
        "upstreams" => upstreams: Entries<UpstreamRemoveTable>,
    }
}

table! {
    /// What is taken out on one upstream, beside what is on all.
    pub(crate) struct UpstreamRemoveTable {
        /// Files and folders, as in `[remove]`.
        "paths" => paths: Option<Vec<Text>>,
    }
}

table! {
    /// What an image may weigh at most.
    pub(crate) struct BudgetTable {
        /// Number of packages.
        "packages" => packages: Option<u64>,
        /// Installed size, in MiB.
        "installed-mib" => installed_mib: Option<u64>,
        /// Size of the disk, in MiB.
        "disk-mib" => disk_mib: Option<u64>,
    }
}

table! {
    /// Owner and mode of a file.
    pub(crate) struct FileRuleTable {
        /// The file, from the root of the image.
        "path" => path: Text,
        /// Its mode, octal, such as `0600`.
        "mode" => mode: Option<Text>,
        /// Name of its owner.
        "owner" => owner: Option<Text>,
        /// Name of its group.
        "group" => group: Option<Text>,
    }
}

table! {
    /// A user.
    pub(crate) struct UserTable {
        /// Login name.
        "name" => name: Text,
        /// Number; without it the next free one from 1000 on.
        "uid" => uid: Option<Located<u32>>,
        /// Primary group (default: one of the same name).
        "group" => group: Option<Text>,
        /// Further groups.
        "groups" => groups: Option<Vec<Text>>,
        /// Full name.
        "description" => description: Option<Text>,
        /// Home folder (default `/home/NAME`; `/root` for root).
        "home" => home: Option<Text>,
        /// Login shell (default `/bin/bash`).
        "shell" => shell: Option<Text>,
        /// `locked`, or a hash as crypt(5) writes it (default `locked`).
        "password" => password: Option<Text>,
    }
}

table! {
    /// Services that start, and those that do not.
    pub(crate) struct UnitsTable {
        /// The target that is reached at boot (default `multi-user.target`).
        "default-target" => default_target: Option<Text>,
        /// Units enabled.
        "enable" => enable: Option<Vec<Text>>,
        /// Units not enabled, though a package would.
        "disable" => disable: Option<Vec<Text>>,
        /// Units that cannot be started.
        "mask" => mask: Option<Vec<Text>>,
        /// What differs by upstream: the keys are names from `[distros]`.
        "upstreams" => upstreams: Entries<UpstreamUnitsTable>,
    }
}

table! {
    /// Units on one upstream, beside those for all.
    pub(crate) struct UpstreamUnitsTable {
        /// Units enabled.
        "enable" => enable: Option<Vec<Text>>,
        /// Units not enabled, though a package would.
        "disable" => disable: Option<Vec<Text>>,
        /// Units that cannot be started.
        "mask" => mask: Option<Vec<Text>>,
    }
}

table! {
    /// Mandatory access control.
    pub(crate) struct SelinuxTable {
        /// The policy: a folder of /etc/selinux.
        "policy" => policy: Option<Text>,
        /// What happens to a denied access.
        "mode" => mode: Option<SelinuxMode>,
        /// The policy's modules that are compiled in; `base` always is. Without this key all that are installed are.
        "modules" => modules: Option<Vec<Text>>,
        /// Folder of further modules, one `*.cil` file each, compiled in when the image is built.
        "own-modules" => own_modules: Option<Text>,
        /// What differs by upstream: the keys are names from `[distros]`.
        "upstreams" => upstreams: Entries<UpstreamSelinuxTable>,
    }
}

table! {
    /// Mandatory access control on one upstream.
    pub(crate) struct UpstreamSelinuxTable {
        /// The policy: a folder of /etc/selinux.
        "policy" => policy: Text,
    }
}

table! {
    /// The kernel.
    pub(crate) struct KernelTable {
        /// Its command line, one parameter a string.
        "command-line" => command_line: Option<Vec<Text>>,
        /// Unpacks the kernel's modules, which packages bring compressed one by one (default false). The root is larger and its
        /// updates are smaller: of a compressed module nothing stays the same when one byte changes.
        "unpacked-modules" => unpacked_modules: Option<Located<bool>>,
    }
}

table! {
    /// The initial file system.
    pub(crate) struct InitrdTable {
        /// Kernel modules, by name; what they depend on comes along.
        "modules" => modules: Option<Vec<Text>>,
        /// Programs, by their path in the image; the libraries they need come along.
        "programs" => programs: Option<Vec<Text>>,
        /// systemd units, by name; the units they need come along.
        "units" => units: Option<Vec<Text>>,
        /// Further files and folders, by their path in the image.
        "files" => files: Option<Vec<Text>>,
        /// How it is compressed (default `zstd`).
        "compression" => compression: Option<Located<Compression>>,
    }
}

table! {
    /// The root file system.
    pub(crate) struct FilesystemTable {
        /// Its format.
        "type" => kind: Located<FilesystemType>,
        /// How its data are compressed (EROFS only; default `none`).
        "compression" => compression: Option<Located<Compression>>,
        /// How hard, if the compression has levels.
        "compression-level" => compression_level: Option<Located<u32>>,
        /// Keeps the last bytes of a file beside its inode where they fit (EROFS only; default true). A sealed root that is updated
        /// by its blocks has more blocks in common with the version before when they lie in a block of their own.
        "inline-tails" => inline_tails: Option<Located<bool>>,
    }
}

table! {
    /// How the root is sealed.
    pub(crate) struct VerityTable {
        /// How many versions of the root have room on the disk: 1, or 2 to write the next one beside the running one (default 1).
        "slots" => slots: Option<Located<u32>>,
        /// Salt of the hashes, in hexadecimal digits; the same in all versions, so that equal blocks have equal hashes (default:
        /// derived from the image's name).
        "salt" => salt: Option<Text>,
    }
}

choice! {
    /// A partition size that is not a number.
    pub(crate) enum SizeWord {
        /// As large as what is in it.
        "fit" => Fit,
    }
}

table! {
    /// A partition.
    pub(crate) struct PartitionTable {
        /// What it is for, in the words of the Discoverable Partitions Specification.
        "type" => kind: Located<PartitionType>,
        /// Its name in the partition table (default: its type).
        "label" => label: Option<Text>,
        /// Its size in MiB.
        "size-mib" => size_mib: Option<Located<u64>>,
        /// `fit`: as large as what is in it, and `free-mib` more.
        "size" => size: Option<Located<SizeWord>>,
        /// Free room left in it, in MiB, when its size is `fit` (default 0).
        "free-mib" => free_mib: Option<Located<u64>>,
        /// What it is formatted with; the root's is that of `[filesystem]`.
        "format" => format: Option<Located<PartitionFormat>>,
    }
}

table! {
    /// The disk files made.
    pub(crate) struct DiskTable {
        /// Their formats.
        "formats" => formats: Option<Vec<Located<DiskFormat>>>,
        /// Size of the disk in MiB, with room behind the partitions for others that are made on first boot (default: as large as its
        /// partitions).
        "size-mib" => size_mib: Option<Located<u64>>,
    }
}

table! {
    /// The machine an image is tried on.
    pub(crate) struct BootTable {
        /// Its memory, in MiB (default 1024).
        "memory-mib" => memory_mib: Option<Located<u32>>,
        /// Its processors (default 2).
        "processors" => processors: Option<Located<u32>>,
    }
}
