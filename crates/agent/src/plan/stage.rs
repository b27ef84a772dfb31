//! Staging: the other slot emptied, filled and compared, and the kernel laid beside the boot entries.

use release::{Manifest, Version};

use super::{Permissions, Plan, Refusal, Step};
use crate::esp::{Entry, Kind};
use crate::situation::Situation;
use crate::slots::{Content, Place};
use crate::state::Change;

/// Bytes that the EFI system partition keeps free: for folders, names, and the last cluster of a file.
const ESP_RESERVE: u64 = 1024 * 1024;

pub(super) fn stage(
    situation: &Situation,
    manifest: &Manifest,
    permissions: Permissions,
) -> Result<Plan, Refusal> {
    check_version(situation, manifest, permissions)?;
    check_room(situation, manifest)?;
    let own = situation.own_entry().ok_or_else(|| no_own_entry(situation))?;
    if is_staged(situation, manifest) {
        return Ok(Plan::of(Vec::new()));
    }
    let mut steps = vec![Step::Remember(Change::Staging(Box::new(manifest.clone())))];
    // An applied downgrade set the running version back. It leads again before the other's entry goes.
    if own.name.kind != Kind::Proven {
        steps.push(Step::Rename(own.name.clone(), own.name.with(Kind::Proven)));
    }
    // A slot that is about to change must not be started: its entry goes before its first byte does.
    steps.extend(replaced(situation, manifest).map(|file| Step::Remove(file.name.clone())));
    let slot = situation.other.name;
    if situation.other.content != Content::Empty {
        steps.push(Step::Empty(slot));
    }
    steps.push(Step::Fill(slot, Box::new(manifest.clone())));
    steps.push(Step::Compare(slot, manifest.verity.root_hash));
    steps.push(Step::WriteKernel(Box::new(manifest.clone())));
    steps.push(Step::Remember(Change::Staged(manifest.verity.root_hash)));
    Ok(Plan::of(steps))
}

fn check_version(
    situation: &Situation,
    manifest: &Manifest,
    permissions: Permissions,
) -> Result<(), Refusal> {
    let (running, version) = (&situation.running, manifest.version.clone());
    if manifest.image != running.image {
        return Err(Refusal::WrongImage { found: manifest.image.clone(), running: running.image.clone() });
    }
    if manifest.architecture != running.architecture {
        return Err(Refusal::WrongArchitecture {
            found: manifest.architecture,
            running: running.architecture,
        });
    }
    if version == running.version || manifest.verity.root_hash == running.root_hash {
        return Err(Refusal::AlreadyRunning { version });
    }
    if let Some(pinned) = situation.state.pinned.clone().filter(|pinned| *pinned != version) {
        return Err(Refusal::Pinned { version, pinned });
    }
    if let Some(why) = situation.state.quarantine.get(&version)
        && !permissions.quarantined
    {
        return Err(Refusal::Quarantined { version, reason: why.reason.clone() });
    }
    // A pin is as explicit as a permission.
    let allowed = permissions.downgrade || situation.state.pinned.is_some();
    if version < running.version && !allowed {
        return Err(Refusal::Downgrade { version, running: running.version.clone() });
    }
    if situation.on_trial().is_some() {
        return Err(Refusal::OnTrial { version: running.version.clone() });
    }
    Ok(())
}

fn check_room(situation: &Situation, manifest: &Manifest) -> Result<(), Refusal> {
    let fits = |part, needed: u64, place: Place| {
        let refusal = Refusal::SlotTooSmall {
            part,
            version: manifest.version.clone(),
            partition: place.number,
            needed,
            available: place.size,
        };
        if needed <= place.size { Ok(()) } else { Err(refusal) }
    };
    fits("root file system", manifest.files.root.size, situation.other.root)?;
    fits("hash tree", manifest.files.verity.size, situation.other.verity)?;
    if let (Some(file), Some(place)) = (&manifest.files.verity_signature, situation.other.signature) {
        fits("signature", file.size, place)?;
    }
    // What lies under the candidate's own name is written over.
    let part = situation.files().filter(|file| is_part_of(file, &manifest.version));
    let given_back: u64 = replaced(situation, manifest).chain(part).map(|file| file.size).sum();
    let available = situation.entries.free.saturating_add(given_back);
    let needed = manifest.files.kernel.size.saturating_add(ESP_RESERVE);
    if needed > available {
        let (version, image) = (manifest.version.clone(), situation.running.image.clone());
        return Err(Refusal::EspFull { version, image, needed, available });
    }
    Ok(())
}

/// Files that make room: all of this image but the running version's entry and what is written of the candidate's.
fn replaced<'a>(situation: &'a Situation, manifest: &'a Manifest) -> impl Iterator<Item = &'a Entry> {
    let kept = |file: &&Entry| {
        let own = file.name.version == situation.running.version && file.name.kind != Kind::Part;
        !own && !is_part_of(file, &manifest.version)
    };
    situation.files().filter(kept)
}

fn is_part_of(file: &Entry, version: &Version) -> bool {
    file.name.version == *version && file.name.kind == Kind::Part
}

/// Whether this very payload lies in the other slot, and its kernel beside the entries or among them.
fn is_staged(situation: &Situation, manifest: &Manifest) -> bool {
    let staged = &situation.state.staged;
    let file =
        |file: &Entry| file.name.version == manifest.version && file.size == manifest.files.kernel.size;
    staged.as_ref().is_some_and(|staged| staged.complete && staged.manifest == *manifest)
        && situation.files().any(file)
        && (situation.other.content == Content::Empty || situation.other.holds(manifest.verity.root_hash))
}

pub(super) fn no_own_entry(situation: &Situation) -> Refusal {
    let label = release::partition::label(&situation.running.image, &situation.running.version);
    Refusal::NoOwnEntry { version: situation.running.version.clone(), file: format!("{label}.efi") }
}
