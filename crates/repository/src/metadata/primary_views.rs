//! `primary.xml` as writers of repositories write it: a stream of plain bytes in, one borrowed package after the other out.
//!
//! This reads what [`super::primary`] reads, several times faster and without making a string of every word, as long as the
//! document is as plain as every known writer makes it. At the first thing that is not (a comment, an unknown element, a
//! missing field, a broken number) it says so and gives up: whoever calls then lets the other reader have the whole document,
//! which knows all of XML and explains what is wrong. Tests hold the two against each other.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;

use memchr::{memchr, memmem};
use rpm_model::{
    Checksum, ChecksumAlgorithm, Comparison, ConstraintView, FileKind, PackageView, RelationKind,
    RelationView,
};

/// Bytes that are read before packages are handed on.
const PART: usize = 1 << 20;
/// Parts that may wait: the reader is no further ahead.
const WAITING: usize = 8;
const CLOSE: &[u8] = b"</package>";

/// How far a document was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// To its end.
    Whole,
    /// Only to where it is not plain any more: what was handed out before does not count.
    Unusual,
}

/// Reads the document on a thread of its own and hands out its packages, in order, until `take` fails.
pub fn scan<E>(
    source: impl Read + Send,
    mut take: impl FnMut(&PackageView<'_>) -> Result<(), E>,
) -> Result<Result<Scan, E>, io::Error> {
    let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(WAITING);
    thread::scope(|scope| {
        let reader = scope.spawn(move || send_parts(source, &sender));
        let mut document = Document::default();
        let mut outcome = Ok(Scan::Whole);
        for part in &receiver {
            match document.part(&part, &mut take) {
                Ok(true) => {}
                Ok(false) => outcome = Ok(Scan::Unusual),
                Err(error) => outcome = Err(error),
            }
            if !matches!(outcome, Ok(Scan::Whole)) {
                break;
            }
        }
        // The reader stops when nobody listens.
        drop(receiver);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match outcome {
            Ok(Scan::Whole) => read.map(|()| Ok(if document.complete { Scan::Whole } else { Scan::Unusual })),
            other => Ok(other),
        }
    })
}

/// Cuts the stream behind package elements.
fn send_parts(mut source: impl Read, sender: &mpsc::SyncSender<Vec<u8>>) -> io::Result<()> {
    let mut carried = Vec::new();
    loop {
        let mut part = Vec::with_capacity(PART + PART / 2);
        part.append(&mut carried);
        let wanted = PART as u64;
        let read = source.by_ref().take(wanted).read_to_end(&mut part)?;
        let ended = read == 0;
        if !ended {
            match memmem::rfind(&part, CLOSE) {
                Some(at) => carried.extend_from_slice(&part[at + CLOSE.len()..]),
                None => {
                    carried = part;
                    continue;
                }
            }
            part.truncate(part.len() - carried.len());
        }
        if sender.send(part).is_err() || ended {
            return Ok(());
        }
    }
}

/// What must come next.
#[derive(Debug, Default)]
struct Document {
    opened: bool,
    complete: bool,
}

impl Document {
    /// Reads a run of whole packages; false where it is not plain.
    fn part<E>(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&PackageView<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Ok(text) = str::from_utf8(bytes) else { return Ok(false) };
        let mut cursor = Cursor { rest: text };
        if !self.opened {
            if cursor.head().is_none() {
                return Ok(false);
            }
            self.opened = true;
        }
        let mut view = PackageView::default();
        loop {
            cursor.skip_blanks();
            if cursor.rest.is_empty() {
                return Ok(true);
            }
            if self.complete {
                return Ok(false);
            }
            if let Some(rest) = cursor.rest.strip_prefix("</metadata>") {
                cursor.rest = rest;
                self.complete = true;
            } else if cursor.package(&mut view).is_some() {
                take(&view)?;
            } else {
                return Ok(false);
            }
        }
    }
}

/// The text that is still to be read. Whatever is not plain is `None`.
struct Cursor<'a> {
    rest: &'a str,
}

/// An opened element: its name as written and without prefix, its attributes as written, and whether it is closed at once.
struct Tag<'a> {
    written: &'a str,
    name: &'a str,
    attributes: &'a str,
    empty: bool,
}

/// The next tag; one that closes with its name as written.
enum Next<'a> {
    Open(Tag<'a>),
    Close(&'a str),
}

impl<'a> Cursor<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\t', '\r']);
    }

    /// The declaration and `<metadata …>`.
    fn head(&mut self) -> Option<()> {
        self.rest = self.rest.strip_prefix('\u{feff}').unwrap_or(self.rest);
        if let Some(declaration) = self.rest.strip_prefix("<?xml ") {
            let end = declaration.find("?>")?;
            let encoding = declaration[..end].to_ascii_lowercase();
            if encoding.contains("encoding") && !encoding.contains("utf-8") {
                return None;
            }
            self.rest = &declaration[end + 2..];
        }
        self.skip_blanks();
        match self.tag()? {
            Next::Open(tag) if tag.written == "metadata" && !tag.empty => Some(()),
            _ => None,
        }
    }

    /// The next tag, with nothing but blanks before it.
    fn tag(&mut self) -> Option<Next<'a>> {
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
        let (name, attributes) = match content.find([' ', '\n', '\t', '\r']) {
            Some(blank) => (&content[..blank], &content[blank..]),
            None => (content, ""),
        };
        Some(Next::Open(Tag { written: name, name: local(name)?, attributes, empty }))
    }

    /// The end of this element, next.
    fn close(&mut self, opened: &Tag<'a>) -> Option<()> {
        matches!(self.tag()?, Next::Close(closed) if closed == opened.written).then_some(())
    }

    /// The text of an element of this name, which was just opened, and its end.
    fn text(&mut self, tag: &Tag<'a>) -> Option<Cow<'a, str>> {
        if tag.empty {
            return Some(Cow::Borrowed(""));
        }
        let end = memchr(b'<', self.rest.as_bytes())?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end..];
        let closing = self.rest.strip_prefix("</")?;
        let end = memchr(b'>', closing.as_bytes())?;
        if &closing[..end] != tag.written {
            return None;
        }
        self.rest = &closing[end + 1..];
        // Line ends would have to be made alike.
        if memchr(b'\r', text.as_bytes()).is_some() { None } else { unescape(text) }
    }

    /// The end of an element that must be empty.
    fn nothing(&mut self, tag: &Tag<'a>) -> Option<()> {
        self.text(tag).filter(|text| text.trim().is_empty()).map(drop)
    }

    fn package(&mut self, view: &mut PackageView<'a>) -> Option<()> {
        let Next::Open(opened) = self.tag()? else { return None };
        let is_rpm = attribute(opened.attributes, "type")?.is_some_and(|kind| kind == "rpm");
        if opened.name != "package" || opened.empty || !is_rpm {
            return None;
        }
        clear(view);
        let mut has_checksum = false;
        loop {
            let tag = match self.tag()? {
                Next::Open(tag) => tag,
                Next::Close(closed) if closed == opened.written => break,
                Next::Close(_) => return None,
            };
            match tag.name {
                "name" => view.name = self.text(&tag)?,
                "arch" => view.arch = self.text(&tag)?,
                "version" => {
                    view.epoch = number(tag.attributes, "epoch")?.unwrap_or(0);
                    view.version = attribute(tag.attributes, "ver")??;
                    view.release = attribute(tag.attributes, "rel")??;
                    self.nothing(&tag)?;
                }
                "checksum" => {
                    let algorithm = ChecksumAlgorithm::parse(&attribute(tag.attributes, "type")??).ok()?;
                    view.checksum = Checksum::new(algorithm, self.text(&tag)?.trim()).ok()?;
                    has_checksum = true;
                }
                "summary" | "description" | "packager" | "url" => drop(self.text(&tag)?),
                "time" => {
                    let _modified: Option<u64> = number(tag.attributes, "file")?;
                    view.build_time = number(tag.attributes, "build")?.unwrap_or(0);
                    self.nothing(&tag)?;
                }
                "size" => {
                    view.package_size = number(tag.attributes, "package")?.unwrap_or(0);
                    view.installed_size = number(tag.attributes, "installed")?.unwrap_or(0);
                    let _archive: Option<u64> = number(tag.attributes, "archive")?;
                    self.nothing(&tag)?;
                }
                "location" => {
                    view.location = attribute(tag.attributes, "href")??;
                    view.location_base = attribute(tag.attributes, "base")?;
                    self.nothing(&tag)?;
                }
                "format" if !tag.empty => self.format(&tag, view)?,
                _ => return None,
            }
        }
        let complete = has_checksum
            && [&view.name, &view.arch, &view.version, &view.location].iter().all(|text| !text.is_empty());
        complete.then_some(())
    }

    fn format(&mut self, opened: &Tag<'a>, view: &mut PackageView<'a>) -> Option<()> {
        loop {
            let tag = match self.tag()? {
                Next::Open(tag) => tag,
                Next::Close(closed) if closed == opened.written => return Some(()),
                Next::Close(_) => return None,
            };
            match tag.name {
                "vendor" => view.vendor = self.text(&tag)?,
                "license" | "group" | "buildhost" | "sourcerpm" => drop(self.text(&tag)?),
                "header-range" => {
                    let _start: Option<u64> = number(tag.attributes, "start")?;
                    let _end: Option<u64> = number(tag.attributes, "end")?;
                    self.nothing(&tag)?;
                }
                "file" => {
                    let kind = match attribute(tag.attributes, "type")?.as_deref() {
                        Some("dir") => FileKind::Directory,
                        Some("ghost") => FileKind::Ghost,
                        _ => FileKind::File,
                    };
                    view.files.push((self.text(&tag)?, kind));
                }
                name => {
                    let kind = relation_kind(name)?;
                    view.relations[kind.place()].clear();
                    if !tag.empty {
                        self.entries(&tag, &mut view.relations[kind.place()])?;
                    }
                }
            }
        }
    }

    fn entries(&mut self, list: &Tag<'a>, entries: &mut Vec<RelationView<'a>>) -> Option<()> {
        loop {
            match self.tag()? {
                Next::Open(tag) if tag.name == "entry" => {
                    entries.push(entry(tag.attributes)?);
                    if !tag.empty {
                        self.close(&tag)?;
                    }
                }
                Next::Close(closed) if closed == list.written => return Some(()),
                _ => return None,
            }
        }
    }
}

fn clear(view: &mut PackageView<'_>) {
    let relations = std::mem::take(&mut view.relations);
    let files = std::mem::take(&mut view.files);
    *view = PackageView::default();
    view.relations = relations;
    view.files = files;
    view.relations.iter_mut().for_each(Vec::clear);
    view.files.clear();
}

fn relation_kind(name: &str) -> Option<RelationKind> {
    Some(match name {
        "provides" => RelationKind::Provides,
        "requires" => RelationKind::Requires,
        "conflicts" => RelationKind::Conflicts,
        "obsoletes" => RelationKind::Obsoletes,
        "recommends" => RelationKind::Recommends,
        "suggests" => RelationKind::Suggests,
        "supplements" => RelationKind::Supplements,
        "enhances" => RelationKind::Enhances,
        _ => return None,
    })
}

fn entry<'a>(attributes: &'a str) -> Option<RelationView<'a>> {
    let (mut name, mut flags, mut epoch, mut version, mut release, mut pre) =
        (None, None, None, None, None, None);
    let mut rest = attributes;
    while let Some((key, value)) = next_attribute(&mut rest)? {
        let slot = match key {
            "name" => &mut name,
            "flags" => &mut flags,
            "epoch" => &mut epoch,
            "ver" => &mut version,
            "rel" => &mut release,
            "pre" => &mut pre,
            _ => return None,
        };
        // The first of two counts for the other reader; no writer makes two.
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let name = unescape(name?)?;
    let pre = pre == Some("1");
    if name.starts_with('(') {
        return Some(RelationView { name, constraint: None, pre });
    }
    let Some(flags) = flags else { return Some(RelationView { name, constraint: None, pre }) };
    let comparison = Comparison::from_metadata_name(flags)?;
    let Some(version) = version else { return Some(RelationView { name, constraint: None, pre }) };
    let epoch = match epoch {
        Some(epoch) => Some(epoch.trim().parse().ok()?),
        None => None,
    };
    let release = match release {
        Some("") | None => None,
        Some(release) => Some(unescape(release)?),
    };
    let constraint = Some(ConstraintView { comparison, epoch, version: unescape(version)?, release });
    Some(RelationView { name, constraint, pre })
}

/// The value of an attribute; the inner `None` when it is not there.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<Option<Cow<'a, str>>> {
    let mut rest = attributes;
    while let Some((key, value)) = next_attribute(&mut rest)? {
        if key == name {
            return unescape(value).map(Some);
        }
    }
    Some(None)
}

fn number<T: std::str::FromStr>(attributes: &str, name: &str) -> Option<Option<T>> {
    match attribute(attributes, name)? {
        Some(value) => value.trim().parse().ok().map(Some),
        None => Some(None),
    }
}

/// ` name="value"`: name without prefix, value as written; the inner `None` at the end.
fn next_attribute<'a>(rest: &mut &'a str) -> Option<Option<(&'a str, &'a str)>> {
    let trimmed = rest.trim_start_matches([' ', '\n', '\t', '\r']);
    if trimmed.is_empty() {
        return Some(None);
    }
    if trimmed.len() == rest.len() {
        return None;
    }
    let bytes = trimmed.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=')?;
    if bytes.get(equals + 1) != Some(&b'"') {
        return None;
    }
    let value = &trimmed[equals + 2..];
    let end = value.as_bytes().iter().position(|byte| *byte == b'"')?;
    *rest = &value[end + 1..];
    let value = &value[..end];
    // Blanks of other kinds would have to become spaces.
    if value.bytes().any(|byte| matches!(byte, b'\n' | b'\t' | b'\r' | b'<')) {
        return None;
    }
    Some(Some((local(&trimmed[..equals])?, value)))
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
fn unescape(text: &str) -> Option<Cow<'_, str>> {
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
