//! Components and their locks, in; what their locks should be, and why, out. Reads sources through [`Sources`]; writes nothing
//! but in [`write_all`].
//!
//! A lock is renewed when what its upstream commit is resolved from changed (then the commit is resolved anew), or when the inputs
//! of the release changed. A lock that azldev wrote is taken over as it is, as long as it resolves from the same: its
//! `input-fingerprint` stays, so that taking it over releases nothing.

use std::path::Path;

use definition::{Component, SpecSource};
use host_tools::Progress;
use rayon::prelude::*;
use serde::Serialize;

use crate::fingerprint;
use crate::lock::{self, ComponentLock, LockError};
use crate::sources::{SourceError, Sources};

/// What an update is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request {
    /// Release once more, whatever changed; nothing is resolved.
    pub bump: bool,
    /// Resolve every commit anew.
    pub anew: bool,
}

/// What becomes of one component's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The component.
    pub component: String,
    /// The lock as it should be.
    pub lock: ComponentLock,
    /// The lock on disk.
    pub before: Option<ComponentLock>,
    /// What is different.
    pub change: Change,
}

/// How a lock differs from the one on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Not at all.
    None,
    /// There was none.
    New,
    /// Another upstream commit.
    Commit,
    /// Other inputs of the same commit: a new release.
    Inputs,
    /// Nothing that makes a release.
    Bookkeeping,
}

/// Why a lock cannot be renewed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Its source cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its lock cannot be read or written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is nothing to release once more.
    #[error(
        "{component} has no lock that could be released once more: run `lazuli component update {component}` first"
    )]
    NoLock {
        /// The component.
        component: String,
    },
}

/// A component whose lock cannot be renewed.
#[derive(Debug)]
pub struct Refused {
    /// The component.
    pub component: String,
    /// Why.
    pub error: Box<UpdateError>,
}

/// Decides what the locks of components should be, many at once; in the order of the components, with every error.
pub fn update_all(
    components: &[&Component],
    sources: &Sources<'_>,
    request: Request,
    progress: &dyn Progress,
) -> Result<Vec<Update>, Vec<Refused>> {
    progress.begin("components", Some(components.len() as u64));
    let updated: Vec<Result<Update, Refused>> = components
        .par_iter()
        .map(|component| {
            let updated = update(component, sources, request);
            progress.advance(1, component.name.as_str());
            updated.map_err(|error| Refused { component: component.name.to_string(), error: Box::new(error) })
        })
        .collect();
    let (updates, errors): (Vec<_>, Vec<_>) = updated.into_iter().partition(Result::is_ok);
    progress.finish(&format!("{} looked at", components.len()));
    if errors.is_empty() {
        return Ok(updates.into_iter().filter_map(Result::ok).collect());
    }
    Err(errors.into_iter().filter_map(Result::err).collect())
}

/// Puts every lock that differs in the place of the one on disk.
pub fn write_all(updates: &[Update], lock_dir: &Path) -> Result<(), LockError> {
    let different = updates.par_iter().filter(|update| update.change != Change::None);
    different.map(|update| lock::write(lock_dir, &update.component, &update.lock)).collect()
}

/// Decides what a component's lock should be.
pub fn update(component: &Component, sources: &Sources<'_>, request: Request) -> Result<Update, UpdateError> {
    let before = sources.lock_of(component)?;
    let mut lock = before.clone().unwrap_or_default();
    let name = component.name.to_string();
    if request.bump {
        if lock.input_fingerprint.is_none() {
            return Err(UpdateError::NoLock { component: name });
        }
        lock.manual_bump += 1;
    }
    let is_upstream = matches!(component.spec, SpecSource::Upstream(_));
    let resolution = sources.resolution_of(component);
    if !is_upstream {
        lock.import_commit = None;
        lock.upstream_commit = None;
        lock.resolution_input_hash = None;
    } else if !request.bump {
        let same = lock.resolution_input_hash.is_some() && lock.resolution_input_hash == resolution;
        // What neither a moment nor a pin holds still is looked up every time.
        let held = is_held(component);
        if lock.upstream_commit.is_none() || !same || !held || request.anew {
            lock.upstream_commit = sources.resolve(component)?.or(lock.upstream_commit);
            lock.resolution_input_hash = resolution;
        }
        lock.import_commit = lock.import_commit.or_else(|| lock.upstream_commit.clone());
    }
    let fingerprint = sources.locked_fingerprint(component, &lock)?;
    let former = before.as_ref();
    let same_commit = former.is_some_and(|before| before.upstream_commit == lock.upstream_commit);
    let same_resolution =
        former.is_some_and(|before| before.resolution_input_hash == lock.resolution_input_hash);
    let taken_over =
        former.is_some_and(|before| before.inputs.is_none() && before.input_fingerprint.is_some());
    let released = match former {
        Some(before) if before.inputs.as_ref() == Some(&fingerprint) => false,
        Some(_) if taken_over && same_commit && same_resolution && !request.bump => false,
        _ => true,
    };
    if released {
        lock.input_fingerprint = Some(fingerprint::as_input(&fingerprint));
    }
    lock.inputs = Some(fingerprint);
    let change = match &before {
        None => Change::New,
        Some(before) if *before == lock => Change::None,
        Some(before) if before.upstream_commit != lock.upstream_commit => Change::Commit,
        Some(_) if released => Change::Inputs,
        Some(_) => Change::Bookkeeping,
    };
    Ok(Update { component: name, lock, before, change })
}

fn is_held(component: &Component) -> bool {
    match &component.spec {
        SpecSource::Upstream(upstream) => upstream.snapshot.is_some() || upstream.commit.is_some(),
        _ => true,
    }
}
