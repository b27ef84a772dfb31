//! `lazuli upstream import`

use host_tools::Progress as _;
use repository::write::WriteOptions;
use serde::Serialize;

use crate::cli::{Global, UpstreamImport};
use crate::failure::{Context as _, Failure};
use crate::output;
use crate::pipeline::{offer, upstream};
use crate::session::Session;

#[derive(Serialize)]
struct Imported {
    upstream: String,
    repositories: Vec<ImportedRepository>,
}

#[derive(Serialize)]
struct ImportedRepository {
    id: String,
    packages: usize,
    folder: Option<String>,
}

/// Fetches and converts the packages of every image, and writes the metadata of what was converted.
pub fn run(global: &Global, options: &UpstreamImport) -> Result<(), Failure> {
    let session = Session::open(global)?;
    let upstream = upstream::answering(&session, global)?;
    let folder = match &options.output {
        Some(folder) => std::path::absolute(folder).context(|| format!("{} is no path", folder.display()))?,
        None => session.distro.project.output_dir.join("repos"),
    };
    let mut repositories = Vec::new();
    for offer in offer::of(&session, upstream, &folder)? {
        if let Some(folder) = &offer.folder {
            session.bars.begin("metadata", None);
            repository::write::write(folder, &offer.records, &WriteOptions::default())
                .context(|| format!("the metadata of {} was not written", folder.display()))?;
            session.bars.finish(&format!("{} packages described", offer.records.len()));
        }
        repositories.push(ImportedRepository {
            id: offer.id,
            packages: offer.records.len(),
            folder: offer.folder.map(|folder| folder.display().to_string()),
        });
    }
    let imported = Imported { upstream: upstream.id(), repositories };
    output::print(global.format, &imported, |imported| {
        let line = |repository: &ImportedRepository| {
            let place = repository.folder.as_deref().unwrap_or("fetched when needed");
            format!("{}: {} packages, {place}\n", repository.id, repository.packages)
        };
        imported.repositories.iter().map(line).collect()
    })
}
