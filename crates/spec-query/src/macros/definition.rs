//! Text after `%define` or of a macro file, in; a definition's name, options and body, and how much of the text it was, out.
//! Nothing is expanded here.

use crate::scan::{closing, is_blank, is_line_end, is_name};

/// Why a text defines no macro.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// Not a letter, or `_` and more, in front.
    #[error("`{0}` is no name for a macro")]
    Name(String),
    /// `%name(` without `)`.
    #[error("the parameters of macro `{0}` are not closed")]
    Options(String),
    /// `%name<` without `>`, or letters that mean nothing, or two that exclude each other.
    #[error("the modifiers of macro `{0}` are wrong: `l` and `o` exclude each other and parameters")]
    Modifiers(String),
    /// A brace or parenthesis that is not closed.
    #[error("the body of macro `{0}` is not closed")]
    Body(String),
    /// Nothing to expand to.
    #[error("macro `{0}` has an empty body")]
    Empty(String),
    /// A name that rpm keeps for itself.
    #[error("macro `{0}` is built in and cannot be changed")]
    Protected(String),
    /// `%define` was given an option that does not exist.
    #[error("`%define` has no option `-{0}`")]
    DefineOption(char),
}

/// A definition as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) name: Vec<u8>,
    pub(crate) options: Option<Vec<u8>>,
    pub(crate) body: Vec<u8>,
    pub(crate) literal: bool,
    pub(crate) once: bool,
}

/// Where a definition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// With its line, or with its braces.
    Line,
    /// With the text.
    All,
}

/// Reads `name(options)<modifiers> body`; also returns how many bytes that was.
pub(crate) fn parse(text: &[u8], extent: Extent) -> Result<(Definition, usize), DefinitionError> {
    let start = blanks(text, 0);
    let mut at = start;
    while at < text.len() && is_name(text[at]) {
        at += 1;
    }
    let name = text[start..at].to_vec();
    let shown = String::from_utf8_lossy(&name).into_owned();
    let options = match enclosed(text, &mut at, b'(', b')') {
        Enclosed::Missing => None,
        Enclosed::Text(options) => Some(options.to_vec()),
        Enclosed::Open => return Err(DefinitionError::Options(shown)),
    };
    let modifiers = match enclosed(text, &mut at, b'<', b'>') {
        Enclosed::Missing => b"".as_slice(),
        Enclosed::Text(modifiers) => modifiers,
        Enclosed::Open => return Err(DefinitionError::Modifiers(shown)),
    };
    let (literal, once) = (modifiers.contains(&b'l'), modifiers.contains(&b'o'));
    let foreign = modifiers.iter().any(|letter| !matches!(letter, b'l' | b'o'));
    if foreign || (literal && once) || (options.is_some() && (literal || once)) {
        return Err(DefinitionError::Modifiers(shown));
    }
    let (body, end) = match extent {
        Extent::All => (text[blanks(text, at)..].to_vec(), text.len()),
        Extent::Line => {
            line_body(text, blanks(text, at)).ok_or_else(|| DefinitionError::Body(shown.clone()))?
        }
    };
    if !is_legal_name(&name) {
        return Err(DefinitionError::Name(shown));
    }
    if body.is_empty() {
        return Err(DefinitionError::Empty(shown));
    }
    Ok((Definition { name, options, body, literal, once }, end))
}

/// Whether a spec or a macro file may give a macro this name.
pub(crate) fn is_legal_name(name: &[u8]) -> bool {
    match name {
        [first, ..] if first.is_ascii_alphabetic() => true,
        [b'_', _, ..] => true,
        _ => false,
    }
}

enum Enclosed<'a> {
    Missing,
    Text(&'a [u8]),
    Open,
}

fn enclosed<'a>(text: &'a [u8], at: &mut usize, open: u8, close: u8) -> Enclosed<'a> {
    if text.get(*at) != Some(&open) {
        return Enclosed::Missing;
    }
    let start = *at + 1;
    match text[start..].iter().position(|byte| *byte == close) {
        Some(length) => {
            *at = start + length + 1;
            Enclosed::Text(&text[start..start + length])
        }
        None => Enclosed::Open,
    }
}

fn line_body(text: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (body, mut end) = if text.get(start) == Some(&b'{') {
        let end = closing(text, start)?;
        (text[start + 1..end - 1].to_vec(), end)
    } else {
        free_body(text, start)?
    };
    while text.get(end).copied().is_some_and(is_line_end) {
        end += 1;
    }
    Some((body, end))
}

/// A body up to the end of its line, or further where braces are open or a backslash stands before the line's end, which goes.
fn free_body(text: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (mut braces, mut parentheses, mut brackets) = (0_usize, 0_usize, 0_usize);
    let mut body = Vec::new();
    let mut at = start;
    while at < text.len() && (braces > 0 || parentheses > 0 || !is_line_end(text[at])) {
        let next = text.get(at + 1).copied();
        match (text[at], next) {
            (b'\\', Some(_)) => at += 1,
            (b'%', Some(follows @ (b'{' | b'(' | b'[' | b'%'))) => {
                body.push(b'%');
                at += 1;
                match follows {
                    b'{' => braces += 1,
                    b'(' => parentheses += 1,
                    b'[' => brackets += 1,
                    _ => {}
                }
            }
            (b'{', _) if braces > 0 => braces += 1,
            (b'}', _) => braces = braces.saturating_sub(1),
            (b'(', _) if parentheses > 0 => parentheses += 1,
            (b')', _) => parentheses = parentheses.saturating_sub(1),
            (b'[', _) if brackets > 0 => brackets += 1,
            (b']', _) => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        body.push(text[at]);
        at += 1;
    }
    if braces > 0 || parentheses > 0 || brackets > 0 {
        return None;
    }
    while body.last().copied().is_some_and(|byte| is_blank(byte) || is_line_end(byte)) {
        body.pop();
    }
    Some((body, at))
}

fn blanks(text: &[u8], mut at: usize) -> usize {
    while text.get(at).copied().is_some_and(is_blank) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<String>, String, usize) {
        let (definition, used) = parse(text.as_bytes(), Extent::Line).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(definition.name), definition.options.map(text), text(definition.body), used)
    }

    #[test]
    fn a_body_ends_with_its_line_or_its_braces() {
        assert_eq!(read(" name body text  \nrest"), ("name".into(), None, "body text".into(), 18));
        assert_eq!(read("a one \\\ntwo\nrest").2, "one \ntwo");
        assert_eq!(read("a {x}\nrest").2, "x");
        assert_eq!(read("a %{?b:\nc}\nrest").2, "%{?b:\nc}");
        assert_eq!(read("a \\\\\nrest").2, "\\");
    }

    #[test]
    fn options_make_a_macro_take_arguments_even_when_there_are_none() {
        assert_eq!(read("a() x").1.as_deref(), Some(""));
        assert_eq!(read("a(n:q) x").1.as_deref(), Some("n:q"));
        assert_eq!(read("a x").1, None);
    }

    #[test]
    fn what_is_no_definition_says_why() {
        let error = |text: &str| parse(text.as_bytes(), Extent::Line).unwrap_err();
        assert_eq!(error("1a x"), DefinitionError::Name("1a".into()));
        assert_eq!(error("_ x"), DefinitionError::Name("_".into()));
        assert_eq!(error("a(x"), DefinitionError::Options("a".into()));
        assert_eq!(error("a<x> y"), DefinitionError::Modifiers("a".into()));
        assert_eq!(error("a %{b"), DefinitionError::Body("a".into()));
        assert_eq!(error("a"), DefinitionError::Empty("a".into()));
    }
}
