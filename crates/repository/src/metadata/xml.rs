//! A pull parser over a slice that knows where it is. Namespaces are let go by: rpm-md's prefixes never vary in meaning.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use quick_xml::{XmlVersion, escape};

/// XML that is broken, or that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}:{column}: {problem}")]
pub struct XmlError {
    /// The document.
    pub origin: String,
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

/// A document, or a run of whole elements of one.
pub(super) struct Document<'a> {
    reader: Reader<&'a [u8]>,
    whole: &'a str,
    offset: usize,
    origin: &'a str,
}

/// An opened element.
pub(super) struct Tag<'a>(BytesStart<'a>);

/// What comes next; text between elements is passed over.
pub(super) enum Node<'a> {
    Open(Tag<'a>),
    Close,
    End,
}

impl<'a> Document<'a> {
    pub(super) fn new(text: &'a str, origin: &'a str) -> Document<'a> {
        Document::part(text, 0..text.len(), origin)
    }

    /// Only this range of bytes, with places counted from the start of the whole.
    pub(super) fn part(whole: &'a str, range: std::ops::Range<usize>, origin: &'a str) -> Document<'a> {
        let mut reader = Reader::from_str(&whole[range.clone()]);
        reader.config_mut().expand_empty_elements = true;
        Document { reader, whole, offset: range.start, origin }
    }

    /// The next element that opens, the end of the one that is open, or the end of the document.
    pub(super) fn next(&mut self) -> Result<Node<'a>, XmlError> {
        loop {
            match self.event()? {
                Event::Start(start) => return Ok(Node::Open(Tag(start))),
                Event::End(_) => return Ok(Node::Close),
                Event::Eof => return Ok(Node::End),
                _ => {}
            }
        }
    }

    /// As [`Document::next`] within an element, where the document must not end.
    pub(super) fn child(&mut self) -> Result<Option<Tag<'a>>, XmlError> {
        match self.next()? {
            Node::Open(tag) => Ok(Some(tag)),
            Node::Close => Ok(None),
            Node::End => Err(self.fail(&"the document ends within an element")),
        }
    }

    /// The text of the element just opened, up to its end; elements within it are passed over.
    pub(super) fn text(&mut self) -> Result<String, XmlError> {
        let mut text = String::new();
        let mut depth = 0_usize;
        loop {
            match self.event()? {
                Event::Text(part) if depth == 0 => text.push_str(&part.xml10_content()),
                Event::CData(part) if depth == 0 => text.push_str(&part.xml10_content()),
                Event::GeneralRef(name) if depth == 0 => match name.resolve_char_ref() {
                    Ok(Some(letter)) => text.push(letter),
                    Ok(None) => {
                        let known = escape::resolve_predefined_entity(&name);
                        text.push_str(
                            known.ok_or_else(|| self.fail(&format!("unknown entity `&{};`", &*name)))?,
                        );
                    }
                    Err(error) => return Err(self.fail(&error)),
                },
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 0 => return Ok(text),
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(self.fail(&"the document ends within an element")),
                _ => {}
            }
        }
    }

    /// The text of the element just opened, as a number or whatever else can be read from it.
    pub(super) fn value<T: FromStr>(&mut self) -> Result<T, XmlError> {
        let text = self.text()?;
        text.trim().parse().map_err(|_| self.fail(&format!("`{text}` is not a valid number")))
    }

    /// Passes over the element just opened.
    pub(super) fn skip(&mut self) -> Result<(), XmlError> {
        self.text().map(drop)
    }

    /// An error at the present place.
    pub(super) fn fail(&self, problem: &dyn Display) -> XmlError {
        let within = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        self.fail_at(within, problem)
    }

    fn fail_at(&self, within: usize, problem: &dyn Display) -> XmlError {
        let place = self.offset.saturating_add(within).min(self.whole.len());
        let before = &self.whole.as_bytes()[..place];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        XmlError {
            origin: self.origin.to_owned(),
            line,
            column: 1 + place - line_start,
            problem: problem.to_string(),
        }
    }

    fn event(&mut self) -> Result<Event<'a>, XmlError> {
        self.reader.read_event().map_err(|error| {
            let within = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
            self.fail_at(within, &error)
        })
    }
}

impl<'a> Tag<'a> {
    /// The name without its namespace's prefix.
    pub(super) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// The value of an attribute, by its name without prefix.
    pub(super) fn attribute(
        &self,
        name: &str,
        document: &Document<'_>,
    ) -> Result<Option<Cow<'_, str>>, XmlError> {
        for attribute in self.0.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| document.fail(&error))?;
            if attribute.key.local_name().into_inner() == name {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                return value.map(Some).map_err(|error| document.fail(&error));
            }
        }
        Ok(None)
    }

    /// The value of an attribute that must be there.
    pub(super) fn needed(&self, name: &str, document: &Document<'_>) -> Result<Cow<'_, str>, XmlError> {
        let value = self.attribute(name, document)?;
        value.ok_or_else(|| document.fail(&format!("<{}> lacks the attribute `{name}`", self.name())))
    }

    /// A number that an attribute must hold if it is there.
    pub(super) fn number<T: FromStr>(
        &self,
        name: &str,
        document: &Document<'_>,
    ) -> Result<Option<T>, XmlError> {
        let Some(value) = self.attribute(name, document)? else { return Ok(None) };
        let number = value.trim().parse();
        number
            .map(Some)
            .map_err(|_| document.fail(&format!("`{value}` (attribute `{name}`) is not a valid number")))
    }
}
