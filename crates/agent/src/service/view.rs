//! What the service shows of itself: written by the thread that works, read by those that answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::execute::Watch;
use crate::fill::Filled;
use crate::health::Problem;
use crate::metrics::{Metrics, peak_memory};
use crate::operation::{Checked, Failure, Status};
use crate::plan::Step;
use crate::pulse::Pulse;

/// What the service shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct View {
    /// How the host stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// How far an update goes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<crate::config::Automatic>,
    /// The channel that is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What the channel said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<Checked>,
    /// When it is asked again, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_check: Option<u64>,
    /// What is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What the health checks of a version on trial say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthView>,
    /// Why a restart has not happened yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<crate::reboot::Permission>,
    /// What is wrong with the operator's configuration; the image's alone counts then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Failure>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Noted>,
}

/// What is being done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// Of the step, counted from 1.
    pub step: usize,
    /// How many there are.
    pub steps: usize,
    /// In words.
    pub doing: String,
    /// Bytes that are in their places, in a step that fills.
    pub filled: u64,
    /// Bytes that there will be.
    pub size: u64,
}

/// What the health checks say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HealthView {
    /// Seconds since the first observation.
    pub seconds: u64,
    /// What does not hold.
    pub problems: Vec<Problem>,
}

/// A failure and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Noted {
    /// In seconds since 1970.
    pub at: u64,
    /// What went wrong.
    pub failure: Failure,
}

/// The view and the counts, shared.
#[derive(Debug, Default)]
pub struct Shared {
    view: Mutex<View>,
    metrics: Mutex<Metrics>,
    received: Arc<AtomicU64>,
}

impl Shared {
    /// Nothing is shown yet; `received` counts the bytes that came from servers.
    pub fn new(received: Arc<AtomicU64>) -> Shared {
        Shared { received, ..Shared::default() }
    }

    /// The view, to look at or change.
    pub fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts, to change.
    pub(super) fn count(&self) -> MutexGuard<'_, Metrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts as they are.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            received_bytes: self.received.load(Ordering::Relaxed),
            peak_memory_bytes: peak_memory(),
            ..self.count().clone()
        }
    }
}

/// Shows and counts what a plan does.
pub(super) struct Reporter<'a> {
    pub(super) shared: &'a Shared,
    pub(super) pulse: &'a Pulse,
    /// Of the version that is being filled.
    pub(super) filled: Filled,
}

impl Watch for Reporter<'_> {
    fn step(&mut self, number: usize, steps: usize, step: &Step) {
        self.pulse.beat();
        let progress = Progress { step: number, steps, doing: step.to_string(), filled: 0, size: 0 };
        self.shared.view().progress = Some(progress);
    }

    fn filled(&mut self, filled: Filled, size: u64) {
        self.pulse.beat();
        self.filled = filled;
        if let Some(progress) = &mut self.shared.view().progress {
            progress.filled = filled.kept + filled.copied + filled.fetched;
            progress.size = size;
        }
    }
}
