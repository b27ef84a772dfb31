//! What is, and what is wished, in; the steps that lead there, or why there are none, out. Nothing here reads a disk.
//!
//! Every order of steps keeps one rule: a version that proved itself, or the running one, can be started at every moment. The
//! other slot is labelled empty before its first byte is written and labelled with a version only after all of them were
//! compared; a boot entry gets its name last. What boots next turns with the rename of one file.

mod refusal;
mod settle;
mod stage;
mod switch;

use std::fmt;

use release::{Manifest, Sha256Digest, Version};

use crate::esp::EntryName;
use crate::situation::Situation;
use crate::slots::SlotName;
use crate::state::Change;

pub use refusal::Refusal;

/// What is wished of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Write a version into the other slot; nothing else starts by it.
    Stage(Box<Manifest>, Permissions),
    /// Let the next boot try the staged version.
    Apply,
    /// Take back what was staged or applied and did not run yet.
    Cancel,
    /// The running version proved itself and stays.
    Commit,
    /// The running version did not prove itself: go back, and do not try it again.
    Reject {
        /// Why.
        reason: String,
    },
    /// Go back from a version that had proven itself.
    Rollback {
        /// Why.
        reason: String,
    },
    /// Finish or undo what a power cut left, and take note of what failed: asked at every start.
    Settle,
    /// Stage only this version from now on, or any.
    Pin(Option<Version>),
    /// A version that failed here may be tried again.
    Forgive(Version),
}

/// What an operator allows explicitly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions {
    /// An older version than the running one.
    pub downgrade: bool,
    /// A version that failed here.
    pub quarantined: bool,
}

/// Steps, in their order, and whether the machine has to be started again for them to count.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// What to do.
    pub steps: Vec<Step>,
    /// Whether the wish is reached by the next boot only.
    pub reboot: bool,
}

/// One thing to do; done twice it is done once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Keep something in mind.
    Remember(Change),
    /// Make both copies of the partition table say what the good one says.
    MendTable,
    /// Label a slot's partitions as empty.
    Empty(SlotName),
    /// Write a version's file system, hash tree and signature.
    Fill(SlotName, Box<Manifest>),
    /// Read a slot and compare it with a root hash.
    Compare(SlotName, Sha256Digest),
    /// Label a slot's partitions with a version and its root hash.
    Label(SlotName, Box<Manifest>),
    /// Write a version's unified kernel image under a name that the loader passes over.
    WriteKernel(Box<Manifest>),
    /// Give a boot entry another name.
    Rename(EntryName, EntryName),
    /// Remove a boot entry or what was to become one.
    Remove(EntryName),
    /// Leave a version one of its several names, which are of the same file after a power cut within a rename.
    KeepName(EntryName, Vec<EntryName>),
}

/// What to do for a wish.
pub fn plan(situation: &Situation, wish: &Wish) -> Result<Plan, Refusal> {
    let about_entries = !matches!(wish, Wish::Settle | Wish::Pin(_) | Wish::Forgive(_));
    // Removing one of two names would free the blocks of the other; a name without bytes is in the way of a rename.
    let is_cut = situation.empty_names().next().is_some() || !settle::keep_names(situation).is_empty();
    if about_entries && is_cut {
        return Err(Refusal::Unsettled);
    }
    match wish {
        Wish::Stage(manifest, permissions) => stage::stage(situation, manifest, *permissions),
        Wish::Apply => switch::apply(situation),
        Wish::Cancel => switch::cancel(situation),
        Wish::Commit => switch::commit(situation),
        Wish::Reject { reason } => switch::reject(situation, reason),
        Wish::Rollback { reason } => switch::rollback(situation, reason),
        Wish::Settle => Ok(settle::settle(situation)),
        Wish::Pin(version) => Ok(Plan::of(vec![Step::Remember(Change::Pinned(version.clone()))])),
        Wish::Forgive(version) => Ok(Plan::of(vec![Step::Remember(Change::Forgiven(version.clone()))])),
    }
}

impl Plan {
    fn of(steps: Vec<Step>) -> Self {
        Plan { steps, reboot: false }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Plan {
    /// One line a step.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(formatter, "{step}")?;
        }
        if self.reboot { writeln!(formatter, "then start the machine again") } else { Ok(()) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Remember(change) => write!(formatter, "remember {change}"),
            Step::MendTable => write!(formatter, "mend the partition table"),
            Step::Empty(slot) => write!(formatter, "label slot {slot} as empty"),
            Step::Fill(slot, manifest) => write!(formatter, "fill slot {slot} with {}", manifest.version),
            Step::Compare(slot, root_hash) => {
                write!(formatter, "compare slot {slot} with root hash {root_hash}")
            }
            Step::Label(slot, manifest) => write!(formatter, "label slot {slot} as {}", manifest.version),
            Step::WriteKernel(manifest) => {
                let bytes = manifest.files.kernel.size;
                write!(formatter, "write {}.part, {bytes} bytes", manifest.kernel_file_name())
            }
            Step::Rename(from, to) => write!(formatter, "rename {from} to {to}"),
            Step::Remove(name) => write!(formatter, "remove {name}"),
            Step::KeepName(name, others) => {
                let others: Vec<String> = others.iter().map(ToString::to_string).collect();
                write!(formatter, "keep {name} of the names it has, and not {}", others.join(" and "))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Staging(manifest) => write!(formatter, "that {} is being staged", manifest.version),
            Change::Staged(root_hash) => write!(formatter, "that root hash {root_hash} is staged"),
            Change::Unstaged => write!(formatter, "that nothing is staged"),
            Change::Trying { from, to } => write!(formatter, "that {to} is tried in place of {from}"),
            Change::NotTrying => write!(formatter, "that nothing is tried"),
            Change::Kept(version) => write!(formatter, "that {version} stays"),
            Change::Left { version, reason } => write!(formatter, "that {version} was left: {reason}"),
            Change::Forgiven(version) => write!(formatter, "that {version} may be tried again"),
            Change::Pinned(Some(version)) => write!(formatter, "that only {version} may be staged"),
            Change::Pinned(None) => write!(formatter, "that any version may be staged"),
        }
    }
}
