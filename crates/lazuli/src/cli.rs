//! The command line's shape: one structure a command; what the words mean is in `commands`.

mod component;
mod dev;
mod deviation;
mod release;
mod spec;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::release::*;
pub use component::*;
pub use dev::*;
pub use deviation::*;
pub use spec::*;

use crate::output::Format;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the work failed
  2  the command line is wrong
  3  the definition or the lock is wrong
  4  packages cannot be had together, or a repository is not closed
  5  a signature or checksum does not hold
  6  an upstream cannot be reached
  7  an image is over its budget
  8  a machine did not boot, or not well";

/// Derives, builds, ships and operates a cloud Linux from a definition.
#[derive(Debug, Parser)]
#[command(name = "lazuli", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Where to look for the definition: this folder, then each one above it
    #[arg(short = 'C', long = "directory", value_name = "DIR", default_value = ".", global = true)]
    pub directory: PathBuf,
    /// Downloads and converted packages [default: $XDG_CACHE_HOME/lazuli or ~/.cache/lazuli]
    #[arg(long, value_name = "DIR", env = "LAZULI_CACHE", global = true)]
    pub cache_dir: Option<PathBuf>,
    /// Print data as text or as JSON
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
    /// No progress, only results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Use what is in the cache, never the network
    #[arg(long, global = true)]
    pub offline: bool,
    /// Make everything anew: take nothing but packages from earlier runs
    #[arg(long, global = true)]
    pub fresh: bool,
    /// Take this upstream instead of the first that answers
    #[arg(long, value_name = "NAME", global = true)]
    pub upstream: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import, build the server, boot it and show its login
    #[command(after_help = "Example:\n  lazuli quickstart")]
    Quickstart(Quickstart),
    /// Build, boot and list images
    #[command(subcommand)]
    Image(Image),
    /// What the distribution is derived from
    #[command(subcommand)]
    Upstream(Upstream),
    /// Repositories of RPM packages
    #[command(subcommand)]
    Repo(Repo),
    /// Install, upgrade and remove packages in a root that exists
    #[command(subcommand)]
    Root(Root),
    /// Source packages: what is changed in them, and what comes of it
    #[command(subcommand)]
    Component(Component),
    /// What spec files say, read natively
    #[command(subcommand)]
    Spec(Spec),
    /// The packages that every image is pinned to
    #[command(subcommand)]
    Lock(Lock),
    /// Publish images: channels, waves and the keys that machines trust
    #[command(subcommand)]
    Release(Release),
    /// Find the packages that a request needs and print their NEVRAs
    #[command(after_help = "Example:\n  lazuli solve openssh-server --no-weak --repo ./repo")]
    Solve(Solve),
    /// Tell why a package is in an image
    #[command(after_help = "Example:\n  lazuli why libgcrypt20 --image server")]
    Why(Why),
    /// How components differ from their upstreams, and what a newer upstream does to it
    #[command(subcommand)]
    Deviation(Deviation),
    /// Check the definition, print its schema
    #[command(subcommand)]
    Config(Config),
    /// For those who work on this program
    #[command(subcommand, hide = true)]
    Dev(Dev),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  lazuli completions bash > /etc/bash_completion.d/lazuli")]
    Completions(Completions),
    /// Write the manual pages
    #[command(after_help = "Example:\n  lazuli manual --output /usr/local/share/man/man1")]
    Manual(Manual),
}

/// `lazuli quickstart`
#[derive(Debug, Args)]
pub struct Quickstart {
    /// The image to build and boot
    #[arg(long, default_value = "server")]
    pub image: String,
    /// Build it, do not boot it
    #[arg(long)]
    pub no_boot: bool,
    /// Give up on the boot after so many seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub boot_timeout: u64,
}

/// `lazuli image …`
#[derive(Debug, Subcommand)]
pub enum Image {
    /// Build an image from its locked packages
    #[command(after_help = "Example:\n  lazuli image build server --plan\n  lazuli image build server")]
    Build(ImageBuild),
    /// Boot a built image in a virtual machine
    #[command(
        after_help = "Example:\n  lazuli image boot server --ssh-key ~/.ssh/id_ed25519.pub\n  ssh -p 2222 root@localhost"
    )]
    Boot(ImageBoot),
    /// List the images that the definition has
    #[command(after_help = "Example:\n  lazuli image list --format json")]
    List,
}

/// `lazuli image build`
#[derive(Debug, Args)]
pub struct ImageBuild {
    /// The image
    pub name: String,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub plan: bool,
    /// Put the results here [default: the project's output folder, in a folder named after the image]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// What the image says of itself beside its packages, and who signs it.
    #[command(flatten)]
    pub release: ImageRelease,
}

/// What is said of an image when it is built to be released.
#[derive(Debug, Default, Args)]
pub struct ImageRelease {
    /// The image's version [default: IMAGE_VERSION of its os-release, else VERSION_ID]
    #[arg(long, value_name = "VERSION")]
    pub image_version: Option<String>,
    /// The root of trust (TUF root.json) by which the image proves its updates
    #[arg(long, value_name = "FILE")]
    pub release_root: Option<PathBuf>,
    /// Sign boot loader and kernel image for Secure Boot with this RSA key: a PEM file that its owner alone can read, or the URI of a key in a token (`pkcs11:…`)
    #[arg(long, value_name = "FILE|URI", requires = "secure_boot_certificate")]
    pub secure_boot_key: Option<PathBuf>,
    /// The key's certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "secure_boot_key")]
    pub secure_boot_certificate: Option<PathBuf>,
    /// Sign the root hash of a sealed root with this RSA key, given likewise [default: the key for Secure Boot]
    #[arg(long, value_name = "FILE|URI", requires = "root_hash_certificate")]
    pub root_hash_key: Option<PathBuf>,
    /// The key's certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "root_hash_key")]
    pub root_hash_certificate: Option<PathBuf>,
}

/// `lazuli image boot`
#[derive(Debug, Args)]
pub struct ImageBoot {
    /// The image
    pub name: String,
    /// The disk file to boot instead of the image's own
    #[arg(long, value_name = "FILE")]
    pub disk: Option<PathBuf>,
    /// Let this public key log in as root
    #[arg(long, value_name = "FILE")]
    pub ssh_key: Option<PathBuf>,
    /// Forward this port of the host to the guest's port 22
    #[arg(long, value_name = "PORT", default_value_t = 2222)]
    pub ssh_port: u16,
    /// Keep what the guest writes to its disk (else it is dropped when the machine stops)
    #[arg(long)]
    pub keep_changes: bool,
}

/// `lazuli upstream …`
#[derive(Debug, Subcommand)]
pub enum Upstream {
    /// Fetch the packages of every image from the upstream; a Debian suite is converted to RPMs
    #[command(
        after_help = "Example:\n  lazuli upstream import\n  lazuli upstream import --metadata-only --output ./suite"
    )]
    Import(UpstreamImport),
    /// List the upstreams in the order in which they are tried
    #[command(after_help = "Example:\n  lazuli upstream list")]
    List,
}

/// `lazuli upstream import`
#[derive(Debug, Args)]
pub struct UpstreamImport {
    /// The folder for packages and metadata [default: the project's output folder, in repos/REPOSITORY or
    /// metadata/REPOSITORY]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Describe every package of a Debian suite by its index alone, to solve with; fetch none
    #[arg(long)]
    pub metadata_only: bool,
}

/// `lazuli repo …`
#[derive(Debug, Subcommand)]
pub enum Repo {
    /// Write rpm-md metadata for a folder of RPMs
    #[command(after_help = "Example:\n  lazuli repo create ./rpms")]
    Create(RepoCreate),
    /// Check that every requirement in the repositories is provided
    #[command(after_help = "Example:\n  lazuli repo check ./rpms")]
    Check(RepoCheck),
}

/// `lazuli repo create`
#[derive(Debug, Args)]
pub struct RepoCreate {
    /// The folder of RPMs; repodata/ is written into it
    pub folder: PathBuf,
    /// Time stamp of the metadata in seconds since 1970 [default: the newest build time of the packages]
    #[arg(long, value_name = "SECONDS")]
    pub revision: Option<u64>,
    /// Read every package, also those that look as they did when the metadata was last written
    #[arg(long)]
    pub reread: bool,
}

/// `lazuli repo check`
#[derive(Debug, Args)]
pub struct RepoCheck {
    /// Folders or addresses of repositories
    #[arg(required = true)]
    pub repositories: Vec<String>,
}

/// `lazuli root …`
#[derive(Debug, Subcommand)]
pub enum Root {
    /// Install packages and what they need into a root that exists
    #[command(after_help = "Example:\n  lazuli root install ./tree openssh-server --repo main=./repo --plan")]
    Install(RootInstall),
    /// Bring installed packages up to date: all, or the named ones
    #[command(after_help = "Example:\n  lazuli root upgrade ./tree --repo main=./repo")]
    Upgrade(RootUpgrade),
    /// Remove packages, what needs them, and what nothing needs any more
    #[command(after_help = "Example:\n  lazuli root remove ./tree openssh-server --plan")]
    Remove(RootRemove),
    /// List what is installed, why, and from which repository
    #[command(after_help = "Example:\n  lazuli root list ./tree --format json")]
    List(RootList),
}

/// What every change of a root takes.
#[derive(Debug, Args)]
pub struct RootChange {
    /// Folders or addresses of repositories, each with an id to remember it by
    #[arg(long = "repo", value_name = "ID=DIR|URL")]
    pub repositories: Vec<String>,
    /// OpenPGP keys: what a repository with an address has must be signed by one of them. Plain HTTP needs one
    #[arg(long = "key", value_name = "FILE")]
    pub keys: Vec<PathBuf>,
    /// Without recommended packages
    #[arg(long)]
    pub no_weak: bool,
    /// Never take this package (name or glob)
    #[arg(long = "exclude", value_name = "PACKAGE")]
    pub exclude: Vec<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub plan: bool,
}

/// `lazuli root install`
#[derive(Debug, Args)]
pub struct RootInstall {
    /// The root
    #[arg(value_name = "DIR")]
    pub root: PathBuf,
    /// Names, NEVRAs, globs, capabilities or file paths
    #[arg(required = true, value_name = "PACKAGE")]
    pub packages: Vec<String>,
    /// Of a package that lives beside others of its name, as kernels do, keep so many versions; 0 keeps all
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub side_by_side: usize,
    /// From where, and whether to do it.
    #[command(flatten)]
    pub change: RootChange,
}

/// `lazuli root upgrade`
#[derive(Debug, Args)]
pub struct RootUpgrade {
    /// The root
    #[arg(value_name = "DIR")]
    pub root: PathBuf,
    /// Only these installed packages
    #[arg(value_name = "PACKAGE")]
    pub packages: Vec<String>,
    /// Take exactly the versions that the repositories have, be they older
    #[arg(long, conflicts_with = "packages")]
    pub synchronize: bool,
    /// Of a package that lives beside others of its name, as kernels do, keep so many versions; 0 keeps all
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub side_by_side: usize,
    /// From where, and whether to do it.
    #[command(flatten)]
    pub change: RootChange,
}

/// `lazuli root remove`
#[derive(Debug, Args)]
pub struct RootRemove {
    /// The root
    #[arg(value_name = "DIR")]
    pub root: PathBuf,
    /// Names, NEVRAs, globs or capabilities
    #[arg(required = true, value_name = "PACKAGE")]
    pub packages: Vec<String>,
    /// Leave what nothing needs any more
    #[arg(long)]
    pub keep_unneeded: bool,
    /// From where, and whether to do it.
    #[command(flatten)]
    pub change: RootChange,
}

/// `lazuli root list`
#[derive(Debug, Args)]
pub struct RootList {
    /// The root
    #[arg(value_name = "DIR")]
    pub root: PathBuf,
}

/// `lazuli lock …`
#[derive(Debug, Subcommand)]
pub enum Lock {
    /// Solve every image anew against the upstream, and print what changed
    #[command(after_help = "Example:\n  lazuli lock update --dry-run")]
    Update(LockUpdate),
}

/// `lazuli lock update`
#[derive(Debug, Args)]
pub struct LockUpdate {
    /// Print the changes, do not write the lock
    #[arg(long)]
    pub dry_run: bool,
}

/// `lazuli solve`
#[derive(Debug, Args)]
pub struct Solve {
    /// Names, NEVRAs, globs, capabilities or file paths
    #[arg(required_unless_present = "testcase", value_name = "PACKAGE")]
    pub packages: Vec<String>,
    /// Folders or addresses of repositories [default: those of the upstream]
    #[arg(long = "repo", value_name = "DIR|URL")]
    pub repositories: Vec<String>,
    /// Answer a testcase of libsolv instead, as `dnf --debugsolver` writes it, and compare with the result it states
    #[arg(long, value_name = "FILE", conflicts_with_all = ["packages", "repositories", "no_weak", "exclude"])]
    pub testcase: Option<PathBuf>,
    /// Without recommended packages
    #[arg(long)]
    pub no_weak: bool,
    /// Never take this package (name or glob)
    #[arg(long = "exclude", value_name = "PACKAGE")]
    pub exclude: Vec<String>,
}

/// `lazuli why`
#[derive(Debug, Args)]
pub struct Why {
    /// The package
    pub package: String,
    /// Only in this image
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,
}

/// `lazuli config …`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Read the whole definition and report every problem
    #[command(after_help = "Example:\n  lazuli config check -C distro")]
    Check,
    /// Find what a definition allows and hardly means
    #[command(after_help = CONFIG_LINT_HELP)]
    Lint(ConfigLint),
    /// Print the JSON Schema of the definition's files
    #[command(after_help = "Example:\n  lazuli config schema > lazuli.schema.json")]
    Schema(ConfigSchema),
}

const CONFIG_LINT_HELP: &str = "Kinds of warnings:
  never-matches        a pattern that no text can match
  no-effect            something stated that changes nothing
  shadowed             something stated that another file or table overrides
  selects-nothing      a group or pattern that selects nothing
  no-description       a change that does not say why it is made
  no-upstream-status   a change of which nobody said how far it is on its way upstream
  literal-replacement  a replacement that looks as if it referred to a group of its pattern
  addition             something that azldev would refuse, in a definition that has its name
  deprecated           an old name
  incomplete           something that work on the sources will need

Example:
  lazuli config lint --deny never-matches --deny no-effect";

/// `lazuli config lint`
#[derive(Debug, Args)]
pub struct ConfigLint {
    /// Leave with exit code 3 when there is a warning of this kind; `all` names every kind
    #[arg(long, value_name = "KIND")]
    pub deny: Vec<String>,
    /// Say nothing of this kind
    #[arg(long, value_name = "KIND")]
    pub allow: Vec<String>,
}

/// `lazuli config schema`
#[derive(Debug, Args)]
pub struct ConfigSchema {
    /// Which file's schema
    #[arg(value_enum, default_value_t)]
    pub of: SchemaOf,
}

/// The files that have a schema.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub enum SchemaOf {
    /// lazuli.toml and what it includes
    #[default]
    Project,
    /// image.toml
    Image,
    /// The files that `overlay-files` names
    OverlayFile,
}

/// `lazuli completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `lazuli manual`
#[derive(Debug, Args)]
pub struct Manual {
    /// The folder to write the manual pages to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    /// Print the command reference as Markdown instead
    #[arg(long)]
    pub markdown: bool,
}
