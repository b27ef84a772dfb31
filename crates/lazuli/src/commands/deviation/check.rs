//! `lazuli deviation check --snapshot DATE|DIR [NAME…]`

use std::fmt::Write as _;
use std::path::Path;

use component_sources::prepare::PreparedFiles;
use component_sources::render::upstream_files;
use component_sources::sources::Sources;
use definition::{Component, SpecSource};
use deviation::{Checked, Finding, Outcome, Pin};
use host_tools::Progress as _;
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

use crate::cli::{ComponentUpstream, DeviationCheck, Global};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;
use crate::pipeline::components::{self, Components};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    checked: Vec<Checked>,
    /// Components whose upstream files cannot be had, with the reason.
    unknown: Vec<Unknown>,
}

#[derive(Serialize)]
struct Unknown {
    component: String,
    reason: String,
}

/// The upstream to come.
enum Newer<'a> {
    /// The upstream's own repositories at a moment.
    At(&'a str),
    /// Another folder of source packages.
    Folder(&'a Components, &'a Sources<'a>),
}

/// Tells what a newer upstream does to overlays and pins.
pub fn run(global: &Global, options: &DeviationCheck) -> Result<(), Failure> {
    let now = Components::open(global, &options.upstream)?;
    let folder = Path::new(&options.snapshot);
    let sources = now.sources()?;
    let (by_folder, folder_sources);
    let newer = if options.snapshot.parse::<Timestamp>().is_ok() {
        Newer::At(&options.snapshot)
    } else if folder.is_dir() {
        let upstream = ComponentUpstream { dist_git: Some(folder.to_owned()), ..options.upstream.clone() };
        by_folder = Components::open(global, &upstream)?;
        folder_sources = by_folder.sources()?;
        Newer::Folder(&by_folder, &folder_sources)
    } else {
        let message = format!("{} is neither a moment nor a folder", options.snapshot);
        let hint = "a moment is written 2026-06-01T00:00:00Z; a folder has one folder for each component";
        return Err(Failure::new(message).code(ExitCode::Usage).hint(hint));
    };
    let selected = components::select(&now.distro, &options.selection)?;
    let selected: Vec<&Component> = selected.into_iter().filter(|component| may_change(component)).collect();
    now.bars.begin("check", Some(selected.len() as u64));
    let results: Vec<Result<Checked, Unknown>> = selected
        .par_iter()
        .map(|component| {
            let result = of_component(&now, &sources, &newer, component);
            now.bars.advance(1, component.name.as_str());
            result.map_err(|failure| Unknown {
                component: component.name.value.clone(),
                reason: failure.in_one_line(),
            })
        })
        .collect();
    now.bars.finish(&format!("{} components", selected.len()));
    let mut report = Report { checked: Vec::new(), unknown: Vec::new() };
    for result in results {
        match result {
            Ok(mut checked) => {
                if !options.include_unchanged {
                    checked.overlays.retain(|finding| finding.outcome.needs_attention());
                }
                if options.include_unchanged || !checked.overlays.is_empty() || checked.pin == Pin::CanGo {
                    report.checked.push(checked);
                }
            }
            Err(unknown) => report.unknown.push(unknown),
        }
    }
    output::print(global.format, &report, text)?;
    let failures = report.checked.iter().flat_map(|checked| &checked.overlays);
    let failures = failures.filter(|finding| finding.outcome.is_failure()).count();
    match (failures, report.unknown.len()) {
        (0, 0) => Ok(()),
        (0, unknown) => {
            Err(Failure::new(format!("the upstream files of {unknown} components cannot be had")))
        }
        (failures, _) => Err(Failure::new(match failures {
            1 => "1 overlay does not apply to the newer upstream".to_owned(),
            _ => format!("{failures} overlays do not apply to the newer upstream"),
        })
        .hint(
            "the lines that upstream changed there are listed above; correct the overlays before the move",
        )),
    }
}

/// Only what is changed or pinned can notice a move.
fn may_change(component: &Component) -> bool {
    match &component.spec {
        SpecSource::Upstream(upstream) => !component.overlays.is_empty() || upstream.commit.is_some(),
        SpecSource::Local { .. } | SpecSource::Unstated => false,
    }
}

fn of_component(
    now: &Components,
    sources: &Sources<'_>,
    newer: &Newer<'_>,
    component: &Component,
) -> Result<Checked, Failure> {
    let old = now.upstream(sources, component)?;
    let (new, pin) = match newer {
        Newer::Folder(folder, sources) => {
            (folder.upstream(sources, component)?, pin_without_history(component))
        }
        Newer::At(moment) => at_moment(sources, moment, component)?,
    };
    Ok(deviation::check(component, &now.distro.sources, &old, &new, pin))
}

fn pin_without_history(component: &Component) -> Pin {
    match &component.spec {
        SpecSource::Upstream(upstream) if upstream.commit.is_some() => Pin::Unknown,
        _ => Pin::None,
    }
}

fn at_moment(
    sources: &Sources<'_>,
    moment: &str,
    component: &Component,
) -> Result<(PreparedFiles, Pin), Failure> {
    let failed = || format!("the sources of {} at {moment} cannot be had", component.name.as_str());
    let source = sources.source_at(component, moment).context(failed)?;
    let pin = match pin_without_history(component) {
        Pin::None => Pin::None,
        _ => match sources.has_passed(component, moment).context(failed)? {
            Some(true) => Pin::CanGo,
            Some(false) => Pin::StillNeeded,
            None => Pin::Unknown,
        },
    };
    Ok((upstream_files(&source).context(failed)?, pin))
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for checked in &report.checked {
        let _infallible = writeln!(text, "{}", checked.component);
        if checked.pin == Pin::CanGo {
            text += "  the pinned commit can go: the newer upstream has it\n";
        }
        for finding in &checked.overlays {
            overlay(&mut text, finding);
        }
    }
    for unknown in &report.unknown {
        let _infallible = writeln!(text, "{}\n  not known: {}", unknown.component, unknown.reason);
    }
    if text.is_empty() {
        "nothing to do: every overlay does what it did, no pin can go\n".to_owned()
    } else {
        text
    }
}

fn overlay(text: &mut String, finding: &Finding) {
    let outcome = match &finding.outcome {
        Outcome::Same => "does what it did".to_owned(),
        Outcome::Fails { reason } => format!("does not apply any more: {reason}"),
        Outcome::Unnecessary { reason } => format!("can go: {reason}"),
        Outcome::Differs { before, after } if before == after => "changes other lines than before".to_owned(),
        Outcome::Differs { before, after } => format!("applies in {after} places, before in {before}"),
        Outcome::Mended => "applies again".to_owned(),
        Outcome::FailsBefore { reason } => format!("does not apply, now or then: {reason}"),
        Outcome::NotTried => "was not tried: source archives are not downloaded".to_owned(),
    };
    let _infallible = writeln!(text, "  overlay {} ({}): {outcome}", finding.number, finding.what);
    let _infallible = writeln!(text, "    {}", finding.place);
    for line in &finding.upstream_lines {
        let _infallible = writeln!(text, "    | {line}");
    }
}
