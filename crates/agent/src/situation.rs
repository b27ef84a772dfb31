//! All that planning goes by, read at one moment: what runs, what the slots and the boot entries say, what is remembered.

use release::{Architecture, ImageName, Sha256Digest, Version};

use crate::esp::{BootEntries, Counter, Entry, EntryName, Kind};
use crate::gpt::Condition;
use crate::slots::{Content, Slot};
use crate::state::State;

/// The system that runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Running {
    /// `IMAGE_ID` of its os-release.
    pub image: ImageName,
    /// `IMAGE_VERSION` of its os-release.
    pub version: Version,
    /// What it was built for.
    pub architecture: Architecture,
    /// The root hash that the kernel was started with.
    pub root_hash: Sha256Digest,
}

/// What planning goes by.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Situation {
    /// The system that runs.
    pub running: Running,
    /// Where it lies.
    pub slot: Slot,
    /// The slot that may be written.
    pub other: Slot,
    /// How whole the partition table is.
    pub table: Condition,
    /// What the boot loader finds, and what it shall not find yet.
    pub entries: BootEntries,
    /// What is remembered.
    pub state: State,
    /// What was wrong with the file of the state.
    pub problem: Option<String>,
}

/// How the last boot stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Outcome {
    /// The running version has proven itself, and nothing waits for a boot.
    Settled,
    /// The running version has to prove itself: commit it, or reject it.
    Trial {
        /// Boots that the loader would still give it.
        left: u32,
        /// The version to go back to, if there is one.
        fallback: Option<Version>,
    },
    /// A version was applied, and the next boot tries it.
    Awaiting {
        /// Which one.
        version: Version,
    },
    /// The version that was to be tried did not come up.
    RolledBack {
        /// Which one.
        version: Version,
    },
}

impl Situation {
    /// Files of the running image's versions.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Entry> {
        self.entries.files.iter().filter(|file| file.name.image == self.running.image)
    }

    /// Names of the running image's versions that have no bytes.
    pub(crate) fn empty_names(&self) -> impl Iterator<Item = &EntryName> {
        self.entries.empty.iter().filter(|name| name.image == self.running.image)
    }

    /// The boot entry of a version; it has several only after a power cut while it was renamed.
    pub(crate) fn entry_of(&self, version: &Version) -> Option<&Entry> {
        self.files().find(|file| file.name.version == *version && file.name.kind != Kind::Part)
    }

    /// The boot entry of the running version.
    pub(crate) fn own_entry(&self) -> Option<&Entry> {
        self.entry_of(&self.running.version)
    }

    /// The version in the other slot, if the table says there is one of this image and the loader has an entry for it that
    /// has not failed.
    pub fn fallback(&self) -> Option<(Version, Sha256Digest)> {
        let Content::Version { label, root_hash } = &self.other.content else { return None };
        let version = |file: &&Entry| {
            release::partition::label(&file.name.image, &file.name.version) == *label
                && file.name.kind != Kind::Part
                && !file.name.is_used_up()
        };
        self.files().find(version).map(|file| (file.name.version.clone(), *root_hash))
    }

    /// The counter of the running version's entry, if the loader counts its boots to try it.
    pub(crate) fn on_trial(&self) -> Option<Counter> {
        let own = self.own_entry()?;
        match own.name.kind {
            Kind::Counted(counter) if !self.is_set_back(own) => Some(counter),
            _ => None,
        }
    }

    /// Whether an entry was set back for another version to be tried. The loader counts its boots as well, should it come to
    /// it again because the other version failed: what was left for a trial is told by what is remembered then.
    pub(crate) fn is_set_back(&self, entry: &Entry) -> bool {
        let left_for_trial = self.state.trial.as_ref().is_some_and(|trial| trial.from == entry.name.version);
        entry.name.is_last() && (left_for_trial || !entry.name.is_used_up())
    }

    /// How the last boot stands.
    pub fn outcome(&self) -> Outcome {
        if let Some(counter) = self.on_trial() {
            let fallback = self.fallback().map(|(version, _)| version);
            return Outcome::Trial { left: counter.left, fallback };
        }
        let tried = self.state.trial.as_ref().filter(|trial| trial.from == self.running.version);
        if let Some(trial) = tried {
            match self.entry_of(&trial.to) {
                Some(file) if file.name.is_used_up() => {
                    return Outcome::RolledBack { version: trial.to.clone() };
                }
                Some(file) if file.name.is_offered() => {
                    return Outcome::Awaiting { version: trial.to.clone() };
                }
                _ => {}
            }
        }
        // What failed is seen even if the state was lost.
        match self.failed().next() {
            Some(version) => Outcome::RolledBack { version: version.clone() },
            None => Outcome::Settled,
        }
    }

    /// Versions other than the running one whose boots were used up.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &Version> {
        let other = |file: &&Entry| file.name.version != self.running.version && file.name.is_used_up();
        self.files().filter(other).map(|file| &file.name.version)
    }
}
