//! `lazuli component render [NAME…]`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use component_sources::render::{Failed, Mode, Outcome, Report, Request, State};
use serde::Serialize;

use crate::cli::{ComponentRender, Global};
use crate::failure::{Context as _, Failure};
use crate::output;
use crate::pipeline::components::{self, Components};
use crate::pipeline::program;

#[derive(Serialize)]
struct Rendered<'a> {
    output: &'a Path,
    components: Vec<RenderedComponent<'a>>,
    stale: Vec<&'a Path>,
}

#[derive(Serialize)]
struct RenderedComponent<'a> {
    component: &'a str,
    folder: &'a Path,
    status: &'static str,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failed>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
}

/// Brings rendered folders up to date, or tells whether they are.
pub fn run(global: &Global, options: &ComponentRender) -> Result<(), Failure> {
    let components = Components::open(global, &options.upstream)?;
    let selected = components::select(&components.distro, &options.selection)?;
    let sources = components.sources()?;
    let program = program::stamp()?;
    let renderer = components.renderer(&sources, &program);
    let mode = if options.check_only { Mode::Check } else { Mode::Write };
    let folder = options.output.as_deref().unwrap_or(&components.distro.project.rendered_specs_dir);
    let names: BTreeSet<&str> = components.distro.components.keys().map(String::as_str).collect();
    let request = Request {
        components: selected,
        remove_stale: options.clean_stale.then_some(names),
        output: folder,
        output_is_own: options.output.is_none(),
        mode,
        cache: (!global.fresh).then_some(components.cache_dir.as_path()),
    };
    let report = component_sources::render::run(&renderer, &request, &components.bars)
        .context(|| format!("components cannot be rendered into {}", folder.display()))?;
    sources.keep_identities().context(|| "the cache cannot be written".to_owned())?;
    output::print(global.format, &rendered(folder, &report), |_rendered| words(&report, mode))?;
    if options.upstream.macros.is_empty() && report.outcomes.iter().any(|outcome| !outcome.notes.is_empty()) {
        output::say("note: only rpm's own macros are known; --macros gives those of the distribution");
    }
    judge(&report, mode, options.accept_failures)
}

fn rendered<'a>(output: &'a Path, report: &'a Report) -> Rendered<'a> {
    let component = |outcome: &'a Outcome| RenderedComponent {
        component: &outcome.name,
        folder: &outcome.folder,
        status: match outcome.state {
            State::Rendered => "ok",
            State::Failed(_) => "failed",
            State::Unavailable(_) => "unavailable",
        },
        changed: outcome.changed,
        error: failed(outcome),
        notes: &outcome.notes,
    };
    Rendered {
        output,
        components: report.outcomes.iter().map(component).collect(),
        stale: report.stale.iter().map(AsRef::as_ref).collect(),
    }
}

fn failed(outcome: &Outcome) -> Option<&Failed> {
    match &outcome.state {
        State::Failed(failed) | State::Unavailable(failed) => Some(failed),
        State::Rendered => None,
    }
}

/// Notes beyond so many are counted, not printed.
const NOTES_SHOWN: usize = 20;

/// Only what changed or is wrong: of thousands of components, most are as they were.
fn words(report: &Report, mode: Mode) -> String {
    let mut text = String::new();
    for outcome in &report.outcomes {
        if let Some(failed) = failed(outcome) {
            let verb = if matches!(outcome.state, State::Failed(_)) { "failed" } else { "left  " };
            let _infallible = writeln!(text, "{verb}    {}", outcome.name);
            let place = failed.place.iter().map(|place| format!("stated at {place}"));
            for line in failed.causes.iter().cloned().chain(place).flat_map(indented) {
                let _infallible = writeln!(text, "{line}");
            }
        }
        if outcome.changed {
            let verb = if mode == Mode::Write { "written" } else { "differs" };
            let _infallible = writeln!(text, "{verb}   {}", outcome.folder.display());
        }
    }
    for folder in &report.stale {
        let verb = if mode == Mode::Write { "removed" } else { "stale  " };
        let _infallible = writeln!(text, "{verb}   {}", folder.display());
    }
    let notes =
        || report.outcomes.iter().flat_map(|outcome| outcome.notes.iter().map(move |note| (outcome, note)));
    for (outcome, note) in notes().take(NOTES_SHOWN) {
        let _infallible = writeln!(text, "note      {}: {note}", outcome.name);
    }
    let more = notes().count().saturating_sub(NOTES_SHOWN);
    if more > 0 {
        let _infallible = writeln!(text, "note      {more} notes more; --format json tells them all");
    }
    text
}

fn indented(cause: String) -> Vec<String> {
    cause.lines().map(|line| format!("          {line}")).collect()
}

fn judge(report: &Report, mode: Mode, accept_failures: bool) -> Result<(), Failure> {
    let all = report.outcomes.len();
    let count = |test: fn(&Outcome) -> bool| report.outcomes.iter().filter(|outcome| test(outcome)).count();
    let (failed, changed) = (count(|outcome| failed(outcome).is_some()), count(|outcome| outcome.changed));
    let unavailable = count(|outcome| matches!(outcome.state, State::Unavailable(_)));
    match mode {
        Mode::Check if changed > 0 || !report.stale.is_empty() => {
            let stale = report.stale.len();
            let message =
                format!("{changed} of {all} rendered components are not up to date, {stale} are stale");
            Err(Failure::new(message)
                .hint("`lazuli component render` brings them up to date; --clean-stale removes stale ones"))
        }
        // A failure that the folder tells of is as it would be written.
        Mode::Check if unavailable > 0 => Err(Failure::new(format!(
            "{unavailable} of {all} components cannot be rendered, and not be compared"
        ))),
        Mode::Write if failed > 0 && !accept_failures => {
            let message = format!("{failed} of {all} components could not be rendered");
            Err(Failure::new(message)
                .hint("the causes are listed above; --accept-failures ends well nevertheless"))
        }
        Mode::Check | Mode::Write => Ok(()),
    }
}
