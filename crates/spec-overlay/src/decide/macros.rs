//! `%global`, `%define` and `%bcond` lines given another value.

use super::Decision;
use crate::error::Cause;
use crate::spec::{Edit, SpecFile, words};

/// Gives every definition of the macro another body; a body of several lines goes whole.
pub(super) fn set_macro(
    spec: &SpecFile<'_>,
    name: &str,
    value: &str,
    count: usize,
) -> Result<Decision, Cause> {
    let mut decision = Decision::of(Vec::new());
    let mut index = 0;
    while index < spec.lines().len() {
        let Some(body) = body_of(&spec.lines()[index].text, name) else {
            index += 1;
            continue;
        };
        let text = &spec.lines()[index].text;
        let wrong = |why| Cause::Definition { name: name.to_owned(), line: index + 1, why };
        if text[..body].ends_with(b")") {
            return Err(wrong("takes parameters: change its lines"));
        }
        let end = definition_end(spec, index, body).ok_or_else(|| wrong("does not end"))?;
        let mut written = text[..body].to_vec();
        if !written.ends_with(b" ") && !written.ends_with(b"\t") {
            written.push(b' ');
        }
        written.extend_from_slice(value.as_bytes());
        decision.matches += 1;
        if end != index + 1 || written != **text {
            decision.edits.push(Edit { at: index, remove: end - index, insert: vec![written] });
        }
        index = end;
    }
    expect(decision, count, &format!("definitions of the macro `{name}`"), || {
        format!("`{name}` is `{value}`")
    })
}

/// Turns every definition of the condition on or off, in the form that it has.
pub(super) fn set_build_condition(
    spec: &SpecFile<'_>,
    name: &str,
    enabled: bool,
    count: usize,
) -> Result<Decision, Cause> {
    let mut decision = Decision::of(Vec::new());
    for (index, line) in spec.lines().iter().enumerate() {
        let Some(written) = condition(&line.text, name, enabled) else { continue };
        decision.matches += 1;
        if written != *line.text {
            decision.edits.push(Edit::replace(index, written));
        }
    }
    expect(decision, count, &format!("definitions of the build condition `{name}`"), || {
        format!("`{name}` is {}", if enabled { "on" } else { "off" })
    })
}

/// The decision, if it found as many as it should and there is something to change.
pub(super) fn expect(
    decision: Decision,
    count: usize,
    what: &str,
    already: impl Fn() -> String,
) -> Result<Decision, Cause> {
    if decision.matches != count {
        return Err(Cause::Count { what: what.to_owned(), expected: count, found: decision.matches });
    }
    if decision.edits.is_empty() {
        return Err(Cause::Already { what: already() });
    }
    Ok(decision)
}

/// Where the body begins on a line that defines the macro.
fn body_of(text: &[u8], name: &str) -> Option<usize> {
    if !matches!(words(text).next()?, b"%global" | b"%define") {
        return None;
    }
    let keyword = text.iter().position(|byte| *byte == b'%')?;
    let after = skip(text, keyword, |byte| !is_blank(byte));
    let begin = skip(text, after, is_blank);
    let end = skip(text, begin, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if text[begin..end] != *name.as_bytes() {
        return None;
    }
    match text.get(end) {
        None => Some(end),
        Some(b'(') => text[end..].iter().position(|byte| *byte == b')').map(|close| end + close + 1),
        Some(byte) if is_blank(*byte) => Some(skip(text, end, is_blank)),
        Some(_) => None,
    }
}

/// One more than the index of the definition's last line: a line goes on behind a backslash, and as long as a `%{`,
/// `%(` or `%[` is open.
fn definition_end(spec: &SpecFile<'_>, first: usize, body: usize) -> Option<usize> {
    let mut open = Brackets::default();
    let mut begin = body;
    for (index, line) in spec.lines().iter().enumerate().skip(first) {
        let text = &line.text[begin.min(line.text.len())..];
        begin = 0;
        let continued = open.read(text);
        if !continued && open.are_closed() {
            return Some(index + 1);
        }
    }
    None
}

/// The brackets that are open in a macro's body; plain ones count only within those that a `%` opens.
#[derive(Default)]
struct Brackets {
    braces: u32,
    parentheses: u32,
    squares: u32,
}

impl Brackets {
    /// Counts a line's brackets; whether it ends with a backslash.
    fn read(&mut self, text: &[u8]) -> bool {
        let mut at = 0;
        while at < text.len() {
            let percent = text[at] == b'%';
            let byte = if percent { text.get(at + 1).copied().unwrap_or_default() } else { text[at] };
            match byte {
                b'\\' if !percent => {
                    if at + 1 == text.len() {
                        return true;
                    }
                    at += 1;
                }
                b'%' if percent => {}
                b'{' if percent || self.braces > 0 => self.braces += 1,
                b'(' if percent || self.parentheses > 0 => self.parentheses += 1,
                b'[' if percent || self.squares > 0 => self.squares += 1,
                b'}' if !percent => self.braces = self.braces.saturating_sub(1),
                b')' if !percent => self.parentheses = self.parentheses.saturating_sub(1),
                b']' if !percent => self.squares = self.squares.saturating_sub(1),
                _ if percent => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            at += 1 + usize::from(percent);
        }
        false
    }

    fn are_closed(&self) -> bool {
        self.braces == 0 && self.parentheses == 0 && self.squares == 0
    }
}

/// The line that defines the condition, on or off.
fn condition(text: &[u8], name: &str, enabled: bool) -> Option<Vec<u8>> {
    let mut read = words(text);
    let keyword = read.next()?;
    if !matches!(keyword, b"%bcond" | b"%bcond_with" | b"%bcond_without") || read.next()? != name.as_bytes() {
        return None;
    }
    let begin = text.iter().position(|byte| *byte == b'%')?;
    let after_keyword = begin + keyword.len();
    let name_end = skip(text, skip(text, after_keyword, is_blank), |byte| !is_blank(byte));
    let mut written = text[..begin].to_vec();
    if keyword == b"%bcond" {
        written.extend_from_slice(&text[begin..name_end]);
        written.extend_from_slice(if enabled { b" 1" } else { b" 0" });
    } else {
        // `%bcond_with x` makes x an option, so off by default.
        written.extend_from_slice(if enabled { b"%bcond_without" } else { b"%bcond_with" });
        written.extend_from_slice(&text[after_keyword..]);
    }
    Some(written)
}

fn skip(text: &[u8], from: usize, what: impl Fn(u8) -> bool) -> usize {
    from + text[from..].iter().take_while(|byte| what(**byte)).count()
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
