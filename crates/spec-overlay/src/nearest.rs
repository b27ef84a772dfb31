//! A spec and why an overlay does not apply to it in; the line that comes nearest to what it looks for, out.

use crate::error::{Cause, Nearest};
use crate::spec::{SpecFile, lower, trim};

/// Less alike than this is no hint.
const LIKE: f64 = 0.6;
/// Longer texts are compared by their beginnings.
const LENGTH: usize = 160;

/// The nearest tag, header or line; only asked for when an overlay fails.
pub(crate) fn in_spec(spec: &SpecFile<'_>, cause: &Cause) -> Option<Nearest> {
    match cause {
        Cause::NoTag { tag, value, .. } => tag_like(spec, tag, value.as_deref()),
        Cause::NoSection { section, package } => {
            header_like(spec, &[section, package].map(String::as_str).join(" "))
        }
        Cause::NoPackage { package } => header_like(spec, &format!("%package {package}")),
        Cause::NoMatch { regex, .. } => line_like(spec, &plain_text(regex)),
        Cause::NoPatch { pattern } => tag_like(spec, "Patch", Some(pattern)),
        Cause::Count { what, .. } => {
            let quoted = what.split('`').nth(1)?;
            line_like(spec, quoted)
        }
        _ => None,
    }
}

/// A tag of the same name in any package, the one whose value is most alike; or else one of a similar name.
fn tag_like(spec: &SpecFile<'_>, name: &str, value: Option<&str>) -> Option<Nearest> {
    let wanted = lower(name.as_bytes());
    best(spec.tags().iter().map(|tag| {
        let names = strsim::jaro_winkler(&lower(tag.name.as_bytes()), &wanted);
        let values = value.map_or(0.0, |value| likeness(&tag.value, value));
        let text = spec.line(tag.line).unwrap_or_default().into_owned();
        (names + values / 4.0, Nearest { line: Some(tag.line), text })
    }))
}

fn header_like(spec: &SpecFile<'_>, wanted: &str) -> Option<Nearest> {
    best(spec.sections().iter().skip(1).map(|section| {
        let text = spec.line(section.first_line).unwrap_or_default().into_owned();
        let likeness = likeness(&format!("{} {}", section.name, section.package), wanted);
        (likeness, Nearest { line: Some(section.first_line), text })
    }))
}

fn line_like(spec: &SpecFile<'_>, wanted: &str) -> Option<Nearest> {
    best(spec.lines().iter().enumerate().filter_map(|(index, line)| {
        let text = String::from_utf8_lossy(trim(&line.text)).into_owned();
        (!text.is_empty()).then(|| (likeness(&text, wanted), Nearest { line: Some(index + 1), text }))
    }))
}

/// The first of those that are most alike, if it is alike enough.
fn best(candidates: impl Iterator<Item = (f64, Nearest)>) -> Option<Nearest> {
    let mut best: Option<(f64, Nearest)> = None;
    for (likeness, candidate) in candidates {
        if likeness >= LIKE && best.as_ref().is_none_or(|(most, _)| likeness > *most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, nearest)| nearest)
}

fn likeness(first: &str, second: &str) -> f64 {
    let cut = |text: &str| text.chars().take(LENGTH).collect::<String>();
    strsim::sorensen_dice(&cut(first), &cut(second))
}

/// What a pattern says literally, roughly.
fn plain_text(regex: &str) -> String {
    let mut plain = String::new();
    let mut characters = regex.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next().map(|escaped| if escaped == 's' { ' ' } else { escaped })),
            '^' | '$' | '(' | ')' | '[' | ']' | '*' | '+' | '?' | '.' | '|' => {}
            other => plain.push(other),
        }
    }
    plain
}
