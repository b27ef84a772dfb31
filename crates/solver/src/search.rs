//! Rules, in; decisions that satisfy them, out: conflict-driven clause learning.
//!
//! A decision is a literal. Level 1 holds what follows from the rules alone; every free choice opens a level.
//! The order in which consequences are drawn is libsolv's, because it decides what is looked at next.

use crate::generate::Ground;
use crate::policy::View;
use crate::rules::{Origin, RuleId, Rules};
use crate::universe::{Id, SYSTEM, to_id, to_index};
use crate::wishes::Wishes;

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
}

/// The decision that led to a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A free choice.
    Free,
    /// The last literal of a rule that could still be true.
    Rule(RuleId),
}

/// A choice among several packages, kept to look at the others later.
#[derive(Debug)]
pub(crate) struct Branch {
    /// First the one that was taken; negative once tried.
    pub(crate) packages: Vec<Id>,
    pub(crate) level: i32,
}

#[derive(Debug)]
pub(crate) struct Search<'g, 'u, 'r> {
    pub(crate) ground: &'g Ground<'u, 'r>,
    pub(crate) rules: Rules<'u>,
    /// By id: the level, negative where the package is not to be installed; 0 is undecided.
    pub(crate) decision: Vec<i32>,
    pub(crate) queue: Vec<Id>,
    why: Vec<Why>,
    /// By level.
    choices: Vec<Choice>,
    pub(crate) branches: Vec<Branch>,
    wishes: Wishes<'u>,
    pub(crate) favor: Option<Vec<i32>>,
    /// First rule in the chain of those that watch a literal.
    watches: Vec<u32>,
    propagated: usize,
    learnt_start: RuleId,
    /// By learnt rule: the rules it follows from.
    learnt_from: Vec<Vec<RuleId>>,
}

impl<'g, 'u, 'r> Search<'g, 'u, 'r> {
    pub(crate) fn new(ground: &'g Ground<'u, 'r>, rules: Rules<'u>, favor: Option<Vec<i32>>) -> Self {
        let size = ground.universe.table_size();
        let learnt_start = rules.end();
        let mut search = Search {
            ground,
            rules,
            decision: vec![0; size],
            queue: Vec::new(),
            why: Vec::new(),
            choices: vec![Choice::None, Choice::None],
            branches: Vec::new(),
            wishes: Wishes::new(size),
            favor,
            watches: vec![0; 2 * size],
            propagated: 0,
            learnt_start,
            learnt_from: Vec::new(),
        };
        for rule in (1..learnt_start).rev() {
            search.watch(rule);
        }
        search
    }

    /// Draws the consequences of rules with a single literal, and of what follows.
    pub(crate) fn start(&mut self) -> Result<i32, Refuted> {
        self.decide(SYSTEM, 1, Why::Free);
        for rule in 1..self.learnt_start {
            let literals = self.rules.literals(rule);
            if literals.len() != 1 {
                continue;
            }
            let literal = literals[0];
            if self.is_false(literal) {
                return Err(self.refuted(rule));
            }
            if !self.is_true(literal) {
                self.decide(literal, 1, Why::Rule(rule));
            }
        }
        match self.propagate(1) {
            Some(rule) => Err(self.refuted(rule)),
            None => Ok(1),
        }
    }

    /// Opens a level with a free choice, draws the consequences, learns from conflicts; the level reached.
    pub(crate) fn choose(&mut self, level: i32, literal: Id, choice: Choice) -> Result<i32, Refuted> {
        let mut level = level + 1;
        self.choices.truncate(to_index(level));
        self.choices.push(choice);
        self.decide(literal, level, Why::Free);
        while let Some(rule) = self.propagate(level) {
            if level == 1 {
                return Err(self.refuted(rule));
            }
            let learnt;
            (level, learnt) = self.learn(level, rule);
            let literal = self.rules.literals(learnt)[0];
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

    /// Takes another package of an earlier choice instead.
    pub(crate) fn take_branch(&mut self, branch: usize, package: usize) -> Result<i32, Refuted> {
        let Branch { packages, level } = &mut self.branches[branch];
        let (id, level) = (packages[package], *level);
        packages[package] = -id;
        let choice = self.choices[to_index(level) + 1];
        self.branches.truncate(branch + 1);
        self.take_back(level);
        self.choose(level, id, choice)
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

    /// Whether the package was chosen for a weak dependency, rather than followed from something.
    pub(crate) fn chosen_for_weak(&self, place: usize) -> bool {
        let level = self.decision[to_index(self.queue[place].abs())];
        self.why[place] == Why::Free && self.choices[to_index(level.abs())] == Choice::Weak
    }

    /// What the policy decides by.
    pub(crate) fn view(&mut self) -> View<'_, 'u, 'r> {
        self.wishes.update(self.ground, &self.queue, &self.decision);
        View {
            ground: self.ground,
            decision: &self.decision,
            wishes: &self.wishes,
            favor: self.favor.as_deref(),
        }
    }

    fn decide(&mut self, literal: Id, level: i32, why: Why) {
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
        let [first, second] = self.rules.get(rule).watch;
        if second == 0 {
            return;
        }
        let number = u32::try_from(rule).expect("fewer than 2^32 rules");
        for (side, literal) in [first, second].into_iter().enumerate() {
            let slot = slot(literal);
            self.rules.get_mut(rule).next[side] = self.watches[slot];
            self.watches[slot] = number;
        }
    }

    /// Draws consequences until there are none, or until a rule is broken.
    fn propagate(&mut self, level: i32) -> Option<RuleId> {
        while let Some(decided) = self.queue.get(self.propagated) {
            let falsified = -decided;
            self.propagated += 1;
            let mut previous: Option<(RuleId, usize)> = None;
            let mut current = self.watches[slot(falsified)] as RuleId;
            while current != 0 {
                let rule = self.rules.get(current);
                let side = usize::from(rule.watch[0] != falsified);
                let (other, next) = (rule.watch[1 - side], rule.next[side]);
                if !self.is_true(other) {
                    if let Some(literal) = self.other_chance(current, other) {
                        match previous {
                            Some((rule, side)) => self.rules.get_mut(rule).next[side] = next,
                            None => self.watches[slot(falsified)] = next,
                        }
                        let head = self.watches[slot(literal)];
                        let rule = self.rules.get_mut(current);
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
        let literals = self.rules.literals(rule);
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
            for literal in self.rules.literals(rule).iter().copied() {
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
        let learnt = self.rules.push(&others, Origin::Learnt);
        self.learnt_from.push(from);
        self.watch_highest(learnt);
        self.watch(learnt);
        (back_to, learnt)
    }

    /// In a learnt rule, the second watch belongs on the literal that was decided last.
    fn watch_highest(&mut self, rule: RuleId) {
        let literals = self.rules.literals(rule);
        if literals.len() < 3 {
            return;
        }
        let level = |literal: Id| self.decision[to_index(literal.abs())].abs();
        let mut highest = literals[1];
        for literal in &literals[1..] {
            if level(*literal) > level(highest) {
                highest = *literal;
            }
        }
        self.rules.get_mut(rule).watch[1] = highest;
    }

    /// All rules, learnt ones replaced by what they follow from, that led to a rule broken at level 1.
    fn refuted(&self, broken: RuleId) -> Refuted {
        let mut involved = vec![false; self.decision.len()];
        let mut used = vec![false; self.rules.end()];
        let mut open = vec![broken];
        self.involve(broken, &mut involved);
        for place in (0..self.queue.len()).rev() {
            if let Why::Rule(rule) = self.why[place]
                && involved[to_index(self.queue[place].abs())]
            {
                open.push(rule);
                self.involve(rule, &mut involved);
            }
        }
        while let Some(rule) = open.pop() {
            if !std::mem::replace(&mut used[rule], true) && rule >= self.learnt_start {
                open.extend(&self.learnt_from[rule - self.learnt_start]);
            }
        }
        Refuted((1..self.learnt_start).filter(|rule| used[*rule]).collect())
    }

    fn involve(&self, rule: RuleId, involved: &mut [bool]) {
        for literal in self.rules.literals(rule) {
            involved[to_index(literal.abs())] = true;
        }
    }
}

fn slot(literal: Id) -> usize {
    2 * to_index(literal.abs()) + usize::from(literal < 0)
}

/// All installed packages.
pub(crate) fn installed(queue: &[Id]) -> impl Iterator<Item = (usize, Id)> + '_ {
    queue.iter().copied().enumerate().filter(|(_, literal)| *literal > to_id(to_index(SYSTEM)))
}
