//! Text of XML as writers of repositories write it, in; its tags and texts, borrowed, out.
//!
//! Whatever is not plain (a comment, an unknown entity, single quotes, a prefix that is no word) is `None`: whoever reads then
//! leaves the document to a reader that knows all of XML.

use std::borrow::Cow;

use memchr::memchr;

/// The text that is still to be read.
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
}

/// An opened element: its name as written and without prefix, its attributes as written, and whether it is closed at once.
pub(super) struct Tag<'a> {
    pub(super) written: &'a str,
    pub(super) name: &'a str,
    pub(super) attributes: &'a str,
    pub(super) empty: bool,
}

/// The next tag; one that closes with its name as written.
pub(super) enum Next<'a> {
    Open(Tag<'a>),
    Close(&'a str),
}

impl<'a> Cursor<'a> {
    pub(super) fn skip_blanks(&mut self) {
        let blanks =
            self.rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count();
        self.rest = &self.rest[blanks..];
    }

    /// The declaration and the opening tag of the document, if it has one of these names.
    pub(super) fn head(&mut self, names: &[&str]) -> Option<()> {
        self.rest = self.rest.strip_prefix('\u{feff}').unwrap_or(self.rest);
        if let Some(declaration) = self.rest.strip_prefix("<?xml ") {
            let end = declaration.find("?>")?;
            let encoding = declaration[..end].to_ascii_lowercase();
            if encoding.contains("encoding") && !encoding.contains("utf-8") {
                return None;
            }
            self.rest = &declaration[end + 2..];
        }
        match self.tag()? {
            Next::Open(tag) if names.contains(&tag.written) && !tag.empty => Some(()),
            _ => None,
        }
    }

    /// The next tag, with nothing but blanks before it.
    pub(super) fn tag(&mut self) -> Option<Next<'a>> {
        self.skip_blanks();
        let inner = self.rest.strip_prefix('<')?;
        let end = tag_end(inner.as_bytes())?;
        let (content, after) = (&inner[..end], &inner[end + 1..]);
        self.rest = after;
        if let Some(name) = content.strip_prefix('/') {
            return Some(Next::Close(name));
        }
        let (content, empty) = match content.strip_suffix('/') {
            Some(content) => (content, true),
            None => (content, false),
        };
        let (name, attributes) = match content.bytes().position(is_blank) {
            Some(blank) => (&content[..blank], &content[blank..]),
            None => (content, ""),
        };
        Some(Next::Open(Tag { written: name, name: local(name)?, attributes, empty }))
    }

    /// The end of this element, next.
    pub(super) fn close(&mut self, opened: &Tag<'a>) -> Option<()> {
        matches!(self.tag()?, Next::Close(closed) if closed == opened.written).then_some(())
    }

    /// The text of an element of this name, which was just opened, and its end.
    pub(super) fn text(&mut self, tag: &Tag<'a>) -> Option<Cow<'a, str>> {
        if tag.empty {
            return Some(Cow::Borrowed(""));
        }
        let end = memchr(b'<', self.rest.as_bytes())?;
        let text = &self.rest[..end];
        let after = self.rest[end..].strip_prefix("</")?.strip_prefix(tag.written)?;
        self.rest = after.strip_prefix('>')?;
        // Line ends would have to be made alike.
        if memchr(b'\r', text.as_bytes()).is_some() { None } else { unescape(text) }
    }

    /// The end of an element that must be empty.
    pub(super) fn nothing(&mut self, tag: &Tag<'a>) -> Option<()> {
        self.text(tag).filter(|text| text.trim().is_empty()).map(drop)
    }
}

/// The value of an attribute; the inner `None` when it is not there.
pub(super) fn attribute<'a>(attributes: &'a str, name: &str) -> Option<Option<Cow<'a, str>>> {
    let mut rest = attributes;
    while let Some((key, value)) = next_attribute(&mut rest)? {
        if key == name {
            return unescape(value).map(Some);
        }
    }
    Some(None)
}

pub(super) fn number<T: std::str::FromStr>(attributes: &str, name: &str) -> Option<Option<T>> {
    match attribute(attributes, name)? {
        Some(value) => value.trim().parse().ok().map(Some),
        None => Some(None),
    }
}

/// ` name="value"`: name without prefix, value as written; the inner `None` at the end.
pub(super) fn next_attribute<'a>(rest: &mut &'a str) -> Option<Option<(&'a str, &'a str)>> {
    let blanks = rest.bytes().take_while(|byte| is_blank(*byte)).count();
    let trimmed = &rest[blanks..];
    if trimmed.is_empty() {
        return Some(None);
    }
    if blanks == 0 {
        return None;
    }
    let bytes = trimmed.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=')?;
    if bytes.get(equals + 1) != Some(&b'"') {
        return None;
    }
    let value = &trimmed[equals + 2..];
    let end = plain_value(value.as_bytes())?;
    *rest = &value[end + 1..];
    Some(Some((local(&trimmed[..equals])?, &value[..end])))
}

/// Where the value of an attribute ends, at its quote.
pub(super) fn plain_value(bytes: &[u8]) -> Option<usize> {
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => return Some(at),
            // Blanks of other kinds would have to become spaces.
            b'\n' | b'\t' | b'\r' | b'<' => return None,
            _ => {}
        }
    }
    None
}

/// Where the tag ends: `>` outside of quotes.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            b'<' | b'\'' | b'!' | b'?' if !quoted => return None,
            _ => {}
        }
    }
    None
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

/// A name without its prefix, if it is one.
fn local(name: &str) -> Option<&str> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
    if name.is_empty() || !name.bytes().all(valid) {
        return None;
    }
    match name.bytes().position(|byte| byte == b':') {
        Some(colon) => {
            let local = &name[colon + 1..];
            (!local.is_empty() && !local.contains(':')).then_some(local)
        }
        None => Some(name),
    }
}

/// The text with the five entities of XML replaced; any other is not plain.
pub(super) fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if memchr(b'&', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let entity = &rest[at + 1..];
        let end = memchr(b';', entity.as_bytes())?;
        plain.push(match &entity[..end] {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        });
        rest = &entity[end + 1..];
    }
    plain.push_str(rest);
    Some(Cow::Owned(plain))
}
