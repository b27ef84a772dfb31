//! A segment, in; what the solver answers, as lines, out.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rpm_model::PackageRecord;

use super::statement::Statement;
use super::{Segment, TestcaseError, selection};
use crate::ground::{Ground, table};
use crate::installed::changes::{self, Departure, Kind};
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::jobs::{Action, Job};
use crate::packages::universe::{Id, Repository, SYSTEM, Universe, to_index};
use crate::rules::RuleId;
use crate::rules::book::Book;
use crate::search::Search;
use crate::search::resolve;

pub(crate) fn lines(segment: &Segment) -> Result<Vec<String>, TestcaseError> {
    let mut lines = Vec::new();
    let kinds = segment.kinds();
    let asks = |kind: &str| kinds.iter().any(|known| known == kind);
    if asks("genid") {
        for term in &segment.terms {
            lines.push(format!("genid dep {term}"));
            let mut nodes = Vec::new();
            term.nodes(&mut nodes);
            lines.extend(
                nodes
                    .into_iter()
                    .enumerate()
                    .map(|(place, node)| format!("genid {}: genid {node}", place + 1)),
            );
        }
    }
    let unsupported = ["proof", "reason", "order", "orderedges", "userinstalled", "unneeded"];
    if let Some(kind) = unsupported.into_iter().find(|kind| asks(kind)) {
        return Err(TestcaseError::Unsupported {
            line: segment.line,
            what: format!("a result of kind {kind}"),
        });
    }
    let jobs = jobs(segment)?;
    if asks("jobs") {
        lines.extend(segment.versions.iter().map(|(a, b)| compare(a, b)));
        lines.extend(jobs.iter().map(|job| format!("job {}", job.text)));
    }
    let needs_solver = kinds.iter().any(|kind| !matches!(kind.as_str(), "genid" | "jobs"));
    if needs_solver {
        lines.extend(solved(segment, &jobs, &asks)?);
    }
    lines.sort_unstable();
    Ok(lines)
}

/// The package in libsolv's words.
pub(crate) fn package_text(ground: &Ground<'_, '_>, id: Id) -> String {
    if id == SYSTEM {
        return "@SYSTEM".to_owned();
    }
    let nevra = ground.nevra(id);
    let epoch = if nevra.evr.epoch == 0 { String::new() } else { format!("{}:", nevra.evr.epoch) };
    let release =
        if nevra.evr.release.is_empty() { String::new() } else { format!("-{}", nevra.evr.release) };
    let architecture = if nevra.arch.is_empty() { String::new() } else { format!(".{}", nevra.arch) };
    let (name, version, repository) = (&nevra.name, &nevra.evr.version, ground.universe.repository_id(id));
    format!("{name}-{epoch}{version}{release}{architecture}@{repository}")
}

fn compare(a: &str, b: &str) -> String {
    let evr = |text: &str| {
        let (version, release) = text.split_once('-').unwrap_or((text, ""));
        rpm_model::Evr::new(0, version, release)
    };
    let operator = match evr(a).compare(&evr(b)) {
        std::cmp::Ordering::Less => '<',
        std::cmp::Ordering::Equal => '=',
        std::cmp::Ordering::Greater => '>',
    };
    format!("job noop provides {a} {operator} {b}")
}

/// What the jobs are, once selections have been made among all packages.
fn jobs(segment: &Segment) -> Result<Vec<Statement>, TestcaseError> {
    let plain = |order: &selection::Order| match order {
        selection::Order::Plain(statement) => Some(statement.clone()),
        selection::Order::Selected(_) => None,
    };
    if let Some(statements) = segment.jobs.iter().map(plain).collect() {
        return Ok(statements);
    }
    let everything: Vec<&[PackageRecord]> =
        segment.repositories.iter().map(|world| world.packages.as_slice()).collect();
    let universe = universe(segment, &everything);
    let ground = plain_ground(&universe, segment);
    selection::statements(&ground, &segment.machine, disabled(segment, &ground)?, &segment.jobs)
}

fn disabled(segment: &Segment, ground: &Ground<'_, '_>) -> Result<BTreeSet<Id>, TestcaseError> {
    let mut disabled: BTreeSet<Id> = BTreeSet::new();
    for statement in &segment.disabled {
        match statement.job(ground, 0) {
            Ok(job) => disabled.extend(job.all_packages(ground.universe)),
            // As in libsolv, what is not there need not be disabled.
            Err(TestcaseError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(disabled)
}

fn solved(
    segment: &Segment,
    jobs: &[Statement],
    asks: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>, TestcaseError> {
    let everything: Vec<&[PackageRecord]> =
        segment.repositories.iter().map(|world| world.packages.as_slice()).collect();
    let all = universe(segment, &everything);
    let plain = plain_ground(&all, segment);
    let disabled = disabled(segment, &plain)?;
    let with_disabled = segment.settings.has(Setting::ProvidersWithDisabled);
    let hidden = if with_disabled {
        BTreeSet::new()
    } else {
        disabled.iter().copied().filter(|id| !plain.is_installed(*id)).collect()
    };
    let names: BTreeSet<String> = disabled.difference(&hidden).map(|id| package_text(&plain, *id)).collect();
    let visible = without(&all, &everything, &hidden);
    let visible: Vec<&[PackageRecord]> = visible.iter().map(AsRef::as_ref).collect();
    let universe = universe(segment, &visible);
    let plain = plain_ground(&universe, segment);
    let excluded = universe.ids().filter(|id| names.contains(&package_text(&plain, *id)));
    let excluded = table(&universe, excluded);
    let side_by_side = jobs.iter().filter(|job| job.action() == Action::SideBySide);
    let side_by_side: Result<Vec<Job>, _> = side_by_side.map(|job| job.job(&plain, 0)).collect();
    let side_by_side = table(&universe, side_by_side?.iter().flat_map(|job| job.all_packages(&universe)));
    let ground = Ground::new(&universe, segment.settings, excluded, side_by_side);
    let jobs: Result<Vec<Job>, _> =
        jobs.iter().enumerate().map(|(number, job)| job.job(&ground, number)).collect();
    Ok(search(&ground, jobs?, asks))
}

/// The packages of each repository without some.
fn without<'w>(
    universe: &Universe<'_>,
    everything: &[&'w [PackageRecord]],
    hidden: &BTreeSet<Id>,
) -> Vec<Cow<'w, [PackageRecord]>> {
    let of_repository = |(number, packages): (usize, &&'w [PackageRecord])| {
        let ids = universe.repository_ids(number);
        if !hidden.iter().any(|id| ids.contains(id)) {
            return Cow::Borrowed(*packages);
        }
        let visible = packages.iter().zip(ids).filter(|(_, id)| !hidden.contains(id));
        Cow::Owned(visible.map(|(package, _)| package.clone()).collect())
    };
    everything.iter().enumerate().map(of_repository).collect()
}

fn universe<'w>(segment: &'w Segment, packages: &[&'w [PackageRecord]]) -> Universe<'w> {
    let worlds = segment.repositories.iter().zip(packages);
    let repositories: Vec<Repository<'w>> = worlds
        .map(|(world, packages)| Repository {
            id: &world.name,
            priority: world.priority,
            cost: world.cost,
            packages,
        })
        .collect();
    Universe::with_installed(&segment.machine, &repositories, segment.installed)
}

/// The ground without what is disabled and what is installed side by side: enough to find packages.
fn plain_ground<'u, 'r>(universe: &'u Universe<'r>, segment: &Segment) -> Ground<'u, 'r> {
    let nothing = vec![false; universe.table_size()];
    Ground::new(universe, segment.settings, nothing.clone(), nothing)
}

fn search(ground: &Ground<'_, '_>, jobs: Vec<Job>, asks: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut orders = Orders::new(ground, jobs);
    let book = Book::write(ground, &mut orders);
    let mut search = Search::new(ground, book, orders);
    search.gives_up_jobs = true;
    search.override_policies();
    let hopeless = resolve::run(&mut search).is_err();
    let mut lines = Vec::new();
    if asks("transaction") && !hopeless {
        lines.extend(transaction(&search));
    }
    if asks("problems") {
        let count = search.troubles + usize::from(hopeless);
        lines.extend(std::iter::repeat_n("problem".to_owned(), count));
    }
    if asks("recommended") {
        lines.extend(super::recommendations::lines(&mut search));
    }
    if asks("cleandeps") {
        lines.extend(unneeded(&search));
    }
    if asks("alternatives") {
        lines.extend(alternatives(&search));
    }
    if asks("rules") {
        lines.extend(rules(&search));
    }
    lines
}

/// What changes, from the view of what is installed before.
fn transaction(search: &Search<'_, '_, '_>) -> Vec<String> {
    let ground = search.ground;
    let text = |id: Id| package_text(ground, id);
    let departures = changes::departures(search);
    let mut lines = Vec::new();
    for Departure { old, by } in &departures {
        let Some(new) = by.first() else {
            lines.push(format!("erase {}", text(*old)));
            continue;
        };
        let word = match changes::kind(ground, *old, *new) {
            Kind::Reinstall => "reinstall",
            Kind::Upgrade => "upgrade",
            Kind::Downgrade => "downgrade",
            Kind::Exchange => "change",
            Kind::Obsolete => "erase",
        };
        lines.push(format!("{word} {} {}", text(*old), text(*new)));
    }
    let new = search.queue.iter().copied().filter(|id| *id > SYSTEM && !ground.is_installed(*id));
    for id in new {
        // What is told with the package whose place it takes is not told again.
        let told = departures
            .iter()
            .any(|departure| departure.by.first() == Some(&id) && ground.same_name_as(departure.old, id));
        let first = first_replaced(ground, &departures, id);
        if !told || first.is_some_and(|old| !ground.same_name_as(old, id)) {
            lines.push(format!("install {}", text(id)));
        }
    }
    lines
}

fn first_replaced(ground: &Ground<'_, '_>, departures: &[Departure], id: Id) -> Option<Id> {
    let gone = |old: &Id| departures.iter().any(|departure| departure.old == *old);
    let mut replaced: Vec<Id> = changes::replaced_by(ground, id).into_iter().filter(gone).collect();
    replaced.sort_by_key(|old| (!ground.same_name_as(*old, id), ground.universe.name(*old), *old));
    replaced.first().copied()
}

fn unneeded(search: &Search<'_, '_, '_>) -> Vec<String> {
    let dropped = search.unneeded.iter().copied().filter(|id| search.is_false(*id));
    let not_upgraded = dropped.filter(|id| {
        let rule = search.book.update(*id);
        !search.book.rules.positives(rule).any(|other| search.is_in(other))
    });
    not_upgraded.map(|id| format!("cleandeps {}", package_text(search.ground, id))).collect()
}

/// Choices that could have been made differently, in the order in which they were kept.
fn alternatives(search: &Search<'_, '_, '_>) -> Vec<String> {
    search
        .branches
        .iter()
        .map(|branch| {
            let chosen = |id: Id| search.decision[to_index(id.abs())] == branch.level + 1;
            let texts = branch.packages.iter().map(|id| {
                let sign = match () {
                    () if *id < 0 && chosen(*id) => "+",
                    () if *id < 0 => "-",
                    () => "",
                };
                format!("{sign}{}", package_text(search.ground, id.abs()))
            });
            format!("alternative {}", texts.collect::<Vec<String>>().join(" "))
        })
        .collect()
}

fn rules(search: &Search<'_, '_, '_>) -> Vec<String> {
    let book = &search.book;
    let class = |rule: RuleId| match () {
        () if rule < book.packages_end => "pkg",
        () if book.features.contains(&rule) => "feature",
        () if book.updates.contains(&rule) => "update",
        () if book.jobs.contains(&rule) => "job",
        () if book.architectures.contains(&rule) => "infarch",
        () if book.distribution_upgrades.contains(&rule) => "distupgrade",
        () if book.bests.contains(&rule) => "best",
        () if book.replacements.contains(&rule) => "yumobs",
        () if book.blacklist.contains(&rule) => "black",
        () if book.recommendations.contains(&rule) => "recommends",
        () if book.priorities.contains(&rule) => "strictrepoprio",
        () if book.choices.contains(&rule) => "choice",
        () => "learnt",
    };
    let shown = (1..book.rules.end()).filter(|rule| !book.rules.is_empty(*rule));
    let line = |rule: RuleId| {
        let literals = book.rules.literals(rule).iter().map(|literal| {
            let sign = if *literal < 0 { "-" } else { "" };
            format!("{sign}{}", package_text(search.ground, literal.abs()))
        });
        let mut literals: Vec<String> = literals.collect();
        literals.sort_unstable();
        format!("rule {} {}", class(rule), literals.join(" "))
    };
    shown.map(line).collect()
}
