//! Names and versions, in; the first character that rpm does not allow in them, out.

use super::error::SpecProblem;
use crate::expand::shown;
use crate::unknown::is_unknown;

/// Names of packages: a letter, digit or `_` first.
pub(super) fn check_name(text: &[u8]) -> Result<(), SpecProblem> {
    check(text, b".-_+%{}", Some(b"_%"))
}

/// The part of a name that follows that of the main package.
pub(super) fn check_sub_name(text: &[u8]) -> Result<(), SpecProblem> {
    check(text, b".-_+%{}", None)
}

/// Versions and releases.
pub(super) fn check_version(text: &[u8]) -> Result<(), SpecProblem> {
    check(text, b"._+%{}~^", None)
}

/// Versions of dependencies, with epoch and release.
pub(super) fn check_evr(text: &[u8]) -> Result<(), SpecProblem> {
    check(text, b"._+%{}~^-:", None)
}

fn check(text: &[u8], allowed: &[u8], first: Option<&[u8]>) -> Result<(), SpecProblem> {
    if is_unknown(text) {
        return Ok(());
    }
    for (place, byte) in text.iter().enumerate() {
        let allowed = first.filter(|_| place == 0).unwrap_or(allowed);
        if !byte.is_ascii_alphanumeric() && !allowed.contains(byte) {
            return Err(SpecProblem::Character { text: shown(text), character: char::from(*byte) });
        }
    }
    if text.windows(2).any(|pair| pair == b"..") {
        return Err(SpecProblem::Dots(shown(text)));
    }
    Ok(())
}
