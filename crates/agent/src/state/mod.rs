//! What the agent remembers over reboots and versions: the staged version, the one on trial, those that failed here, the pin.
//! JSON in, `State` out, and back. What boots is told by the disk alone; losing this file loses no version.

mod store;

use std::collections::BTreeMap;

use release::{Manifest, Sha256Digest, Version};
use serde::{Deserialize, Serialize};

pub use store::{Loaded, StateFile, StateStore, StoreError};

/// The form of the file; only a change that an older agent must not read raises it.
const SCHEMA: u32 = 1;

/// What the agent remembers. Every field may be absent, so that an older agent reads a newer one's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct State {
    schema: u32,
    /// What lies in the other slot, wholly or in part, and was not applied or is on trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<Staged>,
    /// What is to be tried, or is being tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Versions that are not tried again by themselves.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quarantine: BTreeMap<Version, Quarantined>,
    /// The only version that may be staged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Version>,
    /// How the last trial ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LastTrial>,
}

/// A version that is being written, or is written, into the other slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Staged {
    /// What it is made of.
    pub manifest: Manifest,
    /// Whether all of it is written and was compared.
    pub complete: bool,
}

/// A version that replaces another one if it proves itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// What ran when it was applied.
    pub from: Version,
    /// What is tried.
    pub to: Version,
    /// When it was applied, in seconds since 1970.
    pub since: u64,
}

/// Why a version is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Quarantined {
    /// What happened.
    pub reason: String,
    /// When it was found, in seconds since 1970.
    pub since: u64,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastTrial {
    /// What was tried.
    pub version: Version,
    /// Why it was left, or nothing if it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// A change of what is remembered: a step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// This version is being written.
    Staging(Box<Manifest>),
    /// It is written and was compared.
    Staged(Sha256Digest),
    /// Nothing is staged.
    Unstaged,
    /// One version is to be tried in place of another.
    Trying {
        /// What runs.
        from: Version,
        /// What is tried.
        to: Version,
    },
    /// What was to be tried is not any more, and did not fail.
    NotTrying,
    /// The version on trial stays.
    Kept(Version),
    /// A version failed, or was left on purpose.
    Left {
        /// Which one.
        version: Version,
        /// Why.
        reason: String,
    },
    /// A version may be tried again.
    Forgiven(Version),
    /// Only this version may be staged, or any.
    Pinned(Option<Version>),
}

impl Default for State {
    fn default() -> Self {
        State {
            schema: SCHEMA,
            staged: None,
            trial: None,
            quarantine: BTreeMap::new(),
            pinned: None,
            last: None,
        }
    }
}

impl State {
    /// Reads a file's text; the error says why it cannot be used.
    pub fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Form {
            schema: u32,
        }
        let form: Form = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if form.schema != SCHEMA {
            return Err(format!("it has schema {}, and this agent reads {SCHEMA}", form.schema));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The text that `parse` reads.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("state has only texts and numbers");
        text.push('\n');
        text
    }

    /// What is remembered after a change at `now`, in seconds since 1970. A change made twice is made once.
    pub fn after(&self, change: &Change, now: u64) -> State {
        let mut state = self.clone();
        match change {
            Change::Staging(manifest) => {
                // Also if it was complete once: the slot is about to be written again.
                state.staged = Some(Staged { manifest: (**manifest).clone(), complete: false });
                state.trial = None;
            }
            Change::Staged(root_hash) => {
                if let Some(staged) = &mut state.staged
                    && staged.manifest.verity.root_hash == *root_hash
                {
                    staged.complete = true;
                }
            }
            Change::Unstaged => {
                state.staged = None;
                state.trial = None;
            }
            Change::Trying { from, to } => {
                let same = |trial: &Trial| trial.from == *from && trial.to == *to;
                if !state.trial.as_ref().is_some_and(same) {
                    state.trial = Some(Trial { from: from.clone(), to: to.clone(), since: now });
                }
            }
            Change::NotTrying => state.trial = None,
            Change::Kept(version) => {
                state.staged = None;
                state.trial = None;
                // It failed once, was allowed again, and proved itself.
                state.quarantine.remove(version);
                state.last = Some(LastTrial { version: version.clone(), failure: None, at: now });
            }
            Change::Left { version, reason } => {
                state.staged = None;
                state.trial = None;
                let quarantined = Quarantined { reason: reason.clone(), since: now };
                state.quarantine.entry(version.clone()).or_insert(quarantined);
                state.last =
                    Some(LastTrial { version: version.clone(), failure: Some(reason.clone()), at: now });
            }
            Change::Forgiven(version) => {
                state.quarantine.remove(version);
            }
            Change::Pinned(version) => state.pinned.clone_from(version),
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn a_later_agent_s_fields_are_passed_over_and_a_later_form_is_not_read() {
        let state = State::parse(r#"{ "schema": 1, "pinned": "7", "colour": "blue" }"#).unwrap();
        assert_eq!(state.pinned, Some(version("7")));
        assert_eq!(
            State::parse(r#"{ "schema": 2, "pinned": 7 }"#).unwrap_err(),
            "it has schema 2, and this agent reads 1"
        );
        assert!(State::parse("{ \"sche").unwrap_err().contains("line 1 column"));
    }

    #[test]
    fn what_is_remembered_is_read_again() {
        let mut state = State::default();
        for change in [
            Change::Trying { from: version("1"), to: version("2") },
            Change::Left { version: version("2"), reason: "it did not come up".into() },
            Change::Pinned(Some(version("1"))),
        ] {
            state = state.after(&change, 1_800_000_000);
        }
        assert_eq!(State::parse(&state.to_json()), Ok(state.clone()));
        assert_eq!(state.quarantine[&version("2")].reason, "it did not come up");
        assert_eq!(state.trial, None);
        assert_eq!(state.after(&Change::Forgiven(version("2")), 0).quarantine.len(), 0);
    }

    #[test]
    fn a_change_that_is_made_again_keeps_the_first_time() {
        let change = Change::Trying { from: version("1"), to: version("2") };
        let once = State::default().after(&change, 5);
        assert_eq!(once.after(&change, 6), once);
    }
}
