//! `lazuli root remove DIR PACKAGE…`

use solver::Request;

use super::changing;
use crate::cli::{Global, RootRemove};
use crate::failure::Failure;
use crate::pipeline::existing::{self, Root};

/// Erases packages and what needs them.
pub fn run(global: &Global, options: &RootRemove) -> Result<(), Failure> {
    let root = Root::open(&options.root)?;
    let request = Request {
        erase: changing::wants(&options.packages)?,
        clean: !options.keep_unneeded,
        user_installed: root.user_installed(),
        ..existing::request(&options.change)
    };
    changing::run(global, &options.change, &root, &options.packages, &request, 0)
}
