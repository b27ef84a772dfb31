//! A patch, in; the lines that it changes, out.

/// The lines that a patch adds and removes, with their signs, without places and surroundings.
pub(crate) fn changed_lines(patch: &[u8]) -> Vec<&[u8]> {
    let lines = patch.split(|byte| *byte == b'\n');
    let changes = lines.filter(|line| {
        matches!(line.first(), Some(b'+' | b'-')) && !line.starts_with(b"+++ ") && !line.starts_with(b"--- ")
    });
    changes.collect()
}
