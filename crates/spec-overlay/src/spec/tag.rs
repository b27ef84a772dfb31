//! A line in; the name and value of the tag that it is, out; and what follows from a tag's name.

use super::words::trim;

/// The tag that a line of a package's preamble is: `name: value`, the name without blanks and colons.
pub(crate) fn tag_of(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.starts_with(b"#") {
        return None;
    }
    let line = trim(text);
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = &line[..colon];
    if name.is_empty() || name.iter().any(|byte| is_blank(*byte)) {
        return None;
    }
    let mut value = &line[colon + 1..];
    while let [first, rest @ ..] = value
        && is_blank(*first)
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && is_blank(*last)
    {
        value = rest;
    }
    Some((name, value))
}

/// The name in lower case, character by character.
pub(crate) fn lower(name: &[u8]) -> String {
    if name.is_ascii() {
        return String::from_utf8_lossy(name).to_ascii_lowercase();
    }
    String::from_utf8_lossy(name).chars().map(lower_character).collect()
}

/// The text so that two texts that differ only in case are equal.
pub(crate) fn fold_case(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|character| {
            let mut upper = character.to_uppercase();
            match (upper.next(), upper.next()) {
                // U+0130 folds to nothing but itself.
                _ if character == '\u{130}' => character,
                (Some(one), None) => lower_character(one),
                _ => lower_character(character),
            }
        })
        .collect()
}

/// The name in lower case without the digits at its end: `Source7` and `source` are one family.
pub(crate) fn family(name: &[u8]) -> String {
    let name = lower(name);
    let stem = name.trim_end_matches(|character: char| character.is_ascii_digit());
    if stem.is_empty() { name } else { stem.to_owned() }
}

/// The number in `Patch7`; none in `Patch` and `Patch%{n}`.
pub(crate) fn patch_number(name: &[u8]) -> Option<i64> {
    lower(name).strip_prefix("patch")?.parse().ok()
}

fn lower_character(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// The blanks of a regular expression, not those of Unicode: they part a tag's name from its value.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}
