//! `lazuli release …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use release::waves::Waves;
use release::{Architecture, ChannelName, ImageName, Version};

/// `lazuli release …`
#[derive(Debug, Subcommand)]
pub enum Release {
    /// Begin a release repository: say which keys sign for what
    #[command(
        after_help = "Example:\n  lazuli release init ./releases --root-key root.pem --targets-key targets.pem --online-key online.pem"
    )]
    Init(ReleaseInit),
    /// Publish a version of an image, so that channels can offer it
    #[command(
        after_help = "Example:\n  lazuli release add ./releases out/container-host/container-host_1.payload --key targets.pem --key online.pem"
    )]
    Add(ReleaseAdd),
    /// Offer a published version in a channel
    #[command(
        after_help = "Example:\n  lazuli release promote ./releases container-host 1 --channel stable --waves '1%@2h 10%@1d 100%@3d' --key targets.pem --key online.pem"
    )]
    Promote(ReleasePromote),
    /// Take a version back from a channel: no further machine takes it
    #[command(
        after_help = "Example:\n  lazuli release withdraw ./releases container-host 1 --channel stable --reason 'does not boot on some machines' --key targets.pem --key online.pem"
    )]
    Withdraw(ReleaseWithdraw),
    /// Add signatures to what waits for them, and publish it when every role has enough
    #[command(after_help = "Example:\n  lazuli release sign ./releases --key targets.pem --key online.pem")]
    Sign(ReleaseSign),
    /// Make metadata hold for another lifetime; the timestamp needs it every few days
    #[command(after_help = "Example:\n  lazuli release renew ./releases --role timestamp --key online.pem")]
    Renew(ReleaseRenew),
    /// Make keys, and say which of them sign
    #[command(subcommand)]
    Key(ReleaseKey),
    /// Check everything that is published as a machine would
    #[command(after_help = "Example:\n  lazuli release verify ./releases --root root.json")]
    Verify(ReleaseVerify),
    /// Tell what is published, what waits for signatures, and what expires when
    #[command(after_help = "Example:\n  lazuli release status ./releases")]
    Status(ReleaseStatus),
}

/// With which time in place of the machine's.
#[derive(Debug, Args)]
pub struct ReleaseTime {
    /// Do it as if at this time (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
}

/// When a change is made, and whether it is.
#[derive(Debug, Args)]
pub struct ReleaseMoment {
    /// When.
    #[command(flatten)]
    pub time: ReleaseTime,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub plan: bool,
}

/// With which keys and when; what every change takes.
#[derive(Debug, Args)]
pub struct ReleaseSigning {
    /// Sign with this key: a PEM file that its owner alone can read, or the URI of a key in a token (`pkcs11:…`)
    #[arg(long = "key", value_name = "FILE|URI")]
    pub keys: Vec<String>,
    /// When, and whether.
    #[command(flatten)]
    pub moment: ReleaseMoment,
}

/// `lazuli release init`
#[derive(Debug, Args)]
pub struct ReleaseInit {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// A key of the root role, which names all other keys: best kept offline. A public key signs later, on another machine
    #[arg(long = "root-key", value_name = "FILE|URI", required = true)]
    pub root_keys: Vec<String>,
    /// How many of the root keys must sign
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub root_threshold: u64,
    /// A key of the targets role, which says what is published
    #[arg(long = "targets-key", value_name = "FILE|URI", required = true)]
    pub targets_keys: Vec<String>,
    /// How many of the targets keys must sign
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub targets_threshold: u64,
    /// A key of the snapshot and timestamp roles, which say what is the newest: a program may have it
    #[arg(long = "online-key", value_name = "FILE|URI", required = true)]
    pub online_keys: Vec<String>,
    /// How long a role's metadata holds, as in `timestamp=2d` [default: root=365d targets=180d snapshot=30d timestamp=7d]
    #[arg(long = "lifetime", value_name = "ROLE=TIME")]
    pub lifetimes: Vec<String>,
    /// When, and whether.
    #[command(flatten)]
    pub moment: ReleaseMoment,
}

/// `lazuli release add`
#[derive(Debug, Args)]
pub struct ReleaseAdd {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// The payload folder that `lazuli image build` left
    #[arg(value_name = "PAYLOAD")]
    pub payload: PathBuf,
    /// Make the patch for machines that run this version [default: the newest published before it]
    #[arg(long, value_name = "VERSION")]
    pub patch_from: Option<Version>,
    /// Publish root file system, hash tree and kernel as they are, too, for clients that do not know packs
    #[arg(long)]
    pub whole_files: bool,
    /// How hard to compress, from 1 (fast) to 22 (small)
    #[arg(long, value_name = "NUMBER", default_value_t = 19, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub level: i32,
    /// With which keys and when.
    #[command(flatten)]
    pub signing: ReleaseSigning,
}

/// A channel of an image.
#[derive(Debug, Args)]
pub struct ReleaseChannel {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// The image
    pub image: ImageName,
    /// The version
    #[arg(value_name = "VERSION")]
    pub version: Version,
    /// The channel
    #[arg(long, value_name = "NAME")]
    pub channel: ChannelName,
    /// The processor that the image is for
    #[arg(long, value_name = "NAME", default_value = "x86-64", value_parser = Architecture::parse)]
    pub architecture: Architecture,
}

/// `lazuli release promote`
#[derive(Debug, Args)]
pub struct ReleasePromote {
    /// What, and where.
    #[command(flatten)]
    pub channel: ReleaseChannel,
    /// How it spreads: by when which share of the machines may start, as in `1%@2h 10%@1d 100%@3d`
    #[arg(long, value_name = "STEPS", default_value = "100%@0s")]
    pub waves: Waves,
    /// Every older machine must run this version before a later one, for this reason
    #[arg(long, value_name = "REASON")]
    pub barrier: Option<String>,
    /// The channel may go back to an older version; machines follow that allow it, too
    #[arg(long)]
    pub allow_downgrade: bool,
    /// With which keys and when.
    #[command(flatten)]
    pub signing: ReleaseSigning,
}

/// `lazuli release withdraw`
#[derive(Debug, Args)]
pub struct ReleaseWithdraw {
    /// What, and where.
    #[command(flatten)]
    pub channel: ReleaseChannel,
    /// Why; everyone can read it
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// With which keys and when.
    #[command(flatten)]
    pub signing: ReleaseSigning,
}

/// `lazuli release sign`
#[derive(Debug, Args)]
pub struct ReleaseSign {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// With which keys and when.
    #[command(flatten)]
    pub signing: ReleaseSigning,
}

/// `lazuli release renew`
#[derive(Debug, Args)]
pub struct ReleaseRenew {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// Whose metadata
    #[arg(long = "role", value_enum, value_name = "ROLE", default_value = "timestamp")]
    pub roles: Vec<ReleaseRole>,
    /// With which keys and when.
    #[command(flatten)]
    pub signing: ReleaseSigning,
}

/// The roles of a release repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReleaseRole {
    /// Says which keys sign for which role
    Root,
    /// Says what is published
    Targets,
    /// Says which version of targets holds
    Snapshot,
    /// Says which version of snapshot holds now
    Timestamp,
}

/// `lazuli release key …`
#[derive(Debug, Subcommand)]
pub enum ReleaseKey {
    /// Make a new key
    #[command(after_help = "Example:\n  lazuli release key new targets.pem")]
    New(ReleaseKeyNew),
    /// Print the id of a key and its public half
    #[command(after_help = "Example:\n  lazuli release key show targets.pem > targets.pub.pem")]
    Show(ReleaseKeyShow),
    /// Let another key sign for a role
    #[command(
        after_help = "Example:\n  lazuli release key add ./releases targets2.pub.pem --role targets --key root.pem --key online.pem"
    )]
    Add(ReleaseKeyAdd),
    /// Let a key no longer sign for a role
    #[command(
        after_help = "Example:\n  lazuli release key remove ./releases 3f2a9c --role targets --key root.pem --key targets2.pem --key online.pem"
    )]
    Remove(ReleaseKeyRemove),
}

/// `lazuli release key new`
#[derive(Debug, Args)]
pub struct ReleaseKeyNew {
    /// The file to write; only its owner can read it
    pub file: PathBuf,
    /// The algorithm
    #[arg(long, value_enum, default_value_t)]
    pub algorithm: ReleaseKeyAlgorithm,
}

/// The algorithms of new keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReleaseKeyAlgorithm {
    /// Equal metadata has equal signatures
    #[default]
    Ed25519,
    /// What most tokens have
    EcdsaP256,
}

/// `lazuli release key show`
#[derive(Debug, Args)]
pub struct ReleaseKeyShow {
    /// The key: a PEM file, private or public, or the URI of a key in a token (`pkcs11:…`)
    #[arg(value_name = "FILE|URI")]
    pub key: String,
}

/// `lazuli release key add`
#[derive(Debug, Args)]
pub struct ReleaseKeyAdd {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// The key that shall sign; its public half is enough
    #[arg(value_name = "FILE|URI")]
    pub new_key: String,
    /// For which role
    #[arg(long, value_enum, value_name = "ROLE")]
    pub role: ReleaseRole,
    /// How many of the role's keys must sign [default: as many as before]
    #[arg(long, value_name = "NUMBER")]
    pub threshold: Option<u64>,
    /// With which keys and when.
    #[command(flatten)]
    pub signing: ReleaseSigning,
}

/// `lazuli release key remove`
#[derive(Debug, Args)]
pub struct ReleaseKeyRemove {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// The id of the key, or how it begins
    #[arg(value_name = "ID")]
    pub id: String,
    /// For which role
    #[arg(long, value_enum, value_name = "ROLE")]
    pub role: ReleaseRole,
    /// How many of the role's keys must sign [default: as many as before]
    #[arg(long, value_name = "NUMBER")]
    pub threshold: Option<u64>,
    /// With which keys and when.
    #[command(flatten)]
    pub signing: ReleaseSigning,
}

/// `lazuli release verify`
#[derive(Debug, Args)]
pub struct ReleaseVerify {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// The root that machines trust [default: the repository's first]
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// Take every pack apart, too, and prove the version in it by its root hash
    #[arg(long)]
    pub deep: bool,
    /// When.
    #[command(flatten)]
    pub time: ReleaseTime,
}

/// `lazuli release status`
#[derive(Debug, Args)]
pub struct ReleaseStatus {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub repository: PathBuf,
    /// When.
    #[command(flatten)]
    pub time: ReleaseTime,
}
