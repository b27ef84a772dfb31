//! The shape of commands for those who work on this program.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `lazuli dev …`
#[derive(Debug, Subcommand)]
pub enum Dev {
    /// Check this program against a real definition and the specs that azldev rendered from it
    #[command(
        after_help = "Example:\n  git clone --branch tomls/base/main https://example.com/azurelinux\n  lazuli dev azldev-corpus azurelinux"
    )]
    AzldevCorpus(AzldevCorpus),
    /// Tell what an update from one version of an image to another costs: bytes that a machine fetches
    ///
    /// Packs the new version with and without knowing the old one, makes the patch between them, takes all of it apart again and
    /// compares every byte.
    #[command(
        after_help = "Example:\n  lazuli dev update-bytes out/container-host_1.payload out/container-host_2.payload"
    )]
    UpdateBytes(UpdateBytes),
}

/// `lazuli dev update-bytes OLD NEW`
#[derive(Debug, Args)]
pub struct UpdateBytes {
    /// The payload folder of the version that machines have
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The payload folder of the version that they are to get
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// How hard to compress, from 1 (fast) to 22 (small)
    #[arg(long, value_name = "NUMBER", default_value_t = release_repository::blocks::LEVEL, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub level: i32,
}

/// `lazuli dev azldev-corpus DIR`
#[derive(Debug, Args)]
pub struct AzldevCorpus {
    /// The checkout: a definition with its rendered specs
    #[arg(value_name = "DIR")]
    pub project: PathBuf,
    /// Git repository with the history of the checkout, if it lies elsewhere; where neither is one, nothing is looked up in a history
    #[arg(long, value_name = "DIR")]
    pub history: Option<PathBuf>,
    /// Where in that repository to begin
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    pub revision: String,
    /// A component that is known to come out otherwise; it is shown, and is a failure only if it does come out as it lies there
    #[arg(long = "differs", value_name = "COMPONENT")]
    pub differing: Vec<String>,
    /// Write every source that is known into a folder of its component's name below this one: a mirror to render from
    #[arg(long, value_name = "DIR")]
    pub write_sources: Option<PathBuf>,
}
