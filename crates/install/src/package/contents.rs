//! What a package brings into a root, as plain values: files, relations for the order, scriptlets, triggers, accounts.
//! Nothing here reads a file or a header; `read` makes these from a header.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rpm_model::header::{Header, file_flags};
use rpm_model::{Capability, Dependency, Nevra};

/// Everything of a package that an installation needs, its payload's bytes apart.
#[derive(Clone, Debug)]
pub struct PackageContents {
    /// Name, epoch, version, release, architecture.
    pub nevra: Nevra,
    /// ELF classes of the files that take part in dependencies: 1 is 32 bit, 2 is 64 bit.
    pub color: u32,
    /// In the order of the header, which rpm sorts by path.
    pub files: Vec<FileEntry>,
    /// In the order of the header.
    pub provides: Vec<Capability>,
    /// Names, in ranges of versions, of packages that this one replaces; in the order of the header.
    pub obsoletes: Vec<Capability>,
    /// In the order of the tags that rpm looks at, within a tag in the order of the header.
    pub relations: Vec<Relation>,
    /// %pretrans, %pre, %post, %posttrans, and those of removal: %preuntrans, %preun, %postun, %postuntrans.
    pub scriptlets: BTreeMap<ScriptletKind, Scriptlet>,
    /// %triggerprein, %triggerin, %triggerun, %triggerpostun.
    pub triggers: PackageTriggers,
    /// %filetriggerin, %filetriggerun, %filetriggerpostun.
    pub file_triggers: Vec<FileTrigger>,
    /// %transfiletriggerin, %transfiletriggerun, %transfiletriggerpostun.
    pub transaction_file_triggers: Vec<FileTrigger>,
    /// Accounts the package provides, by the file that declares them.
    pub accounts: Vec<AccountSource>,
}

/// One file as the header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Absolute.
    pub path: PathBuf,
    /// `st_mode`, type included.
    pub mode: u32,
    /// In bytes.
    pub size: u64,
    /// Digest of a regular file, with the OpenPGP number of its algorithm.
    pub digest: Option<(u32, String)>,
    /// Target of a symbolic link; empty for everything else.
    pub link_target: PathBuf,
    /// Owner.
    pub user: String,
    /// Group.
    pub group: String,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Number of a device.
    pub rdev: u32,
    /// `RPMFILE_*` bits.
    pub flags: u32,
    /// Where hard links of one file meet: device and inode on the build host.
    pub identity: (u64, u64),
    /// ELF class: 1 is 32 bit, 2 is 64 bit, 0 is neither.
    pub color: u32,
    /// Languages the file is for, `|` between them; empty for all.
    pub languages: String,
    /// File capabilities as text; empty for none.
    pub capabilities: String,
}

/// What kind of file a mode says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// Regular file.
    Regular,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharacterDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
    /// No type that Linux has.
    Unknown,
}

impl FileEntry {
    /// The type in the mode.
    pub fn file_type(&self) -> FileType {
        match self.mode & 0o170_000 {
            0o100_000 => FileType::Regular,
            0o040_000 => FileType::Directory,
            0o120_000 => FileType::Symlink,
            0o020_000 => FileType::CharacterDevice,
            0o060_000 => FileType::BlockDevice,
            0o010_000 => FileType::Fifo,
            0o140_000 => FileType::Socket,
            _ => FileType::Unknown,
        }
    }

    /// Permission bits, set-user-ID and the like included.
    pub fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    /// Whether the package only owns the path and ships nothing there.
    pub fn is_ghost(&self) -> bool {
        self.flags & file_flags::GHOST != 0
    }

    /// Whether it is %config.
    pub fn is_config(&self) -> bool {
        self.flags & file_flags::CONFIG != 0
    }

    /// The directory part; `/` for the root itself.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// A relation that may influence the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Which tag it comes from.
    pub kind: RelationKind,
    /// The other side.
    pub dependency: Dependency,
    /// `RPMSENSE_*` bits.
    pub flags: u32,
    /// ELF classes of the files that made it; only requirements have them.
    pub color: u32,
}

/// The tags that rpm orders by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// `Requires`.
    Requires,
    /// `Recommends`.
    Recommends,
    /// `Suggests`.
    Suggests,
    /// `Supplements`.
    Supplements,
    /// `Enhances`.
    Enhances,
    /// `OrderWithRequires`.
    OrderWith,
}

/// When a scriptlet of a package runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptletKind {
    /// `%pretrans`.
    PreTransaction,
    /// `%pre`.
    Pre,
    /// `%post`.
    Post,
    /// `%posttrans`.
    PostTransaction,
    /// `%preuntrans`.
    PreUnTransaction,
    /// `%preun`.
    PreUn,
    /// `%postun`.
    PostUn,
    /// `%postuntrans`.
    PostUnTransaction,
    /// Accounts of the package.
    Accounts,
    /// `%triggerprein`.
    TriggerPreIn,
    /// `%triggerin`.
    TriggerIn,
    /// `%filetriggerin`.
    FileTriggerIn,
    /// `%transfiletriggerin`.
    TransactionFileTriggerIn,
    /// `%triggerun`.
    TriggerUn,
    /// `%triggerpostun`.
    TriggerPostUn,
    /// `%filetriggerun`.
    FileTriggerUn,
    /// `%filetriggerpostun`.
    FileTriggerPostUn,
    /// `%transfiletriggerun`.
    TransactionFileTriggerUn,
    /// `%transfiletriggerpostun`.
    TransactionFileTriggerPostUn,
}

impl ScriptletKind {
    /// The name in a spec file, without the percent sign (rpm itself says `prein` for `pre`).
    pub fn name(self) -> &'static str {
        match self {
            Self::PreTransaction => "pretrans",
            Self::Pre => "pre",
            Self::Post => "post",
            Self::PostTransaction => "posttrans",
            Self::PreUnTransaction => "preuntrans",
            Self::PreUn => "preun",
            Self::PostUn => "postun",
            Self::PostUnTransaction => "postuntrans",
            Self::Accounts => "sysusers",
            Self::TriggerPreIn => "triggerprein",
            Self::TriggerIn => "triggerin",
            Self::FileTriggerIn => "filetriggerin",
            Self::TransactionFileTriggerIn => "transfiletriggerin",
            Self::TriggerUn => "triggerun",
            Self::TriggerPostUn => "triggerpostun",
            Self::FileTriggerUn => "filetriggerun",
            Self::FileTriggerPostUn => "filetriggerpostun",
            Self::TransactionFileTriggerUn => "transfiletriggerun",
            Self::TransactionFileTriggerPostUn => "transfiletriggerpostun",
        }
    }

    /// Whether its failure fails the package; all others only warn.
    pub fn is_critical(self) -> bool {
        matches!(
            self,
            Self::PreTransaction
                | Self::Pre
                | Self::PreUnTransaction
                | Self::PreUn
                | Self::TriggerPreIn
                | Self::TriggerUn
                | Self::Accounts
        )
    }
}

/// `RPMSCRIPT_FLAG_EXPAND`: macros in the body are expanded first.
pub const SCRIPTLET_EXPAND: u32 = 1;
/// `RPMSCRIPT_FLAG_QFORMAT`: the body is a query format, filled in from the header.
pub const SCRIPTLET_QUERY_FORMAT: u32 = 2;

/// A script with its interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scriptlet {
    /// Interpreter and its arguments; empty means `/bin/sh`.
    pub program: Vec<String>,
    /// The script; `None` when the program is all there is to run.
    pub body: Option<Vec<u8>>,
    /// `RPMSCRIPT_FLAG_*` bits.
    pub flags: u32,
}

/// Triggers on packages: conditions that name scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageTriggers {
    /// In the order of the header.
    pub conditions: Vec<TriggerCondition>,
    /// By index.
    pub scripts: Vec<Scriptlet>,
}

/// One line of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerCondition {
    /// The package that fires it, in a range of versions.
    pub capability: Capability,
    /// `RPMSENSE_TRIGGER*` bits.
    pub flags: u32,
    /// Which of the scripts.
    pub script: usize,
}

/// Which package a scriptlet or trigger belongs to.
#[derive(Clone, Copy, Debug)]
pub struct ScriptletOwner<'a> {
    /// The package.
    pub nevra: &'a Nevra,
    /// Its main header, from the package file or from the rpm database.
    pub header: &'a Header,
}

/// A trigger on paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTrigger {
    /// Plain string prefixes of paths, in the order of the header.
    pub prefixes: Vec<String>,
    /// `RPMSENSE_TRIGGER*` bits of the first prefix.
    pub flags: u32,
    /// Higher runs earlier; 1000000 unless stated.
    pub priority: u32,
    /// What runs.
    pub script: Scriptlet,
}

/// Lines in the format of sysusers.d, from one file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSource {
    /// The file that the lines were found in; `None` for hand-written provides.
    pub file: Option<PathBuf>,
    /// In the order of the provides.
    pub lines: Vec<String>,
}
