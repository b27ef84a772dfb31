//! Packages of a suite, or of a lock, in; a folder of RPMs and where each came from, out.
//!
//! Downloads and conversions run at the same time. Results are cached by what went into them: a second run only compares
//! checksums, a killed one goes on where it was.

mod cache;
mod queue;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use repository::download::{DownloadError, Downloader, Request};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::apt::{PackageIndex, expected};
use crate::closure::Closure;
use crate::convert::{ConvertError, Facts, convert};
use crate::overrides::Overrides;

/// What an import works with.
#[derive(Debug, Clone, Copy)]
pub struct Importer<'a> {
    /// Fetches the `.deb` files and keeps them.
    pub downloader: &'a Downloader,
    /// Folder for converted packages, made if missing.
    pub cache: &'a Path,
    /// What conversion adds and changes.
    pub overrides: &'a Overrides,
    /// Conversions at once.
    pub jobs: NonZeroUsize,
}

/// A `.deb` that was locked, with the RPM that it must become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedDeb {
    /// Package name.
    pub name: String,
    /// Path of the `.deb` below the mirror.
    pub path: String,
    /// SHA-256 of the `.deb` in hexadecimal.
    pub sha256: String,
    /// Size of the `.deb` in bytes.
    pub size: u64,
    /// What conversion had to know of the suite, as [`ImportedPackage::facts`] gave it.
    pub facts: String,
    /// SHA-256 of the RPM in hexadecimal.
    pub rpm_sha256: String,
}

/// A converted package and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedPackage {
    /// Package name.
    pub name: String,
    /// `name-[epoch:]version-release.arch`.
    pub nevra: String,
    /// File name of the RPM in the folder.
    pub rpm: String,
    /// SHA-256 of the RPM in hexadecimal.
    pub rpm_sha256: String,
    /// Size of the RPM in bytes.
    pub rpm_size: u64,
    /// Path of the `.deb` below the mirror.
    pub deb: String,
    /// SHA-256 of the `.deb` in hexadecimal.
    pub deb_sha256: String,
    /// Size of the `.deb` in bytes.
    pub deb_size: u64,
    /// What conversion had to know of the rest of the suite; empty for most.
    pub facts: String,
}

/// A folder of RPMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRepository {
    /// The folder: RPMs and `provenance.json`.
    pub folder: PathBuf,
    /// The packages, by name.
    pub packages: Vec<ImportedPackage>,
    /// How many were converted now; the others came from the cache.
    pub converted: usize,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportProgress<'a> {
    /// A download moved.
    Download {
        /// Bytes there.
        bytes: u64,
        /// Bytes needed.
        total: u64,
    },
    /// A package is ready.
    Package {
        /// Its name.
        name: &'a str,
        /// Packages ready.
        ready: usize,
        /// Packages asked for.
        total: usize,
    },
}

/// Why an import failed.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The disk failed.
    #[error("cannot {action} {path}{}", hint(.source))]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A `.deb` could not be fetched.
    #[error("cannot fetch the packages to convert")]
    Fetch(#[source] Box<DownloadError>),
    /// A package could not be converted.
    #[error("cannot convert {package}{}", others(*.more))]
    Convert {
        /// The package.
        package: String,
        /// How many others failed too.
        more: usize,
        /// Why.
        source: Box<ConvertError>,
    },
    /// A locked package became another RPM than the lock says.
    #[error(
        "{package} becomes an RPM with SHA-256 {found}, but the lock says {expected}; \
         the converter or its override changed since: update the lock"
    )]
    OtherResult {
        /// The package.
        package: String,
        /// SHA-256 in the lock.
        expected: String,
        /// SHA-256 of the result.
        found: String,
    },
    /// The lock's facts of a package cannot be read.
    #[error("the lock's entry of {package} is damaged")]
    Facts {
        /// The package.
        package: String,
        /// Why.
        source: crate::convert::FactsError,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => {
            ": the disk is full; make room and run again, finished packages are kept"
        }
        _ => "",
    }
}

fn others(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" (and {more} more)") }
}

/// One package to be there as an RPM.
#[derive(Debug)]
struct Job {
    name: String,
    path: String,
    sha256: String,
    size: u64,
    facts: Facts,
}

type ProgressFn<'a> = &'a (dyn Fn(ImportProgress<'_>) + Sync);

/// Where the cache folder keeps the converted RPM with this SHA-256, if it is there in its full size. Its bytes are not looked
/// at: whoever reads them compares them.
pub fn converted(cache: &Path, rpm_sha256: &str, size: u64) -> Option<PathBuf> {
    let path = cache::rpm_path(cache, rpm_sha256);
    let found = fs::metadata(&path).ok()?;
    (found.is_file() && found.len() == size).then_some(path)
}

impl Importer<'_> {
    /// Imports the packages of `closure` from the mirror into `folder`, which is replaced when all are there.
    pub fn import(
        &self,
        mirror: &str,
        index: &PackageIndex,
        closure: &Closure,
        folder: &Path,
        progress: ProgressFn<'_>,
    ) -> Result<ImportedRepository, ImportError> {
        let packages = closure.names().filter_map(|name| index.package(name));
        let jobs = packages.map(|package| Job {
            name: package.name.clone(),
            path: package.path.clone(),
            sha256: package.sha256.clone(),
            size: package.size,
            facts: Facts::of(package, index),
        });
        self.run(mirror, &jobs.collect::<Vec<_>>(), folder, progress)
    }

    /// Imports exactly the packages of a lock into `folder`; each must become the RPM that the lock says.
    pub fn import_exactly(
        &self,
        mirror: &str,
        locked: &[LockedDeb],
        folder: &Path,
        progress: ProgressFn<'_>,
    ) -> Result<ImportedRepository, ImportError> {
        let mut jobs = Vec::with_capacity(locked.len());
        for deb in locked {
            let facts = deb.facts.parse();
            jobs.push(Job {
                name: deb.name.clone(),
                path: deb.path.clone(),
                sha256: deb.sha256.clone(),
                size: deb.size,
                facts: facts.map_err(|source| ImportError::Facts { package: deb.name.clone(), source })?,
            });
        }
        let prepared = self.prepare(mirror, &jobs, progress)?;
        for (deb, (package, _)) in locked.iter().zip(&prepared) {
            if deb.rpm_sha256 != package.rpm_sha256 {
                return Err(ImportError::OtherResult {
                    package: deb.name.clone(),
                    expected: deb.rpm_sha256.clone(),
                    found: package.rpm_sha256.clone(),
                });
            }
        }
        self.publish(prepared, folder)
    }

    fn run(
        &self,
        mirror: &str,
        jobs: &[Job],
        folder: &Path,
        progress: ProgressFn<'_>,
    ) -> Result<ImportedRepository, ImportError> {
        let prepared = self.prepare(mirror, jobs, progress)?;
        self.publish(prepared, folder)
    }

    /// Every job's package, in the order of the jobs, and whether it was converted now.
    fn prepare(
        &self,
        mirror: &str,
        jobs: &[Job],
        progress: ProgressFn<'_>,
    ) -> Result<Vec<(ImportedPackage, bool)>, ImportError> {
        let cache = cache::RpmCache::open(self.cache)?;
        let _lock = cache.lock()?;
        let found = queue::in_parallel(self.jobs, jobs, |job| cache.find(job, self.overrides));
        let mut results = Vec::with_capacity(jobs.len());
        for result in found {
            results.push(result?.map(|package| (package, false)));
        }
        let missing = (0..jobs.len()).filter(|index| results[*index].is_none()).collect::<Vec<_>>();
        let requests = missing.iter().map(|index| request(mirror, &jobs[*index])).collect::<Vec<_>>();
        let done = std::sync::atomic::AtomicUsize::new(jobs.len() - missing.len());
        let work = |place: usize, deb: &Path| {
            let job = &jobs[missing[place]];
            let converted = cache.convert(job, deb, self.overrides);
            let ready = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress(ImportProgress::Package { name: &job.name, ready, total: jobs.len() });
            converted
        };
        let sizes = missing.iter().map(|index| jobs[*index].size).collect::<Vec<_>>();
        let fetch = |ready: &(dyn Fn(usize, &Path) + Sync)| {
            let report = |at: repository::download::Progress<'_>| {
                progress(ImportProgress::Download { bytes: at.bytes, total: at.bytes_total });
            };
            self.downloader.fetch_each(&requests, &report, ready)
        };
        let (fetched, outcomes) = queue::largest_first(self.jobs, &sizes, fetch, work);
        let failed = outcomes.iter().filter(|outcome| matches!(outcome, Some(Err(_)))).count();
        for (place, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Some(Ok(package)) => results[missing[place]] = Some((package, true)),
                Some(Err(cache::ConvertOrDisk::Disk(error))) => return Err(error),
                Some(Err(cache::ConvertOrDisk::Convert(source))) => {
                    let package = jobs[missing[place]].name.clone();
                    return Err(ImportError::Convert { package, more: failed - 1, source });
                }
                None => {}
            }
        }
        fetched.map_err(|source| ImportError::Fetch(Box::new(source)))?;
        Ok(results.into_iter().flatten().collect())
    }

    /// Links the RPMs into a folder beside, then puts it in the place of `folder`.
    fn publish(
        &self,
        prepared: Vec<(ImportedPackage, bool)>,
        folder: &Path,
    ) -> Result<ImportedRepository, ImportError> {
        let cache = cache::RpmCache::open(self.cache)?;
        let converted = prepared.iter().filter(|(_, now)| *now).count();
        let packages = prepared.into_iter().map(|(package, _)| package).collect::<Vec<_>>();
        let parent =
            folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(disk("create", parent))?;
        let beside = tempfile::Builder::new()
            .prefix(".import-")
            .tempdir_in(parent)
            .map_err(disk("create a folder in", parent))?;
        let mut names = BTreeSet::new();
        for package in &packages {
            if names.insert(&package.rpm) {
                let target = beside.path().join(&package.rpm);
                let source = cache.rpm_path(&package.rpm_sha256);
                let linked =
                    fs::hard_link(&source, &target).or_else(|_| fs::copy(&source, &target).map(|_| ()));
                linked.map_err(disk("write", &target))?;
            }
        }
        let provenance = beside.path().join("provenance.json");
        let text = serde_json::to_vec_pretty(&packages)
            .map_err(io::Error::other)
            .map_err(disk("write", &provenance))?;
        fs::write(&provenance, text).map_err(disk("write", &provenance))?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(beside.path(), permissions).map_err(disk("prepare", folder))?;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(disk("replace", folder))?;
        }
        fs::rename(beside.keep(), folder).map_err(disk("rename to", folder))?;
        Ok(ImportedRepository { folder: folder.to_owned(), packages, converted })
    }
}

fn request(mirror: &str, job: &Job) -> Request {
    let name = job.path.rsplit('/').next().unwrap_or(&job.path).to_owned();
    Request { name, urls: vec![address(mirror, &job.path)], expected: expected(&job.sha256, job.size) }
}

/// Address of a file below the mirror; `+`, `~` and `:` are fine in a path, `%` is not.
fn address(mirror: &str, path: &str) -> String {
    format!("{mirror}/{}", path.replace('%', "%25"))
}

fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImportError + use<> {
    let path = path.to_owned();
    move |source| ImportError::Disk { action, path, source }
}
