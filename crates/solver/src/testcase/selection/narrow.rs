//! Picks, in; the same narrowed by a relation, a repository or another selection, or widened, out.

use std::collections::BTreeSet;

use super::dependencies;
use super::switches::Switches;
use super::view::{self, View};
use super::{Pick, Target};
use crate::jobs::Flags;
use crate::packages::universe::{Id, to_index};
use crate::testcase::TestcaseError;
use crate::testcase::statement::split_architecture;
use crate::testcase::term::{Operator, Term, Versions};

type Found = Result<Vec<Pick>, TestcaseError>;

/// What follows a name.
pub(super) enum Relation<'t> {
    Architecture(&'t str),
    Version(Versions, &'t str),
}

impl Relation<'_> {
    fn of(&self, term: Term) -> Term {
        let literal = |text: &str| Term::Literal(text.to_owned());
        match self {
            Relation::Architecture(name) => {
                // Sources of sources are sources.
                let term = match term {
                    Term::Relation(Operator::Architecture, inner, architecture)
                        if view::is_source(name) && *architecture == literal("src") =>
                    {
                        *inner
                    }
                    term => term,
                };
                Term::relation(Operator::Architecture, term, literal(name))
            }
            Relation::Version(versions, version) => {
                Term::relation(Operator::Version(*versions), term, literal(version))
            }
        }
    }

    fn admits(&self, view: &View<'_, '_, '_>, id: Id) -> bool {
        match self {
            Relation::Architecture(name) => view.has_architecture(id, name),
            Relation::Version(versions, version) => {
                view::admits(*versions, version, &view.universe.nevra(id).evr)
            }
        }
    }
}

/// Adds a relation to every pick.
pub(super) fn relate(
    view: &View<'_, '_, '_>,
    picks: &mut [Pick],
    relation: &Relation<'_>,
    line: usize,
) -> Result<(), TestcaseError> {
    for pick in picks {
        let mut by_name = true;
        match std::mem::replace(&mut pick.target, Target::All) {
            Target::Name(term) => pick.target = Target::Name(relation.of(term)),
            Target::Provides(term) => {
                by_name = false;
                pick.target = Target::Provides(relation.of(term));
            }
            target => {
                pick.target = target;
                let members = view.members(pick, line)?;
                let kept: Vec<Id> = members.iter().copied().filter(|id| relation.admits(view, *id)).collect();
                if kept.len() < members.len() {
                    // What was found is a new pick.
                    *pick = Pick::new(Target::All).reduced(kept);
                }
            }
        }
        match relation {
            Relation::Architecture(_) => pick.flags = pick.flags.and(Flags::SET_ARCHITECTURE),
            Relation::Version(Versions::Equal, version) if by_name => {
                let set = if version.contains('-') { Flags::SET_EVR } else { Flags::SET_EV };
                pick.flags = pick.flags.and(set);
            }
            Relation::Version(..) => {}
        }
    }
    Ok(())
}

/// Drops picks that mean nothing.
pub(super) fn prune(
    view: &View<'_, '_, '_>,
    picks: &mut Vec<Pick>,
    line: usize,
) -> Result<(), TestcaseError> {
    let mut kept = Vec::new();
    for pick in picks.drain(..) {
        if matches!(pick.target, Target::All) || !view.members(&pick, line)?.is_empty() {
            kept.push(pick);
        }
    }
    *picks = kept;
    Ok(())
}

/// Widens names and capabilities by the packages that nobody could install, as far as they are wanted.
pub(super) fn add_extra(
    view: &View<'_, '_, '_>,
    picks: &mut [Pick],
    switches: Switches,
    line: usize,
) -> Result<(), TestcaseError> {
    let installed_only = switches.has(Switches::INSTALLED_ONLY);
    let switches = if installed_only { switches.without(Switches::WITH_SOURCE) } else { switches };
    if !switches.wants_extra() {
        return Ok(());
    }
    for pick in picks.iter_mut().filter(|pick| pick.flags == Flags::default()) {
        let looked_at = |id: &Id| view.counts(*id, switches) && (!installed_only || view.is_installed(*id));
        let is_extra = |id: &Id| {
            let own_sources = view.is_source(*id) && switches.has(Switches::SOURCE_ONLY);
            !view.is_usable(*id) && (!own_sources || view.is_disabled(*id))
        };
        let all: Vec<Id> = match &pick.target {
            Target::Name(term) => {
                view.universe.ids().filter(looked_at).filter(|id| view.is(*id, term)).collect()
            }
            Target::Provides(term) => {
                let mut all = view.members(pick, line)?;
                all.retain(|id| !installed_only || view.is_installed(*id));
                let wanted = view::dependency(&split_architecture(term).0, line)?;
                let provides = |id: &Id| {
                    let mut provided = view.universe.provides(*id);
                    !view.is_source(*id) && provided.any(|one| dependencies::meets_capability(one, &wanted))
                };
                all.extend(view.universe.ids().filter(looked_at).filter(is_extra).filter(provides));
                all.sort_unstable();
                all
            }
            _ => continue,
        };
        if all.iter().any(is_extra) {
            *pick = pick.clone().reduced(all);
        }
    }
    Ok(())
}

/// One list of packages instead of several picks.
pub(super) fn flatten(view: &View<'_, '_, '_>, picks: Vec<Pick>, line: usize) -> Found {
    if picks.len() < 2 {
        return Ok(picks);
    }
    if let Some(all) = picks.iter().find(|pick| pick.target == Target::All) {
        return Ok(vec![all.clone()]);
    }
    let mut ids = BTreeSet::new();
    for pick in &picks {
        ids.extend(view.members(pick, line)?);
    }
    let ids: Vec<Id> = ids.into_iter().collect();
    Ok(if ids.is_empty() { Vec::new() } else { vec![Pick::new(Target::All).reduced(ids)] })
}

/// Narrows to the packages of a repository.
pub(super) fn to_repository(
    view: &View<'_, '_, '_>,
    picks: Vec<Pick>,
    number: usize,
    set: Flags,
    line: usize,
) -> Found {
    let own = view.universe.repository_ids(number);
    let mut narrowed = Vec::new();
    for mut pick in picks {
        let members = view.members(&pick, line)?;
        let kept: Vec<Id> = members.iter().copied().filter(|id| own.contains(id)).collect();
        if kept.is_empty() {
            continue;
        }
        if pick.target == Target::All {
            pick.target = Target::Repository(view.universe.repository_id(kept[0]).to_owned());
        } else if kept.len() < members.len() {
            pick = pick.reduced(kept);
        }
        pick.flags = pick.flags.and(set);
        narrowed.push(pick);
    }
    Ok(narrowed)
}

/// What was selected before and what is found now, joined as the switches say.
pub(super) fn combine(
    view: &View<'_, '_, '_>,
    mut before: Vec<Pick>,
    found: Vec<Pick>,
    switches: Switches,
    line: usize,
) -> Found {
    if switches.has(Switches::FILTER) {
        return filter(view, before, found, line);
    }
    if switches.has(Switches::SUBTRACT) {
        return subtract(view, before, &found, line);
    }
    before.extend(found);
    Ok(before)
}

fn filter(view: &View<'_, '_, '_>, before: Vec<Pick>, found: Vec<Pick>, line: usize) -> Found {
    if before.is_empty() || found.is_empty() {
        return Ok(Vec::new());
    }
    let repository = |pick: &Pick| match &pick.target {
        Target::Repository(name) => view.universe.repository_named(name),
        _ => None,
    };
    if let [only] = &before[..] {
        if only.target == Target::All {
            return Ok(found);
        }
        if let Some(number) = repository(only) {
            return to_repository(view, found, number, only.flags.without(Flags::NO_AUTO_SET), line);
        }
    }
    if found.iter().any(|pick| pick.target == Target::All) {
        return Ok(before);
    }
    let set = match &found[..] {
        [only] => only.flags.without(Flags::NO_AUTO_SET),
        _ => Flags::default(),
    };
    let wanted = table(view, &found, line)?;
    keep(view, before, &|id| wanted[to_index(id)], set, line)
}

fn subtract(view: &View<'_, '_, '_>, before: Vec<Pick>, found: &[Pick], line: usize) -> Found {
    let set = match found {
        [] => return Ok(before),
        [only] => only.flags.without(Flags::NO_AUTO_SET),
        _ => Flags::default(),
    };
    let unwanted = table(view, found, line)?;
    keep(view, before, &|id| !unwanted[to_index(id)], set, line)
}

fn table(view: &View<'_, '_, '_>, picks: &[Pick], line: usize) -> Result<Vec<bool>, TestcaseError> {
    let mut table = vec![false; view.universe.table_size()];
    for pick in picks {
        for id in view.members(pick, line)? {
            table[to_index(id)] = true;
        }
    }
    Ok(table)
}

fn keep(
    view: &View<'_, '_, '_>,
    picks: Vec<Pick>,
    wanted: &dyn Fn(Id) -> bool,
    set: Flags,
    line: usize,
) -> Found {
    let mut kept = Vec::new();
    for mut pick in picks {
        let members = view.members(&pick, line)?;
        let rest: Vec<Id> = members.iter().copied().filter(|id| wanted(*id)).collect();
        if rest.is_empty() {
            continue;
        }
        if rest.len() < members.len() {
            pick = pick.reduced(rest);
        }
        pick.flags = pick.flags.and(set);
        kept.push(pick);
    }
    Ok(kept)
}
