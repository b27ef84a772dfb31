//! A query format, in; its parts, out.

use super::formats::Format;
use super::{QueryFormatError, tags};

/// A piece of a query format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Shown as it is.
    Text(Vec<u8>),
    /// `%{TAG:FORMAT}`.
    Field(Field),
    /// `[...]`: once for each value.
    Each(Vec<Part>),
    /// `%|TAG?{...}:{...}|`; an unknown tag is absent.
    Condition { tag: Option<u32>, present: Vec<Part>, absent: Vec<Part> },
}

/// One value to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) tag: u32,
    pub(super) format: Format,
    /// The least number of bytes shown.
    pub(super) width: usize,
    /// Whether blanks come after the value.
    pub(super) left: bool,
    /// `%{=TAG}`: the first value in every round of an iteration.
    pub(super) only_first: bool,
}

/// A wider field than this is a mistake, and would take memory.
const WIDEST: usize = 65_536;
/// Deeper nesting than this is a mistake, and would take the stack.
const DEEPEST: usize = 64;

pub(super) fn parse(text: &[u8]) -> Result<Vec<Part>, QueryFormatError> {
    let mut reader = Reader { rest: text, depth: 0 };
    reader.parts(Until::End)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Bracket,
    Brace,
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn parts(&mut self, until: Until) -> Result<Vec<Part>, QueryFormatError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(QueryFormatError::Syntax("brackets nest too deeply"));
        }
        let mut parts = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'%' if self.skip(b'%') => push(&mut parts, b'%'),
                b'%' if self.skip(b'|') => parts.push(self.condition()?),
                b'%' => parts.push(self.field()?),
                b'[' => parts.push(Part::Each(self.parts(Until::Bracket)?)),
                b']' | b'}' => {
                    let wanted = if byte == b']' { Until::Bracket } else { Until::Brace };
                    if until != wanted {
                        return Err(QueryFormatError::Syntax("unexpected ] or }"));
                    }
                    self.depth -= 1;
                    return Ok(parts);
                }
                b'\\' => {
                    let next = self.next();
                    let escaped = next.ok_or(QueryFormatError::Syntax("escaped char expected after \\"))?;
                    push(&mut parts, unescaped(escaped));
                }
                byte => push(&mut parts, byte),
            }
        }
        match until {
            Until::End => Ok(parts),
            Until::Bracket => Err(QueryFormatError::Syntax("] expected at end of array")),
            Until::Brace => Err(QueryFormatError::Syntax("} expected in expression")),
        }
    }

    /// After `%`: `-20{TAG:format}`.
    fn field(&mut self) -> Result<Part, QueryFormatError> {
        let open = self.rest.iter().position(|byte| matches!(byte, b'{' | b'%'));
        let open = open.filter(|open| self.rest[*open] == b'{');
        let open = open.ok_or(QueryFormatError::Syntax("missing { after %"))?;
        let width = self.take(open);
        if !width.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-') {
            return Err(QueryFormatError::Syntax("invalid field width"));
        }
        let left = width.first() == Some(&b'-');
        let digits = String::from_utf8_lossy(width).replace('-', "");
        let width = if digits.is_empty() { Ok(0) } else { digits.parse() };
        let width = width.ok().filter(|width| *width <= WIDEST);
        let width = width.ok_or(QueryFormatError::Syntax("invalid field width"))?;
        self.take(1);
        let first = self.skip(b'=');
        let count = !first && self.skip(b'#');
        let close = self.rest.iter().position(|byte| *byte == b'}');
        let close = close.ok_or(QueryFormatError::Syntax("missing } after %{"))?;
        let inner = String::from_utf8_lossy(self.take(close)).into_owned();
        self.take(1);
        let (name, format) = match inner.split_once(':') {
            Some((_, "")) => return Err(QueryFormatError::Syntax("empty tag format")),
            Some((name, format)) => (name, format),
            None => (&inner[..], if count { "arraysize" } else { "string" }),
        };
        if name.is_empty() {
            return Err(QueryFormatError::Syntax("empty tag name"));
        }
        if name == "*" {
            return Err(QueryFormatError::Unsupported(inner));
        }
        let tag = tags::number(name);
        let (Some(tag), Some(format)) = (tag, Format::by_name(format)) else {
            return Err(QueryFormatError::Unknown(inner));
        };
        Ok(Part::Field(Field { tag, format, width, left, only_first: first || count }))
    }

    /// After `%|`: `TAG?{present}:{absent}|`.
    fn condition(&mut self) -> Result<Part, QueryFormatError> {
        let question = self.rest.iter().position(|byte| *byte == b'?');
        let question = question.ok_or(QueryFormatError::Syntax("? expected in expression"))?;
        let tag = tags::number(&String::from_utf8_lossy(self.take(question)));
        self.take(1);
        let present = self.braced("{ expected after ? in expression")?;
        let absent =
            if self.skip(b':') { self.braced("{ expected after : in expression")? } else { Vec::new() };
        if self.skip(b'|') {
            Ok(Part::Condition { tag, present, absent })
        } else {
            Err(QueryFormatError::Syntax("| expected at end of expression"))
        }
    }

    fn braced(&mut self, missing: &'static str) -> Result<Vec<Part>, QueryFormatError> {
        if self.skip(b'{') { self.parts(Until::Brace) } else { Err(QueryFormatError::Syntax(missing)) }
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

fn push(parts: &mut Vec<Part>, byte: u8) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(byte),
        _ => parts.push(Part::Text(vec![byte])),
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_or_unknown_is_told() {
        for (text, expected) in [
            ("%{name", "missing } after %{"),
            ("%name", "missing { after %"),
            ("%5x{name}", "invalid field width"),
            ("[%{name}", "] expected at end of array"),
            ("%{name}]", "unexpected ] or }"),
            ("%{nonsense}", "unknown tag or format `nonsense`"),
            ("%{name:nonsense}", "unknown tag or format `name:nonsense`"),
            ("%{name:}", "empty tag format"),
            ("%|name?{a}:{b}", "| expected at end of expression"),
            ("%|name|", "? expected in expression"),
            ("\\", "escaped char expected after \\"),
            ("%99999999999{name}", "invalid field width"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
        }
        assert!(parse("[".repeat(1000).as_bytes()).is_err());
    }
}
