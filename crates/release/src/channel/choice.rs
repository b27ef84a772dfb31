//! What a machine does about its channel: facts about the machine and a time in, a choice with its reason out.
//! Everything that decides which version a machine takes is here; the agent brings facts and obeys.

use std::collections::BTreeSet;
use std::fmt;

use super::{Channel, Promotion};
use crate::{Architecture, ImageName, Version};

/// What a machine knows of itself.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// The image that it runs.
    pub image: &'a ImageName,
    /// Its processor.
    pub architecture: Architecture,
    /// The version that it runs, or has staged to run next.
    pub version: &'a Version,
    /// What tells it from other machines: drawn once, never its plain machine identity.
    pub seed: &'a [u8],
    /// The one version that it shall run, whatever the channel's latest is; going back is then allowed.
    pub pin: Option<&'a Version>,
    /// Versions that rolled back here, never to be taken again by itself.
    pub quarantined: &'a BTreeSet<Version>,
    /// Whether it follows a channel that goes back.
    pub allow_downgrade: bool,
    /// Whether its operator asks for the update now, before its place in the waves.
    pub ignore_waves: bool,
}

/// What a machine does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// It runs what it should.
    Current,
    /// It takes this version now.
    Take(&'a Promotion),
    /// It takes this version later.
    Wait {
        /// The version.
        promotion: &'a Promotion,
        /// When, in seconds since 1970; none where the waves end before its place.
        until: Option<u64>,
    },
    /// It stays what it is, though the channel has something else.
    Stay(WhyNot),
}

/// Why a machine stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// The channel is of another image.
    OtherImage(ImageName),
    /// The channel is for another processor.
    OtherArchitecture(Architecture),
    /// The version rolled back here.
    Quarantined(Version),
    /// The channel goes back, and the machine may not.
    Downgrade(Version),
    /// A barrier on the way was withdrawn, and no later one takes its place.
    BarrierWithdrawn(Version),
    /// The pinned version is not offered.
    PinAbsent(Version),
    /// The pinned version lies before a barrier that the machine has passed.
    PinBehindBarrier {
        /// The pinned version.
        pin: Version,
        /// The barrier.
        barrier: Version,
    },
}

impl Channel {
    /// What the machine does at `now`, in seconds since 1970.
    pub fn choose(&self, machine: &Machine<'_>, now: u64) -> Choice<'_> {
        if *machine.image != self.image {
            return Choice::Stay(WhyNot::OtherImage(self.image.clone()));
        }
        if machine.architecture != self.architecture {
            return Choice::Stay(WhyNot::OtherArchitecture(self.architecture));
        }
        match machine.pin {
            Some(pin) => self.choose_pinned(machine, pin, now),
            None => self.choose_latest(machine, now),
        }
    }

    fn choose_pinned(&self, machine: &Machine<'_>, pin: &Version, now: u64) -> Choice<'_> {
        if pin == machine.version {
            return Choice::Current;
        }
        let Some(wanted) = self.offered().find(|promotion| promotion.version == *pin) else {
            return Choice::Stay(WhyNot::PinAbsent(pin.clone()));
        };
        if pin > machine.version {
            return self.choose_upwards(machine, pin, now);
        }
        match self.barrier_after(pin) {
            Some((barrier, _)) if barrier <= *machine.version => {
                Choice::Stay(WhyNot::PinBehindBarrier { pin: pin.clone(), barrier })
            }
            _ => self.in_its_time(machine, wanted, now),
        }
    }

    fn choose_latest(&self, machine: &Machine<'_>, now: u64) -> Choice<'_> {
        let Some(head) = self.head() else { return Choice::Current };
        if head.version == *machine.version {
            return Choice::Current;
        }
        if head.version > *machine.version {
            return self.choose_upwards(machine, &head.version, now);
        }
        // A machine may run more than the channel has: it came from another one. Only a stated downgrade calls it back.
        if !head.downgrade {
            return Choice::Current;
        }
        if !machine.allow_downgrade {
            return Choice::Stay(WhyNot::Downgrade(head.version.clone()));
        }
        if machine.quarantined.contains(&head.version) {
            return Choice::Stay(WhyNot::Quarantined(head.version.clone()));
        }
        self.in_its_time(machine, head, now)
    }

    /// The newest version after the machine's that is offered, not later than `limit`, not behind a barrier that the
    /// machine has still to pass, and whose time has come; else the one whose time comes first. Of what lies before a
    /// pinned version only barriers are taken.
    fn choose_upwards(&self, machine: &Machine<'_>, limit: &Version, now: u64) -> Choice<'_> {
        let is_ahead = |one: &&Promotion| one.version > *machine.version && one.version <= *limit;
        let is_wanted =
            |one: &&Promotion| machine.pin.is_none_or(|pin| one.version == *pin) || one.barrier.is_some();
        let mut candidates: Vec<&Promotion> = self.offered().filter(is_ahead).filter(is_wanted).collect();
        candidates.retain(|one| self.is_in_reach(machine, one));
        candidates.sort_by_key(|promotion| std::cmp::Reverse(&promotion.version));
        if candidates.is_empty() {
            // One that is offered would be a candidate itself.
            let barriers = self.promotions.iter().filter(is_ahead).filter(|one| one.barrier.is_some());
            return barriers.min_by_key(version).map_or(Choice::Current, |barrier| {
                Choice::Stay(WhyNot::BarrierWithdrawn(barrier.version.clone()))
            });
        }
        let newest = candidates.first().map(|promotion| promotion.version.clone());
        candidates.retain(|promotion| !machine.quarantined.contains(&promotion.version));
        let choices = candidates.iter().map(|promotion| self.in_its_time(machine, promotion, now));
        let mut first_wait = None;
        for choice in choices {
            match choice {
                Choice::Wait { until, .. } => {
                    let sooner = match &first_wait {
                        Some(Choice::Wait { until: earlier, .. }) => is_sooner(until, *earlier),
                        _ => true,
                    };
                    if sooner {
                        first_wait = Some(choice);
                    }
                }
                _ => return choice,
            }
        }
        let stay = newest.map_or(Choice::Current, |newest| Choice::Stay(WhyNot::Quarantined(newest)));
        first_wait.unwrap_or(stay)
    }

    /// Whether no barrier lies between the machine and this version. The next barrier takes the place of one that was
    /// withdrawn; what lies between the two is out of reach.
    fn is_in_reach(&self, machine: &Machine<'_>, promotion: &Promotion) -> bool {
        let between = |one: &&Promotion| one.version > *machine.version && one.version < promotion.version;
        let mut barriers = self.promotions.iter().filter(between).filter(|one| one.barrier.is_some());
        barriers.all(|barrier| barrier.withdrawn.is_some() && promotion.barrier.is_some())
    }

    fn in_its_time<'a>(&'a self, machine: &Machine<'_>, promotion: &'a Promotion, now: u64) -> Choice<'a> {
        let until = self.starts(promotion, machine.seed);
        if machine.ignore_waves || until.is_some_and(|until| until <= now) {
            Choice::Take(promotion)
        } else {
            Choice::Wait { promotion, until }
        }
    }
}

fn version<'a>(promotion: &&'a Promotion) -> &'a Version {
    &promotion.version
}

/// No time at all is the latest of all.
fn is_sooner(until: Option<u64>, earlier: Option<u64>) -> bool {
    until.unwrap_or(u64::MAX) < earlier.unwrap_or(u64::MAX)
}

impl fmt::Display for WhyNot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNot::OtherImage(image) => write!(formatter, "the channel is of image {image}"),
            WhyNot::OtherArchitecture(architecture) => write!(formatter, "the channel is for {architecture}"),
            WhyNot::Quarantined(version) => write!(formatter, "{version} rolled back on this machine"),
            WhyNot::Downgrade(version) => {
                write!(
                    formatter,
                    "the channel goes back to {version}, and this machine does not follow downgrades"
                )
            }
            WhyNot::BarrierWithdrawn(version) => write!(
                formatter,
                "{version} must be passed before any later version, and it was withdrawn without another in its place"
            ),
            WhyNot::PinAbsent(version) => {
                write!(formatter, "the pinned version {version} is not offered by the channel")
            }
            WhyNot::PinBehindBarrier { pin, barrier } => {
                write!(
                    formatter,
                    "the pinned version {pin} lies before the barrier {barrier}, which this machine has passed"
                )
            }
        }
    }
}
