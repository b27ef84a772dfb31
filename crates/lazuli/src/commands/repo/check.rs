//! `lazuli repo check`

use repository::check::{Unresolved, closure};
use serde::Serialize;

use crate::cli::{Global, RepoCheck};
use crate::failure::{ExitCode, Failure};
use crate::output;
use crate::pipeline::named;

#[derive(Serialize)]
struct Checked {
    packages: usize,
    unresolved: Vec<Missing>,
}

#[derive(Serialize)]
struct Missing {
    repository: String,
    package: String,
    requirement: String,
    nearest: Option<String>,
}

/// Checks that every requirement is provided.
pub fn run(global: &Global, options: &RepoCheck) -> Result<(), Failure> {
    let repositories = named::open(global, &options.repositories, &[], None)?;
    let packages = repositories
        .iter()
        .flat_map(|repository| repository.records.iter().map(|record| (repository.id.as_str(), record)));
    let checked = Checked {
        packages: packages.clone().count(),
        unresolved: closure(packages).into_iter().map(missing).collect(),
    };
    output::print(global.format, &checked, render)?;
    if checked.unresolved.is_empty() {
        return Ok(());
    }
    Err(Failure::new("the repositories are not closed").code(ExitCode::Unsatisfiable))
}

fn missing(unresolved: Unresolved) -> Missing {
    let nearest =
        unresolved.nearest.map(|nearest| format!("{} provides {}", nearest.package, nearest.provides));
    Missing {
        repository: unresolved.repository,
        package: unresolved.package.to_string(),
        requirement: unresolved.requirement,
        nearest,
    }
}

fn render(checked: &Checked) -> String {
    let line = |missing: &Missing| {
        let nearest = missing.nearest.as_ref().map(|nearest| format!(" (nearest: {nearest})"));
        format!("{} requires {}{}\n", missing.package, missing.requirement, nearest.unwrap_or_default())
    };
    let mut text: String = checked.unresolved.iter().map(line).collect();
    text.push_str(&format!(
        "{} packages, {} unresolved requirements\n",
        checked.packages,
        checked.unresolved.len()
    ));
    text
}
