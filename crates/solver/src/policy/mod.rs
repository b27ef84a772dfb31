//! Several packages that would all do, in; the better ones, best first, out.
//!
//! The steps and their order are libsolv's: repository priority, architecture, version, obsoletes, then what is
//! recommended; what is left is put in order by age, common provides and suggestions.

pub(crate) mod urpm_order;

use std::cmp::Ordering;

use rpm_model::{Comparison, Dependency, PartialEvr, rpmvercmp};

use crate::ground::Ground;
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::packages::architecture::NOARCH;
use crate::packages::universe::{Id, Map, SYSTEM, to_index};
use crate::search::wishes::Wishes;

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
    /// All of them are shown to the user: of each name the best.
    Suggest,
}

/// What a choice depends on.
pub(crate) struct View<'a, 'u, 'r> {
    pub(crate) ground: &'a Ground<'u, 'r>,
    pub(crate) orders: &'a Orders,
    /// By id: level at which it was decided; positive is installed, negative is not, 0 is open.
    pub(crate) decision: &'a [i32],
    pub(crate) wishes: &'a Wishes<'u>,
}

impl<'u> View<'_, 'u, '_> {
    /// Drops what is worse and puts the best first.
    pub(crate) fn filter(&self, list: &mut Vec<Id>, mode: Mode) {
        if mode == Mode::Supplement {
            self.dislike_old_versions(list);
            self.sort_by_common_provides(list);
            self.put_in_urpm_order(list);
            self.prefer_suggested(list);
            self.prefer_favored(list);
            return;
        }
        if list.len() < 2 {
            return;
        }
        match self.orders.favor.as_deref() {
            Some(favor) if list.iter().any(|id| favor[to_index(*id)] != favor[to_index(list[0])]) => {
                self.filter_by_favor(list, mode, favor);
            }
            _ => self.filter_plainly(list, mode),
        }
    }

    /// Whether something installed is supplemented by the package.
    pub(crate) fn supplements(&self, id: Id) -> bool {
        self.any_holds(self.ground.universe.supplements(id))
    }

    /// Whether the package is one that installed packages ask for.
    pub(crate) fn is_wanted(&self, id: Id) -> bool {
        id != SYSTEM && (self.wishes.recommends(id) || self.supplements(id))
    }

    /// Whether something installed suggests the package, or is enhanced by it.
    pub(crate) fn is_hinted_at(&self, id: Id) -> bool {
        self.wishes.suggests(id) || self.any_holds(self.ground.universe.enhances(id))
    }

    fn any_holds(&self, mut dependencies: impl Iterator<Item = &'u Dependency>) -> bool {
        let installed = |id: Id| self.decision[to_index(id)] > 0;
        dependencies.any(|dependency| self.ground.providers.holds(dependency, &installed))
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
        if mode == Mode::Suggest {
            self.keep_highest_priority_of_names(list);
        } else if list.len() > 1 {
            self.keep_highest_priority(list);
        }
        self.keep_best_architecture(list);
        keep_best_versions(self.ground, list);
        if list.len() < 2 || matches!(mode, Mode::Recommend | Mode::Suggest) {
            return;
        }
        self.keep_recommended(list);
        if list.len() > 1 && mode == Mode::Choose {
            self.dislike_old_versions(list);
            self.sort_by_common_provides(list);
            self.move_installed_to_front(list);
            self.put_in_urpm_order(list);
            self.prefer_suggested(list);
            self.prefer_favored(list);
        }
    }

    /// Installed packages stay in the list whatever their priority.
    fn keep_highest_priority(&self, list: &mut Vec<Id>) {
        let ground = self.ground;
        let priority = |id: &Id| ground.universe.priority(*id);
        let new = list.iter().filter(|id| !ground.is_installed(**id)).map(priority);
        let Some(best) = new.min() else { return };
        list.retain(|id| ground.is_installed(*id) || priority(id) == best);
        if list.len() > 1 && ground.has_installed() && !self.orders.dup_involved.is_empty() {
            self.keep_installed_like_repositories(list, best);
        }
    }

    /// In a distribution upgrade, an installed package counts only if a repository as good as any has the same.
    fn keep_installed_like_repositories(&self, list: &mut Vec<Id>, mut best: i32) {
        let ground = self.ground;
        let priority = |id: Id| ground.universe.priority(id);
        let mut kept = Vec::new();
        for id in list.iter().copied() {
            if !ground.is_installed(id) && priority(id) > best {
                continue;
            }
            if ground.is_installed(id) && self.orders.dup_involved.has(id) {
                let mut like = false;
                for other in ground.universe.same_name(id).iter().copied() {
                    let comparable = !ground.is_installed(other) && priority(other) <= best;
                    if comparable && ground.identical(id, other) {
                        like = true;
                        if priority(other) < best {
                            best = priority(other);
                            kept.clear();
                        }
                    }
                }
                if !like {
                    continue;
                }
            }
            kept.push(id);
        }
        if !kept.is_empty() {
            *list = kept;
        }
    }

    fn keep_highest_priority_of_names(&self, list: &mut Vec<Id>) {
        sort_by_name(self.ground, list);
        let same_name = |a: &Id, b: &Id| self.ground.same_name_as(*a, *b);
        let mut kept = Vec::new();
        for group in list.chunk_by(same_name) {
            let mut group = group.to_vec();
            if group.len() > 2 {
                self.keep_highest_priority(&mut group);
            }
            kept.extend(group);
        }
        *list = kept;
    }

    fn keep_best_architecture(&self, list: &mut Vec<Id>) {
        let score = |id: &Id| self.ground.universe.score(*id);
        if list.len() < 2 {
            return;
        }
        if let Some(best) = list.iter().map(score).filter(|score| *score > NOARCH).min() {
            list.retain(|id| score(id) == best || score(id) == NOARCH);
        }
    }

    /// Installed packages stay in the list: they are wanted in a way.
    fn keep_recommended(&self, list: &mut Vec<Id>) {
        let installed = |id: Id| self.ground.is_installed(id);
        if list.iter().filter(|id| !installed(**id)).count() < 2 {
            return;
        }
        let kept = |id: Id| installed(id) || self.is_wanted(id);
        if list.iter().any(|id| !installed(*id) && self.is_wanted(*id)) {
            list.retain(|id| kept(*id));
        }
    }

    /// To the back with packages of which a newer one is there.
    fn dislike_old_versions(&self, list: &mut [Id]) {
        let universe = self.ground.universe;
        let outdated = |id: Id| {
            let nevra = universe.nevra(id);
            let priority = universe.priority(id);
            !self.ground.is_installed(id)
                && universe.same_name(id).iter().any(|other| {
                    let theirs = universe.nevra(*other);
                    let their_priority = universe.priority(*other);
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
            for capability in self.ground.universe.provides(*id) {
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
        for (place, id) in list.iter().enumerate() {
            if self.ground.is_installed(*id) {
                badness[place] = 0;
            }
        }
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by_key(|place| badness[*place]);
        *list = order.into_iter().map(|place| list[place]).collect();
    }

    /// To the front with packages of names that are installed.
    fn move_installed_to_front(&self, list: &mut [Id]) {
        if self.ground.has_installed() {
            list.sort_by_cached_key(|id| self.ground.installed_namesakes(*id).next().is_none());
        }
    }

    fn put_in_urpm_order(&self, list: &mut [Id]) {
        if self.ground.has(Setting::UrpmReorder) {
            list.sort_by_cached_key(|id| std::cmp::Reverse(urpm_order::score(self, *id)));
        }
    }

    fn prefer_suggested(&self, list: &mut [Id]) {
        let suggested = |id: Id| self.ground.is_installed(id) || self.is_hinted_at(id);
        list.sort_by_cached_key(|id| !suggested(*id));
    }

    /// To the front with what a job favors, to the back with what one disfavors.
    pub(crate) fn prefer_favored(&self, list: &mut [Id]) {
        if let Some(favor) = &self.orders.favor {
            list.sort_by_key(|id| std::cmp::Reverse(favor[to_index(*id)]));
        }
    }
}

/// By name; within one the better architecture, the installed one, the cheaper repository first.
fn sort_by_name(ground: &Ground<'_, '_>, list: &mut [Id]) {
    let universe = ground.universe;
    list.sort_by(|a, b| {
        let scores = (ground.score(*a), ground.score(*b));
        let by_architecture =
            if scores.0 > NOARCH && scores.1 > NOARCH { scores.0.cmp(&scores.1) } else { Ordering::Equal };
        let key = |id: Id| (!ground.is_installed(id), universe.cost(id), id);
        universe.name(*a).cmp(universe.name(*b)).then(by_architecture).then_with(|| key(*a).cmp(&key(*b)))
    });
}

/// One package a name, sorted by name; then none that another one obsoletes.
pub(crate) fn keep_best_versions(ground: &Ground<'_, '_>, list: &mut Vec<Id>) {
    if list.len() < 2 {
        return;
    }
    let universe = ground.universe;
    sort_by_name(ground, list);
    let mut best: Vec<Id> = Vec::new();
    for id in list.iter().copied() {
        match best.last_mut() {
            Some(last) if universe.name(*last) == universe.name(id) => {
                let (a, b) = (&universe.nevra(*last).evr, &universe.nevra(id).evr);
                if a.compare(b) == Ordering::Less {
                    *last = id;
                }
            }
            _ => best.push(id),
        }
    }
    *list = best;
    if list.len() == 2 {
        match (replaces(ground, list[0], list[1]), replaces(ground, list[1], list[0])) {
            (true, false) => list.truncate(1),
            (false, true) => drop(list.remove(0)),
            _ => {}
        }
    } else if list.len() > 2 && list.len() <= MAXIMUM_RING {
        Obsoletion::new(ground, list).prune(list);
    }
}

/// Whether one package replaces another of a different name.
fn replaces(ground: &Ground<'_, '_>, newer: Id, older: Id) -> bool {
    !ground.same_name_as(newer, older) && ground.obsoletes(newer, older)
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
    fn new(ground: &Ground<'_, '_>, list: &[Id]) -> Self {
        let obsoleted_by = |newer: Id| {
            let replaces_any = ground.universe.obsoletes(newer).len() > 0;
            let places = 0..if replaces_any { list.len() } else { 0 };
            places.filter(|place| replaces(ground, newer, list[*place])).collect()
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
