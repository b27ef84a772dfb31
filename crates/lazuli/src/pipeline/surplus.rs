//! What is installed and a solution, in; the oldest of the packages that live side by side, beyond the number that stays, out.

use std::collections::BTreeMap;

use rpm_model::{Nevra, PackageRecord};
use solver::{Change, Request, Solution, Want};

/// Installed packages that have to go so that at most `most` of a name stay; what comes stays in any case. 0 means any number.
pub fn surplus(
    installed: &[PackageRecord],
    solution: &Solution<'_>,
    request: &Request,
    most: usize,
) -> Vec<Nevra> {
    if most == 0 {
        return Vec::new();
    }
    let lives_beside = |record: &PackageRecord| {
        record.provides.iter().any(|provided| request.install_only.contains(&provided.name))
    };
    let mut coming: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for chosen in solution.packages().iter().filter(|chosen| lives_beside(chosen.record)) {
        *coming.entry(identity(chosen.record)).or_default() += 1;
    }
    let gone = gone(solution);
    let mut staying: BTreeMap<(&str, &str), Vec<&Nevra>> = BTreeMap::new();
    for record in installed.iter().filter(|record| coming.contains_key(&identity(record))) {
        if !gone.contains(&&record.nevra) {
            staying.entry(identity(record)).or_default().push(&record.nevra);
        }
    }
    let mut surplus = Vec::new();
    for (identity, mut packages) in staying {
        packages.sort_by(|a, b| a.evr.compare(&b.evr));
        let more = (packages.len() + coming[&identity]).saturating_sub(most);
        surplus.extend(packages.into_iter().take(more).cloned());
    }
    surplus
}

/// The same request, and that these go; nothing else may go on their account.
pub fn without(
    request: &Request,
    surplus: &[Nevra],
    installed: &[PackageRecord],
    solution: &Solution<'_>,
) -> Request {
    let gone = gone(solution);
    let stays = |record: &&PackageRecord| {
        !gone.contains(&&record.nevra) && !surplus.iter().any(|nevra| nevra.name == record.nevra.name)
    };
    // To erase a version says that no other shall take its place, unless it is asked for.
    let comes = solution.packages().iter().map(|chosen| chosen.nevra());
    let comes = comes.filter(|nevra| surplus.iter().any(|old| old.name == nevra.name));
    let mut changed = request.clone();
    changed.install.extend(comes.cloned().map(Want::Package));
    changed.erase.extend(surplus.iter().cloned().map(Want::Package));
    changed.clean = false;
    changed.protect.extend(installed.iter().filter(stays).map(|record| record.nevra.name.clone()));
    changed.protect.sort();
    changed.protect.dedup();
    changed
}

fn identity(record: &PackageRecord) -> (&str, &str) {
    (&record.nevra.name, &record.nevra.arch)
}

/// Installed packages that a solution takes away.
fn gone<'s>(solution: &'s Solution<'_>) -> Vec<&'s Nevra> {
    let old = |change: &'s Change<'_>| match change {
        Change::Install { .. } => Vec::new(),
        Change::Upgrade { old, .. }
        | Change::Downgrade { old, .. }
        | Change::Reinstall { old, .. }
        | Change::Erase { old, .. } => vec![&old.nevra],
        Change::Replace { old, .. } => old.iter().map(|old| &old.nevra).collect(),
    };
    solution.changes().iter().flat_map(old).collect()
}
