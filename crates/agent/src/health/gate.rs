//! Observations over time in; the verdict on a new version, out. Nothing here looks at a system or a clock.

use std::time::Duration;

use super::Problem;
use crate::config;

/// What is known of a new version so far.
#[derive(Debug, Clone)]
pub struct Gate {
    deadline: Duration,
    settle: Duration,
    good_since: Option<Duration>,
    last: Vec<Problem>,
}

/// What to do about a new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Look again.
    Wait,
    /// It stays.
    Good,
    /// It goes, for this reason.
    Bad {
        /// What did not hold.
        reason: String,
    },
}

impl Gate {
    /// A gate that nothing has passed yet.
    pub fn new(settings: &config::Health) -> Gate {
        Gate { deadline: settings.deadline, settle: settings.settle, good_since: None, last: Vec::new() }
    }

    /// What an observation, made so long after the start, says.
    pub fn observe(&mut self, elapsed: Duration, problems: Vec<Problem>) -> Verdict {
        if problems.is_empty() {
            let since = *self.good_since.get_or_insert(elapsed);
            if elapsed.saturating_sub(since) >= self.settle {
                return Verdict::Good;
            }
        } else {
            self.good_since = None;
            self.last = problems;
        }
        if elapsed < self.deadline {
            return Verdict::Wait;
        }
        let after = self.deadline.as_secs();
        let reason = match (self.good_since, self.last.first()) {
            (None, Some(first)) => {
                let others = match self.last.len() {
                    1 => String::new(),
                    count => format!(" (and {} more)", count - 1),
                };
                format!("not healthy after {after} s: {first}{others}")
            }
            _ => format!("not healthy for {} s without a break within {after} s", self.settle.as_secs()),
        };
        Verdict::Bad { reason }
    }

    /// What did not hold at the last observation.
    pub fn problems(&self) -> &[Problem] {
        if self.good_since.is_some() { &[] } else { &self.last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(&config::Health { deadline: Duration::from_secs(100), settle: Duration::from_secs(20) })
    }

    fn problem() -> Vec<Problem> {
        vec![Problem { check: "unit a.service".into(), reason: "it is failed".into() }]
    }

    fn at(gate: &mut Gate, seconds: u64, problems: Vec<Problem>) -> Verdict {
        gate.observe(Duration::from_secs(seconds), problems)
    }

    #[test]
    fn good_is_what_holds_without_a_break() {
        let mut gate = gate();
        assert_eq!(at(&mut gate, 0, problem()), Verdict::Wait);
        assert_eq!(at(&mut gate, 10, Vec::new()), Verdict::Wait);
        assert_eq!(at(&mut gate, 20, problem()), Verdict::Wait);
        assert_eq!(gate.problems(), problem());
        assert_eq!(at(&mut gate, 25, Vec::new()), Verdict::Wait);
        assert_eq!(at(&mut gate, 44, Vec::new()), Verdict::Wait);
        assert_eq!(gate.problems(), []);
        assert_eq!(at(&mut gate, 45, Vec::new()), Verdict::Good);
    }

    #[test]
    fn what_does_not_hold_at_the_deadline_is_the_reason() {
        let mut gate = gate();
        let mut two = problem();
        two.extend(problem());
        assert_eq!(at(&mut gate, 99, two.clone()), Verdict::Wait);
        let reason = "not healthy after 100 s: unit a.service: it is failed (and 1 more)".to_owned();
        assert_eq!(at(&mut gate, 100, two), Verdict::Bad { reason });
    }

    #[test]
    fn what_comes_and_goes_is_not_good() {
        let mut gate = gate();
        for second in (0..100).step_by(15) {
            assert_eq!(at(&mut gate, second, problem()), Verdict::Wait);
            assert_eq!(
                at(&mut gate, second + 10, Vec::new()),
                if second == 90 { bad() } else { Verdict::Wait }
            );
        }
        fn bad() -> Verdict {
            Verdict::Bad { reason: "not healthy for 20 s without a break within 100 s".to_owned() }
        }
    }
}
