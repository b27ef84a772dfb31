//! How long to wait between transfers.

use std::time::Duration;

/// The pause after so many transfers in a row that failed: doubled by each, no shorter than the server asks, no longer than
/// `longest`.
pub fn pause(first: Duration, longest: Duration, failed: u32, asked: Option<Duration>) -> Duration {
    let doubled = first.saturating_mul(1 << failed.saturating_sub(1).min(16));
    doubled.max(asked.unwrap_or_default()).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_fall_below_what_the_server_asks() {
        let seconds = Duration::from_secs;
        let after =
            |failed, asked: Option<u64>| pause(seconds(1), seconds(10), failed, asked.map(seconds)).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 99].map(|failed| after(failed, None)), [1, 2, 4, 8, 10, 10]);
        assert_eq!((after(1, Some(5)), after(4, Some(5)), after(1, Some(5000))), (5, 8, 10));
    }
}
