//! Several packages that would all do, in; the better ones, best first, out.
//!
//! The steps and their order are libsolv's: repository priority, architecture, version, obsoletes, then what is
//! recommended; what is left is put in order by age, common provides and suggestions.

use std::cmp::Ordering;

use rpm_model::{Comparison, Dependency, PartialEvr, rpmvercmp};

use crate::architecture::NOARCH;
use crate::generate::Ground;
use crate::universe::{Id, Map, SYSTEM, to_index};
use crate::wishes::Wishes;

/// A longer list of names is left as it is: hostile metadata must not exhaust the stack.
const MAXIMUM_RING: usize = 20_000;

/// What the choice is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One of them must be installed.
    Choose,
    /// One of them must be installed; a list of one is all that matters.
    ChooseWithoutOrder,
    /// All of them are recommended.
    Recommend,
    /// All of them supplement what is installed: put in order, drop none.
    Supplement,
}

/// What a choice depends on.
pub(crate) struct View<'a, 'u, 'r> {
    pub(crate) ground: &'a Ground<'u, 'r>,
    /// By id: level at which it was decided; positive is installed, negative is not, 0 is open.
    pub(crate) decision: &'a [i32],
    pub(crate) wishes: &'a Wishes<'u>,
    /// By id: how much the request prefers it.
    pub(crate) favor: Option<&'a [i32]>,
}

impl<'u> View<'_, 'u, '_> {
    /// Drops what is worse and puts the best first.
    pub(crate) fn filter(&self, list: &mut Vec<Id>, mode: Mode) {
        if mode == Mode::Supplement {
            self.dislike_old_versions(list);
            self.sort_by_common_provides(list);
            self.prefer_suggested(list);
            self.prefer_favored(list);
            return;
        }
        if list.len() < 2 {
            return;
        }
        match self.favor {
            Some(favor) if list.iter().any(|id| favor[to_index(*id)] != favor[to_index(list[0])]) => {
                self.filter_by_favor(list, mode, favor);
            }
            _ => self.filter_plainly(list, mode),
        }
    }

    /// Whether something installed is supplemented by the package.
    pub(crate) fn supplements(&self, id: Id) -> bool {
        self.any_holds(&self.ground.universe.record(id).supplements)
    }

    /// Whether the package is one that installed packages ask for.
    pub(crate) fn is_wanted(&self, id: Id) -> bool {
        id != SYSTEM && (self.wishes.recommends(id) || self.supplements(id))
    }

    fn any_holds(&self, dependencies: &'u [Dependency]) -> bool {
        let installed = |id: Id| self.decision[to_index(id)] > 0;
        dependencies.iter().any(|dependency| self.ground.providers.holds(dependency, &installed))
    }

    fn filter_by_favor(&self, list: &mut Vec<Id>, mode: Mode, favor: &[i32]) {
        let mut sorted = std::mem::take(list);
        let favor_of = |id: &Id| favor[to_index(*id)];
        sorted.sort_by_key(|id| std::cmp::Reverse(favor_of(id)));
        let mut start = 0;
        while start < sorted.len() {
            let group = favor_of(&sorted[start]);
            let end =
                sorted.iter().rposition(|id| favor_of(id) == group).map_or(sorted.len(), |last| last + 1);
            let mut pruned = sorted[..end].to_vec();
            self.filter_plainly(&mut pruned, mode);
            list.extend(pruned.into_iter().filter(|id| favor_of(id) == group));
            start = end;
        }
    }

    fn filter_plainly(&self, list: &mut Vec<Id>, mode: Mode) {
        self.keep_highest_priority(list);
        self.keep_best_architecture(list);
        self.keep_best_versions(list);
        if list.len() < 2 || mode == Mode::Recommend {
            return;
        }
        self.keep_recommended(list);
        if list.len() > 1 && mode == Mode::Choose {
            self.dislike_old_versions(list);
            self.sort_by_common_provides(list);
            self.prefer_suggested(list);
            self.prefer_favored(list);
        }
    }

    fn keep_highest_priority(&self, list: &mut Vec<Id>) {
        let priority = |id: &Id| self.ground.universe.repository(*id).priority;
        if let Some(best) = list.iter().map(priority).min() {
            list.retain(|id| priority(id) == best);
        }
    }

    fn keep_best_architecture(&self, list: &mut Vec<Id>) {
        let score = |id: &Id| self.ground.universe.package(*id).score;
        if let Some(best) = list.iter().map(score).filter(|score| *score > NOARCH).min() {
            list.retain(|id| score(id) == best || score(id) == NOARCH);
        }
    }

    /// One package a name, sorted by name; then none that another one obsoletes.
    fn keep_best_versions(&self, list: &mut Vec<Id>) {
        if list.len() < 2 {
            return;
        }
        let universe = self.ground.universe;
        list.sort_by_key(|id| (universe.name(*id), universe.repository(*id).cost, *id));
        let mut best: Vec<Id> = Vec::new();
        for id in list.iter().copied() {
            match best.last_mut() {
                Some(last) if universe.name(*last) == universe.name(id) => {
                    let (a, b) = (&universe.record(*last).nevra.evr, &universe.record(id).nevra.evr);
                    if a.compare(b) == Ordering::Less {
                        *last = id;
                    }
                }
                _ => best.push(id),
            }
        }
        *list = best;
        if list.len() == 2 {
            match (self.obsoletes(list[0], list[1]), self.obsoletes(list[1], list[0])) {
                (true, false) => list.truncate(1),
                (false, true) => drop(list.remove(0)),
                _ => {}
            }
        } else if list.len() <= MAXIMUM_RING {
            Obsoletion::new(self, list).prune(list);
        }
    }

    /// Whether one package replaces another of a different name.
    fn obsoletes(&self, newer: Id, older: Id) -> bool {
        let universe = self.ground.universe;
        universe.name(newer) != universe.name(older)
            && universe.record(newer).obsoletes.iter().any(|capability| universe.is(older, capability))
    }

    fn keep_recommended(&self, list: &mut Vec<Id>) {
        let wanted: Vec<Id> = list.iter().copied().filter(|id| self.is_wanted(*id)).collect();
        if !wanted.is_empty() {
            *list = wanted;
        }
    }

    /// To the back with packages of which a newer one is there.
    fn dislike_old_versions(&self, list: &mut [Id]) {
        let universe = self.ground.universe;
        let outdated = |id: Id| {
            let nevra = &universe.record(id).nevra;
            let priority = universe.repository(id).priority;
            universe.same_name(id).iter().any(|other| {
                let theirs = &universe.record(*other).nevra;
                let their_priority = universe.repository(*other).priority;
                *other != id
                    && theirs.arch == nevra.arch
                    && match priority.cmp(&their_priority) {
                        Ordering::Less => false,
                        Ordering::Greater => true,
                        Ordering::Equal => theirs.evr.compare(&nevra.evr) == Ordering::Greater,
                    }
            })
        };
        list.sort_by_cached_key(|id| outdated(*id));
    }

    /// Of packages that provide the same thing, the one that provides the newer version comes first.
    fn sort_by_common_provides(&self, list: &mut Vec<Id>) {
        let mut by_name: Map<&str, Vec<(usize, &PartialEvr, bool)>> = Map::default();
        for (place, id) in list.iter().enumerate() {
            for capability in &self.ground.universe.record(*id).provides {
                let Some(constraint) = &capability.constraint else { continue };
                let below = constraint.comparison == Comparison::Less;
                let counts = match constraint.comparison {
                    Comparison::Equal => !looks_like_digest(&constraint.evr),
                    Comparison::Less | Comparison::LessOrEqual => true,
                    Comparison::Greater | Comparison::GreaterOrEqual => false,
                };
                if counts {
                    by_name.entry(&capability.name).or_default().push((place, &constraint.evr, below));
                }
            }
        }
        let mut badness = vec![0u32; list.len()];
        for provides in by_name.values_mut() {
            provides.sort_by(|a, b| newest_first(a.1, b.1).then(a.2.cmp(&b.2)));
            let mut bad = 0;
            for index in 0..provides.len() {
                let (place, evr, below) = provides[index];
                if let Some((previous, newer, newer_below)) =
                    index.checked_sub(1).map(|before| provides[before])
                    && previous != place
                    && clearly_newer(newer, evr, newer_below, below)
                {
                    bad += 1;
                }
                badness[place] += bad;
            }
        }
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by_key(|place| badness[*place]);
        *list = order.into_iter().map(|place| list[place]).collect();
    }

    fn prefer_suggested(&self, list: &mut [Id]) {
        let suggested =
            |id: Id| self.wishes.suggests(id) || self.any_holds(&self.ground.universe.record(id).enhances);
        list.sort_by_cached_key(|id| !suggested(*id));
    }

    fn prefer_favored(&self, list: &mut [Id]) {
        if let Some(favor) = self.favor {
            list.sort_by_key(|id| std::cmp::Reverse(favor[to_index(*id)]));
        }
    }
}

fn looks_like_digest(evr: &PartialEvr) -> bool {
    let text = evr.to_string();
    text.len() >= 4 && text.bytes().all(|byte| matches!(byte, b'a'..=b'f' | b'0'..=b'9'))
}

fn newest_first(a: &PartialEvr, b: &PartialEvr) -> Ordering {
    let order =
        b.epoch.unwrap_or(0).cmp(&a.epoch.unwrap_or(0)).then_with(|| rpmvercmp(&b.version, &a.version));
    order.then_with(|| match (&a.release, &b.release) {
        (Some(a), Some(b)) => rpmvercmp(b, a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    })
}

/// Newer by more than a release that one of them leaves open.
fn clearly_newer(a: &PartialEvr, b: &PartialEvr, a_below: bool, b_below: bool) -> bool {
    let same_version =
        a.epoch.unwrap_or(0) == b.epoch.unwrap_or(0) && rpmvercmp(&a.version, &b.version).is_eq();
    if same_version && a.release.is_some() != b.release.is_some() {
        return false;
    }
    newest_first(a, b).then(a_below.cmp(&b_below)) == Ordering::Less
}

/// Finds packages that others in the list obsolete, leaving alone those that obsolete each other in a ring.
struct Obsoletion {
    /// By place in the list: the places of what it obsoletes.
    targets: Vec<Vec<usize>>,
    /// By place: 0 unseen, -1 obsoleted, else the number of the ring it is in.
    low: Vec<i64>,
    stack: Vec<usize>,
    first: i64,
    next: i64,
}

impl Obsoletion {
    fn new(view: &View<'_, '_, '_>, list: &[Id]) -> Self {
        let obsoleted_by = |newer: Id| {
            let replaces_any = !view.ground.universe.record(newer).obsoletes.is_empty();
            let places = 0..if replaces_any { list.len() } else { 0 };
            places.filter(|place| view.obsoletes(newer, list[*place])).collect()
        };
        let targets = list.iter().map(|newer| obsoleted_by(*newer)).collect();
        Obsoletion { targets, low: vec![0; list.len()], stack: Vec::new(), first: 0, next: 1 }
    }

    fn prune(mut self, list: &mut Vec<Id>) {
        for place in 0..list.len() {
            if self.low[place] == 0 {
                self.first = self.next;
                self.visit(place);
            }
        }
        let mut low = self.low.iter();
        list.retain(|_| low.next().is_some_and(|low| *low >= 0));
    }

    /// Tarjan's strongly connected components; every component that does not hold the first place is obsoleted.
    fn visit(&mut self, place: usize) {
        let number = self.next;
        self.next += 1;
        self.low[place] = number;
        let bottom = self.stack.len();
        self.stack.push(place);
        for target in self.targets[place].clone() {
            if self.low[target] == 0 {
                self.visit(target);
            }
            let low = self.low[target];
            if low < 0 {
                continue;
            }
            if low < self.first {
                // A ring found earlier turns out to be obsoleted.
                for other in &mut self.low {
                    if *other == low {
                        *other = -1;
                    }
                }
            } else if low < self.low[place] {
                self.low[place] = low;
            }
        }
        if self.low[place] == number {
            let ring = if number == self.first { number } else { -1 };
            for member in self.stack.drain(bottom..) {
                self.low[member] = ring;
            }
        }
    }
}
