//! Components and an output folder, in; the folder brought up to date or compared, and what became of each component, out.
//! Writes the output folder, and what is remembered of it in the cache.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use definition::Component;
use host_tools::Progress;
use rayon::prelude::*;

use super::failure::{Failed, RenderError};
use super::inputs::Renderer;
use super::known::{self, Known, KnownComponents};
use super::layout::{FAILED_MARKER, FAILED_TEXT, component_folder, encoded_name};
use super::look::{content, content_on_disk, look};
use super::output::{Files, Output, OutputError, holds, is_linked};
use super::stale::stale_folders;
use crate::prepare::PreparedFile;

/// What to render, and where to.
pub struct Request<'a> {
    /// The components.
    pub components: Vec<&'a Component>,
    /// Names of all components that there are, if folders of others are to be removed.
    pub remove_stale: Option<BTreeSet<&'a str>>,
    /// The output folder.
    pub output: &'a Path,
    /// Whether it is the definition's own, where folders of components are nobody else's.
    pub output_is_own: bool,
    /// Whether to write it.
    pub mode: Mode,
    /// The cache folder, if results of earlier runs may be taken over.
    pub cache: Option<&'a Path>,
}

/// Whether a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The output folder is brought up to date.
    Write,
    /// It is compared with what would be written, and left alone.
    Check,
}

/// What a run found, in the order of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What became of each component.
    pub outcomes: Vec<Outcome>,
    /// Folders of components that are no longer, relative to the output folder: removed, or only found when checking.
    pub stale: Vec<PathBuf>,
}

/// What became of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its folder, relative to the output folder.
    pub folder: PathBuf,
    /// Whether it could be rendered.
    pub state: State,
    /// Whether its folder was not as it is now; when checking, as it should be.
    pub changed: bool,
    /// What is to be said about it.
    pub notes: Vec<String>,
}

/// Whether a component could be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was.
    Rendered,
    /// It was not: its folder holds nothing but the marker of that.
    Failed(Failed),
    /// What it is made from cannot be had, or is not known, now: its folder is left as it was.
    Unavailable(Failed),
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The output folder.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// What is remembered.
    #[error("cannot write {}", path.display())]
    Remember {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Renders components, many at once. A component that fails is no error of the run.
pub fn run(
    renderer: &Renderer<'_>,
    request: &Request<'_>,
    progress: &dyn Progress,
) -> Result<Report, RunError> {
    let root = std::path::absolute(request.output).map_err(|source| OutputError::Io {
        action: "find",
        path: request.output.to_owned(),
        source,
    })?;
    let output = match request.mode {
        Mode::Write => Some(Output::open(&root, request.output_is_own)?),
        Mode::Check => None,
    };
    let root = output.as_ref().map_or(root, |output| output.root().to_owned());
    let memory = request.cache.map(|cache| known::place(cache, &root));
    let known = memory.as_ref().map(|place| known::load(place, renderer.program())).unwrap_or_default();
    let now = output.as_ref().map(Output::now).transpose()?;
    progress.begin("render", Some(request.components.len() as u64));
    let one = |component: &&Component| {
        let done = Run { renderer, root: &root, output: output.as_ref(), now }
            .component(component, known.get(component.name.as_str()));
        progress.advance(1, &component.name);
        done
    };
    let done: Vec<(Outcome, Option<Known>)> =
        request.components.par_iter().map(one).collect::<Result<_, _>>()?;
    let stale = match &request.remove_stale {
        Some(names) => stale_folders(&root, names)?,
        None => Vec::new(),
    };
    let mut report = Report { outcomes: Vec::with_capacity(done.len()), stale };
    let mut fresh = known.clone();
    if let Some(names) = &request.remove_stale {
        fresh.retain(|name, _known| names.contains(name.as_str()));
    }
    for (outcome, entry) in done {
        match entry {
            Some(entry) => fresh.insert(outcome.name.clone(), entry),
            None => fresh.remove(&outcome.name),
        };
        report.outcomes.push(outcome);
    }
    report.outcomes.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(output) = output {
        report.stale.par_iter().try_for_each(|folder| output.remove(folder))?;
        output.finish()?;
        remember(memory.as_deref(), renderer.program(), &known, &fresh)?;
    }
    progress.finish(&summary(&report, request.mode));
    Ok(report)
}

fn remember(
    place: Option<&Path>,
    program: &str,
    old: &KnownComponents,
    fresh: &KnownComponents,
) -> Result<(), RunError> {
    match place {
        Some(place) if old != fresh => known::save(place, program, fresh)
            .map_err(|source| RunError::Remember { path: place.to_owned(), source }),
        _ => Ok(()),
    }
}

fn summary(report: &Report, mode: Mode) -> String {
    let count =
        |test: &dyn Fn(&Outcome) -> bool| report.outcomes.iter().filter(|outcome| test(outcome)).count();
    let changed = count(&|outcome| outcome.changed);
    let failed = count(&|outcome| outcome.state != State::Rendered);
    let verb = if mode == Mode::Write { "written" } else { "not up to date" };
    format!("{} components, {changed} {verb}, {failed} failed", report.outcomes.len())
}

/// What the work on every component shares.
struct Run<'a> {
    renderer: &'a Renderer<'a>,
    root: &'a Path,
    output: Option<&'a Output>,
    /// By the output folder's file system, before anything was looked at.
    now: Option<(i64, i64)>,
}

impl Run<'_> {
    fn component(
        &self,
        component: &Component,
        known: Option<&Known>,
    ) -> Result<(Outcome, Option<Known>), OutputError> {
        let name = component.name.as_str();
        let folder = match component_folder(name) {
            Ok(folder) => folder,
            Err(error) => {
                let state = State::Failed(Failed::of(&error));
                let (folder, notes) = (PathBuf::new(), Vec::new());
                let outcome = Outcome { name: name.to_owned(), folder, state, changed: false, notes };
                return Ok((outcome, None));
            }
        };
        let place = self.root.join(&folder);
        let alias = encoded_name(name);
        let inputs = match self.renderer.inputs(component) {
            Ok(inputs) => inputs,
            Err(error) => return Ok(self.unavailable(component, folder, &error, known)),
        };
        if let Some(known) = known.filter(|known| known.inputs == inputs.digest())
            && alias
                .as_ref()
                .is_none_or(|alias| known.failed.is_some() || is_linked(self.root, &folder, alias))
            && let Some(look) = self.look_if_known(&place, known)?
        {
            let state = known.failed.clone().map_or(State::Rendered, State::Failed);
            let notes = known.notes.clone();
            let outcome = Outcome { name: name.to_owned(), folder, state, changed: false, notes };
            return Ok((outcome, Some(Known { look, ..known.clone() })));
        }
        let digest = inputs.digest().to_owned();
        let made = self.renderer.render(component, &inputs);
        let (files, failed, notes) = match made {
            Ok(rendered) => (rendered.files, None, rendered.notes),
            Err(error) if error.may_pass() => return Ok(self.unavailable(component, folder, &error, known)),
            Err(error) => (failed_files(), Some(self.renderer.explain(component, &error)), Vec::new()),
        };
        let changed = self.put(&folder, &files, alias.filter(|_alias| failed.is_none()).as_deref())?;
        let look = self.settled_look(&place)?;
        let entry = Known {
            inputs: digest,
            content: content(&files),
            look,
            failed: failed.clone(),
            notes: notes.clone(),
        };
        let state = failed.map_or(State::Rendered, State::Failed);
        let outcome = Outcome { name: name.to_owned(), folder, state, changed, notes };
        Ok((outcome, Some(entry)))
    }

    /// The outcome for a component that nothing is known of now: its folder stays as it is, and the next run tries again.
    fn unavailable(
        &self,
        component: &Component,
        folder: PathBuf,
        error: &RenderError,
        known: Option<&Known>,
    ) -> (Outcome, Option<Known>) {
        let state = State::Unavailable(self.renderer.explain(component, error));
        let name = component.name.as_str().to_owned();
        (Outcome { name, folder, state, changed: false, notes: Vec::new() }, known.cloned())
    }

    /// Makes the folder hold the files and the link lead to it, or only compares; whether they were otherwise.
    fn put(&self, folder: &Path, files: &Files, alias: Option<&str>) -> Result<bool, OutputError> {
        let other_files = !holds(&self.root.join(folder), files)?;
        let unlinked = alias.filter(|alias| !is_linked(self.root, folder, alias));
        if let Some(output) = self.output {
            if other_files {
                output.replace(folder, files)?;
            }
            if let Some(alias) = unlinked {
                output.link(folder, alias)?;
            }
        }
        Ok(other_files || unlinked.is_some())
    }

    /// What is to be remembered of how a folder looks, if it holds what it held when it was last written or compared.
    fn look_if_known(&self, place: &Path, known: &Known) -> Result<Option<Option<String>>, OutputError> {
        match look(place)? {
            None => Ok(None),
            Some(look) if known.look.as_ref() == Some(&look.digest) => Ok(Some(known.look.clone())),
            // Looked at before it was read: a write in between shows the next time.
            Some(look) => {
                let same = content_on_disk(place)?.as_ref() == Some(&known.content);
                Ok(same.then(|| self.now.filter(|now| look.is_settled(*now)).map(|_now| look.digest)))
            }
        }
    }

    fn settled_look(&self, place: &Path) -> Result<Option<String>, OutputError> {
        let Some(now) = self.now else { return Ok(None) };
        Ok(look(place)?.filter(|look| look.is_settled(now)).map(|look| look.digest))
    }
}

fn failed_files() -> Files {
    let marker = PreparedFile { bytes: FAILED_TEXT.to_vec(), executable: false };
    BTreeMap::from([(FAILED_MARKER.to_owned(), marker)])
}
