//! `lazuli root install DIR PACKAGE…`

use solver::Request;

use super::changing;
use crate::cli::{Global, RootInstall};
use crate::failure::Failure;
use crate::pipeline::existing::{self, Root};

/// Installs into a root that exists.
pub fn run(global: &Global, options: &RootInstall) -> Result<(), Failure> {
    existing::needs_repository(&options.change)?;
    let root = Root::open(&options.root)?;
    let install = changing::wants(&options.packages)?;
    let request = Request { install, ..existing::request(&options.change) };
    changing::run(global, &options.change, &root, &options.packages, &request, options.side_by_side)
}
