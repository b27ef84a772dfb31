//! `lazuli component …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `lazuli component …`
#[derive(Debug, Subcommand)]
pub enum Component {
    /// List components as the definition has them
    #[command(after_help = "Example:\n  lazuli component list 'python-*' --format json")]
    List(ComponentList),
    /// Tell what the specs of components describe: packages, what they need to be built, what they provide
    #[command(after_help = "Example:\n  lazuli component query bash --format json")]
    Query(ComponentQuery),
    /// Write the specs of components with every change made, and the files that they name
    #[command(
        after_help = "Example:\n  lazuli component render\n  lazuli component render bash curl --check-only\n  \
                      lazuli component render --clean-stale -o ./specs --dist-git ~/dist-git"
    )]
    Render(ComponentRender),
    /// Show what the changes of components do to their upstream files
    #[command(after_help = "Example:\n  lazuli component diff bash > bash.patch")]
    Diff(ComponentDiff),
    /// Tell which components differ between two revisions of the project's git repository
    #[command(after_help = "Example:\n  lazuli component changed --from main --format json")]
    Changed(ComponentChanged),
    /// Write a folder with everything that a component's build needs: prepared files and archives
    #[command(after_help = "Example:\n  lazuli component prepare-sources bash -o ./bash")]
    PrepareSources(ComponentPrepareSources),
    /// Lock the upstream commits of components, and note what their releases are made of
    #[command(after_help = "Example:\n  lazuli component update\n  lazuli component update --check-only\n  \
                      lazuli component update --bump bash")]
    Update(ComponentUpdate),
}

/// Which components a command is about.
#[derive(Debug, Args)]
pub struct ComponentSelection {
    /// Names or globs of components [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Only components of this group
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}

/// Where the upstream files of components come from, and what macros in their specs mean.
#[derive(Clone, Debug, Args)]
pub struct ComponentUpstream {
    /// Take upstream files from DIR/NAME, folders of files or git repositories, instead of the dist-git of the definition
    #[arg(long, value_name = "DIR")]
    pub dist_git: Option<PathBuf>,
    /// Macro files of the build root, or a copy of its /usr/lib/rpm; later ones count more
    #[arg(long = "macros", value_name = "FILE|DIR")]
    pub macros: Vec<PathBuf>,
}

/// `lazuli component list`
#[derive(Debug, Args)]
pub struct ComponentList {
    /// Which components.
    #[command(flatten)]
    pub selection: ComponentSelection,
}

/// `lazuli component query`
#[derive(Debug, Args)]
pub struct ComponentQuery {
    /// Which components.
    #[command(flatten)]
    pub selection: ComponentSelection,
    /// From where.
    #[command(flatten)]
    pub upstream: ComponentUpstream,
}

/// `lazuli component render`
#[derive(Debug, Args)]
pub struct ComponentRender {
    /// Which components.
    #[command(flatten)]
    pub selection: ComponentSelection,
    /// Write here [default: the folder of rendered specs that the definition names]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write nothing: fail if anything there is not as it would be written
    #[arg(long)]
    pub check_only: bool,
    /// Remove rendered folders of components that are no longer defined
    #[arg(long, conflicts_with_all = ["names", "group"])]
    pub clean_stale: bool,
    /// End well though components could not be rendered; their folders say so
    #[arg(long)]
    pub accept_failures: bool,
    /// From where.
    #[command(flatten)]
    pub upstream: ComponentUpstream,
}

/// `lazuli component diff`
#[derive(Debug, Args)]
pub struct ComponentDiff {
    /// Which components.
    #[command(flatten)]
    pub selection: ComponentSelection,
    /// Only count the lines
    #[arg(long)]
    pub stat: bool,
    /// From where.
    #[command(flatten)]
    pub upstream: ComponentUpstream,
}

/// `lazuli component changed`
#[derive(Debug, Args)]
pub struct ComponentChanged {
    /// The older revision: a branch, tag or commit
    #[arg(long, value_name = "REVISION")]
    pub from: String,
    /// The newer revision
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    pub to: String,
    /// Names or globs of components [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// List unchanged components, too
    #[arg(long)]
    pub include_unchanged: bool,
}

/// `lazuli component prepare-sources`
#[derive(Debug, Args)]
pub struct ComponentPrepareSources {
    /// The component
    pub name: String,
    /// Write this folder, which must not be there yet
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Replace the folder if it is there
    #[arg(long)]
    pub force: bool,
    /// Fetch no archives; overlays on them are left out
    #[arg(long)]
    pub without_archives: bool,
    /// Ask this lookaside cache first; $pkg, $filename, $hashtype and $hash stand for parts of the address
    #[arg(long, value_name = "TEMPLATE")]
    pub lookaside: Vec<String>,
    /// From where.
    #[command(flatten)]
    pub upstream: ComponentUpstream,
}

/// `lazuli component update`
#[derive(Debug, Args)]
pub struct ComponentUpdate {
    /// Which components.
    #[command(flatten)]
    pub selection: ComponentSelection,
    /// Release them once more though nothing else changed; resolves nothing
    #[arg(long, conflicts_with_all = ["check_only", "anew"])]
    pub bump: bool,
    /// Write nothing: fail if any lock is not as it would be written
    #[arg(long)]
    pub check_only: bool,
    /// Resolve every commit anew, though nothing asks for it
    #[arg(long)]
    pub anew: bool,
    /// From where.
    #[command(flatten)]
    pub upstream: ComponentUpstream,
}
