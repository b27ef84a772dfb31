//! Values as people read them.

use std::fmt::Write as _;

use agent::health::{Check, Problem};
use agent::operation::{Answer, Failure, Restart, Status};
use agent::reboot::Permission;
use agent::service::View;
use agent::situation::Outcome;

/// Message, causes and name.
pub fn failure(failure: &Failure) -> String {
    let mut text = format!("error: {}\n", failure.message);
    for cause in &failure.causes {
        let mut lines = cause.lines();
        line(&mut text, &format!("  caused by: {}", lines.next().unwrap_or_default()));
        lines.for_each(|rest| line(&mut text, &format!("    {rest}")));
    }
    line(&mut text, &format!("name: {}", failure.name));
    text
}

/// What was done, step by step if asked for.
pub fn answer(answer: &Answer, with_steps: bool) -> String {
    let mut text = String::new();
    for step in answer.steps.iter().filter(|_| with_steps) {
        line(&mut text, &format!("- {step}"));
    }
    line(&mut text, &answer.message);
    match answer.restart {
        Restart::No => {}
        Restart::Later => line(&mut text, "restart the machine when it suits"),
        Restart::Now => line(&mut text, "the machine restarts now"),
    }
    text
}

/// How the host and its service stand.
pub fn view(view: &View) -> String {
    let mut text = String::new();
    match &view.status {
        Some(status) => self::status(&mut text, status),
        None => line(&mut text, "the service has not looked at its host yet"),
    }
    if let (Some(channel), Some(automatic)) = (&view.channel, &view.automatic) {
        let automatic = serde_json::to_string(automatic).unwrap_or_default();
        line(&mut text, &format!("channel:    {channel}, by itself: {}", automatic.trim_matches('"')));
    }
    if let Some(offered) = &view.offered {
        line(&mut text, &format!("offered:    {offered}"));
    }
    if let Some(next) = view.next_check {
        line(&mut text, &format!("next check: {}", time(next)));
    }
    if let Some(progress) = &view.progress {
        let share = match progress.filled.saturating_mul(100).checked_div(progress.size) {
            Some(share) => format!(", {share} %"),
            None => String::new(),
        };
        line(
            &mut text,
            &format!("doing:      {}/{} {}{share}", progress.step, progress.steps, progress.doing),
        );
    }
    if let Some(health) = &view.health {
        match health.problems.len() {
            0 => line(&mut text, &format!("health:     good after {} s", health.seconds)),
            _ => line(&mut text, &format!("health:     not good after {} s", health.seconds)),
        }
        health.problems.iter().for_each(|problem| line(&mut text, &format!("            {problem}")));
    }
    match &view.restart {
        Some(Permission::Closed { opens }) => {
            line(&mut text, &format!("restart:    when the window opens at {}", time(*opens)));
        }
        Some(Permission::Held { reason }) => line(&mut text, &format!("restart:    held: {reason}")),
        Some(Permission::Granted) | None => {}
    }
    if let Some(failure) = &view.configuration {
        line(&mut text, &format!("problem:    {}", failure.in_one_line()));
    }
    if let Some(noted) = &view.failure {
        let said = noted.failure.in_one_line();
        line(&mut text, &format!("failure:    {} ({}): {said}", time(noted.at), noted.failure.name));
    }
    text
}

fn status(text: &mut String, status: &Status) {
    line(text, &format!("running:    {} {} in slot {}", status.image, status.version, status.slot));
    let condition = match &status.condition {
        Outcome::Settled => "it stays".to_owned(),
        Outcome::Trial { left, fallback: Some(fallback) } => {
            format!("on trial, {left} boots left, then back to {fallback}")
        }
        Outcome::Trial { left, fallback: None } => {
            format!("on trial, {left} boots left, nothing to go back to")
        }
        Outcome::Awaiting { version } => format!("the next boot tries {version}"),
        Outcome::RolledBack { version } => format!("came back: {version} did not come up"),
    };
    line(text, &format!("condition:  {condition}"));
    if let Some(staged) = &status.staged {
        let state = if staged.complete { "wholly" } else { "in part" };
        line(text, &format!("staged:     {}, {state}", staged.version));
    }
    if let Some(fallback) = &status.fallback {
        line(text, &format!("other slot: {fallback}"));
    }
    if let Some(pinned) = &status.pinned {
        line(text, &format!("pinned:     {pinned}"));
    }
    for (version, why) in &status.quarantine {
        line(text, &format!("failed:     {version}: {} ({})", why.reason, time(why.since)));
    }
    if let Some(problem) = &status.problem {
        line(text, &format!("problem:    {problem}"));
    }
    if status.resets_etc {
        line(text, "etc:        is reset at the next boot");
    }
}

/// What the checks say.
pub fn health(checks: &[Check], problems: &[Problem]) -> String {
    let mut text = String::new();
    problems.iter().for_each(|problem| line(&mut text, &format!("{problem}")));
    line(&mut text, &format!("{} of {} checks hold", checks.len() - problems.len(), checks.len()));
    text
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

fn line(text: &mut String, line: &str) {
    let _infallible = writeln!(text, "{line}");
}
