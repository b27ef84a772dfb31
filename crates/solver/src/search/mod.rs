//! Rules, in; decisions that satisfy them, out: conflict-driven clause learning.
//!
//! A decision is a literal. Level 1 holds what follows from the rules alone; every free choice opens a level.
//! The order in which consequences are drawn is libsolv's, because it decides what is looked at next.

pub(crate) mod core_rules;
pub(crate) mod problems;
pub(crate) mod resolve;
pub(crate) mod resolve_installed;
pub(crate) mod resolve_weak;
pub(crate) mod wishes;

use crate::ground::Ground;
use crate::jobs::orders::Orders;
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::policy::View;
use crate::rules::book::Book;
use crate::rules::marks::Marks;
use crate::rules::{Origin, RuleId};
use crate::search::wishes::Wishes;

/// The rules cannot all hold: those that cannot hold together.
#[derive(Debug)]
pub(crate) struct Refuted(pub(crate) Vec<RuleId>);

/// What a free choice was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Rules alone.
    None,
    /// A rule with several ways to satisfy it.
    Rule,
    /// A weak dependency.
    Weak,
    /// An installed package stays.
    Keep,
    /// An installed package is upgraded.
    Upgrade,
    /// Nothing needs an installed package any more.
    Unneeded,
    /// No repository has an installed package.
    Orphan,
}

/// The decision that led to a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A free choice, for a rule or (0) for none.
    Free(RuleId),
    /// The last literal of a rule that could still be true.
    Rule(RuleId),
}

/// A choice among several packages, kept to look at the others later.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// First the one that was taken; negative once tried.
    pub(crate) packages: Vec<Id>,
    pub(crate) level: i32,
}

#[derive(Debug)]
pub(crate) struct Search<'g, 'u, 'r> {
    pub(crate) ground: &'g Ground<'u, 'r>,
    pub(crate) orders: Orders,
    pub(crate) book: Book<'u>,
    /// By id: the level, negative where the package is not to be installed; 0 is undecided.
    pub(crate) decision: Vec<i32>,
    pub(crate) queue: Vec<Id>,
    pub(crate) why: Vec<Why>,
    /// By level.
    pub(crate) choices: Vec<Choice>,
    pub(crate) branches: Vec<Branch>,
    wishes: Wishes<'u>,
    /// First rule in the chain of those that watch a literal.
    watches: Vec<u32>,
    pub(crate) propagated: usize,
    /// Rules with a single literal, in order.
    pub(crate) assertions: Vec<RuleId>,
    /// By learnt rule: the rules it follows from.
    pub(crate) learnt_from: Vec<Vec<RuleId>>,
    /// Installed packages whose update rules are off: jobs decide about them.
    pub(crate) not_updated: Marks,
    /// Installed packages that nothing needs any more.
    pub(crate) unneeded: Vec<Id>,
    /// Of these, the ones that turned out to be needed.
    pub(crate) needed_after_all: Vec<Id>,
    /// How many problems the search went on without solving.
    pub(crate) troubles: usize,
    /// Whether the search goes on after a problem, without the jobs that are part of it.
    pub(crate) gives_up_jobs: bool,
}

impl<'g, 'u, 'r> Search<'g, 'u, 'r> {
    pub(crate) fn new(ground: &'g Ground<'u, 'r>, book: Book<'u>, orders: Orders) -> Self {
        let size = ground.universe.table_size();
        let learnt_start = book.learnt_start;
        let single = |rule: &RuleId| book.rules.literals(*rule).len() == 1;
        let assertions = (1..learnt_start).filter(single).collect();
        let mut search = Search {
            ground,
            orders,
            book,
            decision: vec![0; size],
            queue: Vec::new(),
            why: Vec::new(),
            choices: vec![Choice::None, Choice::None],
            branches: Vec::new(),
            wishes: Wishes::new(size),
            watches: vec![0; 2 * size],
            propagated: 0,
            assertions,
            learnt_from: Vec::new(),
            not_updated: Marks::default(),
            unneeded: Vec::new(),
            needed_after_all: Vec::new(),
            troubles: 0,
            gives_up_jobs: false,
        };
        for rule in (1..learnt_start).rev() {
            search.watch(rule);
        }
        search
    }

    /// Opens a level with a free choice, draws the consequences, learns from conflicts; the level reached, 0 when
    /// everything has to be decided again because a rule was given up.
    pub(crate) fn choose(
        &mut self,
        level: i32,
        literal: Id,
        rule: RuleId,
        choice: Choice,
    ) -> Result<i32, Refuted> {
        let mut level = level + 1;
        self.choices.truncate(to_index(level));
        self.choices.push(choice);
        self.decide(literal, level, Why::Free(rule));
        while let Some(rule) = self.propagate(level) {
            if level == 1 {
                return self.give_up(rule);
            }
            let learnt;
            (level, learnt) = self.learn(level, rule);
            let literal = self.book.rules.literals(learnt)[0];
            self.decide(literal, level, Why::Rule(learnt));
        }
        Ok(level)
    }

    /// Takes back every decision above a level.
    pub(crate) fn revert(&mut self, level: i32) {
        self.take_back(level);
        while self.branches.last().is_some_and(|branch| branch.level >= level) {
            self.branches.pop();
        }
    }

    /// Takes back everything; rules learnt from rules that were given up are given up too.
    pub(crate) fn reset(&mut self) {
        for literal in self.queue.drain(..) {
            self.decision[to_index(literal.abs())] = 0;
        }
        self.why.clear();
        self.choices.clear();
        self.branches.clear();
        self.propagated = 0;
        self.wishes.revert(0);
        self.adapt_learnt();
    }

    /// Switches learnt rules off and on with the rules that they follow from.
    pub(crate) fn adapt_learnt(&mut self) {
        for (place, from) in self.learnt_from.iter().enumerate() {
            let enabled = from.iter().all(|rule| self.book.rules.is_enabled(*rule));
            self.book.rules.set_enabled(self.book.learnt_start + place, enabled);
        }
    }

    /// Takes another package of an earlier choice instead.
    pub(crate) fn take_branch(&mut self, branch: usize, package: usize) -> Result<i32, Refuted> {
        let Branch { packages, level, .. } = &mut self.branches[branch];
        let (id, level) = (packages[package], *level);
        packages[package] = -id;
        let choice = self.choices[to_index(level) + 1];
        let first = self.queue.iter().position(|literal| self.level(*literal) > level);
        let rule = match first.map(|place| self.why[place]) {
            Some(Why::Free(rule)) => rule,
            _ => 0,
        };
        self.branches.truncate(branch + 1);
        self.take_back(level);
        self.choose(level, id, rule, choice)
    }

    pub(crate) fn level(&self, literal: Id) -> i32 {
        self.decision[to_index(literal.abs())].abs()
    }

    pub(crate) fn is_true(&self, literal: Id) -> bool {
        let level = self.decision[to_index(literal.abs())];
        level != 0 && (level > 0) == (literal > 0)
    }

    pub(crate) fn is_false(&self, literal: Id) -> bool {
        self.is_true(-literal)
    }

    pub(crate) fn is_open(&self, id: Id) -> bool {
        self.decision[to_index(id)] == 0
    }

    /// Whether the package is to be installed.
    pub(crate) fn is_in(&self, id: Id) -> bool {
        self.decision[to_index(id)] > 0
    }

    /// Whether the package was chosen for a weak dependency, rather than followed from something.
    pub(crate) fn chosen_for_weak(&self, place: usize) -> bool {
        let level = to_index(self.level(self.queue[place]));
        matches!(self.why[place], Why::Free(_)) && self.choices[level] == Choice::Weak
    }

    /// What the policy decides by.
    pub(crate) fn view(&mut self) -> View<'_, 'u, 'r> {
        self.wishes.update(self.ground, &self.queue, &self.decision);
        View { ground: self.ground, orders: &self.orders, decision: &self.decision, wishes: &self.wishes }
    }

    /// The same, as if more packages were installed.
    pub(crate) fn look_ahead<T>(
        &mut self,
        level: i32,
        more: &[Id],
        look: impl FnOnce(&View<'_, 'u, 'r>) -> T,
    ) -> T {
        let decided = self.queue.len();
        for id in more {
            self.decision[to_index(*id)] = level;
            self.queue.push(*id);
        }
        let seen = look(&self.view());
        for id in self.queue.drain(decided..) {
            self.decision[to_index(id)] = 0;
        }
        self.wishes.revert(decided);
        seen
    }

    pub(crate) fn decide(&mut self, literal: Id, level: i32, why: Why) {
        self.decision[to_index(literal.abs())] = if literal > 0 { level } else { -level };
        self.queue.push(literal);
        self.why.push(why);
    }

    fn take_back(&mut self, level: i32) {
        while let Some(literal) = self.queue.last() {
            let decided = &mut self.decision[to_index(literal.abs())];
            if decided.abs() <= level {
                break;
            }
            *decided = 0;
            self.queue.pop();
            self.why.pop();
        }
        self.propagated = self.propagated.min(self.queue.len());
        self.wishes.revert(self.queue.len());
        self.choices.truncate(to_index(level) + 1);
    }

    fn watch(&mut self, rule: RuleId) {
        let [first, second] = self.book.rules.get(rule).watch;
        if second == 0 {
            return;
        }
        let number = u32::try_from(rule).expect("fewer than 2^32 rules");
        for (side, literal) in [first, second].into_iter().enumerate() {
            let slot = slot(literal);
            self.book.rules.get_mut(rule).next[side] = self.watches[slot];
            self.watches[slot] = number;
        }
    }

    /// Draws consequences until there are none, or until a rule is broken.
    pub(crate) fn propagate(&mut self, level: i32) -> Option<RuleId> {
        while let Some(decided) = self.queue.get(self.propagated) {
            let falsified = -decided;
            self.propagated += 1;
            let mut previous: Option<(RuleId, usize)> = None;
            let mut current = self.watches[slot(falsified)] as RuleId;
            while current != 0 {
                let rule = self.book.rules.get(current);
                let side = usize::from(rule.watch[0] != falsified);
                let (other, next) = (rule.watch[1 - side], rule.next[side]);
                if rule.enabled && !self.is_true(other) {
                    if let Some(literal) = self.other_chance(current, other) {
                        match previous {
                            Some((rule, side)) => self.book.rules.get_mut(rule).next[side] = next,
                            None => self.watches[slot(falsified)] = next,
                        }
                        let head = self.watches[slot(literal)];
                        let rule = self.book.rules.get_mut(current);
                        rule.watch[side] = literal;
                        rule.next[side] = head;
                        self.watches[slot(literal)] = u32::try_from(current).expect("fewer than 2^32 rules");
                        current = next as RuleId;
                        continue;
                    }
                    if self.is_false(other) {
                        return Some(current);
                    }
                    self.decide(other, level, Why::Rule(current));
                }
                previous = Some((current, side));
                current = next as RuleId;
            }
        }
        None
    }

    /// A literal of a rule that is not false and not the one given.
    fn other_chance(&self, rule: RuleId, watched: Id) -> Option<Id> {
        let literals = self.book.rules.literals(rule);
        if literals.len() < 3 {
            return None;
        }
        literals.iter().copied().find(|literal| *literal != watched && !self.is_false(*literal))
    }

    /// The first unique implication point: a rule that would have prevented the conflict, and where to go back to.
    fn learn(&mut self, level: i32, broken: RuleId) -> (i32, RuleId) {
        let mut seen = vec![false; self.decision.len()];
        let (mut at_level, mut at_level_one) = (0usize, 0usize);
        let mut others: Vec<Id> = Vec::new();
        let mut back_to = 1;
        let mut from = Vec::new();
        let mut pivot = 0;
        let mut place = self.queue.len();
        let mut rule = broken;
        'rules: loop {
            from.push(rule);
            for literal in self.book.rules.literals(rule).iter().copied() {
                let index = to_index(literal.abs());
                if self.is_true(literal) || std::mem::replace(&mut seen[index], true) {
                    continue;
                }
                match self.decision[index].abs() {
                    1 => at_level_one += 1,
                    decided if decided == level => at_level += 1,
                    decided => {
                        others.push(literal);
                        back_to = back_to.max(decided);
                    }
                }
            }
            loop {
                if at_level == 0 {
                    at_level_one -= 1;
                    if at_level_one == 0 {
                        break 'rules;
                    }
                }
                let literal = loop {
                    place -= 1;
                    let literal = self.queue[place];
                    if std::mem::replace(&mut seen[to_index(literal.abs())], false) {
                        break literal;
                    }
                };
                if at_level > 0 {
                    at_level -= 1;
                    if at_level == 0 {
                        pivot = -literal;
                        if at_level_one == 0 {
                            break 'rules;
                        }
                        // What is left is to name the rules behind level 1; they add no literal.
                        for literal in &others {
                            seen[to_index(literal.abs())] = false;
                        }
                        at_level_one += 1;
                        continue;
                    }
                }
                if let Why::Rule(reason) = self.why[place] {
                    rule = reason;
                    break;
                }
            }
        }
        self.revert(back_to);
        others.insert(0, pivot);
        let learnt = self.book.rules.push(&others, Origin::Learnt);
        self.learnt_from.push(from);
        if others.len() == 1 {
            self.assertions.push(learnt);
        }
        self.watch_highest(learnt);
        self.watch(learnt);
        (back_to, learnt)
    }

    /// In a learnt rule, the second watch belongs on the literal that was decided last.
    fn watch_highest(&mut self, rule: RuleId) {
        let literals = self.book.rules.literals(rule);
        if literals.len() < 3 {
            return;
        }
        let mut highest = literals[1];
        for literal in &literals[1..] {
            if self.level(*literal) > self.level(highest) {
                highest = *literal;
            }
        }
        self.book.rules.get_mut(rule).watch[1] = highest;
    }
}

fn slot(literal: Id) -> usize {
    2 * to_index(literal.abs()) + usize::from(literal < 0)
}

/// All installed packages.
pub(crate) fn installed(queue: &[Id]) -> impl Iterator<Item = (usize, Id)> + '_ {
    queue.iter().copied().enumerate().filter(|(_, literal)| *literal > SYSTEM)
}
