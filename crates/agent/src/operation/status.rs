//! How a host stands, as it is told to people and programs.

use std::collections::BTreeMap;

use ::release::{Architecture, ImageName, Sha256Digest, Version};
use serde::{Deserialize, Serialize};

use crate::situation::{Outcome, Situation};
use crate::state::{LastTrial, Quarantined};

/// How a host stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// The image that runs.
    pub image: ImageName,
    /// Its version.
    pub version: Version,
    /// What it was built for.
    pub architecture: Architecture,
    /// What proves every byte of it.
    pub root_hash: Sha256Digest,
    /// Where it lies.
    pub slot: String,
    /// How the last boot stands.
    pub condition: Outcome,
    /// What lies in the other slot to be applied, or is being written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<StagedVersion>,
    /// The version that the machine can go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Version>,
    /// The only version that is staged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Version>,
    /// Versions that failed here.
    #[serde(default)]
    pub quarantine: BTreeMap<Version, Quarantined>,
    /// How the last trial ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastTrial>,
    /// What was wrong with what the agent remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether `/etc` is reset at the next boot.
    #[serde(default)]
    pub resets_etc: bool,
}

/// A version in the other slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StagedVersion {
    /// Which one.
    pub version: Version,
    /// Whether all of it is there.
    pub complete: bool,
}

impl Status {
    /// What a situation tells.
    pub fn of(situation: &Situation, resets_etc: bool) -> Status {
        let state = &situation.state;
        Status {
            image: situation.running.image.clone(),
            version: situation.running.version.clone(),
            architecture: situation.running.architecture,
            root_hash: situation.running.root_hash,
            slot: situation.slot.name.to_string(),
            condition: situation.outcome(),
            staged: state.staged.as_ref().map(|staged| StagedVersion {
                version: staged.manifest.version.clone(),
                complete: staged.complete,
            }),
            fallback: situation.fallback().map(|(version, _)| version),
            pinned: state.pinned.clone(),
            quarantine: state.quarantine.clone(),
            last: state.last.clone(),
            problem: situation.problem.clone(),
            resets_etc,
        }
    }
}
