//! A Debian suite as the definition names it, in; a folder of converted packages, out.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use debian_import::apt::{self, Suite};
use debian_import::closure::closure;
use debian_import::convert::ConvertError;
use debian_import::import::{ImportError, ImportProgress, ImportedRepository, Importer, LockedDeb};
use debian_import::metadata;
use debian_import::overrides::Overrides;
use definition::{DebRepository, ValidUntil};
use host_tools::Progress as _;
use rpm_model::PackageRecord;

use super::unfetched;
use super::upstream::mirror;
use crate::failure::{Context as _, ExitCode, Failure};
use crate::session::Session;

/// Imports the closure of `seeds` in the suite's present state.
pub fn import(
    session: &Session,
    repository: &DebRepository,
    seeds: &BTreeSet<String>,
    folder: &Path,
) -> Result<(Suite, ImportedRepository), Failure> {
    let name = &repository.name.value;
    let suite = apt_suite(repository)?;
    session.bars.begin("index", None);
    let index = apt::fetch_suite(&suite, &session.downloader, session.clock.now())
        .map_err(|error| unusable(name, &error))?;
    session.bars.finish(&format!("{} of {}, signature good", index.index.packages().count(), suite.suite));
    let overrides = load_overrides(repository)?;
    let chosen = closure(&index.index, seeds, &overrides, false).map_err(|error| {
        Failure::caused(format!("{name} cannot give the packages of all images"), &error)
            .code(ExitCode::Unsatisfiable)
    })?;
    let imported = with_importer(session, &overrides, |importer, progress| {
        importer.import(&suite.mirror, &index.index, &chosen, folder, progress)
    })?;
    Ok((index, imported))
}

/// A suite's packages as far as its index tells of them, and when it was written.
pub struct Described {
    /// Every package, by name.
    pub records: Vec<PackageRecord>,
    /// Seconds since 1970 UTC.
    pub date: u64,
}

/// Describes every package of the suite without fetching one.
pub fn describe(session: &Session, repository: &DebRepository) -> Result<Described, Failure> {
    let name = &repository.name.value;
    session.bars.begin("index", None);
    let suite = apt::fetch_suite_text(&apt_suite(repository)?, &session.downloader, session.clock.now())
        .map_err(|error| unusable(name, &error))?;
    let records = metadata::records(&suite.packages, &load_overrides(repository)?)
        .context(|| format!("the packages of {name} cannot be described"))?;
    session.bars.finish(&format!("{} of {}, signature good", records.len(), repository.suite));
    Ok(Described { records, date: u64::try_from(suite.date).unwrap_or(0) })
}

fn unusable(name: &str, error: &apt::SuiteError) -> Failure {
    let code = match error {
        apt::SuiteError::Fetch { source, .. } => unfetched::exit_code(source),
        apt::SuiteError::Read { .. } => ExitCode::Failed,
        _ => ExitCode::Verification,
    };
    Failure::caused(format!("the suite behind {name} cannot be used"), error).code(code)
}

/// Imports exactly the packages of a lock.
pub fn import_exactly(
    session: &Session,
    repository: &DebRepository,
    locked: &[LockedDeb],
    folder: &Path,
) -> Result<ImportedRepository, Failure> {
    let mirror = mirror(repository)?;
    let overrides = load_overrides(repository)?;
    with_importer(session, &overrides, |importer, progress| {
        importer.import_exactly(&mirror, locked, folder, progress)
    })
}

fn with_importer(
    session: &Session,
    overrides: &Overrides,
    act: impl FnOnce(
        &Importer<'_>,
        &(dyn Fn(ImportProgress<'_>) + Sync),
    ) -> Result<ImportedRepository, ImportError>,
) -> Result<ImportedRepository, Failure> {
    let importer = Importer {
        downloader: &session.downloader,
        cache: &session.cache_dir.join("converted"),
        overrides,
        jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    session.bars.begin("convert", None);
    let progress = |at: ImportProgress<'_>| match at {
        ImportProgress::Download { .. } => {}
        ImportProgress::Package { name, .. } => session.bars.advance(1, name),
    };
    let imported = act(&importer, &progress).map_err(|error| {
        let (code, hint) = match &error {
            ImportError::Fetch(source) => (unfetched::exit_code(source), unfetched::hint(source)),
            ImportError::OtherResult { .. } => (ExitCode::Definition, "run `lazuli lock update`"),
            ImportError::Convert { source, .. } => match **source {
                ConvertError::Override(_) | ConvertError::NoRequirement(_) => (
                    ExitCode::Definition,
                    "the override no longer fits the package: change the file of that name among the overrides",
                ),
                ConvertError::Write(_) => (ExitCode::Failed, "what is finished is kept; run again to go on"),
                _ => (
                    ExitCode::Failed,
                    "the package is what the archive signed: leave it out of the images, or take another suite",
                ),
            },
            _ => (ExitCode::Failed, "what is finished is kept; run again to go on"),
        };
        Failure::caused("the packages were not imported", &error).code(code).hint(hint)
    })?;
    session.bars.finish(&format!("{} packages, {} new", imported.packages.len(), imported.converted));
    Ok(imported)
}

fn load_overrides(repository: &DebRepository) -> Result<Overrides, Failure> {
    match &repository.overrides {
        Some(folder) => Overrides::load(folder)
            .context(|| format!("the overrides of {} cannot be used", repository.name.value))
            .map_err(|failure| failure.code(ExitCode::Definition)),
        None => Ok(Overrides::default()),
    }
}

fn apt_suite(repository: &DebRepository) -> Result<apt::DebRepository, Failure> {
    Ok(apt::DebRepository {
        mirror: mirror(repository)?,
        suite: repository.suite.clone(),
        components: repository.components.clone(),
        architecture: repository.architecture.clone(),
        keyring: repository.keyring.clone(),
        fingerprints: repository.fingerprints.clone(),
        valid_until: match repository.valid_until {
            ValidUntil::Enforce => apt::ValidUntil::Enforce,
            ValidUntil::Ignore { .. } => apt::ValidUntil::Ignore,
        },
    })
}
