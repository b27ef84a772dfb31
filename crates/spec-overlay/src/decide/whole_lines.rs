//! Whole lines dropped or written anew, as many as there should be.

use super::Decision;
use super::macros::expect;
use crate::error::Cause;
use crate::overlay::LineText;
use crate::spec::{Edit, SpecFile, trim};

/// Takes the lines out. Where a continued line loses its end, the line above becomes the end.
pub(super) fn drop(
    spec: &SpecFile<'_>,
    section: Option<&str>,
    package: Option<&str>,
    line: &LineText,
    count: usize,
) -> Result<Decision, Cause> {
    let lines = found(spec, section, package, line);
    let matches = lines.len();
    let edits = without_lines(spec, &lines);
    expect(Decision { matches, edits }, count, &describe(line), String::new)
}

/// Writes other lines in the place of each.
pub(super) fn replace(
    spec: &SpecFile<'_>,
    section: Option<&str>,
    package: Option<&str>,
    line: &LineText,
    lines: &[String],
    count: usize,
) -> Result<Decision, Cause> {
    let written: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    let found = found(spec, section, package, line);
    let edits = found
        .iter()
        .filter(|index| written.len() != 1 || written[0] != *spec.lines()[**index].text)
        .map(|index| Edit { at: *index, remove: 1, insert: written.clone() })
        .collect();
    let already = || format!("the line is `{}`", lines.join("\n"));
    expect(Decision { matches: found.len(), edits }, count, &describe(line), already)
}

/// The edits that take out these lines, which are in order, and the backslashes that would continue into nothing.
pub(super) fn without_lines(spec: &SpecFile<'_>, lines: &[usize]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for run in lines.chunk_by(|first, second| first + 1 == *second) {
        let (first, last) = (run[0], run[run.len() - 1]);
        let text = |index: usize| spec.lines().get(index).map(|line| &*line.text);
        let above = first.checked_sub(1).and_then(text).filter(|above| continues(above));
        match above {
            Some(above) if !text(last).is_some_and(continues) => edits.push(Edit {
                at: first - 1,
                remove: 1 + run.len(),
                insert: vec![without_backslash(above).to_vec()],
            }),
            _ => edits.push(Edit::remove(first, run.len())),
        }
    }
    edits
}

/// Whether the next line belongs to this one: an odd number of backslashes ends it.
pub(super) fn continues(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

fn without_backslash(text: &[u8]) -> &[u8] {
    text[..text.len() - 1].trim_ascii_end()
}

fn found(spec: &SpecFile<'_>, section: Option<&str>, package: Option<&str>, line: &LineText) -> Vec<usize> {
    let mut found = Vec::new();
    spec.walk(|index, candidate, place| {
        let matches = match line {
            LineText::Whole(text) => trim(&candidate.text) == trim(text.as_bytes()),
            LineText::Containing(text) => contains(&candidate.text, text.as_bytes()),
        };
        if matches
            && section.is_none_or(|section| place.name() == section)
            && package.is_none_or(|package| place.package() == package.as_bytes())
        {
            found.push(index);
        }
    });
    found
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

fn describe(line: &LineText) -> String {
    match line {
        LineText::Whole(text) => format!("lines `{text}`"),
        LineText::Containing(text) => format!("lines with `{text}` in them"),
    }
}
