//! Rules that cannot hold together, in; a small set of them that still cannot, out.

use crate::ground::Ground;
use crate::jobs::orders::Orders;
use crate::packages::universe::{Id, to_index};
use crate::rules::book::Book;
use crate::rules::{Origin, RuleId, Rules};
use crate::search::{Choice, Refuted, Search};

/// Beyond this many rules, minimising by single rules would take longer than anyone waits.
const MAXIMUM_RULES: usize = 600;

/// Drops every rule without which the rest still cannot hold: first "the best version", then the request's
/// entries, then what packages say.
pub(crate) fn minimize<'u>(ground: &Ground<'u, '_>, rules: &Rules<'u>, core: Vec<RuleId>) -> Vec<RuleId> {
    let mut core = core;
    core.sort_by_key(|rule| match rules.get(*rule).origin {
        Origin::Best(_) | Origin::BestUpdate(_) => 0,
        Origin::Job(_) => 1,
        _ => 2,
    });
    let mut size = core.len().div_ceil(2);
    loop {
        let mut start = 0;
        while start < core.len() {
            let end = (start + size).min(core.len());
            let without: Vec<RuleId> = core[..start].iter().chain(&core[end..]).copied().collect();
            match refute(ground, rules, &without) {
                Some(smaller) => core = smaller,
                None => start = end,
            }
        }
        if size <= 1 || core.len() > MAXIMUM_RULES {
            return core;
        }
        size = size.div_ceil(2);
    }
}

/// Those of the rules that already cannot hold together; `None` when all can.
fn refute<'u>(ground: &Ground<'u, '_>, rules: &Rules<'u>, chosen: &[RuleId]) -> Option<Vec<RuleId>> {
    let mut subset = Rules::new();
    for rule in chosen {
        subset.push(rules.literals(*rule), rules.get(*rule).origin);
    }
    let mut search = Search::new(ground, Book::plain(subset), Orders::default());
    match satisfy(&mut search) {
        Ok(()) => None,
        // Number 0 of the subset is "no rule".
        Err(Refuted(smaller)) => Some(smaller.into_iter().map(|rule| chosen[rule - 1]).collect()),
    }
}

/// Any solution, without policy.
fn satisfy(search: &mut Search<'_, '_, '_>) -> Result<(), Refuted> {
    search.start()?;
    let mut level = 1;
    if let Some(broken) = search.propagate(level) {
        search.give_up(broken)?;
    }
    let mut rule = 1;
    while rule < search.book.rules.end() {
        let literals = search.book.rules.literals(rule);
        let holds = literals.iter().any(|literal| search.is_true(*literal));
        let open = |literal: &Id| search.decision[to_index(literal.abs())] == 0;
        let next = literals.iter().copied().filter(open).max();
        match next {
            Some(literal) if !holds => {
                let before = level;
                level = search.choose(level, literal, 0, Choice::Rule)?;
                rule = if level > before { rule + 1 } else { 1 };
            }
            _ => rule += 1,
        }
    }
    Ok(())
}
