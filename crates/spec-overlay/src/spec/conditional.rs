//! A line in; what it does to the nesting of conditionals, out.

use super::tag::lower;
use super::words::{trim, words};

/// What a line is to conditionals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conditional {
    /// `%if` and its kin.
    Opens,
    /// `%else`, `%elif` and its kin.
    Branches,
    /// `%endif`
    Closes,
}

/// What a line is to conditionals, if anything; the first word counts, in any case.
pub(crate) fn conditional(text: &[u8]) -> Option<Conditional> {
    let word = words(text).next()?;
    if !word.starts_with(b"%") {
        return None;
    }
    match lower(word).as_str() {
        "%if" | "%ifarch" | "%ifnarch" | "%ifos" | "%ifnos" => Some(Conditional::Opens),
        "%else" | "%elif" | "%elifarch" | "%elifnarch" | "%elifos" | "%elifnos" => {
            Some(Conditional::Branches)
        }
        "%endif" => Some(Conditional::Closes),
        _ => None,
    }
}

/// Whether there is nothing on a line but blanks or a comment, indented or not.
pub(crate) fn is_blank_or_comment(text: &[u8]) -> bool {
    let text = trim(text);
    text.is_empty() || text.starts_with(b"#")
}
