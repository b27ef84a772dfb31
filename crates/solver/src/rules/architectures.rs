//! Packages that could take part, in; the rules that prefer the best architecture of each name, out.

use crate::ground::Ground;
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::packages::architecture::NOARCH;
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::rules::Origin;
use crate::rules::book::Book;

/// For every name of which a better architecture is considered: the worse one only beside its better twin.
pub(crate) fn write(ground: &Ground<'_, '_>, orders: &Orders, considered: &[bool], book: &mut Book<'_>) {
    for id in ground.universe.ids().filter(|id| considered[to_index(*id)]) {
        let group: Vec<Id> = ground
            .universe
            .same_name(id)
            .iter()
            .copied()
            .filter(|other| *other != SYSTEM && considered[to_index(*other)])
            .collect();
        if group.first() == Some(&id) && group.len() > 1 {
            Group { ground, orders, members: &group }.write(book);
        }
    }
}

/// Packages of one name.
struct Group<'a, 'u, 'r> {
    ground: &'a Ground<'u, 'r>,
    orders: &'a Orders,
    members: &'a [Id],
}

impl Group<'_, '_, '_> {
    fn write(&self, book: &mut Book<'_>) {
        let ground = self.ground;
        let colors = ground.has(Setting::ImplicitObsoletesUseColors);
        let counts = |id: &&Id| self.is_new(**id) || ground.score(**id) == NOARCH;
        let new = self.members.iter().filter(counts).map(|id| ground.score(*id));
        let mut best = new.filter(|score| *score > NOARCH).min();
        let mut kept: Vec<Id> = self.members.iter().copied().filter(|id| self.is_kept(*id)).collect();
        if best.is_none() && colors && self.architectures(&kept) > 1 {
            best = kept.iter().map(|id| ground.score(*id)).filter(|score| *score > NOARCH).min();
        }
        let Some(best) = best else { return };
        let installed_is_best =
            self.architectures(&kept) == 1 && kept.iter().all(|id| ground.score(*id) == best);
        if installed_is_best {
            kept.clear();
        } else if !kept.is_empty() && colors {
            kept.retain(|id| self.may_stay_inferior(*id, best));
        }
        for worse in self.members.iter().copied().filter(|id| self.is_bad(*id, best, &kept, colors)) {
            if !colors {
                book.rules.push(&[-worse], Origin::InferiorArchitecture);
                continue;
            }
            let twins = self.twins(worse, best);
            let in_step = twins.iter().any(|twin| ground.is_installed(*twin));
            if !ground.is_installed(worse) || in_step {
                book.rules.push_parts(-worse, &twins, Origin::InferiorArchitecture);
            }
        }
    }

    /// Counts for which architecture is the best one.
    fn is_new(&self, id: Id) -> bool {
        !self.ground.is_installed(id)
    }

    /// Installed, and its architecture may stay.
    fn is_kept(&self, id: Id) -> bool {
        self.ground.is_installed(id) && self.ground.score(id) != NOARCH && !self.orders.dup_involved.has(id)
    }

    fn architectures(&self, ids: &[Id]) -> usize {
        let mut names: Vec<&str> = ids.iter().map(|id| self.ground.universe.arch(*id)).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }

    /// An installed package of a worse architecture makes it acceptable only if it has no better twin.
    fn may_stay_inferior(&self, id: Id, best: u32) -> bool {
        let score = self.ground.score(id);
        score == 0 || score != best && self.twins(id, best).is_empty()
    }

    fn is_bad(&self, id: Id, best: u32, kept: &[Id], colors: bool) -> bool {
        let score = self.ground.score(id);
        if score == NOARCH || score == best {
            return false;
        }
        if self.ground.is_installed(id) {
            return colors;
        }
        !kept.iter().any(|other| {
            self.ground.same_architecture(id, *other) || score != 0 && score == self.ground.score(*other)
        })
    }

    /// The same version in an architecture that is as good as any.
    fn twins(&self, id: Id, best: u32) -> Vec<Id> {
        let fits = |other: &Id| {
            let score = self.ground.score(*other);
            *other != id
                && (score == NOARCH || score == best)
                && self.ground.same_evr(id, *other)
                && !self.ground.same_architecture(id, *other)
        };
        self.ground.universe.same_name(id).iter().copied().filter(fits).collect()
    }
}
