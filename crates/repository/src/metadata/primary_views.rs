//! `primary.xml` as writers of repositories write it: a stream of plain bytes in, one borrowed package after the other out.
//!
//! This reads what [`super::primary`] reads, several times faster and without making a string of every word, as long as the
//! document is as plain as every known writer makes it. At the first thing that is not (a comment, an unknown element, a
//! missing field, a broken number) it says so and gives up: whoever calls then lets the other reader have the whole document,
//! which knows all of XML and explains what is wrong. Tests and a fuzzer hold the two against each other.

use std::io::{self, Read};

use rpm_model::{
    Checksum, ChecksumAlgorithm, Comparison, ConstraintView, FileKind, PackageView, RelationKind,
    RelationView,
};

use super::in_parts::{self, Stages};
use super::plain_xml::{Cursor, Next, Tag, attribute, next_attribute, number, plain_value, unescape};

/// How far a document was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// To its end.
    Whole,
    /// Only to where it is not plain any more: what was handed out before does not count.
    Unusual,
}

/// Reads the document on several threads and hands out its packages, in order, until `take` fails.
pub fn scan<E: Send>(
    source: impl Read + Send,
    take: impl FnMut(&PackageView<'_>) -> Result<(), E> + Send,
) -> Result<Result<Scan, E>, io::Error> {
    let mut packages = Packages { take, complete: false, outcome: Ok(Scan::Whole) };
    in_parts::read(source, b"</package>", &(), &mut packages)?;
    let complete = packages.complete;
    Ok(packages.outcome.map(|scan| if complete { scan } else { Scan::Unusual }))
}

/// What has become of the document so far.
struct Packages<T, E> {
    take: T,
    /// Whether it was closed.
    complete: bool,
    outcome: Result<Scan, E>,
}

/// A run of whole packages.
#[derive(Default)]
struct Parsed<'a> {
    packages: Vec<PackageView<'a>>,
    /// The document ends here.
    closes: bool,
    /// It ended to be plain behind these packages.
    unusual: bool,
}

impl<T: FnMut(&PackageView<'_>) -> Result<(), E> + Send, E: Send> Stages for Packages<T, E> {
    type Wish<'w> = ();
    type Parsed<'a> = Parsed<'a>;

    fn parse<'a>((): &(), part: &'a [u8], first: bool) -> Parsed<'a> {
        let mut parsed = Parsed::default();
        parsed.unusual = parsed.read(part, first).is_none();
        parsed
    }

    fn take(&mut self, parsed: Parsed<'_>) -> bool {
        if self.complete && (parsed.closes || parsed.unusual || !parsed.packages.is_empty()) {
            self.outcome = Ok(Scan::Unusual);
            return false;
        }
        if let Err(error) = parsed.packages.iter().try_for_each(&mut self.take) {
            self.outcome = Err(error);
            return false;
        }
        if parsed.unusual {
            self.outcome = Ok(Scan::Unusual);
        }
        self.complete |= parsed.closes;
        !parsed.unusual
    }
}

impl<'a> Parsed<'a> {
    fn read(&mut self, part: &'a [u8], first: bool) -> Option<()> {
        let mut cursor = Cursor { rest: str::from_utf8(part).ok()? };
        if first {
            cursor.head(&["metadata"])?;
        }
        loop {
            cursor.skip_blanks();
            if cursor.rest.is_empty() {
                return Some(());
            }
            if self.closes {
                return None;
            }
            if let Some(rest) = cursor.rest.strip_prefix("</metadata>") {
                cursor.rest = rest;
                self.closes = true;
            } else {
                self.packages.push(package(&mut cursor)?);
            }
        }
    }
}

fn package<'a>(cursor: &mut Cursor<'a>) -> Option<PackageView<'a>> {
    let Next::Open(opened) = cursor.tag()? else { return None };
    let is_rpm = attribute(opened.attributes, "type")?.is_some_and(|kind| kind == "rpm");
    if opened.name != "package" || opened.empty || !is_rpm {
        return None;
    }
    let mut view = PackageView::default();
    let mut has_checksum = false;
    loop {
        let tag = match cursor.tag()? {
            Next::Open(tag) => tag,
            Next::Close(closed) if closed == opened.written => break,
            Next::Close(_) => return None,
        };
        match tag.name {
            "name" => view.name = cursor.text(&tag)?,
            "arch" => view.arch = cursor.text(&tag)?,
            "version" => {
                view.epoch = number(tag.attributes, "epoch")?.unwrap_or(0);
                view.version = attribute(tag.attributes, "ver")??;
                view.release = attribute(tag.attributes, "rel")??;
                cursor.nothing(&tag)?;
            }
            "checksum" => {
                let algorithm = ChecksumAlgorithm::parse(&attribute(tag.attributes, "type")??).ok()?;
                view.checksum = Checksum::new(algorithm, cursor.text(&tag)?.trim()).ok()?;
                has_checksum = true;
            }
            "summary" | "description" | "packager" | "url" => drop(cursor.text(&tag)?),
            "time" => {
                let _modified: Option<u64> = number(tag.attributes, "file")?;
                view.build_time = number(tag.attributes, "build")?.unwrap_or(0);
                cursor.nothing(&tag)?;
            }
            "size" => {
                view.package_size = number(tag.attributes, "package")?.unwrap_or(0);
                view.installed_size = number(tag.attributes, "installed")?.unwrap_or(0);
                let _archive: Option<u64> = number(tag.attributes, "archive")?;
                cursor.nothing(&tag)?;
            }
            "location" => {
                view.location = attribute(tag.attributes, "href")??;
                view.location_base = attribute(tag.attributes, "base")?;
                cursor.nothing(&tag)?;
            }
            "format" if !tag.empty => format(cursor, &tag, &mut view)?,
            _ => return None,
        }
    }
    let complete = has_checksum
        && [&view.name, &view.arch, &view.version, &view.location].iter().all(|text| !text.is_empty());
    complete.then_some(view)
}

fn format<'a>(cursor: &mut Cursor<'a>, opened: &Tag<'a>, view: &mut PackageView<'a>) -> Option<()> {
    loop {
        let tag = match cursor.tag()? {
            Next::Open(tag) => tag,
            Next::Close(closed) if closed == opened.written => return Some(()),
            Next::Close(_) => return None,
        };
        match tag.name {
            "vendor" => view.vendor = cursor.text(&tag)?,
            "license" | "group" | "buildhost" | "sourcerpm" => drop(cursor.text(&tag)?),
            "header-range" => {
                let _start: Option<u64> = number(tag.attributes, "start")?;
                let _end: Option<u64> = number(tag.attributes, "end")?;
                cursor.nothing(&tag)?;
            }
            "file" => {
                let kind = match attribute(tag.attributes, "type")?.as_deref() {
                    Some("dir") => FileKind::Directory,
                    Some("ghost") => FileKind::Ghost,
                    _ => FileKind::File,
                };
                view.files.push((cursor.text(&tag)?, kind));
            }
            name => {
                let list = &mut view.relations[relation_kind(name)?.place()];
                list.clear();
                if !tag.empty {
                    entries(cursor, &tag, list)?;
                }
            }
        }
    }
}

fn entries<'a>(cursor: &mut Cursor<'a>, list: &Tag<'a>, entries: &mut Vec<RelationView<'a>>) -> Option<()> {
    loop {
        cursor.skip_blanks();
        if let Some(texts) = usual_entry(cursor) {
            entries.push(texts.relation()?);
            continue;
        }
        match cursor.tag()? {
            Next::Open(tag) if tag.name == "entry" => {
                entries.push(EntryTexts::read(tag.attributes)?.relation()?);
                if !tag.empty {
                    cursor.close(&tag)?;
                }
            }
            Next::Close(closed) if closed == list.written => return Some(()),
            _ => return None,
        }
    }
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

/// The attributes of an entry, as written.
#[derive(Default)]
struct EntryTexts<'a> {
    name: Option<&'a str>,
    flags: Option<&'a str>,
    epoch: Option<&'a str>,
    version: Option<&'a str>,
    release: Option<&'a str>,
    pre: Option<&'a str>,
}

/// An entry written blank by blank as every known writer does, which most of a document is; else the cursor stays.
fn usual_entry<'a>(cursor: &mut Cursor<'a>) -> Option<EntryTexts<'a>> {
    let mut rest = cursor.rest.strip_prefix("<rpm:entry")?;
    let mut texts = EntryTexts::default();
    loop {
        if let Some(after) = rest.strip_prefix("/>") {
            cursor.rest = after;
            return Some(texts);
        }
        let attribute = rest.strip_prefix(' ')?;
        let (slot, value) = if let Some(value) = attribute.strip_prefix("name=\"") {
            (&mut texts.name, value)
        } else if let Some(value) = attribute.strip_prefix("flags=\"") {
            (&mut texts.flags, value)
        } else if let Some(value) = attribute.strip_prefix("epoch=\"") {
            (&mut texts.epoch, value)
        } else if let Some(value) = attribute.strip_prefix("ver=\"") {
            (&mut texts.version, value)
        } else if let Some(value) = attribute.strip_prefix("rel=\"") {
            (&mut texts.release, value)
        } else {
            (&mut texts.pre, attribute.strip_prefix("pre=\"")?)
        };
        let end = plain_value(value.as_bytes())?;
        if slot.replace(&value[..end]).is_some() {
            return None;
        }
        rest = &value[end + 1..];
    }
}

impl<'a> EntryTexts<'a> {
    fn read(attributes: &'a str) -> Option<Self> {
        let mut texts = EntryTexts::default();
        let mut rest = attributes;
        while let Some((key, value)) = next_attribute(&mut rest)? {
            let slot = match key {
                "name" => &mut texts.name,
                "flags" => &mut texts.flags,
                "epoch" => &mut texts.epoch,
                "ver" => &mut texts.version,
                "rel" => &mut texts.release,
                "pre" => &mut texts.pre,
                _ => return None,
            };
            // The first of two counts for the other reader; no writer makes two.
            if slot.replace(value).is_some() {
                return None;
            }
        }
        Some(texts)
    }

    fn relation(self) -> Option<RelationView<'a>> {
        let name = unescape(self.name?)?;
        let pre = self.pre == Some("1");
        if name.starts_with('(') {
            return Some(RelationView { name, constraint: None, pre });
        }
        let Some(flags) = self.flags else { return Some(RelationView { name, constraint: None, pre }) };
        let comparison = Comparison::from_metadata_name(flags)?;
        let Some(version) = self.version else { return Some(RelationView { name, constraint: None, pre }) };
        let epoch = match self.epoch {
            Some(epoch) => Some(epoch.trim().parse().ok()?),
            None => None,
        };
        let release = match self.release {
            Some("") | None => None,
            Some(release) => Some(unescape(release)?),
        };
        let constraint = Some(ConstraintView { comparison, epoch, version: unescape(version)?, release });
        Some(RelationView { name, constraint, pre })
    }
}
