//! `lazuli deviation report [NAME…]`

use std::fmt::Write as _;

use component_sources::changed::{Project, definition_at};
use definition::Distro;
use deviation::{ComponentDeviations, Deviation, Kind, Report, Totals, Trend, Unaged, counted};
use host_tools::whole_file;
use serde::Serialize;

use super::since::LineHistory;
use crate::cli::{DeviationReport, Global};
use crate::failure::{Context as _, Failure};
use crate::pipeline::components;
use crate::{output, session};

#[derive(Serialize)]
struct Reported {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    trend: Option<Trend>,
}

/// Lists what differs from upstream.
pub fn run(global: &Global, options: &DeviationReport) -> Result<(), Failure> {
    let distro = session::load_definition(global)?;
    let names = components::select(&distro, &options.selection)?;
    let names = names.into_iter().map(|component| component.name.value.clone()).collect();
    let history = LineHistory::of(&distro)?;
    let report = Report::of(&distro, &history, history.newest);
    let trend = options.since.as_deref().map(|revision| trend(&distro, &report, revision)).transpose()?;
    let report = report.only(&names);
    if let Some(path) = &options.html {
        let page = deviation::page(title(&distro), &report, trend.as_ref());
        whole_file::write(path, page.as_bytes()).context(|| "the page cannot be written".to_owned())?;
    }
    output::print(global.format, &Reported { report, trend }, |reported| text(reported, options.all))
}

fn trend(distro: &Distro, report: &Report, revision: &str) -> Result<Trend, Failure> {
    let failed = || format!("the deviations of revision {revision} cannot be told");
    let project = Project::of(distro).context(failed)?;
    let older = definition_at(&project, revision).context(failed)?;
    Ok(report.since(&Report::of(&older.distro, &Unaged, None)))
}

/// The project in a few words.
fn title(distro: &Distro) -> &str {
    let description = distro.project.description.lines().next().unwrap_or_default().trim();
    if description.is_empty() { "The distribution" } else { description }
}

fn text(reported: &Reported, all: bool) -> String {
    let mut text = String::new();
    for component in &reported.report.components {
        if all { every(&mut text, component) } else { line(&mut text, component) }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    totals(&mut text, &reported.report.totals);
    if let Some(trend) = &reported.trend {
        moved(&mut text, trend);
    }
    text
}

/// One line: the component, how many of each kind, lines, age.
fn line(text: &mut String, component: &ComponentDeviations) {
    let count = |kind: Kind| component.deviations.iter().filter(|deviation| deviation.kind == kind).count();
    let kinds = Kind::ALL.iter().map(|kind| (kind.words(), count(*kind))).filter(|(_, count)| *count > 0);
    let kinds: Vec<String> = kinds
        .map(|(words, count)| if count == 1 { words.to_owned() } else { format!("{words} ×{count}") })
        .collect();
    let age = component.oldest_days.map(|days| format!(", {}", counted(days, "day"))).unwrap_or_default();
    let _infallible =
        writeln!(text, "{:32}  {}  ({} lines{age})", component.component, kinds.join(", "), component.lines);
}

fn every(text: &mut String, component: &ComponentDeviations) {
    let _infallible = writeln!(text, "{}", component.component);
    for deviation in &component.deviations {
        let Deviation { kind, what, why, category, upstream_status, .. } = deviation;
        let _infallible = writeln!(text, "  {}: {what}", kind.words());
        let category = category.map(|category| format!("[{category}] ")).unwrap_or_default();
        let why = why.as_deref().unwrap_or(if category.is_empty() { "no reason is given" } else { "" });
        for (number, line) in format!("{category}{why}").trim().lines().enumerate() {
            let _infallible = writeln!(text, "    {}{line}", if number == 0 { "why: " } else { "     " });
        }
        if let Some(status) = upstream_status {
            let _infallible = writeln!(text, "    upstream: {status}");
        }
        for address in deviation.commits.iter().chain(&deviation.bugs) {
            let _infallible = writeln!(text, "    see: {address}");
        }
        let since = deviation.since.map(|since| since.strftime("%Y-%m-%d, ").to_string()).unwrap_or_default();
        let lines = counted(deviation.lines, "line");
        let _infallible = writeln!(text, "    {since}{lines}, {}", deviation.place);
    }
}

fn totals(text: &mut String, totals: &Totals) {
    let _infallible = writeln!(
        text,
        "{} of {} components differ, {} by more than skipped tests: {} deviations, {} lines",
        totals.deviating, totals.components, totals.deviating_beyond_checks, totals.deviations, totals.lines
    );
    for (kind, count) in &totals.kinds {
        let _infallible = writeln!(text, "  {count:6}  {}", kind.words());
    }
    let _infallible = writeln!(
        text,
        "{} without a reason, {} changes without an upstream status",
        totals.unexplained, totals.without_upstream_status
    );
}

fn moved(text: &mut String, trend: &Trend) {
    let (before, after) = (&trend.before, &trend.after);
    let _infallible = writeln!(
        text,
        "\nbefore: {} deviations in {} components, {} lines; now: {}, {}, {}",
        before.deviations, before.deviating, before.lines, after.deviations, after.deviating, after.lines
    );
    for (sign, moved) in [('+', &trend.came), ('-', &trend.went)] {
        for moved in moved {
            let _infallible =
                writeln!(text, "{sign} {}, {}: {}", moved.component, moved.kind.words(), moved.what);
        }
    }
}
