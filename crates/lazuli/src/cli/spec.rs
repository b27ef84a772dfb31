//! `lazuli spec …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `lazuli spec …`
#[derive(Debug, Subcommand)]
pub enum Spec {
    /// List the packages, dependencies and sources of specs, without a build root
    #[command(after_help = "Example:\n  lazuli spec query bash.spec --macros ./build-root/usr/lib/rpm\n  \
                      lazuli spec query specs/b/bash/bash.spec --define 'dist .azl4' --format json")]
    Query(SpecQuery),
    /// Print a spec with its macros expanded and only the branches that count
    #[command(after_help = "Example:\n  lazuli spec expand bash.spec --macros ./build-root/usr/lib/rpm")]
    Expand(SpecExpand),
}

/// `lazuli spec query`
#[derive(Debug, Args)]
pub struct SpecQuery {
    /// The spec files; what they load or include is looked for beside them
    #[arg(value_name = "SPEC", required = true)]
    pub specs: Vec<PathBuf>,
    /// What macros mean.
    #[command(flatten)]
    pub macros: SpecMacroOptions,
}

/// `lazuli spec expand`
#[derive(Debug, Args)]
pub struct SpecExpand {
    /// The spec file; what it loads or includes is looked for beside it
    #[arg(value_name = "SPEC")]
    pub spec: PathBuf,
    /// What macros mean.
    #[command(flatten)]
    pub macros: SpecMacroOptions,
}

/// What macros in specs mean.
#[derive(Debug, Args)]
pub struct SpecMacroOptions {
    /// A macro file, or a copy of a build root's /usr/lib/rpm; again for more, the last counts most
    #[arg(long = "macros", value_name = "FILE|DIR")]
    pub macros: Vec<PathBuf>,
    /// Define a macro, over those of files
    #[arg(long = "define", value_name = "NAME BODY")]
    pub definitions: Vec<String>,
    /// What is built for
    #[arg(long, value_name = "ARCH", default_value = "x86_64")]
    pub arch: String,
}
