//! Work that takes long tells that it goes on.

use std::fmt;
use std::sync::Arc;

/// Called now and then by work that goes on; quiet unless somebody listens.
#[derive(Clone)]
pub struct Pulse(Arc<dyn Fn() + Send + Sync>);

impl Pulse {
    /// One that calls this.
    pub fn new(beat: impl Fn() + Send + Sync + 'static) -> Self {
        Pulse(Arc::new(beat))
    }

    /// The work goes on.
    pub fn beat(&self) {
        (self.0)();
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Pulse::new(|| {})
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pulse")
    }
}
