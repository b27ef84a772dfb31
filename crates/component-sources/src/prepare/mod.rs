//! A component and its upstream files, in; the files with every overlay applied, and what each overlay did, out.
//! Reads only the definition's files that overlays bring in, and downloaded archives.
//!
//! Nothing is changed in place: a component is prepared whole or not at all.

mod links;
mod macros;
mod sources_file;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use definition::{Component, HashType, SourceHash};
use sha2::{Digest as _, Sha256, Sha512};
use spec_overlay::{
    Applied, ApplyError, Cause, Contents, Effect, EntryKind, FileChange, MacroFileNameError, Mode, Nearest,
    Overlay, SourceEntry, SourceError, SourceFiles,
};

pub use links::{LinkError, LinkFault};
pub use macros::Provenance;
pub use sources_file::{OwnEntry, SourcesEntry, SourcesFile, SourcesFileError};

use crate::source::SourceFolder;

/// The name of the file that lists what the lookaside cache holds.
pub const SOURCES_FILE: &str = "sources";

/// A file of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedFile {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it may be executed: mode 755 instead of 644.
    pub executable: bool,
}

/// Files by path relative to the component's folder, `/` between names.
pub type PreparedFiles = BTreeMap<String, PreparedFile>;

/// What else is known when a component is prepared.
#[derive(Debug, Default)]
pub struct Extra<'a> {
    /// Downloaded sources by name, where they lie; absent: nothing was downloaded, and overlays on archives are left out.
    pub downloads: Option<&'a BTreeMap<String, PathBuf>>,
    /// What the upstream called its release, for components whose macros say so.
    pub provenance: Option<Provenance>,
    /// Whether hashes that the definition leaves out are computed from what was downloaded.
    pub computes_hashes: bool,
}

/// A component with every change made, before its release is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// All files; downloads only if an overlay changed them.
    pub files: PreparedFiles,
    /// Which of them is the spec.
    pub spec: String,
    /// What each of the component's overlays did, in their order.
    pub effects: Vec<Effect>,
    /// What is to be said about it.
    pub notes: Vec<String>,
}

/// Why a component cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Its folder has no spec.
    #[error("there is no {spec} among its files")]
    NoSpec {
        /// The name that was looked for.
        spec: String,
    },
    /// A link among its files stands for no file.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Its macros cannot be written down.
    #[error(transparent)]
    Macros(#[from] MacroFileNameError),
    /// One of its overlays does not apply.
    #[error("overlay {} ({overlay}{}) does not apply", index + 1, described(description.as_deref()))]
    Overlay {
        /// Its place in [`Component::overlays`], from 0.
        index: usize,
        /// Its type.
        overlay: &'static str,
        /// Why it is there.
        description: Option<String>,
        /// What does not fit.
        source: Box<Cause>,
        /// What comes nearest to what it looks for.
        nearest: Option<Nearest>,
    },
    /// What every component gets does not apply.
    #[error("{what} cannot be put in")]
    Generated {
        /// What.
        what: &'static str,
        /// What does not fit.
        source: Box<Cause>,
    },
    /// A file cannot be read, or the spec is not there.
    #[error(transparent)]
    Overlaid(OverlaidError),
    /// Its `sources` file cannot be read or completed.
    #[error(transparent)]
    SourcesFile(#[from] SourcesFileError),
    /// A source file without a hash.
    #[error("source file {file} has no `hash`, and it is not downloaded here, so that none can be computed")]
    NoHash {
        /// Its name.
        file: String,
    },
    /// A hash that does not hold.
    #[error(
        "source file {file} has the {algorithm} {computed} after its overlays, not {stated}: correct its `hash`"
    )]
    WrongHash {
        /// Its name.
        file: String,
        /// The kind of hash.
        algorithm: &'static str,
        /// What the definition says.
        stated: String,
        /// What it is.
        computed: String,
    },
}

/// Why overlays cannot be applied to files.
#[derive(Debug, thiserror::Error)]
pub enum OverlaidError {
    /// The spec is not among the files.
    #[error("there is no {spec} among its files")]
    NoSpec {
        /// The name that was looked for.
        spec: String,
    },
    /// One of them does not apply.
    #[error(transparent)]
    Overlay(#[from] Box<ApplyError>),
    /// A file of the definition, or a download, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Where it lies.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<OverlaidError> for PrepareError {
    fn from(error: OverlaidError) -> Self {
        match error {
            OverlaidError::NoSpec { spec } => PrepareError::NoSpec { spec },
            other => PrepareError::Overlaid(other),
        }
    }
}

fn described(description: Option<&str>) -> String {
    description.map(|description| format!(": {description}")).unwrap_or_default()
}

/// The files of a source folder with links replaced by what they lead to.
pub fn plain_files(folder: SourceFolder) -> Result<PreparedFiles, LinkError> {
    links::followed(folder.files)
}

/// Makes every change that a component asks for; `files` are its upstream files.
pub fn prepare(
    component: &Component,
    mut files: PreparedFiles,
    extra: &Extra<'_>,
) -> Result<Prepared, PrepareError> {
    let name = component.name.as_str();
    let spec = format!("{name}.spec");
    let Some(pristine) = files.get(&spec) else { return Err(PrepareError::NoSpec { spec }) };
    let macros = macros::of(component, &pristine.bytes, extra.provenance.as_ref());
    let macro_file = macros::file(name, &macros)?;
    let mut list: Vec<&Overlay> = Vec::new();
    if let Some(file) = &macro_file {
        files.insert(file.name.clone(), PreparedFile { bytes: file.bytes.clone(), executable: false });
        list.extend(&file.overlays);
    }
    let own = list.len()..list.len() + component.overlays.len();
    list.extend(component.overlays.iter().map(|entry| &entry.overlay));
    let skip = component.build.check_skipped.as_ref().map(|reason| spec_overlay::skip_check(reason));
    list.extend(&skip);
    let header = spec_overlay::file_header();
    list.push(&header);

    let blame = |error| blame(component, &own, list.len(), error);
    let applied = apply_all(&files, &spec, list.iter().copied(), extra.downloads).map_err(blame)?;
    let effects = applied.effects.get(own.clone()).map(<[Effect]>::to_vec).unwrap_or_default();
    let mut notes = Vec::new();
    if effects.iter().any(|effect| effect.left_out) {
        notes.push("overlays on archives are left out: no source is downloaded".to_owned());
    }
    let repacked = applied.repacked.clone();
    change(&mut files, &spec, applied)?;
    complete_sources(component, &mut files, &repacked, extra)?;
    Ok(Prepared { files, spec, effects, notes })
}

/// Files with overlays applied, and what each overlay did: whole or not at all, and nothing of what every component gets.
pub fn overlaid(
    files: &PreparedFiles,
    spec: &str,
    overlays: &[Overlay],
) -> Result<(PreparedFiles, Vec<Effect>), OverlaidError> {
    let mut applied = apply_all(files, spec, overlays, None)?;
    let effects = std::mem::take(&mut applied.effects);
    let mut files = files.clone();
    change(&mut files, spec, applied)?;
    Ok((files, effects))
}

fn apply_all<'o>(
    files: &PreparedFiles,
    spec: &str,
    overlays: impl IntoIterator<Item = &'o Overlay>,
    downloads: Option<&BTreeMap<String, PathBuf>>,
) -> Result<Applied, OverlaidError> {
    let pristine = files.get(spec).ok_or_else(|| OverlaidError::NoSpec { spec: spec.to_owned() })?;
    let folder = Folder { files, downloads };
    Ok(spec_overlay::apply(&pristine.bytes, overlays, &folder).map_err(Box::new)?)
}

/// Who asked for the overlay that does not apply: the component, or what every component gets.
fn blame(component: &Component, own: &Range<usize>, all: usize, error: OverlaidError) -> PrepareError {
    let OverlaidError::Overlay(error) = error else { return error.into() };
    let ApplyError { index: at, overlay, cause, nearest } = *error;
    let source: Box<Cause> = cause.into();
    if own.contains(&at) {
        let index = at - own.start;
        let description = component.overlays[index].description.clone();
        return PrepareError::Overlay { index, overlay, description, source, nearest };
    }
    let what = match at {
        at if at < own.start => "the line that loads its macro file",
        at if at + 1 < all => "the line that skips its %check",
        _ => "the header of the file",
    };
    PrepareError::Generated { what, source }
}

/// The component's folder as overlays see it.
struct Folder<'a> {
    files: &'a PreparedFiles,
    downloads: Option<&'a BTreeMap<String, PathBuf>>,
}

impl SourceFiles for Folder<'_> {
    fn entries(&self) -> Result<Vec<SourceEntry>, SourceError> {
        let mut folders = BTreeSet::new();
        let mut entries = Vec::new();
        let downloads = self.downloads.into_iter().flat_map(BTreeMap::keys);
        for path in self.files.keys().chain(downloads.filter(|name| !self.files.contains_key(*name))) {
            let slashes = path.match_indices('/').map(|(slash, _)| &path[..slash]);
            folders.extend(slashes);
            entries.push(SourceEntry { path: path.clone(), kind: EntryKind::File });
        }
        let folders =
            folders.into_iter().map(|path| SourceEntry { path: path.to_owned(), kind: EntryKind::Folder });
        entries.extend(folders);
        Ok(entries)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        if let Some(file) = self.files.get(path) {
            return Ok(file.bytes.clone());
        }
        match self.downloads.and_then(|downloads| downloads.get(path)) {
            Some(place) => read(place).map_err(Into::into),
            None => Err(format!("there is no file {path}").into()),
        }
    }

    fn read_source(&self, source: &Path) -> Result<Vec<u8>, SourceError> {
        read(source).map_err(Into::into)
    }

    fn has_archives(&self) -> bool {
        self.downloads.is_some()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OverlaidError> {
    fs::read(path).map_err(|source| OverlaidError::Read { path: path.to_owned(), source })
}

/// Carries the changes out.
fn change(files: &mut PreparedFiles, spec: &str, applied: Applied) -> Result<(), OverlaidError> {
    let mut written = Vec::new();
    for (path, change) in applied.files {
        let FileChange::Written { contents, mode } = change else {
            written.push((path, None));
            continue;
        };
        let executable = match mode {
            Mode::Plain => false,
            Mode::Former(former) => files.get(&former).is_some_and(|file| file.executable),
        };
        let bytes = match contents {
            Contents::Bytes(bytes) => bytes,
            Contents::Former(former) => files.get(&former).map(|file| file.bytes.clone()).unwrap_or_default(),
            Contents::Source(source) => read(&source)?,
        };
        written.push((path, Some(PreparedFile { bytes, executable })));
    }
    for (path, file) in written {
        match file {
            Some(file) => files.insert(path, file),
            None => files.remove(&path),
        };
    }
    if let Some(file) = files.get_mut(spec) {
        file.bytes = applied.spec;
    }
    Ok(())
}

/// Puts the component's own entries into its `sources` file, and the digests of archives that overlays changed.
fn complete_sources(
    component: &Component,
    files: &mut PreparedFiles,
    repacked: &[String],
    extra: &Extra<'_>,
) -> Result<(), PrepareError> {
    if component.source_files.is_empty() && repacked.is_empty() {
        return Ok(());
    }
    let mut list = SourcesFile::parse(files.get(SOURCES_FILE).map_or(&[][..], |file| &file.bytes))?;
    for name in repacked {
        let bytes = files.get(name).map_or(&[][..], |file| &file.bytes);
        let stated = component.source_files.iter().find(|file| file.name.value == *name);
        let algorithm = match (stated, list.entry(name)) {
            (Some(file), _) => {
                file.hash.as_ref().map_or(file.hash_type, |hash| hash.kind).as_str().to_owned()
            }
            (None, Some(entry)) => entry.algorithm.clone(),
            (None, None) => return Err(SourcesFileError::NotListed { file: name.clone() }.into()),
        };
        let digest = digest(&algorithm, bytes).ok_or_else(|| SourcesFileError::Algorithm {
            file: name.clone(),
            algorithm: algorithm.clone(),
        })?;
        if let Some(SourceHash { kind, digits }) = stated.and_then(|file| file.hash.as_ref())
            && !digits.eq_ignore_ascii_case(&digest)
        {
            return Err(PrepareError::WrongHash {
                file: name.clone(),
                algorithm: kind.as_str(),
                stated: digits.clone(),
                computed: digest,
            });
        }
        list.renew(SourcesEntry { file: name.clone(), algorithm, digest })?;
    }
    let own = component.source_files.iter().map(|file| {
        let (algorithm, digest) = match &file.hash {
            Some(SourceHash { kind, digits }) => (kind.as_str(), digits.clone()),
            None => (file.hash_type.as_str(), computed_hash(&file.name, file.hash_type, files, extra)?),
        };
        let entry = SourcesEntry { file: file.name.value.clone(), algorithm: algorithm.to_owned(), digest };
        Ok(OwnEntry { entry, replaces: file.replaces_upstream.is_some() })
    });
    let own = own.collect::<Result<Vec<_>, PrepareError>>()?;
    list.complete(&own)?;
    let executable = files.get(SOURCES_FILE).is_some_and(|file| file.executable);
    files.insert(SOURCES_FILE.to_owned(), PreparedFile { bytes: list.print(), executable });
    Ok(())
}

fn computed_hash(
    name: &str,
    kind: HashType,
    files: &PreparedFiles,
    extra: &Extra<'_>,
) -> Result<String, PrepareError> {
    let no_hash = || PrepareError::NoHash { file: name.to_owned() };
    if !extra.computes_hashes {
        return Err(no_hash());
    }
    let bytes = match (files.get(name), extra.downloads.and_then(|downloads| downloads.get(name))) {
        (Some(file), _) => file.bytes.clone(),
        (None, Some(place)) => read(place)?,
        (None, None) => return Err(no_hash()),
    };
    digest(kind.as_str(), &bytes).ok_or_else(no_hash)
}

/// A digest in hexadecimal; `None` for algorithms that nothing should be proved by any more.
fn digest(algorithm: &str, bytes: &[u8]) -> Option<String> {
    match algorithm {
        "SHA256" => Some(hex::encode(Sha256::digest(bytes))),
        "SHA512" => Some(hex::encode(Sha512::digest(bytes))),
        _ => None,
    }
}
