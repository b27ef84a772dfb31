//! A component, in; everything that its build needs in one folder, out: prepared files, and the archives they name.
//! Uses the network and the download cache for archives; the folder is written whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use definition::{Component, SpecSource};
use repository::download::{Downloader, Progress};

use crate::lookaside::{self, LookasideError};
use crate::prepare::{PreparedFiles, SOURCES_FILE, SourcesFile, SourcesFileError};
use crate::render::{RenderError, Renderer, upstream_files};

/// Where archives come from.
pub struct Archives<'a> {
    /// Fetches them.
    pub downloader: &'a Downloader,
    /// Templates of lookaside caches that are asked before the distribution's.
    pub mirrors: &'a [String],
    /// Hears how far it is.
    pub progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

/// What goes into a component's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// Files as they are to be.
    pub files: PreparedFiles,
    /// Archives that nothing changes, by name, where they lie.
    pub archives: BTreeMap<String, PathBuf>,
    /// What is to be said about it.
    pub notes: Vec<String>,
}

/// Why a folder cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The component cannot be prepared.
    #[error(transparent)]
    Render(#[from] Box<RenderError>),
    /// The upstream's list of archives cannot be read.
    #[error(transparent)]
    SourcesFile(#[from] SourcesFileError),
    /// An archive cannot be had.
    #[error(transparent)]
    Lookaside(#[from] LookasideError),
    /// There is something in its place.
    #[error("{} is there already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<RenderError> for GatherError {
    fn from(error: RenderError) -> Self {
        GatherError::Render(Box::new(error))
    }
}

/// Prepares a component and fetches its archives; without `archives` none is fetched, and overlays on them are left out.
pub fn gather(
    renderer: &Renderer<'_>,
    component: &Component,
    archives: Option<&Archives<'_>>,
) -> Result<Gathered, GatherError> {
    let inputs = renderer.inputs(component)?;
    let downloads = match archives {
        None => None,
        Some(archives) => Some(fetched(renderer, component, archives)?),
    };
    let mut prepared = renderer.prepared(component, &inputs, downloads.as_ref())?;
    let notes = std::mem::take(&mut prepared.notes);
    let files = renderer.finished(component, &inputs, prepared)?;
    let mut archives = downloads.unwrap_or_default();
    archives.retain(|name, _| !files.contains_key(name));
    Ok(Gathered { files, archives, notes })
}

fn fetched(
    renderer: &Renderer<'_>,
    component: &Component,
    archives: &Archives<'_>,
) -> Result<BTreeMap<String, PathBuf>, GatherError> {
    let source = renderer.sources.source_of(component).map_err(RenderError::from)?;
    let upstream = upstream_files(&source)?;
    let sources = match upstream.get(SOURCES_FILE) {
        Some(file) => SourcesFile::parse(&file.bytes)?,
        None => SourcesFile::default(),
    };
    let distro = match &component.spec {
        SpecSource::Upstream(upstream) => Some(upstream.distro.as_str()),
        _ => renderer.distro.project.default_distro.as_ref().map(|distro| distro.name.as_str()),
    };
    let distribution = distro.and_then(|distro| renderer.distro.distributions.get(distro));
    let package = component.upstream_name();
    let wanted =
        lookaside::archives(package, &sources, &component.source_files, distribution, archives.mirrors)?;
    // What dist-git itself holds is not fetched, as fedpkg does it.
    let wanted: Vec<_> = wanted.into_iter().filter(|archive| !upstream.contains_key(&archive.file)).collect();
    Ok(lookaside::fetch(&wanted, archives.downloader, archives.progress)?)
}

/// Writes a folder that is not there yet, or, with `replace`, in the place of the one that is.
pub fn write(gathered: &Gathered, folder: &Path, replace: bool) -> Result<(), GatherError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| GatherError::Write { path, source }
    };
    if !replace && is_occupied(folder).map_err(failed(folder))? {
        return Err(GatherError::Exists { path: folder.to_owned() });
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(above).map_err(failed(above))?;
    let beside = tempfile::Builder::new().prefix(".prepared-").tempdir_in(above).map_err(failed(above))?;
    fs::set_permissions(beside.path(), Permissions::from_mode(0o755)).map_err(failed(beside.path()))?;
    for (name, file) in &gathered.files {
        let path = beside.path().join(name);
        let mode = if file.executable { 0o755 } else { 0o644 };
        let parent = path.parent().unwrap_or(beside.path());
        fs::create_dir_all(parent).map_err(failed(parent))?;
        fs::write(&path, &file.bytes).map_err(failed(&path))?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed(&path))?;
    }
    for (name, cached) in &gathered.archives {
        let path = beside.path().join(name);
        let copied = File::open(cached).and_then(|mut from| io::copy(&mut from, &mut File::create(&path)?));
        copied.map_err(failed(&path))?;
    }
    let former = tempfile::Builder::new().prefix(".former-").tempdir_in(above).map_err(failed(above))?;
    if folder.symlink_metadata().is_ok() {
        fs::rename(folder, former.path().join("former")).map_err(failed(folder))?;
    }
    fs::rename(beside.keep(), folder).map_err(failed(folder))
}

/// Whether anything but an empty folder is in the place.
fn is_occupied(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::PreparedFile;

    #[test]
    fn a_folder_is_written_whole_and_replaced_only_when_asked() {
        let place = tempfile::tempdir().unwrap();
        let cached = place.path().join("cached");
        fs::write(&cached, "archive").unwrap();
        let file = |text: &str, executable| PreparedFile { bytes: text.into(), executable };
        let gathered = Gathered {
            files: BTreeMap::from([
                ("a.spec".to_owned(), file("Name: a\n", false)),
                ("tests/run".to_owned(), file("#!/bin/sh\n", true)),
            ]),
            archives: BTreeMap::from([("a.tar".to_owned(), cached)]),
            notes: Vec::new(),
        };
        let folder = place.path().join("out/a");
        write(&gathered, &folder, false).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a.tar")).unwrap(), "archive");
        let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a.spec"), mode("tests/run")), (0o644, 0o755));
        assert!(matches!(write(&gathered, &folder, false), Err(GatherError::Exists { .. })));
        fs::write(folder.join("left over"), "").unwrap();
        write(&gathered, &folder, true).unwrap();
        assert!(!folder.join("left over").exists());
        assert_eq!(fs::read_dir(place.path().join("out")).unwrap().count(), 1);
    }
}
