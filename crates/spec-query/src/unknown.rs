//! Reasons why a text cannot be known, in; marks that stand for it while macros are expanded, and texts read back from marks, out.
//!
//! A mark is `FS number GS`, two control characters that no spec file may hold: it travels through expansions like any other
//! text, so that what depends on it is known to depend on it.

use std::cell::RefCell;

const OPEN: u8 = 0x1c;
const CLOSE: u8 = 0x1d;

/// The control characters that marks are made of.
pub(crate) const RESERVED: [u8; 2] = [OPEN, CLOSE];

/// Every reason met so far, each once.
#[derive(Debug, Default)]
pub(crate) struct Unknowns {
    reasons: RefCell<Vec<String>>,
}

impl Unknowns {
    /// The mark of a text that is not known for this reason.
    pub(crate) fn mark(&self, reason: &str) -> Vec<u8> {
        let mut reasons = self.reasons.borrow_mut();
        let number = reasons.iter().position(|known| known == reason).unwrap_or_else(|| {
            reasons.push(reason.to_owned());
            reasons.len() - 1
        });
        let mut mark = vec![OPEN];
        mark.extend(number.to_string().bytes());
        mark.push(CLOSE);
        mark
    }

    /// The reasons of all marks in a text, in order, each once.
    pub(crate) fn reasons_in(&self, text: &[u8]) -> Vec<String> {
        let reasons = self.reasons.borrow();
        let mut found = Vec::new();
        for (_, number) in marks(text) {
            if let Some(reason) = reasons.get(number).filter(|reason| !found.contains(*reason)) {
                found.push(reason.clone());
            }
        }
        found
    }

    /// The text with each mark written out for a person.
    pub(crate) fn readable(&self, text: &[u8]) -> String {
        let reasons = self.reasons.borrow();
        let mut readable = Vec::with_capacity(text.len());
        let mut at = 0;
        for (place, number) in marks(text) {
            readable.extend_from_slice(&text[at..place.start]);
            let reason = reasons.get(number).map_or("?", String::as_str);
            readable.extend(format!("<unknown: {reason}>").bytes());
            at = place.end;
        }
        readable.extend_from_slice(&text[at..]);
        String::from_utf8_lossy(&readable).into_owned()
    }
}

/// Whether anything in this text is not known.
pub(crate) fn is_unknown(text: &[u8]) -> bool {
    text.contains(&OPEN)
}

/// The first mark of a text: what stands for anything that is computed from it.
pub(crate) fn first_mark(text: &[u8]) -> Option<&[u8]> {
    marks(text).next().map(|(place, _)| &text[place])
}

fn marks(text: &[u8]) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text.get(at..)?.iter().position(|byte| *byte == OPEN)?;
            let length = text[start..].iter().position(|byte| *byte == CLOSE)?;
            at = start + length + 1;
            let digits = std::str::from_utf8(&text[start + 1..start + length]).ok();
            if let Some(number) = digits.and_then(|digits| digits.parse().ok()) {
                return Some((start..at, number));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_says_why_wherever_it_ends_up() {
        let unknowns = Unknowns::default();
        let date = unknowns.mark("%(date) runs a program");
        let text = [b"1.".as_slice(), &date, b"-", &unknowns.mark("other"), b"-", &date].concat();
        assert!(is_unknown(&text));
        assert_eq!(unknowns.reasons_in(&text), ["%(date) runs a program", "other"]);
        assert_eq!(
            unknowns.readable(&text),
            "1.<unknown: %(date) runs a program>-<unknown: other>-<unknown: %(date) runs a program>"
        );
        assert_eq!(first_mark(&text), Some(date.as_slice()));
        assert!(!is_unknown(b"1.0"));
    }
}
