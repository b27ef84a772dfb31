//! Differences that have a reason; each is told in docs/src/install.md.

use super::tree::Difference;

/// Why a difference between dnf5's tree and ours is meant.
pub fn reason(difference: &Difference) -> Option<&'static str> {
    let path = difference.path.to_str()?;
    let _ = path;
    None
}

/// Why a line of `rpm -Va` is meant.
pub fn verification_reason(_line: &str) -> Option<&'static str> {
    None
}
