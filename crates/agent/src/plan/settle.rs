//! What a start begins with: what a power cut left is finished or undone, and what failed is noted.

use std::collections::BTreeMap;

use release::Version;

use super::switch::lead;
use super::{Plan, Step};
use crate::esp::{Counter, EntryName, Kind};
use crate::gpt::Condition;
use crate::situation::{Outcome, Situation};
use crate::state::{Change, Trial};

pub(super) fn settle(situation: &Situation) -> Plan {
    let mut steps = Vec::new();
    if situation.table != Condition::Whole {
        steps.push(Step::MendTable);
    }
    steps.extend(situation.empty_names().cloned().map(Step::Remove));
    let keep_names = keep_names(situation);
    if !keep_names.is_empty() {
        // What else there is to do is seen when each version has one name.
        steps.extend(keep_names);
        return Plan::of(steps);
    }
    match situation.outcome() {
        Outcome::RolledBack { version } => steps.extend(note_failed(situation, version)),
        Outcome::Awaiting { version } => steps.extend(finish_apply(situation, &version)),
        Outcome::Trial { .. } => {}
        Outcome::Settled => steps.extend(finish_trial(situation)),
    }
    Plan::of(steps)
}

/// Versions with several names keep one.
pub(super) fn keep_names(situation: &Situation) -> Vec<Step> {
    let mut names: BTreeMap<&Version, Vec<EntryName>> = BTreeMap::new();
    for file in situation.files() {
        names.entry(&file.name.version).or_default().push(file.name.clone());
    }
    let mut steps = Vec::new();
    for (_, mut names) in names.into_iter().filter(|(_, names)| names.len() > 1) {
        // A name without counter is given by decision; of counters the one that was counted down further is later.
        names.sort_by_key(|name| match name.kind {
            Kind::Proven => (0, 0),
            Kind::Counted(Counter { left, .. }) => (1, left),
            Kind::Part => (2, 0),
        });
        let kept = names.remove(0);
        steps.push(Step::KeepName(kept, names));
    }
    steps
}

/// The version used up its boots and the one before it runs.
fn note_failed(situation: &Situation, version: Version) -> Vec<Step> {
    let failed = situation.entry_of(&version).map(|file| file.name.clone());
    let boots = match failed.as_ref().map(|name| name.kind) {
        Some(Kind::Counted(Counter { done: Some(done), .. })) => done,
        _ => 0,
    };
    // The running version leads by itself again before the trial is forgotten that it was set back for.
    let mut steps = lead_again(situation);
    if !situation.state.quarantine.contains_key(&version) || situation.state.trial.is_some() {
        let reason = format!("it did not come up in {boots} boots");
        steps.push(Step::Remember(Change::Left { version, reason }));
    }
    steps.extend(failed.into_iter().map(Step::Remove));
    steps
}

/// The rename that lets the newer entry lead may be missing.
fn finish_apply(situation: &Situation, version: &Version) -> Vec<Step> {
    let (Some(to), Some(own)) = (situation.entry_of(version), situation.own_entry()) else {
        return Vec::new();
    };
    // A counter that was begun is the loader's.
    let renames = lead(&to.name, &own.name);
    renames.into_iter().filter(|step| matches!(step, Step::Rename(from, _) if *from == own.name)).collect()
}

fn finish_trial(situation: &Situation) -> Vec<Step> {
    let running = &situation.running.version;
    match &situation.state.trial {
        Some(Trial { to, .. }) if to == running => vec![Step::Remember(Change::Kept(running.clone()))],
        // The entry of the version to be tried never got its name, or somebody removed it.
        Some(_) => lead_again(situation).into_iter().chain([Step::Remember(Change::NotTrying)]).collect(),
        None => lead_again(situation),
    }
}

fn lead_again(situation: &Situation) -> Vec<Step> {
    let own = situation.own_entry().filter(|own| situation.is_set_back(own));
    own.map(|own| Step::Rename(own.name.clone(), own.name.with(Kind::Proven))).into_iter().collect()
}
