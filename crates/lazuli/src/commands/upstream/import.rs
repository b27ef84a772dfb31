//! `lazuli upstream import`

use std::path::Path;

use definition::{Repository, Upstream};
use host_tools::Progress as _;
use repository::write::WriteOptions;
use rpm_model::PackageRecord;
use serde::Serialize;

use crate::cli::{Global, UpstreamImport};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;
use crate::pipeline::offer::Offered;
use crate::pipeline::{debian, offer, upstream};
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
    let default = if options.metadata_only { "metadata" } else { "repos" };
    let folder = match &options.output {
        Some(folder) => std::path::absolute(folder).context(|| format!("{} is no path", folder.display()))?,
        None => session.distro.project.output_dir.join(default),
    };
    let repositories = if options.metadata_only {
        describe(&session, upstream, &folder)?
    } else {
        import(&session, upstream, &folder)?
    };
    let imported = Imported { upstream: upstream.id(), repositories };
    output::print(global.format, &imported, |imported| {
        let line = |repository: &ImportedRepository| {
            let place = repository.folder.as_deref().unwrap_or("fetched when needed");
            format!("{}: {} packages, {place}\n", repository.id, repository.packages)
        };
        imported.repositories.iter().map(line).collect()
    })
}

fn import(session: &Session, upstream: &Upstream, folder: &Path) -> Result<Vec<ImportedRepository>, Failure> {
    let mut repositories = Vec::new();
    for offer in offer::of(session, upstream, folder)? {
        let packages = match (&offer.packages, &offer.folder) {
            (Offered::Scanned(records), Some(folder)) => {
                write(session, folder, records, &WriteOptions::default())?;
                records.len()
            }
            (Offered::Scanned(records), None) => records.len(),
            (Offered::Indexed(packages), _) => packages.count(),
        };
        repositories.push(ImportedRepository {
            id: offer.id,
            packages,
            folder: offer.folder.map(|folder| folder.display().to_string()),
        });
    }
    Ok(repositories)
}

/// Whole suites by their index; RPM repositories have their metadata already.
fn describe(
    session: &Session,
    upstream: &Upstream,
    folder: &Path,
) -> Result<Vec<ImportedRepository>, Failure> {
    let mut repositories = Vec::new();
    for repository in &upstream.repositories {
        let Repository::Deb(suite) = repository else { continue };
        let folder = folder.join(&suite.name.value);
        let described = debian::describe(session, suite)?;
        let options = WriteOptions { revision: Some(described.date), ..WriteOptions::default() };
        write(session, &folder, &described.records, &options)?;
        repositories.push(ImportedRepository {
            id: suite.name.value.clone(),
            packages: described.records.len(),
            folder: Some(folder.display().to_string()),
        });
    }
    if repositories.is_empty() {
        return Err(Failure::new(format!("upstream {} has no Debian suite", upstream.id()))
            .code(ExitCode::Usage)
            .hint("RPM repositories have their metadata already: `lazuli solve --repo URL` reads it"));
    }
    Ok(repositories)
}

fn write(
    session: &Session,
    folder: &Path,
    records: &[PackageRecord],
    options: &WriteOptions,
) -> Result<(), Failure> {
    session.bars.begin("metadata", None);
    repository::write::write(folder, records, options)
        .context(|| format!("the metadata of {} was not written", folder.display()))?;
    session.bars.finish(&format!("{} packages described", records.len()));
    Ok(())
}
