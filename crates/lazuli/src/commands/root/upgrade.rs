//! `lazuli root upgrade DIR [PACKAGE…]`

use solver::{Request, Upgrade};

use super::changing;
use crate::cli::{Global, RootUpgrade};
use crate::failure::Failure;
use crate::pipeline::existing::{self, Root};

/// Brings installed packages up to date.
pub fn run(global: &Global, options: &RootUpgrade) -> Result<(), Failure> {
    existing::needs_repository(&options.change)?;
    let root = Root::open(&options.root)?;
    let upgrade = match (options.synchronize, options.packages.is_empty()) {
        (true, _) => Upgrade::Synchronize,
        (false, true) => Upgrade::All,
        (false, false) => Upgrade::Listed(changing::wants(&options.packages)?),
    };
    let request = Request { upgrade, ..existing::request(&options.change) };
    changing::run(global, &options.change, &root, &options.packages, &request, options.side_by_side)
}
