//! Sections cut out, so that what stays of the conditionals is balanced.

use std::ops::Range;

use super::Decision;
use crate::error::Cause;
use crate::spec::{Conditional, Edit, Place, SpecFile, conditional, is_blank_or_comment};

pub(super) fn section(spec: &SpecFile<'_>, section: &str, package: &str) -> Result<Decision, Cause> {
    if section.is_empty() {
        return Err(Cause::Preamble);
    }
    cut(spec, |place| place.is(section, package))?
        .ok_or_else(|| Cause::NoSection { section: section.to_owned(), package: package.to_owned() })
}

pub(super) fn subpackage(spec: &SpecFile<'_>, package: &str) -> Result<Decision, Cause> {
    if package.is_empty() {
        return Err(Cause::Preamble);
    }
    cut(spec, |place| place.package() == package.as_bytes())?
        .ok_or_else(|| Cause::NoPackage { package: package.to_owned() })
}

fn cut(spec: &SpecFile<'_>, wanted: impl Fn(Place<'_>) -> bool) -> Result<Option<Decision>, Cause> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut begin = None;
    for (index, line) in spec.lines().iter().enumerate() {
        let Some(header) = &line.header else { continue };
        ranges.extend(begin.take().map(|begin| begin..index));
        begin = wanted(Place(Some(header))).then_some(index);
    }
    ranges.extend(begin.map(|begin| begin..spec.lines().len()));
    if ranges.is_empty() {
        return Ok(None);
    }
    let pairs = pairs(spec)?;
    let edits = ranges.into_iter().map(|range| {
        let balanced = balance(spec, &range, &pairs)?;
        Ok(Edit::remove(balanced.start, balanced.len()))
    });
    Ok(Some(Decision::of(edits.collect::<Result<_, _>>()?)))
}

/// The lines of an `%if` and its `%endif`.
struct Pair {
    opens: usize,
    closes: usize,
}

/// All conditionals, inner before outer.
fn pairs(spec: &SpecFile<'_>) -> Result<Vec<Pair>, Cause> {
    let mut pairs = Vec::new();
    let mut open = Vec::new();
    for (index, line) in spec.lines().iter().enumerate() {
        match conditional(&line.text) {
            Some(Conditional::Opens) => open.push(index),
            Some(Conditional::Closes) => match open.pop() {
                Some(opens) => pairs.push(Pair { opens, closes: index }),
                None => return Err(Cause::Unbalanced { directive: "%endif", line: index + 1 }),
            },
            _ => {}
        }
    }
    match open.first() {
        Some(index) => Err(Cause::Unbalanced { directive: "%if", line: index + 1 }),
        None => Ok(pairs),
    }
}

/// The part of the section that can go: up to the first `%if` or `%endif` whose partner is outside. What follows that
/// stays, and may be nothing but blanks, comments and conditionals.
fn balance(spec: &SpecFile<'_>, section: &Range<usize>, pairs: &[Pair]) -> Result<Range<usize>, Cause> {
    let spans = |line: usize| Cause::Spans { line: line + 1, first: section.start + 1, last: section.end };
    let mut end = section.end;
    for pair in pairs {
        let inside = match (section.contains(&pair.opens), section.contains(&pair.closes)) {
            (true, false) => {
                if has_content(spec, pair.opens + 1..section.end) {
                    return Err(spans(pair.opens));
                }
                pair.opens
            }
            (false, true) => pair.closes,
            _ => continue,
        };
        end = end.min(inside);
    }
    if let Some(line) = foreign_branch(spec, section, pairs) {
        return Err(Cause::Branch { line: line + 1, first: section.start + 1, last: section.end });
    }
    if end < section.end && has_content(spec, end..section.end) {
        return Err(spans(end));
    }
    Ok(section.start..end)
}

/// Whether a line is more than a blank, a comment, an `%if` or an `%endif`.
fn has_content(spec: &SpecFile<'_>, range: Range<usize>) -> bool {
    spec.lines()[range].iter().any(|line| {
        !is_blank_or_comment(&line.text)
            && !matches!(conditional(&line.text), Some(Conditional::Opens | Conditional::Closes))
    })
}

/// A branch in the section whose innermost conditional is not wholly in it.
fn foreign_branch(spec: &SpecFile<'_>, section: &Range<usize>, pairs: &[Pair]) -> Option<usize> {
    section.clone().find(|line| {
        conditional(&spec.lines()[*line].text) == Some(Conditional::Branches)
            && pairs
                .iter()
                .find(|pair| (pair.opens..=pair.closes).contains(line))
                .is_some_and(|pair| !section.contains(&pair.opens) || !section.contains(&pair.closes))
    })
}
