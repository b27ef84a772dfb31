//! A component, its upstream files as they are and as they will be, in; what the move does to each overlay and pin, out.
//! Reads the patches and files that overlays bring in.

use std::collections::BTreeSet;

use component_sources::prepare::{OverlaidError, PreparedFiles, overlaid};
use definition::{Component, Sources};
use imara_diff::{Algorithm, Diff, InternedInput};
use serde::Serialize;
use spec_overlay::{Effect, FileEvent, LineChange, Overlay};

use crate::patch::changed_lines;
use crate::stated::{counted, summary};

/// What the move does to a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Checked {
    /// The component.
    pub component: String,
    /// Whether its upstream files change at all.
    pub upstream_changes: bool,
    /// What becomes of its pinned commit.
    pub pin: Pin,
    /// One for each overlay, in their order.
    pub overlays: Vec<Finding>,
}

/// What becomes of a pinned commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// There is none.
    None,
    /// It is in the snapshot's history: without it, the component follows the snapshot.
    CanGo,
    /// The snapshot does not have it yet.
    StillNeeded,
    /// History does not tell.
    Unknown,
}

/// What becomes of an overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Its place in the component's list, from 1.
    pub number: usize,
    /// What it does.
    pub what: String,
    /// Where it is stated.
    pub place: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The upstream's change that brought it about, as lines of a difference.
    pub upstream_lines: Vec<String>,
}

/// What can become of an overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Outcome {
    /// It does what it did.
    Same,
    /// It does not apply any more.
    Fails {
        /// What does not fit.
        reason: String,
    },
    /// What it does is there already.
    Unnecessary {
        /// How that is known.
        reason: String,
    },
    /// It applies in more or fewer places, or to other lines.
    Differs {
        /// Places before.
        before: usize,
        /// Places after.
        after: usize,
    },
    /// It did not apply before, and does now.
    Mended,
    /// It applies neither before nor after.
    FailsBefore {
        /// What does not fit, before.
        reason: String,
    },
    /// It reaches into an archive that is not downloaded.
    NotTried,
}

impl Outcome {
    /// Whether somebody has to look.
    pub fn needs_attention(&self) -> bool {
        !matches!(self, Outcome::Same | Outcome::NotTried)
    }

    /// Whether the component can no longer be rendered.
    pub fn is_failure(&self) -> bool {
        matches!(self, Outcome::Fails { .. } | Outcome::FailsBefore { .. })
    }
}

/// Tries every overlay of a component on both sets of upstream files.
pub fn check(
    component: &Component,
    sources: &Sources,
    old: &PreparedFiles,
    new: &PreparedFiles,
    pin: Pin,
) -> Checked {
    let spec = format!("{}.spec", component.name.value);
    let overlays: Vec<&Overlay> = component.overlays.iter().map(|entry| &entry.overlay).collect();
    let (before, after) = (tried(&overlays, &spec, old), tried(&overlays, &spec, new));
    let difference = Difference::of(text(old, &spec), text(new, &spec));
    let findings = component.overlays.iter().zip(before.iter().zip(&after)).enumerate();
    let findings = findings.map(|(index, (entry, (before, after)))| {
        let outcome = outcome(&entry.overlay, before, after, old, new, &spec);
        let upstream_lines =
            if outcome.needs_attention() { difference.around(before, &entry.overlay) } else { Vec::new() };
        Finding {
            number: index + 1,
            what: summary(&entry.overlay),
            place: sources.describe(entry.place),
            outcome,
            upstream_lines,
        }
    });
    Checked {
        component: component.name.value.clone(),
        upstream_changes: old != new,
        pin,
        overlays: findings.collect(),
    }
}

/// What an overlay did, or why it could not.
type Tried = Result<Effect, String>;

/// Applies the list; overlays that do not apply are left out, so that every other one is still tried.
fn tried(overlays: &[&Overlay], spec: &str, files: &PreparedFiles) -> Vec<Tried> {
    let mut results: Vec<Option<Tried>> = vec![None; overlays.len()];
    loop {
        let kept: Vec<usize> = (0..overlays.len()).filter(|index| results[*index].is_none()).collect();
        let list: Vec<Overlay> = kept.iter().map(|index| overlays[*index].clone()).collect();
        match overlaid(files, spec, &list) {
            Ok((_, effects)) => {
                for (index, effect) in kept.into_iter().zip(effects) {
                    results[index] = Some(Ok(effect));
                }
                break;
            }
            Err(error) => match at_fault(&error).and_then(|(index, cause)| Some((kept.get(index)?, cause))) {
                Some((index, cause)) => results[*index] = Some(Err(words(cause))),
                // Not any one overlay's fault: it holds for all of them.
                None => {
                    for index in kept {
                        results[index] = Some(Err(words(&error)));
                    }
                    break;
                }
            },
        }
    }
    results.into_iter().map(|result| result.unwrap_or_else(|| Err("it was not tried".to_owned()))).collect()
}

/// Which overlay of the list does not apply, where it is one's fault, and why.
fn at_fault(error: &OverlaidError) -> Option<(usize, &dyn std::error::Error)> {
    match error {
        OverlaidError::Overlay(error) => Some((error.index, &error.cause)),
        _ => None,
    }
}

/// An error and its causes in one line.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn outcome(
    overlay: &Overlay,
    before: &Tried,
    after: &Tried,
    old: &PreparedFiles,
    new: &PreparedFiles,
    spec: &str,
) -> Outcome {
    match (before, after) {
        (Ok(before), Ok(after)) if before.left_out || after.left_out => Outcome::NotTried,
        (Ok(_), Ok(after)) if changes_nothing(after) => {
            Outcome::Unnecessary { reason: "it changes nothing".to_owned() }
        }
        (Ok(before), Ok(after)) => {
            if let Some(reason) = brought_already(overlay, new) {
                Outcome::Unnecessary { reason }
            } else if same_lines(before, after) {
                Outcome::Same
            } else {
                Outcome::Differs { before: before.matches, after: after.matches }
            }
        }
        (Ok(before), Err(reason)) => {
            match done_already(overlay, before, text(old, spec), text(new, spec), new) {
                Some(reason) => Outcome::Unnecessary { reason },
                None => Outcome::Fails { reason: reason.clone() },
            }
        }
        (Err(_), Ok(_)) => Outcome::Mended,
        (Err(reason), Err(_)) => Outcome::FailsBefore { reason: reason.clone() },
    }
}

fn changes_nothing(effect: &Effect) -> bool {
    effect.files.is_empty() && effect.lines.iter().all(|change| change.removed == change.added)
}

/// Whether two effects take out and put in the same lines; where they stand does not count.
fn same_lines(before: &Effect, after: &Effect) -> bool {
    let lines = |effect: &Effect| -> Vec<(Vec<String>, Vec<String>)> {
        effect.lines.iter().map(|change| (change.removed.clone(), unnumbered(&change.added))).collect()
    };
    let files = |effect: &Effect| -> Vec<(String, FileEvent)> {
        effect.files.iter().map(|file| (file.path.clone(), file.what.clone())).collect()
    };
    before.matches == after.matches && lines(before) == lines(after) && files(before) == files(after)
}

/// Added lines without the numbers that patches get by how many there are already.
fn unnumbered(lines: &[String]) -> Vec<String> {
    let unnumbered = |line: &String| {
        let rest = line
            .strip_prefix("Patch")
            .map(|rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        rest.filter(|rest| rest.starts_with(':')).map_or_else(|| line.clone(), |rest| format!("Patch{rest}"))
    };
    lines.iter().map(unnumbered).collect()
}

/// Whether the new upstream has the change that a patch file makes among its own patches.
fn brought_already(overlay: &Overlay, new: &PreparedFiles) -> Option<String> {
    let Overlay::AddPatch { source, .. } = overlay else { return None };
    let text = std::fs::read(source).ok()?;
    let ours = changed_lines(&text);
    if ours.is_empty() {
        return None;
    }
    let theirs =
        new.iter().find(|(name, file)| name.ends_with(".patch") && changed_lines(&file.bytes) == ours)?;
    Some(format!("upstream has the same change in {}", theirs.0))
}

/// Whether what an overlay did before is what the new upstream has, so that it finds nothing to do.
fn done_already(
    overlay: &Overlay,
    before: &Effect,
    old: &str,
    new: &str,
    files: &PreparedFiles,
) -> Option<String> {
    if let Some(name) = overlay.source_name()
        && let Some(file) = files.get(name)
        && overlay
            .source()
            .and_then(|source| std::fs::read(source).ok())
            .is_some_and(|ours| ours == file.bytes)
    {
        return Some(format!("upstream has the same file {name}"));
    }
    if let Some(reason) = brought_already(overlay, files) {
        return Some(reason);
    }
    let gone = |change: &&LineChange| change.removed.iter().any(|line| !line.trim().is_empty());
    let removed: Vec<&str> = before
        .lines
        .iter()
        .filter(gone)
        .flat_map(|change| change.removed.iter().map(String::as_str))
        .collect();
    let added: Vec<&str> =
        before.lines.iter().flat_map(|change| change.added.iter().map(String::as_str)).collect();
    if removed.is_empty() && added.is_empty() {
        return None;
    }
    let (has_old, has_new): (BTreeSet<&str>, BTreeSet<&str>) = (old.lines().collect(), new.lines().collect());
    let all_gone = removed.iter().all(|line| !has_new.contains(line) || added.contains(line));
    let stated = || added.iter().filter(|line| !line.trim().is_empty());
    let all_there = stated().all(|line| has_new.contains(line));
    // Lines that were there before prove nothing.
    let some_new = stated().any(|line| !has_old.contains(line));
    match (added.is_empty(), all_gone && all_there) {
        (true, true) => Some("upstream does not have the lines any more that it removes".to_owned()),
        (false, true) if some_new => Some("upstream has the lines that it writes".to_owned()),
        _ => None,
    }
}

fn text<'a>(files: &'a PreparedFiles, path: &str) -> &'a str {
    // A spec that is not UTF-8 is compared up to the byte in question.
    files.get(path).map_or("", |file| match std::str::from_utf8(&file.bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&file.bytes[..error.valid_up_to()]).unwrap_or_default(),
    })
}

/// How the spec changes upstream.
struct Difference<'a> {
    old: Vec<&'a str>,
    new: Vec<&'a str>,
    hunks: Vec<imara_diff::Hunk>,
}

/// Lines of one place shown at most.
const SHOWN: usize = 12;

impl<'a> Difference<'a> {
    fn of(old: &'a str, new: &'a str) -> Self {
        let input = InternedInput::new(old, new);
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        Difference { old: old.lines().collect(), new: new.lines().collect(), hunks: diff.hunks().collect() }
    }

    /// The changed lines where an overlay applied; where it did not or they stayed the same, those with the text it looks for.
    fn around(&self, before: &Tried, overlay: &Overlay) -> Vec<String> {
        let touched: Vec<usize> = before.as_ref().map_or(Vec::new(), |effect| {
            effect
                .lines
                .iter()
                .flat_map(|change| change.line - 1..change.line + change.removed.len().max(1) - 1 + 1)
                .collect()
        });
        let at_place = |hunk: &&imara_diff::Hunk| {
            let (start, end) =
                (hunk.before.start as usize, (hunk.before.end as usize).max(hunk.before.start as usize + 1));
            touched.iter().any(|line| (start..end).contains(line))
        };
        let mut shown: Vec<String> =
            self.hunks.iter().filter(at_place).flat_map(|hunk| self.lines(hunk)).collect();
        if shown.is_empty() {
            shown = self
                .hunks
                .iter()
                .flat_map(|hunk| self.lines(hunk))
                .filter(|line| concerns(overlay, &line[1..]))
                .collect();
        }
        if shown.len() > SHOWN {
            let more = shown.len() - SHOWN;
            shown.truncate(SHOWN);
            shown.push(format!("({} more)", counted(more, "line")));
        }
        shown
    }

    fn lines(&self, hunk: &imara_diff::Hunk) -> Vec<String> {
        let part = |sign: char, lines: &[&str], range: &std::ops::Range<u32>| -> Vec<String> {
            let lines = lines.get(range.start as usize..range.end as usize).unwrap_or_default();
            lines.iter().map(|line| format!("{sign}{line}")).collect()
        };
        let mut lines = part('-', &self.old, &hunk.before);
        lines.extend(part('+', &self.new, &hunk.after));
        lines
    }
}

/// Whether a line is one that the overlay looks for.
fn concerns(overlay: &Overlay, line: &str) -> bool {
    let is_tag =
        |tag: &str| line.split_once(':').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case(tag));
    match overlay {
        Overlay::AddTag { tag, .. }
        | Overlay::InsertTag { tag, .. }
        | Overlay::SetTag { tag, .. }
        | Overlay::UpdateTag { tag, .. }
        | Overlay::RemoveTag { tag, .. } => is_tag(tag),
        Overlay::SearchReplace { regex, .. } => regex.is_match(line.as_bytes()),
        Overlay::PrependLines { section: Some(section), .. }
        | Overlay::AppendLines { section: Some(section), .. }
        | Overlay::RemoveSection { section, .. } => line.split_whitespace().next() == Some(section),
        Overlay::RemoveSubpackage { package } => {
            line.starts_with('%') && line.split_whitespace().any(|word| word == package)
        }
        Overlay::RemovePatch { .. } => {
            line.split_once(':').is_some_and(|(name, _)| name.starts_with("Patch"))
        }
        Overlay::SetMacro { name, .. } | Overlay::SetBuildCondition { name, .. } => {
            line.starts_with('%') && line.split_whitespace().any(|word| word == name)
        }
        Overlay::AddArgument { command, .. } | Overlay::DropArgument { command, .. } => {
            line.contains(command.as_str())
        }
        _ => false,
    }
}
