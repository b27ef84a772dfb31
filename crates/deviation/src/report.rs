//! Every component's deviations, in; lists and totals, and what moved between two states of a definition, out.

use std::collections::{BTreeMap, BTreeSet};

use definition::Distro;
use jiff::Timestamp;
use serde::Serialize;

use crate::stated::{Deviation, Kind, World, stated};

/// How a distribution differs from its upstreams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Ages count to this moment.
    pub as_of: Option<Timestamp>,
    /// Components that differ, by name.
    pub components: Vec<ComponentDeviations>,
    /// What it comes to.
    pub totals: Totals,
}

/// A component that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ComponentDeviations {
    /// Its name.
    pub component: String,
    /// Lines that its deviations state.
    pub lines: usize,
    /// The age of its oldest deviation in days, where history tells it.
    pub oldest_days: Option<i64>,
    /// What differs.
    pub deviations: Vec<Deviation>,
}

/// Sums over a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    /// Components that the definition has.
    pub components: usize,
    /// Those that differ from their upstream.
    pub deviating: usize,
    /// Those that differ by more than skipped tests.
    pub deviating_beyond_checks: usize,
    /// Deviations.
    pub deviations: usize,
    /// Deviations without a reason.
    pub unexplained: usize,
    /// Deviations without an upstream status, of those that can have one.
    pub without_upstream_status: usize,
    /// Lines that they state.
    pub lines: usize,
    /// Deviations by kind.
    pub kinds: BTreeMap<Kind, usize>,
    /// Deviations by category.
    pub categories: BTreeMap<&'static str, usize>,
    /// Deviations by upstream status.
    pub upstream_statuses: BTreeMap<&'static str, usize>,
}

/// What became of the deviations between two states of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trend {
    /// Sums of the older state.
    pub before: Totals,
    /// Sums of the newer state.
    pub after: Totals,
    /// Deviations that only the newer state has.
    pub came: Vec<Moved>,
    /// Deviations that only the older state has.
    pub went: Vec<Moved>,
}

/// A deviation that one of two states has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moved {
    /// The component.
    pub component: String,
    /// What sort of difference it is.
    pub kind: Kind,
    /// What differs.
    pub what: String,
}

impl Report {
    /// Every component that differs; ages count to `as_of`.
    pub fn of(distro: &Distro, world: &dyn World, as_of: Option<Timestamp>) -> Self {
        let mut components = Vec::new();
        for component in distro.components.values() {
            let deviations = stated(distro, component, world);
            if deviations.is_empty() {
                continue;
            }
            let oldest = deviations.iter().filter_map(|deviation| deviation.since).min();
            components.push(ComponentDeviations {
                component: component.name.value.clone(),
                lines: deviations.iter().map(|deviation| deviation.lines).sum(),
                oldest_days: oldest.zip(as_of).map(|(oldest, as_of)| days(oldest, as_of)),
                deviations,
            });
        }
        let totals = Totals::of(distro.components.len(), &components);
        Report { as_of, components, totals }
    }

    /// The report on these components alone; the sums stay those of all.
    pub fn only(mut self, names: &BTreeSet<String>) -> Self {
        self.components.retain(|component| names.contains(&component.component));
        self
    }

    /// What moved since `older`.
    pub fn since(&self, older: &Report) -> Trend {
        let (before, after) = (older.all(), self.all());
        Trend {
            before: older.totals.clone(),
            after: self.totals.clone(),
            came: surplus(&after, &before),
            went: surplus(&before, &after),
        }
    }

    /// Every deviation with how often it is there: an overlay may be stated twice.
    fn all(&self) -> BTreeMap<Moved, usize> {
        let mut all = BTreeMap::new();
        for component in &self.components {
            for Deviation { kind, what, .. } in &component.deviations {
                let component = component.component.clone();
                *all.entry(Moved { component, kind: *kind, what: what.clone() }).or_default() += 1;
            }
        }
        all
    }
}

fn surplus(of: &BTreeMap<Moved, usize>, over: &BTreeMap<Moved, usize>) -> Vec<Moved> {
    let times =
        |moved: &Moved, count: usize| count.saturating_sub(over.get(moved).copied().unwrap_or_default());
    of.iter().flat_map(|(moved, count)| std::iter::repeat_n(moved.clone(), times(moved, *count))).collect()
}

impl Totals {
    fn of(all: usize, components: &[ComponentDeviations]) -> Self {
        let mut totals = Totals { components: all, deviating: components.len(), ..Totals::default() };
        for component in components {
            let beyond = component.deviations.iter().any(|deviation| deviation.kind != Kind::CheckSkipped);
            totals.deviating_beyond_checks += usize::from(beyond);
            for deviation in &component.deviations {
                totals.deviations += 1;
                totals.lines += deviation.lines;
                totals.unexplained += usize::from(deviation.why.is_none() && deviation.category.is_none());
                let can_have_status =
                    matches!(deviation.kind, Kind::SpecChange | Kind::Patch | Kind::FileChange);
                totals.without_upstream_status +=
                    usize::from(can_have_status && deviation.upstream_status.is_none());
                *totals.kinds.entry(deviation.kind).or_default() += 1;
                if let Some(category) = deviation.category {
                    *totals.categories.entry(category).or_default() += 1;
                }
                if let Some(status) = deviation.upstream_status {
                    *totals.upstream_statuses.entry(status).or_default() += 1;
                }
            }
        }
        totals
    }
}

/// Whole days from one moment to another.
pub(crate) fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second().saturating_sub(from.as_second()).div_euclid(24 * 60 * 60)
}
