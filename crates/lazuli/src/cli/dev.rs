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
