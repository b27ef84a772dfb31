//! Patches named in the spec, or no longer.

use super::Decision;
use super::lines::at_ends;
use super::tags;
use crate::error::Cause;
use crate::glob::Glob;
use crate::spec::{Edit, SpecFile, lower, patch_number, trim};

const LIST: &str = "%patchlist";

/// Names the patch in every `%patchlist`, or else in a tag with the number after the highest.
pub(super) fn add(spec: &SpecFile<'_>, package: &str, name: &str) -> Result<Decision, Cause> {
    if spec.sections().iter().any(|section| section.name == LIST) {
        return at_ends(spec, LIST, "", &[name.as_bytes().to_vec()]);
    }
    tags::add(spec, package, &format!("Patch{}", highest(spec).wrapping_add(1)), name)
}

/// Takes the numbered tags of all packages and the `%patchlist` lines away whose value matches. A tag `Patch:` without
/// number stays.
pub(super) fn remove(spec: &SpecFile<'_>, pattern: &Glob) -> Result<Decision, Cause> {
    let mut edits = Vec::new();
    let matches = |value: &[u8]| pattern.matches(&String::from_utf8_lossy(value));
    spec.walk(|index, line, place| {
        let named = match place.tag(line) {
            Some((name, value)) => patch_number(name).is_some() && matches(value),
            None if place.name() == LIST => {
                let value = trim(&line.text);
                !value.is_empty() && matches(value)
            }
            None => false,
        };
        if named {
            edits.push(Edit::remove(index, 1));
        }
    });
    if edits.is_empty() {
        return Err(Cause::NoPatch { pattern: pattern.as_str().to_owned() });
    }
    Ok(Decision::of(edits))
}

/// The highest number of a patch, or -1: tags without number have those from 0 on.
fn highest(spec: &SpecFile<'_>) -> i64 {
    let (mut highest, mut unnumbered) = (-1, 0);
    spec.walk(|_, line, place| {
        let Some((name, _)) = place.tag(line) else { return };
        match patch_number(name) {
            Some(number) => highest = highest.max(number),
            None => unnumbered += i64::from(lower(name) == "patch"),
        }
    });
    highest.max(unnumbered - 1)
}
