//! A project with its rendered specs, in; how far this program reads and renders them as they lie there, out.
//! Reads the project and, if there is one, the repository it was kept in; writes nothing but where it is told to.
//!
//! A rendered spec proves something when the text that it was rendered from is known. There are three ways to know it: a component without
//! overlays has its source under the header; what overlays only added can be taken back ([`undo`]); and a component that has
//! overlays now may have been rendered without any at an earlier commit ([`branch`]).

pub mod branch;
pub mod rendered;
pub mod undo;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use component_sources::prepare::{self, Extra, Prepared};
use component_sources::source::{SourceEntry, SourceFolder};
use definition::{Component, Distro, SpecSource};
use rayon::prelude::*;
use serde::Serialize;
use spec_overlay::{Overlay, SpecFile, file_header, load_macros, macro_file_name, skip_check};

use branch::{Branch, BranchError};
use rendered::Comparison;

use crate::failure::chain;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What the definition holds.
    pub counts: Counts,
    /// Rendered specs read.
    pub specs: usize,
    /// Paths of those that are not printed back as they were read.
    pub not_printed_back: Vec<PathBuf>,
    /// Components by name.
    pub components: BTreeMap<String, Finding>,
}

/// What a definition holds.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs, reason = "each is what its name says")]
pub struct Counts {
    pub components: usize,
    pub overlays: usize,
    pub overlaid_components: usize,
    pub macro_files: usize,
    pub skipped_checks: usize,
    pub images: usize,
    pub package_names: usize,
}

/// What is known of one component.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "known-by", rename_all = "kebab-case")]
pub enum Finding {
    /// There is no rendered spec.
    NotRendered {
        /// Why, in words.
        why: String,
    },
    /// It has neither overlays nor macros nor skipped tests.
    Bare {
        /// Whether it comes out as it lies there.
        outcome: Outcome,
    },
    /// An earlier commit rendered it without overlays.
    Branch {
        /// The commit.
        commit: String,
        /// Whether overlays on files had to be left out, because rendering had dropped the files.
        spec_only: bool,
        /// Whether it comes out as it lies there.
        outcome: Outcome,
    },
    /// Its source is in the project.
    Local {
        /// Whether it comes out as it lies there.
        outcome: Outcome,
    },
    /// All that was done to it can be taken back.
    Undone {
        /// Whether it comes out as it lies there.
        outcome: Outcome,
    },
    /// What it was before is not known.
    Unknown {
        /// Why, in words.
        why: String,
    },
}

impl Finding {
    /// What came out, where something was made.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Finding::Bare { outcome }
            | Finding::Branch { outcome, .. }
            | Finding::Local { outcome }
            | Finding::Undone { outcome } => Some(outcome),
            Finding::NotRendered { .. } | Finding::Unknown { .. } => None,
        }
    }

    /// Whether what came out is what lies there, as far as overlays decide it.
    fn proves(&self) -> bool {
        self.outcome()
            .is_some_and(|outcome| !matches!(outcome, Outcome::Different { .. } | Outcome::Refused(_)))
    }
}

/// What came out when a component was prepared from its known source.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rendered spec, byte for byte.
    Same,
    /// The same but for the release number, which the history decides.
    SameButRelease,
    /// The same but for the changelog (and the release number), which the history decides.
    SameButChangelog,
    /// Another spec.
    Different {
        /// The first line that differs, from 1.
        line: usize,
        /// As it came out.
        made: String,
        /// As it lies there.
        there: String,
    },
    /// Nothing.
    Refused(String),
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The branch cannot be read.
    #[error(transparent)]
    Branch(#[from] BranchError),
}

/// Is given every source that is known: the component and its files before anything was done to them.
pub type Known<'a> = dyn Fn(&Component, &SourceFolder) -> Result<(), CorpusError> + Sync + 'a;

/// The only file of a component whose rendering failed.
const FAILED_MARKER: &str = "RENDER_FAILED";

/// Looks at every component.
pub fn examine(distro: &Distro, branch: Option<&Branch>, known: &Known<'_>) -> Result<Report, CorpusError> {
    let (specs, not_printed_back) = print_back(&distro.project.rendered_specs_dir)?;
    let components = distro
        .components
        .par_iter()
        .map(|(name, component)| Ok((name.clone(), look(distro, component, branch, known)?)))
        .collect::<Result<_, CorpusError>>()?;
    Ok(Report { counts: counts(distro), specs, not_printed_back, components })
}

fn counts(distro: &Distro) -> Counts {
    let components = || distro.components.values();
    Counts {
        components: distro.components.len(),
        overlays: components().map(|component| component.overlays.len()).sum(),
        overlaid_components: components().filter(|component| !component.overlays.is_empty()).count(),
        macro_files: components().filter(|component| has_macros(component)).count(),
        skipped_checks: components().filter(|component| component.build.check_skipped.is_some()).count(),
        images: distro.images.len(),
        package_names: distro.package_groups.values().map(|group| group.packages.len()).sum(),
    }
}

/// How many rendered specs there are, and which of them are not printed as they were read.
fn print_back(rendered: &Path) -> Result<(usize, Vec<PathBuf>), CorpusError> {
    let mut paths = Vec::new();
    specs_below(rendered, &mut paths)?;
    paths.sort();
    let wrong = paths
        .par_iter()
        .filter_map(|path| match fs::read(path) {
            Ok(text) => (SpecFile::parse(&text).print() != text).then(|| Ok(path.clone())),
            Err(source) => Some(Err(CorpusError::Io { action: "read", path: path.clone(), source })),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok((paths.len(), wrong))
}

fn specs_below(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
    let cannot = |source| CorpusError::Io { action: "list", path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let kind = entry.file_type().map_err(cannot)?;
        let path = entry.path();
        if kind.is_dir() {
            specs_below(&path, paths)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "spec") {
            paths.push(path);
        }
    }
    Ok(())
}

fn look(
    distro: &Distro,
    component: &Component,
    branch: Option<&Branch>,
    known: &Known<'_>,
) -> Result<Finding, CorpusError> {
    let name = component.name.as_str();
    let folder = distro.rendered_folder(name);
    let spec = format!("{name}.spec");
    let text = match fs::read(folder.join(&spec)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let failed = folder.join(FAILED_MARKER).exists();
            let why = if failed { "its rendering failed" } else { "it was not rendered" };
            return Ok(Finding::NotRendered { why: why.to_owned() });
        }
        Err(source) => return Err(CorpusError::Io { action: "read", path: folder.join(spec), source }),
    };
    let body = rendered::without_release_block(&text);
    if let SpecSource::Local { path } = &component.spec {
        let source = source_in(path.parent().unwrap_or(&folder), &spec);
        let outcome = source.map_or_else(Outcome::Refused, |source| prepared(component, source, body));
        return Ok(Finding::Local { outcome });
    }
    let overlays = match all_overlays(component) {
        Ok(overlays) => overlays,
        Err(why) => return Ok(Finding::Unknown { why }),
    };
    let is_bare = overlays.len() == 1;
    let from_branch = match branch {
        Some(branch) if !is_bare => from_branch(component, branch, body, known)?,
        _ => None,
    };
    if let Some(finding) = from_branch.as_ref().filter(|finding| finding.proves()) {
        return Ok(finding.clone());
    }
    let taken_back = undo::undo(&overlays, body).map_err(|error| error.to_string());
    let taken_back = taken_back.and_then(|pristine| Ok((pristine, source_in(&folder, &spec)?)));
    let (pristine, mut source) = match taken_back {
        Ok(taken_back) => taken_back,
        Err(why) => return Ok(from_branch.unwrap_or(Finding::Unknown { why })),
    };
    let macro_file = macro_file_name(name);
    let added = component.overlays.iter().filter_map(|entry| entry.overlay.source_name());
    for file in added.chain([macro_file.as_str()]) {
        source.files.remove(file);
    }
    source.files.insert(spec, SourceEntry::File { bytes: pristine, executable: false });
    known(component, &source)?;
    let outcome = prepared(&on_the_spec(component), source, body);
    Ok(if is_bare { Finding::Bare { outcome } } else { Finding::Undone { outcome } })
}

/// Tries the newest text that was rendered without overlays; then the ones before, until one comes out as the spec that lies there.
fn from_branch(
    component: &Component,
    branch: &Branch,
    body: &[u8],
    known: &Known<'_>,
) -> Result<Option<Finding>, CorpusError> {
    let name = component.name.as_str();
    let mut first = None;
    for version in branch.versions(name) {
        let Some(distro) = branch.definition(&version.commit)? else { continue };
        let was_bare = distro
            .components
            .get(name)
            .is_some_and(|then| all_overlays(then).is_ok_and(|overlays| overlays.len() == 1));
        let Some(text) = branch.text(version)?.filter(|_| was_bare) else { continue };
        let Ok(pristine) = undo::undo(&[file_header()], rendered::without_release_block(&text)) else {
            continue;
        };
        if !is_of_same_upstream(component, &pristine, body) {
            continue;
        }
        let mut source = branch.folder(version, name)?;
        source.files.insert(source.spec.clone(), SourceEntry::File { bytes: pristine, executable: false });
        let whole = prepared(component, source.clone(), body);
        // Rendering keeps only the files that the spec names: those that an overlay changes may be gone.
        let spec_only = matches!(whole, Outcome::Refused(_));
        let outcome = if spec_only { prepared(&on_the_spec(component), source.clone(), body) } else { whole };
        let finding = Finding::Branch { commit: version.commit.to_string(), spec_only, outcome };
        if finding.proves() {
            known(component, &source)?;
            return Ok(Some(finding));
        }
        first.get_or_insert(finding);
    }
    Ok(first)
}

/// Whether two specs are of one version, as far as overlays do not set it.
fn is_of_same_upstream(component: &Component, pristine: &[u8], body: &[u8]) -> bool {
    let sets_version = component.overlays.iter().any(|entry| match &entry.overlay {
        Overlay::SetTag { tag, .. } | Overlay::UpdateTag { tag, .. } => tag.eq_ignore_ascii_case("version"),
        _ => false,
    });
    let version = |text| {
        SpecFile::parse(text).tag_values("", "Version").into_iter().map(Cow::into_owned).collect::<Vec<_>>()
    };
    sets_version || version(pristine) == version(body)
}

/// The component without what is done to files beside the spec, other than adding them.
fn on_the_spec(component: &Component) -> Component {
    let mut component = component.clone();
    component.overlays.retain(|entry| entry.overlay.changes_spec());
    component.source_files.clear();
    component
}

fn prepared(component: &Component, source: SourceFolder, body: &[u8]) -> Outcome {
    let made = prepare::plain_files(source).map_err(|error| error.to_string()).and_then(|files| {
        prepare::prepare(component, files, &Extra::default()).map_err(|error| chain(&error).join(": "))
    });
    let Prepared { files, spec, .. } = match made {
        Ok(made) => made,
        Err(why) => return Outcome::Refused(why),
    };
    match rendered::compare(&files[&spec].bytes, body) {
        Comparison::Same => Outcome::Same,
        Comparison::Release => Outcome::SameButRelease,
        Comparison::Changelog => Outcome::SameButChangelog,
        Comparison::Different { line, made, there } => Outcome::Different { line, made, there },
    }
}

/// Everything that is done to a component's spec, in order; for a bare one, the header alone.
fn all_overlays(component: &Component) -> Result<Vec<Overlay>, String> {
    let mut overlays = Vec::new();
    if has_macros(component) {
        overlays.extend(load_macros(&component.name).map_err(|error| error.to_string())?);
    }
    overlays.extend(component.overlays.iter().map(|entry| entry.overlay.clone()));
    overlays.extend(component.build.check_skipped.as_ref().map(|reason| skip_check(reason)));
    overlays.push(file_header());
    Ok(overlays)
}

fn has_macros(component: &Component) -> bool {
    let build = &component.build;
    let with = build.with.iter().map(|name| format!("_with_{name}"));
    let without = build.without.iter().map(|name| format!("_without_{name}"));
    let mut all = with.chain(without).chain(build.defines.keys().cloned());
    all.any(|name| !build.undefines.contains(&name))
}

fn source_in(folder: &Path, spec: &str) -> Result<SourceFolder, String> {
    component_sources::folder::read(folder, spec, spec).map_err(|error| chain(&error).join(": "))
}
