//! A regular expression, in; why no text can match it, out. Patterns are looked at, no text is.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// What a pattern is matched against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One line of a spec file after the other, without line breaks.
    Line,
    /// A whole file.
    File,
}

/// Why a pattern in the `regex` crate's dialect never matches; nothing if it may.
pub(crate) fn why_never(pattern: &str, subject: Subject) -> Option<&'static str> {
    let hir = ParserBuilder::new().utf8(false).nest_limit(1000).build().parse(pattern).ok()?;
    why(&hir, subject, Around { before: false, after: false })
}

/// What every line that a pattern matches begins with, if the pattern says so, and whether it is the whole line.
pub(crate) fn line_begins_with(pattern: &str) -> Option<(Vec<u8>, bool)> {
    let hir = ParserBuilder::new().utf8(false).nest_limit(1000).build().parse(pattern).ok()?;
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let [start, literal, rest @ ..] = parts.as_slice() else { return None };
    let (HirKind::Look(Look::Start | Look::StartLF), HirKind::Literal(text)) = (start.kind(), literal.kind())
    else {
        return None;
    };
    let is_whole = matches!(rest, [end] if matches!(end.kind(), HirKind::Look(Look::End | Look::EndLF)));
    Some((text.0.to_vec(), is_whole))
}

/// Whether the rest of the pattern certainly takes text on either side.
#[derive(Clone, Copy)]
struct Around {
    before: bool,
    after: bool,
}

fn why(hir: &Hir, subject: Subject, around: Around) -> Option<&'static str> {
    match hir.kind() {
        HirKind::Empty => None,
        HirKind::Literal(literal) => {
            (subject == Subject::Line && literal.0.contains(&b'\n')).then_some("a line holds no line break")
        }
        HirKind::Class(class) => {
            if hir.properties().minimum_len().is_none() {
                return Some("a class of it holds no character");
            }
            (subject == Subject::Line && is_line_break(class)).then_some("a line holds no line break")
        }
        HirKind::Look(look) => {
            let line_starts = *look == Look::StartLF && subject == Subject::Line;
            let line_ends = *look == Look::EndLF && subject == Subject::Line;
            if around.before && (*look == Look::Start || line_starts) {
                return Some("`^` stands behind text");
            }
            (around.after && (*look == Look::End || line_ends)).then_some("`$` stands in front of text")
        }
        HirKind::Repetition(repetition) if repetition.min == 0 => None,
        HirKind::Repetition(repetition) => why(&repetition.sub, subject, around),
        HirKind::Capture(capture) => why(&capture.sub, subject, around),
        HirKind::Concat(parts) => {
            let takes: Vec<bool> = parts.iter().map(takes_text).collect();
            parts.iter().enumerate().find_map(|(index, part)| {
                let around = Around {
                    before: around.before || takes[..index].contains(&true),
                    after: around.after || takes[index + 1..].contains(&true),
                };
                why(part, subject, around)
            })
        }
        HirKind::Alternation(parts) => {
            let mut reasons = parts.iter().map(|part| why(part, subject, around));
            let first = reasons.next().flatten()?;
            reasons.all(|reason| reason.is_some()).then_some(first)
        }
    }
}

fn takes_text(hir: &Hir) -> bool {
    hir.properties().minimum_len().is_some_and(|length| length > 0)
}

fn is_line_break(class: &Class) -> bool {
    class.literal().is_some_and(|literal| literal == b"\n")
}

#[cfg(test)]
mod tests {
    use super::{Subject, line_begins_with, why_never};

    #[test]
    fn the_begin_of_a_line_is_known_where_a_pattern_states_it() {
        for (pattern, text) in [
            ("^%check$", Some(("%check", true))),
            ("^%files devel", Some(("%files devel", false))),
            ("(?m)^a", Some(("a", false))),
            ("^a.*$", Some(("a", false))),
            ("a", None),
            ("^.a", None),
            ("^", None),
        ] {
            let found = line_begins_with(pattern);
            let found = found.as_ref().map(|(text, whole)| (std::str::from_utf8(text).unwrap(), *whole));
            assert_eq!(found, text, "{pattern}");
        }
    }

    #[test]
    fn what_no_line_can_match_is_found() {
        for (pattern, possible) in [
            ("a", true),
            ("^a$", true),
            ("a^b", false),
            ("a$b", false),
            ("(^|b)a", true),
            ("x(^a|^b)", false),
            ("x(^a|b)", true),
            ("x?^a", true),
            ("a\\nb", false),
            ("(a\\nb)?c", true),
            ("[\\n]", false),
            ("[\\na]", true),
            ("(?m)a$\\s", false),
            ("(?m)^a$", true),
            ("[^\\x00-\\x{10FFFF}]", false),
            ("a\\b", true),
        ] {
            assert_eq!(why_never(pattern, Subject::Line).is_none(), possible, "{pattern}");
        }
    }

    #[test]
    fn a_whole_file_has_lines() {
        for (pattern, possible) in
            [("a\\nb", true), ("(?m)a$\\nb", true), ("(?m)a\\n^b", true), ("a$\\nb", false)]
        {
            assert_eq!(why_never(pattern, Subject::File).is_none(), possible, "{pattern}");
        }
    }
}
