//! What a long operation tells of itself while it runs; who listens (a progress bar, a log, nobody) is the caller's choice.

/// Hears how far an operation has come; called from any thread.
pub trait Progress: Send + Sync {
    /// A stage begins; `total` counts its steps (packages, bytes), if that is known.
    fn begin(&self, stage: &str, total: Option<u64>);

    /// So many more steps of the current stage are done; `what` names the last of them.
    fn advance(&self, steps: u64, what: &str);

    /// The current stage is over; `summary` says in a few words what came of it.
    fn finish(&self, summary: &str);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: Option<u64>) {}
    fn advance(&self, _steps: u64, _what: &str) {}
    fn finish(&self, _summary: &str) {}
}
