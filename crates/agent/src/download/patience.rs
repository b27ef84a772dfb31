//! How long a bad connection is put up with.

use host_tools::Stopwatch;
use url::Url;

use super::Options;
use super::error::{AttemptError, DownloadError};
use crate::pulse::Pulse;

/// Content that makes up for a transfer's early end, in bytes.
const WORTHWHILE: u64 = 64 << 10;

/// Counts transfers that brought nothing, and waits between them.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    options: &'a Options,
    pulse: &'a Pulse,
    vain: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(options: &'a Options, pulse: &'a Pulse) -> Self {
        Patience { options, pulse, vain: 0 }
    }

    /// A transfer came to its end.
    pub(super) fn succeeded(&mut self) {
        self.vain = 0;
    }

    /// A transfer brought so many wanted bytes and then failed: waits, or gives up.
    pub(super) fn note(&mut self, url: &Url, cause: AttemptError, brought: u64) -> Result<(), DownloadError> {
        self.vain = if brought >= WORTHWHILE { 0 } else { self.vain + 1 };
        if !cause.may_pass() || self.vain >= self.options.attempts {
            return Err(DownloadError::new(url, cause));
        }
        self.pulse.beat();
        let asked = match &cause {
            AttemptError::Transfer(error) => error.retry_after(),
            _ => None,
        };
        let Options { first_pause, longest_pause, .. } = *self.options;
        std::thread::sleep(http_fetch::pause(first_pause, longest_pause, self.vain, asked));
        self.pulse.beat();
        Ok(())
    }
}

/// Whether enough comes: a server that sends a byte now and then never trips a timeout of single reads.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    options: &'a Options,
    since: Stopwatch,
    bytes: u64,
}

impl<'a> Pace<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Pace { options, since: Stopwatch::start(), bytes: 0 }
    }

    /// So many bytes came.
    pub(super) fn note(&mut self, bytes: usize) -> Result<(), AttemptError> {
        self.bytes += bytes as u64;
        let elapsed = self.since.elapsed();
        if elapsed < self.options.stall_timeout {
            return Ok(());
        }
        if self.bytes < self.options.least_bytes {
            return Err(AttemptError::TooSlow { bytes: self.bytes, seconds: elapsed.as_secs() });
        }
        *self = Pace::new(self.options);
        Ok(())
    }
}
