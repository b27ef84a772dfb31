//! A channel: which versions of an image are offered, in the order in which they were promoted, and to whom when.
//! JSON in, `Channel` out, and back to the same bytes; the edits that a release manager may make. Never a clock.

mod choice;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use choice::{Choice, Machine, WhyNot};

use crate::waves::{Place, Waves};
use crate::{Architecture, ChannelName, ImageName, Version};

/// The form of channels that this program writes and reads.
pub const CHANNEL_SCHEMA: u32 = 1;

/// What a channel offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Channel {
    /// The form of this text; a reader refuses one that it does not know.
    pub schema: u32,
    /// The image.
    pub image: ImageName,
    /// The processor that it runs on.
    pub architecture: Architecture,
    /// The channel's own name.
    pub channel: ChannelName,
    /// What was promoted, the latest last; no version twice.
    pub promotions: Vec<Promotion>,
}

/// A version in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Promotion {
    /// The version.
    pub version: Version,
    /// When it was promoted, in seconds since 1970.
    pub promoted: u64,
    /// How it spreads from then on.
    pub waves: Waves,
    /// Why every older machine must run this version before it may run a later one; absent where it need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barrier: Option<String>,
    /// Set where the version was promoted though the channel had a later one: machines that run a later one are asked
    /// to go back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub downgrade: bool,
    /// Why no further machine may take it; absent while it is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
}

/// How a version is to be promoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promote {
    /// The version.
    pub version: Version,
    /// Now, in seconds since 1970.
    pub now: u64,
    /// How it spreads.
    pub waves: Waves,
    /// Why every older machine must pass through it, if it must.
    pub barrier: Option<String>,
    /// Whether machines that run a later version shall go back to it.
    pub allow_downgrade: bool,
}

/// Why a text is not a channel.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Not JSON, a field is missing or has a wrong value; the cause names line and column.
    #[error("the channel cannot be read")]
    Json(#[source] serde_json::Error),
    /// Written by a later program.
    #[error("the channel has schema {found}, this program reads {CHANNEL_SCHEMA}; take a newer program")]
    Schema {
        /// The schema that it states.
        found: u32,
    },
    /// A version is there twice.
    #[error("the channel has version {0} twice")]
    Twice(Version),
}

/// Why a channel is not changed as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedEdit {
    /// It is offered as it is.
    #[error("{version} is already in channel {channel}; promote a new version, or withdraw this one")]
    AlreadyPromoted {
        /// The version.
        version: Version,
        /// The channel.
        channel: ChannelName,
    },
    /// It was taken back for a reason.
    #[error("{version} was withdrawn from channel {channel}: {reason}; build a new version")]
    Withdrawn {
        /// The version.
        version: Version,
        /// The channel.
        channel: ChannelName,
        /// Why.
        reason: String,
    },
    /// Machines would have to go back.
    #[error(
        "{version} is older than {newest}, which channel {channel} offers; allow the downgrade if machines shall go back"
    )]
    Downgrade {
        /// The version.
        version: Version,
        /// The newest that the channel offers.
        newest: Version,
        /// The channel.
        channel: ChannelName,
    },
    /// It would not be reached.
    #[error(
        "channel {channel} has the barrier {barrier} ({reason}), and {version} is older; machines behind a barrier cannot go back"
    )]
    BehindBarrier {
        /// The version.
        version: Version,
        /// The barrier.
        barrier: Version,
        /// Why it is one.
        reason: String,
        /// The channel.
        channel: ChannelName,
    },
    /// There is no such version.
    #[error("{version} is not in channel {channel}")]
    Absent {
        /// The version.
        version: Version,
        /// The channel.
        channel: ChannelName,
    },
    /// Machines that have not passed it would have no way on.
    #[error(
        "{version} is a barrier ({reason}), and machines older than it would be held for ever; promote a later version as barrier first"
    )]
    LastBarrier {
        /// The version.
        version: Version,
        /// Why it is a barrier.
        reason: String,
    },
    /// A reason says something.
    #[error("a reason is a line of 1 to 200 characters")]
    Reason,
}

impl Channel {
    /// A channel that offers nothing yet.
    pub fn new(image: ImageName, architecture: Architecture, channel: ChannelName) -> Channel {
        Channel { schema: CHANNEL_SCHEMA, image, architecture, channel, promotions: Vec::new() }
    }

    /// Reads a channel.
    pub fn parse(bytes: &[u8]) -> Result<Channel, ChannelError> {
        /// Read first: a later form may differ in everything else.
        #[derive(Deserialize)]
        struct Form {
            schema: u32,
        }
        let form: Form = serde_json::from_slice(bytes).map_err(ChannelError::Json)?;
        if form.schema != CHANNEL_SCHEMA {
            return Err(ChannelError::Schema { found: form.schema });
        }
        let channel: Channel = serde_json::from_slice(bytes).map_err(ChannelError::Json)?;
        let mut versions = BTreeSet::new();
        match channel.promotions.iter().find(|promotion| !versions.insert(&promotion.version)) {
            Some(promotion) => Err(ChannelError::Twice(promotion.version.clone())),
            None => Ok(channel),
        }
    }

    /// The text that `parse` reads: one channel, one text.
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a channel has only texts, numbers and lists");
        text.push('\n');
        text
    }

    /// The version, if it was ever promoted.
    pub fn find(&self, version: &Version) -> Option<&Promotion> {
        self.promotions.iter().find(|promotion| promotion.version == *version)
    }

    /// The latest promotion that was not withdrawn: what the channel wants every machine to run.
    pub fn head(&self) -> Option<&Promotion> {
        self.promotions.iter().rev().find(|promotion| promotion.withdrawn.is_none())
    }

    /// Offers a version. A version that the channel offered before an allowed downgrade may be offered again.
    pub fn promote(&mut self, promote: Promote) -> Result<(), RefusedEdit> {
        let Promote { version, now, waves, barrier, allow_downgrade } = promote;
        let channel = self.channel.clone();
        if barrier.as_deref().is_some_and(|reason| !is_reason(reason)) {
            return Err(RefusedEdit::Reason);
        }
        let newest = self.offered().map(|promotion| &promotion.version).max().cloned();
        let downgrade = newest.as_ref().is_some_and(|newest| version < *newest);
        if let Some(earlier) = self.find(&version) {
            if let Some(reason) = earlier.withdrawn.clone() {
                return Err(RefusedEdit::Withdrawn { version, channel, reason });
            }
            if self.head() == Some(earlier) || !downgrade {
                return Err(RefusedEdit::AlreadyPromoted { version, channel });
            }
        }
        if let (Some(newest), true, false) = (newest, downgrade, allow_downgrade) {
            return Err(RefusedEdit::Downgrade { version, newest, channel });
        }
        if let Some((barrier, reason)) = self.barrier_after(&version) {
            return Err(RefusedEdit::BehindBarrier { version, barrier, reason, channel });
        }
        self.promotions.retain(|promotion| promotion.version != version);
        self.promotions.push(Promotion {
            version,
            promoted: now,
            waves,
            barrier,
            downgrade,
            withdrawn: None,
        });
        Ok(())
    }

    /// Takes a version back: no further machine takes it. Those that run it stay, or follow the next promotion.
    pub fn withdraw(&mut self, version: &Version, reason: &str) -> Result<(), RefusedEdit> {
        if !is_reason(reason) {
            return Err(RefusedEdit::Reason);
        }
        let absent = || RefusedEdit::Absent { version: version.clone(), channel: self.channel.clone() };
        let promotion = self.find(version).ok_or_else(absent)?;
        if let Some(barrier) = &promotion.barrier {
            let replaced = self.offered().any(|other| other.barrier.is_some() && other.version > *version);
            let needed = self.offered().any(|other| other.version > *version);
            if needed && !replaced {
                return Err(RefusedEdit::LastBarrier { version: version.clone(), reason: barrier.clone() });
            }
        }
        for promotion in &mut self.promotions {
            if promotion.version == *version {
                promotion.withdrawn = Some(reason.to_owned());
            }
        }
        Ok(())
    }

    /// When this version starts on the machine with this seed, in seconds since 1970; none where its waves end before.
    pub fn starts(&self, promotion: &Promotion, seed: &[u8]) -> Option<u64> {
        let Channel { image, architecture, channel, .. } = self;
        let salt = format!("{image} {architecture} {channel} {} {}", promotion.version, promotion.promoted);
        let after = promotion.waves.starts_after(Place::draw(seed, &salt))?;
        Some(promotion.promoted.saturating_add(after))
    }

    fn offered(&self) -> impl DoubleEndedIterator<Item = &Promotion> {
        self.promotions.iter().filter(|promotion| promotion.withdrawn.is_none())
    }

    fn barrier_after(&self, version: &Version) -> Option<(Version, String)> {
        let barriers = self.promotions.iter().filter(|promotion| promotion.version > *version);
        let found =
            barriers.filter_map(|promotion| Some((promotion.version.clone(), promotion.barrier.clone()?)));
        found.max_by(|left, right| left.0.cmp(&right.0))
    }
}

fn is_reason(text: &str) -> bool {
    (1..=200).contains(&text.chars().count()) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests;
