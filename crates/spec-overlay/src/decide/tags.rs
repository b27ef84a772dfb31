//! Tags added, inserted, set, updated and removed.

use super::Decision;
use super::lines::at_ends;
use crate::error::Cause;
use crate::spec::{
    Conditional, Edit, Header, Place, SpecFile, conditional, family, fold_case, header_of, lower,
};

pub(super) fn add(spec: &SpecFile<'_>, package: &str, tag: &str, value: &str) -> Result<Decision, Cause> {
    at_ends(spec, section_of(package), package, &[line(tag, value)])
}

/// Puts the tag after the last of its family, or else after the last of all, over all sections of this name.
pub(super) fn insert(spec: &SpecFile<'_>, package: &str, tag: &str, value: &str) -> Result<Decision, Cause> {
    let wanted = family(tag.as_bytes());
    let section = section_of(package);
    let (mut kin, mut any) = (None, None);
    let (mut found, mut end) = (false, spec.lines().len());
    let mut place = Place::PREAMBLE;
    for (index, line) in spec.lines().iter().enumerate() {
        let inside = place.is(section, package);
        found |= inside;
        if let Some(header) = &line.header {
            if inside {
                end = index;
            }
            place = Place(Some(header));
        } else if inside && let Some((name, _)) = place.tag(line) {
            any = Some(index);
            if family(name) == wanted {
                kin = Some(index);
            }
        }
    }
    if place.is(section, package) {
        (found, end) = (true, spec.lines().len());
    }
    if !found {
        return Err(Cause::NoSection { section: section.to_owned(), package: package.to_owned() });
    }
    match kin.or(any) {
        Some(last) => {
            let after = outside_conditionals(spec, last, end);
            Ok(Decision::of(vec![Edit::insert(after + 1, vec![line(tag, value)])]))
        }
        None => add(spec, package, tag, value),
    }
}

pub(super) fn set(spec: &SpecFile<'_>, package: &str, tag: &str, value: &str) -> Result<Decision, Cause> {
    match update(spec, package, tag, value) {
        Err(Cause::NoTag { .. }) => add(spec, package, tag, value),
        decision => decision,
    }
}

/// Rewrites every tag of this name, in both branches of a conditional alike.
pub(super) fn update(spec: &SpecFile<'_>, package: &str, tag: &str, value: &str) -> Result<Decision, Cause> {
    let wanted = lower(tag.as_bytes());
    let written = line(tag, value);
    let opened: Option<Header> = header_of(&written);
    let mut edits = Vec::new();
    let mut place = Place::PREAMBLE;
    for (index, line) in spec.lines().iter().enumerate() {
        if let Some(header) = &line.header {
            place = Place(Some(header));
        } else if place.package() == package.as_bytes()
            && place.tag(line).is_some_and(|(name, _)| lower(name) == wanted)
        {
            edits.push(Edit::replace(index, written.clone()));
            if let Some(header) = &opened {
                place = Place(Some(header));
            }
        }
    }
    if edits.is_empty() {
        return Err(Cause::NoTag { tag: tag.into(), value: None, package: package.into() });
    }
    Ok(Decision::of(edits))
}

pub(super) fn remove(
    spec: &SpecFile<'_>,
    package: &str,
    tag: &str,
    value: Option<&str>,
) -> Result<Decision, Cause> {
    let wanted = lower(tag.as_bytes());
    let wanted_value = value.map(|value| fold_case(value.as_bytes()));
    let mut edits = Vec::new();
    spec.walk(|index, line, place| {
        if place.package() == package.as_bytes()
            && let Some((name, value)) = place.tag(line)
            && lower(name) == wanted
            && wanted_value.as_ref().is_none_or(|wanted| *wanted == fold_case(value))
        {
            edits.push(Edit::remove(index, 1));
        }
    });
    if edits.is_empty() {
        return Err(Cause::NoTag { tag: tag.into(), value: value.map(Into::into), package: package.into() });
    }
    Ok(Decision::of(edits))
}

/// The section that a new tag goes to, by its exact name: a `%Package devel` is not found.
fn section_of(package: &str) -> &'static str {
    if package.is_empty() { "" } else { "%package" }
}

fn line(tag: &str, value: &str) -> Vec<u8> {
    format!("{tag}: {value}").into_bytes()
}

/// The line itself, or the `%endif` before `end` that closes all conditionals which are open at it, counted from the
/// top of the file.
fn outside_conditionals(spec: &SpecFile<'_>, line: usize, end: usize) -> usize {
    let step = |index: usize| match conditional(&spec.lines()[index].text) {
        Some(Conditional::Opens) => 1,
        Some(Conditional::Closes) => -1,
        _ => 0,
    };
    let mut depth: i64 = (0..=line).map(step).sum();
    if depth <= 0 {
        return line;
    }
    for index in line + 1..end {
        depth += step(index);
        if depth <= 0 {
            return index;
        }
    }
    line
}
