//! Matches of a regular expression within lines, replaced.

use super::Decision;
use crate::error::Cause;
use crate::go_regex::GoRegex;
use crate::spec::{Edit, Header, Place, SpecFile, header_of};

pub(super) fn replace(
    spec: &SpecFile<'_>,
    section: Option<&str>,
    package: Option<&str>,
    regex: &GoRegex,
    replacement: &str,
) -> Result<Decision, Cause> {
    let mut decision = Decision::of(Vec::new());
    let mut unchanged = 0;
    let mut place = Here::At(Place::PREAMBLE);
    for (index, line) in spec.lines().iter().enumerate() {
        if let Some(header) = &line.header {
            place = Here::At(Place(Some(header)));
            continue;
        }
        if section.is_some_and(|section| place.place().name() != section)
            || package.is_some_and(|package| place.place().package() != package.as_bytes())
        {
            continue;
        }
        let Some((replaced, matches)) = regex.replace_all(&line.text, replacement.as_bytes()) else {
            continue;
        };
        if replaced == *line.text {
            unchanged += matches;
            continue;
        }
        if let Some(header) = header_of(&replaced) {
            place = Here::Opened(header);
        }
        decision.matches += matches;
        decision.edits.push(Edit::replace(index, replaced));
    }
    if !decision.edits.is_empty() {
        return Ok(decision);
    }
    let regex = regex.as_str();
    Err(match unchanged {
        0 => Cause::NoMatch {
            regex: regex.into(),
            section: section.map(Into::into),
            package: package.map(Into::into),
        },
        matches => Cause::NothingNew { regex: regex.to_owned(), matches },
    })
}

/// The section that the walk is in: one of the spec, or one that a replacement has just opened.
enum Here<'s> {
    At(Place<'s>),
    Opened(Header),
}

impl Here<'_> {
    fn place(&self) -> Place<'_> {
        match self {
            Here::At(place) => *place,
            Here::Opened(header) => Place(Some(header)),
        }
    }
}
