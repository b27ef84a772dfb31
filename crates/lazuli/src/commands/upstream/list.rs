//! `lazuli upstream list`

use serde::Serialize;

use crate::cli::Global;
use crate::failure::Failure;
use crate::{output, session};

#[derive(Serialize)]
struct Listed {
    id: String,
    description: String,
    repositories: Vec<String>,
}

/// Prints the upstreams in the order in which they are tried.
pub fn run(global: &Global) -> Result<(), Failure> {
    let distro = session::load_definition(global)?;
    let upstreams: Vec<Listed> = distro
        .upstreams
        .iter()
        .map(|upstream| Listed {
            id: upstream.id(),
            description: upstream.description.clone(),
            repositories: upstream.repositories.iter().map(|r| r.name().value.clone()).collect(),
        })
        .collect();
    output::print(global.format, &upstreams, |upstreams| {
        upstreams
            .iter()
            .map(|upstream| {
                format!("{}  {}  ({})\n", upstream.id, upstream.description, upstream.repositories.join(", "))
            })
            .collect()
    })
}
