//! Installed packages, in; decisions to keep, upgrade or drop each of them, out.

use std::collections::BTreeSet;

use crate::packages::universe::{Id, to_index};
use crate::policy::Mode;
use crate::rules::RuleId;
use crate::search::resolve::{Step, select_and_install};
use crate::search::{Choice, Refuted, Search};

/// First the upgrades that were asked for, then everything that can stay, then upgrades of what could not.
///
/// The package that made trouble is where the next attempt starts: `position`.
pub(crate) fn keep_or_upgrade(
    search: &mut Search<'_, '_, '_>,
    start: i32,
    position: &mut Id,
) -> Result<i32, Refuted> {
    let mut level = start;
    let update = &search.orders.update;
    let first_pass = match () {
        () if update.is_all() => Pass::Rest,
        () if update.is_list() => Pass::Asked,
        () => Pass::Keep,
    };
    let mut pass = first_pass;
    loop {
        let round = Round { pass, pass_level: level };
        match round.run(search, &mut level, position)? {
            Outcome::Trouble if level < start => return Ok(level),
            Outcome::Trouble => pass = first_pass,
            Outcome::Done { some_left } => {
                *position = search.ground.installed.start;
                pass = match pass {
                    Pass::Asked => Pass::Keep,
                    Pass::Keep if some_left => Pass::Rest,
                    Pass::Keep | Pass::Rest => return Ok(level),
                };
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Upgrades that were asked for by name.
    Asked,
    /// What can stay.
    Keep,
    /// Everything else.
    Rest,
}

enum Outcome {
    Done { some_left: bool },
    Trouble,
}

struct Round {
    pass: Pass,
    pass_level: i32,
}

/// What became of one installed package.
enum Verdict {
    Settled,
    /// For a later pass.
    Left,
    /// The choice was taken back; `down` if more than that.
    Again {
        down: bool,
    },
}

impl Round {
    fn run(
        &self,
        search: &mut Search<'_, '_, '_>,
        level: &mut i32,
        position: &mut Id,
    ) -> Result<Outcome, Refuted> {
        let installed = search.ground.installed.clone();
        let mut some_left = false;
        let mut current = *position;
        let mut looked_at = 0;
        while looked_at < installed.len() {
            if current == installed.end {
                current = installed.start;
            }
            match self.decide(search, level, current)? {
                Verdict::Again { .. } if *level < self.pass_level => {
                    *position = current;
                    return Ok(Outcome::Trouble);
                }
                Verdict::Again { down: true } => looked_at = 0,
                Verdict::Again { down: false } => {}
                verdict => {
                    some_left |= matches!(verdict, Verdict::Left);
                    current += 1;
                    looked_at += 1;
                }
            }
        }
        Ok(Outcome::Done { some_left })
    }

    fn decide(&self, search: &mut Search<'_, '_, '_>, level: &mut i32, id: Id) -> Result<Verdict, Refuted> {
        let special = search.orders.special_updaters.contains_key(&id);
        let asked = search.orders.update.has(id);
        if search.is_in(id) && !special || self.pass == Pass::Asked && !asked {
            return Ok(Verdict::Settled);
        }
        let book = &search.book;
        let update = book.update(id);
        let usable = !book.rules.is_empty(update) && book.rules.is_enabled(update);
        let rule = if usable { update } else { book.feature_or_update(id) };
        if book.rules.is_empty(rule) {
            return Ok(Verdict::Settled);
        }
        let wants_update = asked || search.is_false(id);
        if !search.not_updated.has(id) && wants_update {
            if self.pass == Pass::Keep {
                return Ok(Verdict::Left);
            }
            if special {
                let best = best_beside(search, id);
                let rule = search.book.feature_or_update(id);
                if let Verdict::Again { down } = install(search, level, best, rule)? {
                    return Ok(Verdict::Again { down });
                }
            }
            let open = open_updates(search, id, rule);
            if let Verdict::Again { down } = install(search, level, open, rule)? {
                return Ok(Verdict::Again { down });
            }
        }
        if search.is_open(id) && !search.unneeded.contains(&id) {
            let before = *level;
            *level = search.choose(before, id, update, Choice::Keep)?;
            if *level <= before {
                return Ok(Verdict::Again { down: *level < before });
            }
        }
        Ok(Verdict::Settled)
    }
}

/// What may take an installed package's place, unless something does already.
fn open_updates(search: &Search<'_, '_, '_>, id: Id, rule: RuleId) -> Vec<Id> {
    let literals = search.book.rules.literals(rule).iter().copied();
    if literals.clone().any(|literal| search.is_in(literal)) {
        return Vec::new();
    }
    literals.filter(|other| search.is_open(*other) && search.orders.is_target(id, *other)).collect()
}

fn install(
    search: &mut Search<'_, '_, '_>,
    level: &mut i32,
    list: Vec<Id>,
    rule: RuleId,
) -> Result<Verdict, Refuted> {
    if list.is_empty() {
        return Ok(Verdict::Settled);
    }
    let before = *level;
    *level = select_and_install(search, before, list, rule, Choice::Upgrade, false)?;
    Ok(if *level > before { Verdict::Settled } else { Verdict::Again { down: *level < before } })
}

/// The newest of the versions that would stand beside an installed one, unless that is good enough.
fn best_beside(search: &mut Search<'_, '_, '_>, id: Id) -> Vec<Id> {
    let ground = search.ground;
    let others = search.orders.special_updaters.get(&id).cloned().unwrap_or_default();
    let possible = |search: &Search<'_, '_, '_>, id: Id| !search.is_false(id);
    let mut list: Vec<Id> =
        std::iter::once(id).chain(others.iter().copied()).filter(|id| possible(search, *id)).collect();
    // What is installed already counts with the repository that has the same.
    let mut place = 0;
    while place < list.len() {
        let installed = list[place];
        place += 1;
        if !ground.is_installed(installed) {
            continue;
        }
        for other in others.iter().copied() {
            let impossible = !possible(search, other) && !ground.is_installed(other);
            if impossible && ground.identical(other, installed) {
                list.push(other);
            }
        }
    }
    list.retain(|other| search.orders.is_target(id, *other));
    if !list.is_empty() {
        search.view().filter(&mut list, Mode::Choose);
    }
    match list.first() {
        Some(first) if *first != id && search.is_open(*first) => vec![*first],
        _ => Vec::new(),
    }
}

/// Ahead of the decision which installed packages stay: those first that take an installed one's place, or that
/// what will probably stay asks for.
pub(crate) fn prefer_future_installed(search: &mut Search<'_, '_, '_>, level: i32, open: &mut Vec<Id>) {
    let places: Vec<Id> = open.iter().copied().filter(|id| takes_a_place(search, *id)).collect();
    if !places.is_empty() {
        *open = places;
    }
    if open.len() < 2 {
        return;
    }
    let ground = search.ground;
    let stay: Vec<Id> =
        ground.installed.clone().filter(|id| !search.not_updated.has(*id) && search.is_open(*id)).collect();
    if stay.is_empty() {
        return;
    }
    search.look_ahead(level + 1, &stay, |view| {
        let installed = |id: Id| ground.is_installed(id);
        open.sort_by_cached_key(|id| !(installed(*id) || view.is_hinted_at(*id)));
        open.sort_by_cached_key(|id| !(installed(*id) || view.is_wanted(*id)));
        view.prefer_favored(open);
    });
}

/// Whether a package is an installed one or replaces one, other than those that jobs decide about.
pub(crate) fn takes_a_place(search: &Search<'_, '_, '_>, id: Id) -> bool {
    let ground = search.ground;
    let counts = |other: &Id| ground.is_installed(*other) && !search.not_updated.has(*other);
    counts(&id)
        || ground.installed_namesakes(id).any(|other| counts(&other) && ground.colors_meet(id, other))
        || ground.obsoleted_by(id).any(|(_, list)| list.iter().any(counts))
}

/// Where nothing but unneeded installed packages could meet a rule, they do.
pub(crate) fn prune_to_unneeded(search: &Search<'_, '_, '_>, open: &mut Vec<Id>) {
    if !search.orders.clean || search.unneeded.is_empty() {
        return;
    }
    let mut updates = Vec::new();
    for id in open.iter().copied().filter(|id| search.unneeded.contains(id)) {
        if !search.orders.update.has(id) {
            *open = vec![id];
            return;
        }
        updates.push(id);
    }
    if updates.is_empty() {
        return;
    }
    let mut kept: BTreeSet<Id> = BTreeSet::new();
    for id in updates {
        kept.insert(id);
        let candidates: Vec<Id> = match search.orders.special_updaters.get(&id) {
            Some(others) => others.clone(),
            None => search.book.rules.literals(search.book.update(id)).to_vec(),
        };
        let usable = candidates
            .into_iter()
            .filter(|other| !search.is_false(*other) && search.orders.is_target(id, *other));
        kept.extend(usable);
    }
    open.retain(|id| kept.contains(id));
}

/// Drops unneeded packages that nothing asked for.
pub(crate) fn drop_unneeded(search: &mut Search<'_, '_, '_>, level: i32) -> Result<Step, Refuted> {
    let unneeded = if search.orders.clean { search.unneeded.clone() } else { Vec::new() };
    drop_all(search, level, &unneeded)
}

/// Drops what nothing decided about.
pub(crate) fn drop_undecided(search: &mut Search<'_, '_, '_>, level: i32) -> Result<Step, Refuted> {
    let installed: Vec<Id> = search.ground.installed.clone().collect();
    drop_all(search, level, &installed)
}

fn drop_all(search: &mut Search<'_, '_, '_>, mut level: i32, list: &[Id]) -> Result<Step, Refuted> {
    for id in list {
        if search.is_open(*id) {
            let before = level;
            level = search.choose(before, -id, 0, Choice::Unneeded)?;
            if level < before {
                return Ok(Step::Again(level));
            }
        }
    }
    Ok(Step::Done(level))
}

/// Packages that no repository has stay if they can.
pub(crate) fn decide_orphans(search: &mut Search<'_, '_, '_>, mut level: i32) -> Result<Step, Refuted> {
    let mut kept_one = false;
    for id in search.orders.orphaned.clone() {
        if !search.is_open(id) || search.orders.drop_orphaned.has(id) {
            continue;
        }
        let before = level;
        level = search.choose(before, id, 0, Choice::Orphan)?;
        kept_one = true;
        if level < before {
            break;
        }
    }
    if kept_one {
        return Ok(Step::Again(level));
    }
    for id in search.orders.orphaned.clone() {
        if search.is_open(id) {
            let before = level;
            level = search.choose(before, -id, 0, Choice::Orphan)?;
            if level < before {
                return Ok(Step::Again(level));
            }
        }
    }
    Ok(Step::Done(level))
}

impl Search<'_, '_, '_> {
    /// Narrowed requirements that were not kept are given up for good.
    pub(crate) fn gives_up_unneeded_choices(&mut self) -> bool {
        let mut any = false;
        for rule in self.book.choices.clone() {
            let original = self.book.choice_of[rule - self.book.choices.start];
            let enabled = self.book.rules.is_enabled(rule) && self.book.rules.is_enabled(original);
            let literals = self.book.rules.literals(rule);
            let broken = |id: Id| self.decision[to_index(id)] > 0 && !literals.contains(&id);
            if enabled && self.book.rules.positives(original).any(broken) {
                self.give_up_choice(rule);
                any = true;
            }
        }
        any
    }
}
