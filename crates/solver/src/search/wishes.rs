//! Decided packages, in; what they recommend and suggest, out.

use rpm_model::Dependency;

use crate::ground::Ground;
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::rules::normal_form::{self, Clauses};

/// What the packages decided so far would like to see beside them.
#[derive(Debug)]
pub(crate) struct Wishes<'u> {
    /// How many decisions are accounted for.
    seen: usize,
    recommended: Wish<'u>,
    suggested: Wish<'u>,
}

#[derive(Debug)]
struct Wish<'u> {
    wanted: Vec<bool>,
    /// Boolean dependencies, whose packages are wanted only once their conditions hold.
    conditional: Vec<&'u Dependency>,
    wanted_on_condition: Vec<Id>,
}

impl<'u> Wishes<'u> {
    pub(crate) fn new(table_size: usize) -> Self {
        let wish = || Wish {
            wanted: vec![false; table_size],
            conditional: Vec::new(),
            wanted_on_condition: Vec::new(),
        };
        Wishes { seen: 0, recommended: wish(), suggested: wish() }
    }

    /// Forgets decisions that were taken back.
    pub(crate) fn revert(&mut self, decisions: usize) {
        if self.seen > decisions {
            *self = Wishes::new(self.recommended.wanted.len());
        }
    }

    pub(crate) fn update(&mut self, ground: &Ground<'u, '_>, queue: &[Id], decision: &[i32]) {
        if self.seen >= queue.len() {
            return;
        }
        for id in queue[self.seen..].iter().copied().filter(|id| *id > SYSTEM) {
            self.recommended.add(ground, ground.universe.recommends(id));
            self.suggested.add(ground, ground.universe.suggests(id));
        }
        self.seen = queue.len();
        self.recommended.look_at_conditions(ground, decision);
        self.suggested.look_at_conditions(ground, decision);
    }

    pub(crate) fn recommends(&self, id: Id) -> bool {
        self.recommended.has(id)
    }

    pub(crate) fn suggests(&self, id: Id) -> bool {
        self.suggested.has(id)
    }
}

impl<'u> Wish<'u> {
    fn add(&mut self, ground: &Ground<'u, '_>, dependencies: impl Iterator<Item = &'u Dependency>) {
        for dependency in dependencies {
            if normal_form::is_complex(dependency) {
                self.conditional.push(dependency);
            } else {
                for id in ground.providers.of_dependency(dependency).iter() {
                    self.wanted[to_index(*id)] = true;
                }
            }
        }
    }

    fn look_at_conditions(&mut self, ground: &Ground<'u, '_>, decision: &[i32]) {
        self.wanted_on_condition.clear();
        for dependency in &self.conditional {
            let Clauses::Blocks(blocks) = normal_form::requirement(&ground.providers, dependency) else {
                continue;
            };
            for block in blocks {
                let holds = block.iter().take_while(|id| **id < 0).all(|id| decision[to_index(-id)] > 0);
                if holds {
                    self.wanted_on_condition.extend(block.into_iter().filter(|id| *id > 0));
                }
            }
        }
        self.wanted_on_condition.sort_unstable();
        self.wanted_on_condition.dedup();
    }

    fn has(&self, id: Id) -> bool {
        self.wanted[to_index(id)] || self.wanted_on_condition.binary_search(&id).is_ok()
    }
}
