//! A spec, in; whether it asks for `%autorelease` and `%autochangelog`, and where its changelog begins, out.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// What a spec asks for; lines are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// `%autorelease` is used somewhere before the changelog.
    pub autorelease: bool,
    /// The line that `%autochangelog` stands on.
    pub autochangelog: Option<usize>,
    /// The line of the first `%changelog`.
    pub changelog: Option<usize>,
    /// It defines `autorelease` itself: it was expanded before.
    pub expanded: bool,
}

// What a literal pattern means was tried when this was written.
#[expect(clippy::unwrap_used, reason = "these patterns are constants that the tests below compile")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static AUTORELEASE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"%(?:autorelease(?:\s|$)|\{\??autorelease(?:\s+[^}]*)?\})"));
static CHANGELOG: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^%changelog(?:\s.*)?$"));
static AUTOCHANGELOG: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*%(?:autochangelog|\{\??autochangelog\})\s*"));
static DEFINITION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*%define\s+autorelease\s*\("));

impl Features {
    /// Looks at every line; bytes that are no UTF-8 match nothing.
    pub fn of(spec: &[u8]) -> Features {
        let text = universal_lines(spec);
        let mut features = Features::default();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if !line.contains(&b'%') {
                continue;
            }
            let line = String::from_utf8_lossy(line);
            if features.changelog.is_none() {
                features.autorelease |= AUTORELEASE.is_match(&line);
                if CHANGELOG.is_match(&line) {
                    features.changelog = Some(number);
                }
            }
            if features.autochangelog.is_none() && AUTOCHANGELOG.is_match(&line) {
                features.autochangelog = Some(number);
            }
            features.expanded |= DEFINITION.is_match(&line);
        }
        features
    }

    /// Whether anything is to be spelled out.
    pub fn needs_expanding(&self) -> bool {
        !self.expanded && (self.autorelease || self.needs_changelog())
    }

    /// Whether the changelog is written: asked for, or there is none at all.
    pub fn needs_changelog(&self) -> bool {
        self.autochangelog.is_some() || self.changelog.is_none()
    }

    /// Whether the spec has no line where the changelog could go.
    pub(super) fn adds_changelog_section(&self) -> bool {
        self.autochangelog.is_none() && self.changelog.is_none()
    }

    /// The spec up to the point where the changelog is written instead of what it has.
    pub(super) fn kept_lines(&self, spec: &[u8]) -> Vec<u8> {
        let text = universal_lines(spec);
        let (end, section) = match (self.autochangelog, self.changelog) {
            (None, _) => return text.into_owned(),
            (Some(_), Some(changelog)) => (changelog + 1, false),
            (Some(autochangelog), None) => (autochangelog, true),
        };
        let lines = text.split_inclusive(|byte| *byte == b'\n').take(end);
        let mut kept: Vec<u8> = lines.flatten().copied().collect();
        if section {
            kept.extend_from_slice(b"%changelog\n");
        }
        kept
    }
}

/// The text with every line end as `\n`, as a reader in text mode sees it: `\r\n` and a lone `\r` end lines, too.
fn universal_lines(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\r') {
        return Cow::Borrowed(text);
    }
    let mut lines = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' {
            bytes.next_if_eq(&b'\n');
            lines.push(b'\n');
        } else {
            lines.push(byte);
        }
    }
    Cow::Owned(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_autorelease_are_told_from_look_alikes() {
        for used in
            ["%autorelease", "%autorelease -b 4", "%{autorelease}", "%{?autorelease}", "%{autorelease -p}"]
        {
            assert!(Features::of(format!("Release: {used}\n%changelog\n").as_bytes()).autorelease, "{used}");
        }
        for not in ["%autoreleases", "%{!?autorelease}", "%{?autorelease:1}", "1%{?dist}"] {
            assert!(!Features::of(format!("Release: {not}\n%changelog\n").as_bytes()).autorelease, "{not}");
        }
    }

    #[test]
    fn a_changelog_that_mentions_autorelease_uses_it_not() {
        let features = Features::of(b"Name: a\n%changelog\n- use %autorelease\n");
        assert_eq!(features, Features { changelog: Some(1), ..Features::default() });
        assert!(!features.needs_expanding());
    }

    #[test]
    fn a_spec_without_a_changelog_needs_one_and_an_expanded_one_nothing() {
        assert!(Features::of(b"Name: a\n").needs_expanding());
        assert!(!Features::of(b"%define autorelease(e:s:pb:n) 1\nRelease: %autorelease\n").needs_expanding());
    }

    #[test]
    fn lines_end_with_carriage_returns_too() {
        let features = Features::of(b"Name: a\r\n%changelog\r%autochangelog\r\n");
        assert_eq!((features.changelog, features.autochangelog), (Some(1), Some(2)));
        assert_eq!(
            features.kept_lines(b"Name: a\r\n%changelog\r%autochangelog\r\n"),
            b"Name: a\n%changelog\n"
        );
    }
}
