//! `lazuli root list DIR`

use serde::Serialize;

use super::changing::reason;
use crate::cli::{Global, RootList};
use crate::failure::Failure;
use crate::output;
use crate::pipeline::existing::Root;

#[derive(Serialize)]
struct Listed {
    nevra: String,
    reason: &'static str,
    repository: Option<String>,
}

/// Lists what is installed, with why and from where.
pub fn run(global: &Global, options: &RootList) -> Result<(), Failure> {
    let root = Root::open(&options.root)?;
    let mut listed: Vec<Listed> = root
        .records
        .iter()
        .map(|record| Listed {
            nevra: record.nevra.to_string(),
            reason: reason(root.existing.reason(&record.nevra)),
            repository: root.existing.origin(&record.nevra).map(str::to_owned),
        })
        .collect();
    listed.sort_by(|a, b| a.nevra.cmp(&b.nevra));
    output::print(global.format, &listed, |listed| {
        let line = |package: &Listed| {
            let origin = package.repository.as_deref().unwrap_or("-");
            format!("{} {} {origin}\n", package.nevra, package.reason)
        };
        listed.iter().map(line).collect()
    })
}
