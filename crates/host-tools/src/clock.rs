//! The only place that asks what time it is, and how long something took.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of day: this machine's, or one that a test or SOURCE_DATE_EPOCH fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// What the machine says.
    System,
    /// Always the same, in seconds since 1970-01-01 00:00 UTC.
    Fixed(u64),
}

impl Clock {
    /// Seconds since 1970-01-01 00:00 UTC; a machine set before that says 0.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    pub fn now(self) -> u64 {
        match self {
            Clock::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            Clock::Fixed(seconds) => seconds,
        }
    }
}

/// Nanoseconds since 1970, as the times of files count them: to tell whether a file may have changed in this very moment.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
pub(crate) fn file_time() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

/// Measures how long something takes, for messages and benchmarks; never part of an output.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "this is the stopwatch that everything else is given")]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_and_the_machine_s_does_not_lie_in_the_past() {
        assert_eq!(Clock::Fixed(1_700_000_000).now(), 1_700_000_000);
        assert!(Clock::System.now() > 1_700_000_000);
    }

    #[test]
    fn a_stopwatch_counts_up() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(2));
        assert!(stopwatch.elapsed() >= Duration::from_millis(2));
    }
}
