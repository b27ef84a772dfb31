//! Which version boots: applied, taken back, committed, rejected, rolled back. All of it is told by names of boot entries,
//! which the loader sorts: with boots left before those without, then the newest first.

use release::Version;

use super::stage::no_own_entry;
use super::{Plan, Refusal, Step};
use crate::esp::{Counter, EntryName, Kind};
use crate::situation::Situation;
use crate::slots::Content;
use crate::state::Change;

pub(super) fn apply(situation: &Situation) -> Result<Plan, Refusal> {
    let staged =
        situation.state.staged.as_ref().filter(|staged| staged.complete).ok_or(Refusal::NotStaged)?;
    let manifest = &staged.manifest;
    // The trial's own record keeps what is staged; there is nothing left to apply.
    if manifest.version == situation.running.version {
        return Err(Refusal::NotStaged);
    }
    let own = situation.own_entry().ok_or_else(|| no_own_entry(situation))?;
    let holds = situation.other.holds(manifest.verity.root_hash);
    if !holds && situation.other.content != Content::Empty {
        return Err(Refusal::NotStaged);
    }
    let file =
        situation.files().find(|file| file.name.version == manifest.version).ok_or(Refusal::NotStaged)?;
    let (from, to) = (situation.running.version.clone(), manifest.version.clone());
    let tried = situation.state.trial.as_ref().is_some_and(|trial| (&trial.from, &trial.to) == (&from, &to));
    let mut steps = Vec::new();
    if !tried {
        steps.push(Step::Remember(Change::Trying { from, to }));
    }
    if !holds {
        steps.push(Step::Label(situation.other.name, Box::new(manifest.clone())));
    }
    steps.extend(lead(&file.name, &own.name));
    Ok(Plan { steps, reboot: true })
}

pub(super) fn cancel(situation: &Situation) -> Result<Plan, Refusal> {
    if situation.on_trial().is_some() {
        return Err(Refusal::OnTrial { version: situation.running.version.clone() });
    }
    let own = situation.own_entry().ok_or_else(|| no_own_entry(situation))?;
    let mut steps = Vec::new();
    if own.name.kind != Kind::Proven {
        steps.push(Step::Rename(own.name.clone(), own.name.with(Kind::Proven)));
    }
    let staged = situation.state.staged.as_ref().map(|staged| &staged.manifest.version);
    let tried = situation.state.trial.as_ref().map(|trial| &trial.to);
    let is_taken_back =
        |version: &Version| Some(version) == staged || (staged.is_none() && Some(version) == tried);
    for file in situation.files().filter(|file| file.name.version != situation.running.version) {
        if is_taken_back(&file.name.version) || file.name.kind == Kind::Part {
            // A version that was to be rolled back to stays, and the running one leads.
            let keep = staged.is_none() && file.name.kind != Kind::Part;
            let newer = file.name.version > situation.running.version;
            let kind = if newer { Kind::Counted(Counter::SET_BACK) } else { Kind::Proven };
            match keep {
                true if file.name.kind == kind => {}
                true => steps.push(Step::Rename(file.name.clone(), file.name.with(kind))),
                false => steps.push(Step::Remove(file.name.clone())),
            }
        }
    }
    if situation.state.staged.is_some() || situation.state.trial.is_some() {
        steps.push(Step::Remember(Change::Unstaged));
    }
    // A rollback that is taken back is no failure of the running version.
    if tried.is_some() && situation.state.quarantine.contains_key(&situation.running.version) {
        steps.push(Step::Remember(Change::Forgiven(situation.running.version.clone())));
    }
    Ok(Plan::of(steps))
}

pub(super) fn commit(situation: &Situation) -> Result<Plan, Refusal> {
    let own = situation.own_entry().ok_or_else(|| no_own_entry(situation))?;
    let version = &situation.running.version;
    let mut steps = Vec::new();
    if situation.on_trial().is_some() {
        steps.push(Step::Rename(own.name.clone(), own.name.with(Kind::Proven)));
    }
    if situation.state.trial.as_ref().is_some_and(|trial| trial.to == *version) || !steps.is_empty() {
        steps.push(Step::Remember(Change::Kept(version.clone())));
    }
    Ok(Plan::of(steps))
}

pub(super) fn reject(situation: &Situation, reason: &str) -> Result<Plan, Refusal> {
    let own = situation.own_entry().ok_or_else(|| no_own_entry(situation))?;
    let fallback = fallback(situation)?;
    let version = situation.running.version.clone();
    let mut steps = vec![Step::Remember(Change::Left { version, reason: reason.to_owned() })];
    if let Kind::Counted(_) = fallback.kind {
        steps.push(Step::Rename(fallback.clone(), fallback.with(Kind::Proven)));
    }
    let done = match own.name.kind {
        Kind::Counted(Counter { done: Some(done), .. }) => done.max(1),
        _ => 1,
    };
    let used_up = own.name.with(Kind::Counted(Counter { left: 0, done: Some(done) }));
    if own.name != used_up {
        steps.push(Step::Rename(own.name.clone(), used_up));
    }
    Ok(Plan { steps, reboot: true })
}

pub(super) fn rollback(situation: &Situation, reason: &str) -> Result<Plan, Refusal> {
    // A version on trial is not worth a trial of the one before it, which has proven itself.
    if situation.on_trial().is_some() {
        return reject(situation, reason);
    }
    let own = situation.own_entry().ok_or_else(|| no_own_entry(situation))?;
    let to = fallback(situation)?;
    let Some((_, root_hash)) = situation.fallback() else { return Err(no_fallback(situation)) };
    let (from, version) = (situation.running.version.clone(), to.version.clone());
    let mut steps = vec![
        // It may have lain there for months.
        Step::Compare(situation.other.name, root_hash),
        Step::Remember(Change::Left { version: from.clone(), reason: reason.to_owned() }),
        Step::Remember(Change::Trying { from, to: version }),
    ];
    steps.extend(lead(&to, &own.name));
    Ok(Plan { steps, reboot: true })
}

/// Renames after which the loader tries `to`, and `from` if that fails.
pub(super) fn lead(to: &EntryName, from: &EntryName) -> Vec<Step> {
    let mut steps = Vec::new();
    let counted = Kind::Counted(Counter::NEW);
    if to.kind != counted {
        steps.push(Step::Rename(to.clone(), to.with(counted)));
    }
    // Among entries with boots left the newest leads, by systemd-boot's order; an older one leads only if the newer one has
    // none left. When both have none left, the newer one leads again.
    let newer = to.version.order(&from.version).is_gt();
    if !newer && !from.is_last() {
        steps.push(Step::Rename(from.clone(), from.with(Kind::Counted(Counter::SET_BACK))));
    }
    steps
}

/// The entry of the version in the other slot.
fn fallback(situation: &Situation) -> Result<EntryName, Refusal> {
    let (version, _) = situation.fallback().ok_or_else(|| no_fallback(situation))?;
    situation.entry_of(&version).map(|file| file.name.clone()).ok_or_else(|| no_fallback(situation))
}

fn no_fallback(situation: &Situation) -> Refusal {
    let found = match &situation.other.content {
        Content::Empty => "is empty",
        Content::Unclear => "has labels that do not fit together",
        Content::Version { .. } => "holds a version that has no boot entry, or used up its boots",
    };
    Refusal::NoFallback { found }
}
