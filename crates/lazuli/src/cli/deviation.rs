//! `lazuli deviation …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ComponentSelection, ComponentUpstream};

/// `lazuli deviation …`
#[derive(Debug, Subcommand)]
pub enum Deviation {
    /// List what differs from upstream: what, why, how far on its way there, since when, how many lines
    #[command(
        after_help = "Example:\n  lazuli deviation report\n  lazuli deviation report --since v4.0 --html deviations.html"
    )]
    Report(DeviationReport),
    /// Tell what a newer upstream does to overlays and pins; fails if an overlay does not apply to it
    #[command(after_help = "Example:\n  lazuli deviation check --snapshot 2026-06-01T00:00:00Z\n  \
                      lazuli deviation check --snapshot ~/dist-git-new bash")]
    Check(DeviationCheck),
    /// Write the overlays of a component as patches against its dist-git repository, for `git am`
    #[command(after_help = "Example:\n  lazuli deviation export bash -o ./bash-patches")]
    Export(DeviationExport),
}

/// `lazuli deviation report`
#[derive(Debug, Args)]
pub struct DeviationReport {
    /// Which components.
    #[command(flatten)]
    pub selection: ComponentSelection,
    /// Tell what came and went since this revision of the project's git repository
    #[arg(long, value_name = "REVISION")]
    pub since: Option<String>,
    /// Write a page that needs nothing else, besides
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Every deviation instead of one line a component
    #[arg(long)]
    pub all: bool,
}

/// `lazuli deviation check`
#[derive(Debug, Args)]
pub struct DeviationCheck {
    /// The newer upstream: the dist-git at a moment (RFC 3339), or a folder with one folder a component
    #[arg(long, value_name = "DATE|DIR")]
    pub snapshot: String,
    /// Tell overlays that stay as they are, too
    #[arg(long)]
    pub include_unchanged: bool,
    /// Which components.
    #[command(flatten)]
    pub selection: ComponentSelection,
    /// From where.
    #[command(flatten)]
    pub upstream: ComponentUpstream,
}

/// `lazuli deviation export`
#[derive(Debug, Args)]
pub struct DeviationExport {
    /// The component
    pub name: String,
    /// The folder for the patches [default: NAME-patches]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// From where.
    #[command(flatten)]
    pub upstream: ComponentUpstream,
}
