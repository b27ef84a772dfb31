//! What the service does next: facts in, one step out. Nothing here looks at a clock or a host.

use release::Version;

use crate::config::Automatic;
use crate::operation::Checked;
use crate::situation::Outcome;

/// What is known when the service decides.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Seconds since 1970.
    pub now: u64,
    /// How far an update goes by itself; without a repository, not at all.
    pub automatic: Automatic,
    /// How the last boot stands.
    pub condition: &'a Outcome,
    /// The version that is staged wholly.
    pub staged: Option<&'a Version>,
    /// What the channel said last.
    pub offered: Option<&'a Checked>,
    /// Whether the fleet's lock may be held by this machine.
    pub locked: bool,
    /// When each thing may be tried.
    pub due: &'a Due,
}

/// When each thing may be tried, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// To look at the channel.
    pub check: u64,
    /// To stage what it offers.
    pub stage: u64,
    /// To restart.
    pub restart: u64,
    /// To give the fleet's lock back.
    pub unlock: u64,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask the health checks about the version on trial.
    Probe,
    /// Give the fleet's lock back.
    Unlock,
    /// Look at the channel.
    Check,
    /// Stage what the channel offers.
    Stage,
    /// Apply what is staged, if that is to be done yet, and restart.
    Restart,
    /// Nothing is to be done before this second since 1970.
    Sleep {
        /// The second.
        until: u64,
    },
}

/// What the service does next.
pub fn next(facts: &Facts<'_>) -> Next {
    let Facts { now, automatic, due, .. } = *facts;
    // Whatever else there is: a version that has to prove itself comes first, and nothing is staged over its fallback.
    if matches!(facts.condition, Outcome::Trial { .. }) {
        return Next::Probe;
    }
    let awaiting = matches!(facts.condition, Outcome::Awaiting { .. });
    let offered = match facts.offered {
        Some(Checked::Take { version }) => Some(version),
        _ => None,
    };
    let mut wanted = Vec::new();
    // A machine that is about to restart keeps the lock.
    if facts.locked && !(awaiting && automatic == Automatic::Reboot) {
        wanted.push((due.unlock, Next::Unlock));
    }
    if automatic >= Automatic::Check {
        wanted.push((due.check, Next::Check));
    }
    if automatic >= Automatic::Stage && offered.is_some() && offered != facts.staged && !awaiting {
        wanted.push((due.stage, Next::Stage));
    }
    // Only what the channel still offers is applied: a staged version may have been withdrawn.
    let staged = facts.staged.is_some() && offered == facts.staged;
    if automatic >= Automatic::Reboot && (staged || awaiting) {
        wanted.push((due.restart, Next::Restart));
    }
    match wanted.iter().find(|(time, _)| *time <= now) {
        Some((_, next)) => *next,
        None => Next::Sleep { until: wanted.iter().map(|(time, _)| *time).min().unwrap_or(u64::MAX) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn take(text: &str) -> Checked {
        Checked::Take { version: version(text) }
    }

    const LATER: Due = Due { check: 500, stage: 600, restart: 700, unlock: 800 };
    const OVERDUE: Due = Due { check: 0, stage: 0, restart: 0, unlock: 0 };

    fn decided(
        automatic: Automatic,
        condition: &Outcome,
        staged: Option<&Version>,
        offered: Option<&Checked>,
        due: &Due,
    ) -> Next {
        next(&Facts { now: 100, automatic, condition, staged, offered, locked: false, due })
    }

    #[test]
    fn a_trial_comes_before_everything() {
        let trial = Outcome::Trial { left: 2, fallback: None };
        assert_eq!(decided(Automatic::Reboot, &trial, None, Some(&take("2")), &OVERDUE), Next::Probe);
        assert_eq!(decided(Automatic::Off, &trial, None, None, &LATER), Next::Probe);
    }

    #[test]
    fn an_update_goes_as_far_as_it_may() {
        let (settled, two) = (Outcome::Settled, version("2"));
        let no_check = Due { check: 500, ..OVERDUE };
        for (automatic, staged, expected) in [
            (Automatic::Off, None, Next::Sleep { until: u64::MAX }),
            (Automatic::Check, None, Next::Sleep { until: 500 }),
            (Automatic::Stage, None, Next::Stage),
            (Automatic::Stage, Some(&two), Next::Sleep { until: 500 }),
            (Automatic::Reboot, None, Next::Stage),
            (Automatic::Reboot, Some(&two), Next::Restart),
        ] {
            let found = decided(automatic, &settled, staged, Some(&take("2")), &no_check);
            assert_eq!(found, expected, "{automatic:?} {staged:?}");
        }
    }

    #[test]
    fn what_the_channel_took_back_is_not_applied_and_what_is_newer_replaces_it() {
        let (settled, two) = (Outcome::Settled, version("2"));
        let no_check = Due { check: 500, ..OVERDUE };
        let current = Checked::Current { version: version("1") };
        for offered in [None, Some(&current)] {
            let found = decided(Automatic::Reboot, &settled, Some(&two), offered, &no_check);
            assert_eq!(found, Next::Sleep { until: 500 });
        }
        let found = decided(Automatic::Reboot, &settled, Some(&two), Some(&take("3")), &no_check);
        assert_eq!(found, Next::Stage);
    }

    #[test]
    fn what_was_applied_is_restarted_into_only_by_policy() {
        let awaiting = Outcome::Awaiting { version: version("2") };
        let no_check = Due { check: 500, ..OVERDUE };
        assert_eq!(decided(Automatic::Reboot, &awaiting, None, None, &no_check), Next::Restart);
        assert_eq!(decided(Automatic::Stage, &awaiting, None, None, &no_check), Next::Sleep { until: 500 });
    }

    #[test]
    fn the_lock_is_given_back_unless_a_restart_is_near() {
        let awaiting = Outcome::Awaiting { version: version("2") };
        let locked = |automatic, condition: &Outcome| {
            next(&Facts {
                now: 100,
                automatic,
                condition,
                staged: None,
                offered: None,
                locked: true,
                due: &OVERDUE,
            })
        };
        assert_eq!(locked(Automatic::Off, &Outcome::Settled), Next::Unlock);
        let rolled_back = Outcome::RolledBack { version: version("2") };
        assert_eq!(locked(Automatic::Reboot, &rolled_back), Next::Unlock);
        assert_eq!(locked(Automatic::Stage, &awaiting), Next::Unlock);
        assert_eq!(locked(Automatic::Reboot, &awaiting), Next::Check);
    }

    #[test]
    fn the_nearest_time_ends_the_sleep() {
        let found = decided(Automatic::Reboot, &Outcome::Settled, None, Some(&take("2")), &LATER);
        assert_eq!(found, Next::Sleep { until: 500 });
        let late_check = Due { check: 5000, ..LATER };
        let found = decided(Automatic::Reboot, &Outcome::Settled, None, Some(&take("2")), &late_check);
        assert_eq!(found, Next::Sleep { until: 600 });
    }
}
