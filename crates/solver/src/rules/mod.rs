//! Clauses with their origin: storage, order and the removal of duplicates.
//!
//! The order of rules decides which open question is looked at first, and with it which of several good answers
//! is found. It is libsolv's, so that the answer is dnf's (docs/design/0601).

pub(crate) mod architectures;
pub(crate) mod best;
pub(crate) mod book;
pub(crate) mod choices;
pub(crate) mod dependencies;
pub(crate) mod jobs;
pub(crate) mod keep;
pub(crate) mod marks;
pub(crate) mod normal_form;
pub(crate) mod overrides;
pub(crate) mod policies;

use std::cmp::Ordering;

use rpm_model::{Capability, Dependency};

use crate::packages::universe::Id;

/// A rule's number; 0 is no rule.
pub(crate) type RuleId = usize;

/// Why a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin<'u> {
    /// A package needs one of the others.
    Requires { package: Id, dependency: &'u Dependency },
    /// A package refuses another.
    Conflicts { package: Id, dependency: &'u Dependency },
    /// A package replaces another.
    Obsoletes { package: Id, capability: &'u Capability },
    /// Two versions of one name.
    SameName,
    /// The machine cannot run it, or the request excludes it.
    NotInstallable,
    /// No package satisfies what it requires.
    NothingProvides { package: Id, dependency: &'u Dependency },
    /// A boolean dependency beyond all measure.
    TooComplex { package: Id, dependency: &'u Dependency },
    /// The job of that number.
    Job(usize),
    /// The job of that number, in its best version.
    Best(usize),
    /// A better architecture of the same package is there.
    InferiorArchitecture,
    /// A package recommends one of the others, and recommendations are rules.
    Recommends { package: Id, dependency: &'u Dependency },
    /// An installed package stays, or something takes its place: anything at all.
    Feature(Id),
    /// An installed package stays, or what an upgrade may choose takes its place.
    Update(Id),
    /// An installed package is to be upgraded to its best version.
    BestUpdate(Id),
    /// The distribution upgrade knows better packages.
    DistributionUpgrade,
    /// Several packages replace one: all or none of them.
    ReplacedTogether,
    /// Only installed on a direct request.
    Blacklisted,
    /// A better repository has packages of that name.
    WorseRepository,
    /// A requirement, narrowed to packages that are installed already or take the place of such.
    Narrowed(RuleId),
    /// Follows from other rules.
    Learnt,
}

/// A clause: one of its literals is true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'u> {
    start: u32,
    length: u32,
    /// A rule that was given up does not count.
    pub(crate) enabled: bool,
    /// Made from a recommendation.
    pub(crate) soft: bool,
    pub(crate) origin: Origin<'u>,
    /// The two literals that are looked at when they become false; `watch[1]` is 0 in a rule of one literal.
    pub(crate) watch: [Id; 2],
    /// The next rule that watches the same literal.
    pub(crate) next: [u32; 2],
}

/// All rules of one solve.
#[derive(Debug)]
pub(crate) struct Rules<'u> {
    rules: Vec<Rule<'u>>,
    literals: Vec<Id>,
}

impl<'u> Rules<'u> {
    pub(crate) fn new() -> Self {
        let mut rules = Rules { rules: Vec::new(), literals: Vec::new() };
        rules.push(&[], Origin::Learnt); // number 0 is "no rule"
        rules
    }

    /// Appends a clause as it is.
    pub(crate) fn push(&mut self, literals: &[Id], origin: Origin<'u>) -> RuleId {
        let start = narrow(self.literals.len());
        self.literals.extend_from_slice(literals);
        let watch = [literals.first().copied().unwrap_or(0), literals.get(1).copied().unwrap_or(0)];
        let length = narrow(literals.len());
        self.rules.push(Rule { start, length, enabled: true, soft: false, origin, watch, next: [0, 0] });
        self.rules.len() - 1
    }

    /// Appends what a package says: two literals are sorted, and a clause that is always true is dropped.
    pub(crate) fn push_of_package(&mut self, first: Id, rest: &[Id], origin: Origin<'u>) {
        match rest {
            _ if rest.contains(&-first) => {}
            [other] if first > *other => drop(self.push(&[*other, first], origin)),
            _ => drop(self.push_parts(first, rest, origin)),
        }
    }

    /// Appends a clause whose first literal stands apart.
    pub(crate) fn push_parts(&mut self, first: Id, rest: &[Id], origin: Origin<'u>) -> RuleId {
        let number = self.push(&[first], origin);
        self.literals.extend_from_slice(rest);
        let rule = &mut self.rules[number];
        rule.length += narrow(rest.len());
        rule.watch[1] = rest.first().copied().unwrap_or(0);
        number
    }

    /// Keeps the rule's number and drops what it says.
    pub(crate) fn clear(&mut self, rule: RuleId) {
        let rule = &mut self.rules[rule];
        (rule.length, rule.watch, rule.enabled) = (0, [0, 0], true);
    }

    /// Whether the rule says nothing: a place that is kept.
    pub(crate) fn is_empty(&self, rule: RuleId) -> bool {
        self.rules[rule].length == 0
    }

    pub(crate) fn is_enabled(&self, rule: RuleId) -> bool {
        self.rules[rule].enabled
    }

    pub(crate) fn set_enabled(&mut self, rule: RuleId, enabled: bool) {
        self.rules[rule].enabled = enabled;
    }

    /// The packages that satisfy a rule by being installed.
    pub(crate) fn positives(&self, rule: RuleId) -> impl Iterator<Item = Id> + '_ {
        self.literals(rule).iter().copied().filter(|literal| *literal > 0)
    }

    /// Whether two rules say the same.
    pub(crate) fn equal(&self, a: RuleId, b: RuleId) -> bool {
        self.literals(a) == self.literals(b)
    }

    /// One more than the highest number.
    pub(crate) fn end(&self) -> RuleId {
        self.rules.len()
    }

    pub(crate) fn get(&self, rule: RuleId) -> &Rule<'u> {
        &self.rules[rule]
    }

    pub(crate) fn get_mut(&mut self, rule: RuleId) -> &mut Rule<'u> {
        &mut self.rules[rule]
    }

    pub(crate) fn literals(&self, rule: RuleId) -> &[Id] {
        self.literals_of(&self.rules[rule])
    }

    fn literals_of(&self, rule: &Rule<'u>) -> &[Id] {
        &self.literals[rule.start as usize..(rule.start + rule.length) as usize]
    }

    /// Sorts the rules and drops equal ones.
    pub(crate) fn unify(&mut self) {
        let mut rules = std::mem::take(&mut self.rules);
        rules[1..].sort_by(|a, b| compare(self.literals_of(a), self.literals_of(b)));
        rules.dedup_by(|later, earlier| {
            let equal = self.literals_of(later) == self.literals_of(earlier);
            // A requirement that is recommended as well is a requirement.
            earlier.soft &= !equal || later.soft;
            equal
        });
        self.rules = rules;
    }
}

/// By first literal, then by the rest as texts that end in 0, except that two literals come before three.
fn compare(a: &[Id], b: &[Id]) -> Ordering {
    let first = a[0].cmp(&b[0]);
    if first != Ordering::Equal {
        return first;
    }
    let second = |literals: &[Id]| literals.get(1).copied().unwrap_or(0);
    match (a.len() <= 2, b.len() <= 2) {
        (true, true) => second(a).cmp(&second(b)),
        (true, false) => second(a).cmp(&second(b)).then(Ordering::Less),
        (false, true) => second(a).cmp(&second(b)).then(Ordering::Greater),
        (false, false) => a[1..].iter().chain(&[0]).cmp(b[1..].iter().chain(&[0])),
    }
}

fn narrow(size: usize) -> u32 {
    u32::try_from(size).expect("fewer than 2^32 literals fit into memory")
}
