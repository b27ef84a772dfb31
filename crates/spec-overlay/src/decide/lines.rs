//! Lines put at the top or the end of sections, or of the file.

use super::Decision;
use crate::error::Cause;
use crate::spec::{Edit, Place, SpecFile};

pub(super) fn prepend(
    spec: &SpecFile<'_>,
    section: Option<&str>,
    package: &str,
    lines: &[String],
) -> Result<Decision, Cause> {
    let Some(section) = section else { return Ok(Decision::of(vec![Edit::insert(0, bytes(lines))])) };
    let after_headers = spec.lines().iter().enumerate().filter_map(|(index, line)| {
        let header = line.header.as_deref()?;
        Place(Some(header)).is(section, package).then(|| Edit::insert(index + 1, bytes(lines)))
    });
    found(after_headers.collect(), section, package)
}

pub(super) fn append(
    spec: &SpecFile<'_>,
    section: Option<&str>,
    package: &str,
    lines: &[String],
) -> Result<Decision, Cause> {
    match section {
        Some(section) => at_ends(spec, section, package, &bytes(lines)),
        None => Ok(Decision::of(vec![Edit::insert(spec.lines().len(), bytes(lines))])),
    }
}

/// Puts lines before the header that ends a section, so behind an `%if` that opens the next one. The preamble is the
/// section without a name.
pub(super) fn at_ends(
    spec: &SpecFile<'_>,
    section: &str,
    package: &str,
    lines: &[Vec<u8>],
) -> Result<Decision, Cause> {
    let mut edits = Vec::new();
    let mut place = Place::PREAMBLE;
    let mut end = |index: usize, place: Place<'_>| {
        if place.is(section, package) {
            edits.push(Edit::insert(index, lines.to_vec()));
        }
    };
    for (index, line) in spec.lines().iter().enumerate() {
        if let Some(header) = &line.header {
            end(index, place);
            place = Place(Some(header));
        }
    }
    end(spec.lines().len(), place);
    found(edits, section, package)
}

fn found(edits: Vec<Edit>, section: &str, package: &str) -> Result<Decision, Cause> {
    if edits.is_empty() {
        return Err(Cause::NoSection { section: section.to_owned(), package: package.to_owned() });
    }
    Ok(Decision::of(edits))
}

fn bytes(lines: &[String]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}
