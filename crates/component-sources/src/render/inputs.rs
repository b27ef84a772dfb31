//! A component, in; what it is made from, and the files made of that, out.
//! Reads sources through [`Sources`], and the definition's files that overlays bring in.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use definition::{Component, Distro, ReleaseCalculation, SourceOrigin, SpecSource};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use spec_overlay::{Nearest, Overlay};

use super::Rendered;
use super::failure::{Failed, RenderError};
use super::filter::filter;
use super::listing::SpecMacros;
use crate::history::{self, History};
use crate::prepare::{
    Extra, PrepareError, Prepared, PreparedFile, PreparedFiles, Provenance, plain_files, prepare,
};
use crate::source::SourceEntry;
use crate::sources::{Source, Sources};

/// Changes whenever the same inputs give other files.
const FORM: u32 = 2;

/// Renders the components of one definition.
pub struct Renderer<'a> {
    /// The definition.
    pub distro: &'a Distro,
    /// Where upstream files and history come from.
    pub sources: &'a Sources<'a>,
    /// What macros in specs mean.
    pub macros: &'a SpecMacros,
    /// Which program this is: results of another are not taken over.
    pub program: &'a str,
}

/// Everything that a component is made from.
pub struct Inputs<'s> {
    source: Source<'s>,
    history: History<'s>,
    digest: String,
}

impl Inputs<'_> {
    /// Equal digests mean equal files.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Renderer<'_> {
    /// Which program this is.
    pub fn program(&self) -> &str {
        self.program
    }

    /// What a component is made from, without making it.
    pub fn inputs(&self, component: &Component) -> Result<Inputs<'_>, RenderError> {
        let source = self.sources.source_of(component)?;
        let history = self.sources.history_of(component, &source)?;
        let mut hasher = Sha256::new();
        let parts = [
            definition_digest(component).map_err(RenderError::Definition)?,
            source.identity.to_string(),
            history.digest(),
            self.fedora_release(component).unwrap_or_default(),
            self.macros.digest.clone(),
        ];
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Ok(Inputs { source, history, digest: hex::encode(hasher.finalize()) })
    }

    /// A component's files with every change made, before its release is counted; `downloads` are sources on this machine, by
    /// name, without which overlays on archives are left out.
    pub fn prepared(
        &self,
        component: &Component,
        inputs: &Inputs<'_>,
        downloads: Option<&BTreeMap<String, PathBuf>>,
    ) -> Result<Prepared, RenderError> {
        let upstream = upstream_files(&inputs.source)?;
        let provenance = self.provenance(component, &upstream, inputs);
        let extra = Extra { downloads, provenance, ..Extra::default() };
        Ok(prepare(component, upstream, &extra)?)
    }

    /// A prepared component's files with its release counted and its changelog written.
    pub fn finished(
        &self,
        component: &Component,
        inputs: &Inputs<'_>,
        prepared: Prepared,
    ) -> Result<PreparedFiles, RenderError> {
        let Prepared { files, spec, .. } = prepared;
        let mut entries: BTreeMap<String, SourceEntry> = files.into_iter().map(entry).collect();
        if let Some(SourceEntry::File { bytes, executable }) = entries.remove(&spec) {
            let bytes = history::finish(bytes, component, &inputs.history, &entries)?;
            entries.insert(spec, SourceEntry::File { bytes, executable });
        }
        Ok(entries.into_iter().filter_map(file).collect())
    }

    /// The files of a component's rendered folder.
    pub fn render(&self, component: &Component, inputs: &Inputs<'_>) -> Result<Rendered, RenderError> {
        let mut prepared = self.prepared(component, inputs, None)?;
        let mut notes = std::mem::take(&mut prepared.notes);
        let spec = prepared.spec.clone();
        let mut files = self.finished(component, inputs, prepared)?;
        if !component.keeps_all_files {
            let listing;
            (files, listing) = self.macros.listing(&spec, files);
            notes.extend(filter(&mut files, &spec, &listing));
        }
        Ok(Rendered { files, notes })
    }

    /// An error with where in the definition its cause is stated.
    pub fn explain(&self, component: &Component, error: &RenderError) -> Failed {
        let mut failed = Failed::of(error);
        if let RenderError::Prepare(PrepareError::Overlay { index, nearest, .. }) = error {
            if let Some(Nearest { line, text }) = nearest {
                let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
                failed.causes.push(format!("nearest: {line}{}", text.trim()));
            }
            let entry = component.overlays.get(*index);
            failed.place = entry.map(|entry| self.distro.sources.describe(entry.place));
        }
        failed
    }

    /// What the upstream called its release, if the component's macros are to tell.
    fn provenance(
        &self,
        component: &Component,
        upstream: &PreparedFiles,
        inputs: &Inputs<'_>,
    ) -> Option<Provenance> {
        let fedora = self.fedora_release(component)?;
        let spec = format!("{}.spec", component.name.as_str());
        let pristine = upstream.get(&spec)?;
        let entries = upstream.clone().into_iter().filter(|(path, _)| *path != spec).map(entry).collect();
        // A release that is not known is not told; nothing else depends on it.
        let autorelease = history::pristine_release(&pristine.bytes, &inputs.history, &entries).ok();
        Some(Provenance { fedora, autorelease })
    }

    /// The number of the Fedora release that a component comes from, if its macros are to tell.
    fn fedora_release(&self, component: &Component) -> Option<String> {
        let SpecSource::Upstream(upstream) = &component.spec else { return None };
        if !component.build.emits_upstream_provenance || !upstream.distro.eq_ignore_ascii_case("fedora") {
            return None;
        }
        let version = self.distro.distributions.get(&upstream.distro)?.versions.get(&upstream.version)?;
        let number = &version.release_version;
        (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())).then(|| number.clone())
    }
}

fn entry((path, file): (String, PreparedFile)) -> (String, SourceEntry) {
    (path, SourceEntry::File { bytes: file.bytes, executable: file.executable })
}

fn file((path, entry): (String, SourceEntry)) -> Option<(String, PreparedFile)> {
    match entry {
        SourceEntry::File { bytes, executable } => Some((path, PreparedFile { bytes, executable })),
        // Links became files when the component was prepared.
        SourceEntry::Link { .. } => None,
    }
}

/// A component's upstream files, links replaced by what they lead to.
pub fn upstream_files(source: &Source<'_>) -> Result<PreparedFiles, RenderError> {
    Ok(plain_files(source.read()?).map_err(PrepareError::from)?)
}

/// What the definition says about a component as far as its files depend on it, with the files that overlays bring in.
#[derive(Serialize)]
struct Stated<'a> {
    form: u32,
    name: &'a str,
    overlays: Vec<StatedOverlay>,
    release: ReleaseCalculation,
    with: &'a [String],
    without: &'a [String],
    defines: &'a BTreeMap<String, String>,
    undefines: &'a [String],
    provenance: bool,
    check_skipped: Option<&'a str>,
    keeps_all_files: bool,
    source_files: Vec<StatedSource<'a>>,
}

/// An overlay whose source is named by its last name and told by its content, so that it does not matter where the definition lies.
#[derive(Serialize)]
struct StatedOverlay {
    overlay: serde_json::Value,
    source: Option<String>,
}

#[derive(Serialize)]
struct StatedSource<'a> {
    name: &'a str,
    hash: Option<&'a str>,
    kind: &'static str,
    replaces: bool,
    packed: bool,
}

/// The digest of what the definition says about a component, as far as its files depend on it: not where its upstream is.
pub fn definition_digest(component: &Component) -> Result<String, std::io::Error> {
    let build = &component.build;
    let overlays = component.overlays.iter().map(|entry| stated_overlay(&entry.overlay));
    let source_files = component.source_files.iter().map(|file| StatedSource {
        name: &file.name,
        hash: file.hash.as_ref().map(|hash| hash.digits.as_str()),
        kind: file.hash.as_ref().map_or(file.hash_type, |hash| hash.kind).as_str(),
        replaces: file.replaces_upstream.is_some(),
        packed: matches!(file.origin, SourceOrigin::Overlay),
    });
    let stated = Stated {
        form: FORM,
        name: &component.name,
        overlays: overlays.collect::<Result<_, _>>()?,
        release: component.release,
        with: &build.with,
        without: &build.without,
        defines: &build.defines,
        undefines: &build.undefines,
        provenance: build.emits_upstream_provenance,
        check_skipped: build.check_skipped.as_ref().map(|reason| reason.as_str()),
        keeps_all_files: component.keeps_all_files,
        source_files: source_files.collect(),
    };
    Ok(hex::encode(Sha256::digest(serde_json::to_vec(&stated)?)))
}

fn stated_overlay(overlay: &Overlay) -> Result<StatedOverlay, std::io::Error> {
    let mut value = serde_json::to_value(overlay)?;
    let Some(path) = overlay.source() else { return Ok(StatedOverlay { overlay: value, source: None }) };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    value["source"] = serde_json::Value::String(name);
    let content = hex::encode(Sha256::digest(fs::read(path)?));
    Ok(StatedOverlay { overlay: value, source: Some(content) })
}
