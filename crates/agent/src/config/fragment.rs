//! What one file says: every key optional, every value checked where its line is still known.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use release::ChannelName;
use serde::Deserialize;

use super::Automatic;
use crate::reboot::{Window, Zone};

/// What one file says, or several together.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Fragment {
    pub(super) release: Release,
    pub(super) update: Update,
    pub(super) download: Download,
    pub(super) health: Health,
    pub(super) reboot: Reboot,
    pub(super) fleet_lock: FleetLock,
}

/// A table of optional keys, and how a later file's keys take the place of an earlier one's.
macro_rules! table {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub(super) struct $name {
            $(pub(super) $field: Option<$type>),*
        }

        impl $name {
            fn add(&mut self, later: $name) {
                $(if later.$field.is_some() { self.$field = later.$field; })*
            }
        }
    };
}

table!(Release { url: Address, channel: ChannelName, follow_downgrades: bool });
table!(Update { automatic: Automatic, interval: Time, splay: Time });
table!(Download { connect_timeout: Time, stall_timeout: Time, attempts: NonZeroU32, authorities: PathBuf });
table!(Health { deadline: Time, settle: Time });
table!(Reboot { windows: Vec<Window>, time_zone: Zone });
table!(FleetLock { url: Address, group: Group });

impl Fragment {
    /// Puts a later file's keys in place of what was said.
    pub(super) fn add(&mut self, later: Fragment) {
        self.release.add(later.release);
        self.update.add(later.update);
        self.download.add(later.download);
        self.health.add(later.health);
        self.reboot.add(later.reboot);
        self.fleet_lock.add(later.fleet_lock);
    }
}

/// A length of time in seconds, minutes, hours or days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Time(Duration);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let seconds = release::waves::parse_duration(&text).filter(|seconds| *seconds <= 366 * 86_400);
        seconds.map(|seconds| Time(Duration::from_secs(seconds))).ok_or_else(|| {
            format!(
                "`{text}` is no time: write a number and s, m, h or d, as in `90s` or `6h`, of a year at most"
            )
        })
    }
}

impl From<Time> for Duration {
    fn from(time: Time) -> Duration {
        time.0
    }
}

/// An address that bytes can be fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Address(pub(super) url::Url);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match url::Url::parse(&text) {
            // It would be told in messages and to everybody on the way.
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Err("an address must not have a name or password in it".to_owned())
            }
            Ok(url) if matches!(url.scheme(), "http" | "https" | "file") && url.query().is_none() => {
                Ok(Address(url))
            }
            _ => Err(format!(
                "`{text}` is no address of a release repository: write one that begins with https://, http:// or file://, without a query"
            )),
        }
    }
}

/// The name of a group of machines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Group(String);

impl TryFrom<String> for Group {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if !text.is_empty() && text.len() <= 128 && text.bytes().all(allowed) {
            Ok(Group(text))
        } else {
            Err(format!("`{text}` is no group: write letters, digits, dots and hyphens"))
        }
    }
}

impl From<Group> for String {
    fn from(group: Group) -> String {
        group.0
    }
}
