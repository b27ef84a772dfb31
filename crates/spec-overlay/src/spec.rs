//! The bytes of a spec file in; its lines, sections and tags, and the same bytes, out.
//! Nothing here evaluates a conditional or expands a macro: the text is the model.

mod conditional;
mod header;
mod tag;
mod words;

use std::borrow::Cow;

pub(crate) use conditional::{Conditional, conditional, is_blank_or_comment};
pub(crate) use header::{Header, header_of};
pub(crate) use tag::{family, fold_case, lower, patch_number, tag_of};
pub(crate) use words::{trim, words};

pub use header::SectionKind;

use crate::effect::LineChange;

/// A spec file as lines, each known to begin a section or not; it prints back exactly what it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecFile<'a> {
    lines: Vec<Line<'a>>,
    /// Whether the last line ends.
    final_newline: bool,
    /// Whether some line ends in a carriage return.
    carriage_returns: bool,
}

/// A line without its line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    /// What the line begins, if it begins a section.
    pub(crate) header: Option<Box<Header>>,
}

/// A section: from its header line to the line before the next header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'s> {
    /// The header's first word as written; empty for the preamble.
    pub name: &'s str,
    /// The package as the header names it; empty for the main package.
    pub package: Cow<'s, str>,
    /// What its lines are.
    pub kind: SectionKind,
    /// The header's line number from 1; 1 for the preamble, which has none.
    pub first_line: usize,
    /// One more than the number of its last line.
    pub end: usize,
}

/// A tag of the preamble or of a `%package` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag<'s> {
    /// The package as its header names it; empty for the main package.
    pub package: Cow<'s, str>,
    /// The name as written.
    pub name: Cow<'s, str>,
    /// The value as written, without blanks around it.
    pub value: Cow<'s, str>,
    /// Its line number, from 1.
    pub line: usize,
}

impl<'a> SpecFile<'a> {
    /// Reads a spec; any bytes are one.
    pub fn parse(bytes: &'a [u8]) -> SpecFile<'a> {
        let final_newline = bytes.is_empty() || bytes.ends_with(b"\n");
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let lines: Vec<Line<'a>> = if bytes.is_empty() {
            Vec::new()
        } else {
            body.split(|byte| *byte == b'\n').map(|text| Line::new(Cow::Borrowed(text))).collect()
        };
        let carriage_returns = lines.iter().any(Line::ends_in_return);
        SpecFile { lines, final_newline, carriage_returns }
    }

    /// The bytes: those that were read, as long as nothing was changed.
    pub fn print(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.lines.iter().map(|line| line.text.len() + 1).sum());
        for line in &self.lines {
            bytes.extend_from_slice(&line.text);
            bytes.push(b'\n');
        }
        if !self.final_newline {
            bytes.pop();
        }
        bytes
    }

    /// Every section from top to bottom; the first is the preamble.
    pub fn sections(&self) -> Vec<Section<'_>> {
        let mut sections = vec![Section {
            name: "",
            package: Cow::Borrowed(""),
            kind: SectionKind::Package,
            first_line: 1,
            end: self.lines.len() + 1,
        }];
        for (index, line) in self.lines.iter().enumerate() {
            let Some(header) = &line.header else { continue };
            if let Some(last) = sections.last_mut() {
                last.end = index + 1;
            }
            sections.push(Section {
                name: &header.name,
                package: String::from_utf8_lossy(&header.package),
                kind: header.kind,
                first_line: index + 1,
                end: self.lines.len() + 1,
            });
        }
        sections
    }

    /// Every tag from top to bottom, those in branches of conditionals included.
    pub fn tags(&self) -> Vec<Tag<'_>> {
        let mut tags = Vec::new();
        self.walk(|index, line, place| {
            let Some((name, value)) = place.tag(line) else { return };
            tags.push(Tag {
                package: String::from_utf8_lossy(place.package()),
                name: String::from_utf8_lossy(name),
                value: String::from_utf8_lossy(value),
                line: index + 1,
            });
        });
        tags
    }

    /// The values of one tag of one package, from top to bottom; the name is compared ignoring case.
    pub fn tag_values(&self, package: &str, name: &str) -> Vec<Cow<'_, str>> {
        let wanted = lower(name.as_bytes());
        let mut values = Vec::new();
        self.walk(|_, line, place| {
            if place.package() == package.as_bytes()
                && let Some((name, value)) = place.tag(line)
                && lower(name) == wanted
            {
                values.push(String::from_utf8_lossy(value));
            }
        });
        values
    }

    /// One line without its line end, by its number from 1.
    pub fn line(&self, number: usize) -> Option<Cow<'_, str>> {
        let line = self.lines.get(number.checked_sub(1)?)?;
        Some(String::from_utf8_lossy(line.text.strip_suffix(b"\r").unwrap_or(&line.text)))
    }

    pub(crate) fn lines(&self) -> &[Line<'a>] {
        &self.lines
    }

    /// Calls for every line that is no header, with the place it is in.
    pub(crate) fn walk<'s>(&'s self, mut visit: impl FnMut(usize, &'s Line<'a>, Place<'s>)) {
        let mut place: Place<'s> = Place::PREAMBLE;
        for (index, line) in self.lines.iter().enumerate() {
            match &line.header {
                Some(header) => place = Place(Some(header)),
                None => visit(index, line, place),
            }
        }
    }

    /// Does what writing the file and reading it again does: one carriage return at the end of each line is gone, and
    /// the last line ends.
    pub(crate) fn reread(&mut self) {
        self.final_newline = true;
        if !self.carriage_returns {
            return;
        }
        for line in &mut self.lines {
            if line.ends_in_return() {
                match &mut line.text {
                    Cow::Borrowed(text) => *text = &text[..text.len() - 1],
                    Cow::Owned(text) => {
                        text.pop();
                    }
                }
            }
        }
        self.carriage_returns = self.lines.iter().any(Line::ends_in_return);
    }

    /// Makes the edits, which are in order and do not overlap, and tells what they changed.
    pub(crate) fn change(&mut self, edits: Vec<Edit>) -> Vec<LineChange> {
        let mut changes = Vec::with_capacity(edits.len());
        let mut lines = Vec::with_capacity(self.lines.len() + edits.len());
        let mut former = std::mem::take(&mut self.lines).into_iter().enumerate();
        let mut section: Option<Box<Header>> = None;
        let mut next = 0;
        for edit in edits {
            while next < edit.at
                && let Some((_, line)) = former.next()
            {
                next += 1;
                if line.header.is_some() {
                    section.clone_from(&line.header);
                }
                lines.push(line);
            }
            let mut removed = Vec::with_capacity(edit.remove);
            let mut after = section.clone();
            for (_, line) in former.by_ref().take(edit.remove) {
                next += 1;
                if line.header.is_some() {
                    after.clone_from(&line.header);
                    if removed.is_empty() {
                        section.clone_from(&line.header);
                    }
                }
                removed.push(String::from_utf8_lossy(&line.text).into_owned());
            }
            let mut added = Vec::new();
            for text in edit.insert {
                for text in text.split(|byte| *byte == b'\n') {
                    added.push(String::from_utf8_lossy(text).into_owned());
                    let line = Line::new(Cow::Owned(text.to_vec()));
                    self.carriage_returns |= line.ends_in_return();
                    lines.push(line);
                }
            }
            changes.push(LineChange {
                line: edit.at + 1,
                section: section.as_ref().map(|header| header.name.clone()).unwrap_or_default(),
                package: section
                    .as_ref()
                    .map(|header| String::from_utf8_lossy(&header.package).into_owned())
                    .unwrap_or_default(),
                removed,
                added,
            });
            section = after;
        }
        lines.extend(former.map(|(_, line)| line));
        self.lines = lines;
        changes
    }
}

impl<'a> Line<'a> {
    fn new(text: Cow<'a, [u8]>) -> Line<'a> {
        let header = header_of(&text).map(Box::new);
        Line { text, header }
    }

    fn ends_in_return(&self) -> bool {
        self.text.ends_with(b"\r")
    }
}

/// The section that a line is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'s>(pub(crate) Option<&'s Header>);

impl<'s> Place<'s> {
    pub(crate) const PREAMBLE: Place<'static> = Place(None);

    pub(crate) fn name(self) -> &'s str {
        match self.0 {
            Some(header) => &header.name,
            None => "",
        }
    }

    pub(crate) fn package(self) -> &'s [u8] {
        match self.0 {
            Some(header) => &header.package,
            None => b"",
        }
    }

    /// Whether it is the section of this exact name and package.
    pub(crate) fn is(self, section: &str, package: &str) -> bool {
        self.name() == section && self.package() == package.as_bytes()
    }

    /// The tag that a line is, if lines here are tags.
    pub(crate) fn tag<'l>(self, line: &'l Line<'_>) -> Option<(&'l [u8], &'l [u8])> {
        let kind = self.0.map_or(SectionKind::Package, |header| header.kind);
        if kind == SectionKind::Package && line.header.is_none() { tag_of(&line.text) } else { None }
    }
}

/// Lines to take out at a place, and lines to put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The index of the first line that goes, or that comes after what is put in.
    pub(crate) at: usize,
    pub(crate) remove: usize,
    /// Texts that become lines; one with line feeds becomes several.
    pub(crate) insert: Vec<Vec<u8>>,
}

impl Edit {
    pub(crate) fn insert(at: usize, insert: Vec<Vec<u8>>) -> Edit {
        Edit { at, remove: 0, insert }
    }

    pub(crate) fn replace(at: usize, text: Vec<u8>) -> Edit {
        Edit { at, remove: 1, insert: vec![text] }
    }

    pub(crate) fn remove(at: usize, remove: usize) -> Edit {
        Edit { at, remove, insert: Vec::new() }
    }
}
