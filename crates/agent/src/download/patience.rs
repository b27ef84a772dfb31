//! How long a bad connection is put up with.

use std::time::Duration;

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
        std::thread::sleep(self.pause(&cause));
        self.pulse.beat();
        Ok(())
    }

    fn pause(&self, cause: &AttemptError) -> Duration {
        let asked = match cause {
            AttemptError::Status { retry_after: Some(seconds), .. } => Duration::from_secs(*seconds),
            _ => Duration::ZERO,
        };
        let doubled = 1_u32 << self.vain.saturating_sub(1).min(16);
        self.options.first_pause.saturating_mul(doubled).max(asked).min(self.options.longest_pause)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_fall_below_what_the_server_asks() {
        let options = Options {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(10),
            ..Options::default()
        };
        let pulse = Pulse::default();
        let pause = |vain, cause: &AttemptError| {
            Patience { options: &options, pulse: &pulse, vain }.pause(cause).as_secs()
        };
        let cut = AttemptError::Truncated { expected: 2, got: 1 };
        assert_eq!([1, 2, 3, 4, 5].map(|vain| pause(vain, &cut)), [1, 2, 4, 8, 10]);
        let busy = |seconds| AttemptError::Status { status: 503, retry_after: Some(seconds) };
        assert_eq!((pause(1, &busy(5)), pause(1, &busy(5000))), (5, 10));
    }
}
