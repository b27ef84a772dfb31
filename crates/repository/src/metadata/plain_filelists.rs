//! `filelists.xml` as writers of repositories write it, in; the paths that are asked for, out.
//!
//! This reads what [`super::filelists`] reads, on several threads and several times faster, and gives up at the first thing
//! that is not plain: then the other reader has to have the whole document. Tests and a fuzzer hold the two against each other.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::memchr;
use rpm_model::{FileKind, PackageFile};

use super::filelists::FilesByPackage;
use super::in_parts::{self, Stages};
use super::plain_xml::{Cursor, Next, Tag, attribute, unescape};

/// Which paths are kept.
type Wanted<'w> = dyn Fn(&str) -> bool + Sync + 'w;

/// Reads the document and keeps the paths for which `wanted` holds; `None` where the document is not plain.
pub fn scan(source: impl Read + Send, wanted: &Wanted<'_>) -> io::Result<Option<FilesByPackage>> {
    let mut lists = Lists::default();
    in_parts::read(source, b"</package>", &wanted, &mut lists)?;
    Ok((lists.complete && !lists.unusual).then_some(lists.found))
}

/// What has become of the document so far.
#[derive(Default)]
struct Lists {
    found: FilesByPackage,
    complete: bool,
    unusual: bool,
}

/// The kept paths of a run of whole packages.
#[derive(Default)]
struct Parsed<'a> {
    found: Vec<(Cow<'a, str>, PackageFile)>,
    /// The document ends here.
    closes: bool,
    /// There is anything but blanks.
    filled: bool,
    /// It ended to be plain.
    unusual: bool,
}

impl Stages for Lists {
    type Wish<'w> = &'w Wanted<'w>;
    type Parsed<'a> = Parsed<'a>;

    fn parse<'a>(wanted: &&Wanted<'_>, part: &'a [u8], first: bool) -> Parsed<'a> {
        let mut parsed = Parsed::default();
        parsed.unusual = parsed.read(part, first, wanted).is_none();
        parsed
    }

    fn take(&mut self, parsed: Parsed<'_>) -> bool {
        self.unusual = parsed.unusual || self.complete && parsed.filled;
        self.complete |= parsed.closes;
        for (package, file) in parsed.found {
            self.found.entry(package.into_owned()).or_default().push(file);
        }
        !self.unusual
    }
}

impl<'a> Parsed<'a> {
    fn read(&mut self, part: &'a [u8], first: bool, wanted: &Wanted<'_>) -> Option<()> {
        let mut cursor = Cursor { rest: str::from_utf8(part).ok()? };
        if first {
            cursor.head(&["filelists"])?;
        }
        loop {
            cursor.skip_blanks();
            if cursor.rest.is_empty() {
                return Some(());
            }
            self.filled = true;
            if self.closes {
                return None;
            }
            match cursor.tag()? {
                Next::Open(tag) => self.package(&mut cursor, &tag, wanted)?,
                Next::Close("filelists") => self.closes = true,
                Next::Close(_) => return None,
            }
        }
    }

    fn package(&mut self, cursor: &mut Cursor<'a>, opened: &Tag<'a>, wanted: &Wanted<'_>) -> Option<()> {
        let id = attribute(opened.attributes, "pkgid")??;
        if opened.name != "package" || opened.empty {
            return None;
        }
        loop {
            cursor.skip_blanks();
            let (path, kind) = match usual_file(cursor) {
                Some(path) => (unescape(path)?, FileKind::File),
                None => match cursor.tag()? {
                    Next::Open(tag) if tag.name == "file" => {
                        let kind = match attribute(tag.attributes, "type")?.as_deref() {
                            Some("dir") => FileKind::Directory,
                            Some("ghost") => FileKind::Ghost,
                            _ => FileKind::File,
                        };
                        (cursor.text(&tag)?, kind)
                    }
                    Next::Open(tag) if tag.name == "version" => {
                        cursor.nothing(&tag)?;
                        continue;
                    }
                    Next::Close(closed) if closed == opened.written => return Some(()),
                    _ => return None,
                },
            };
            if wanted(&path) {
                self.found.push((id.clone(), PackageFile { path: path.into_owned(), kind }));
            }
        }
    }
}

/// The text of `<file>…</file>`, which most of a document is; else the cursor stays.
fn usual_file<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let text = cursor.rest.strip_prefix("<file>")?;
    let end = memchr(b'<', text.as_bytes())?;
    let (path, after) = text.split_at(end);
    let after = after.strip_prefix("</file>")?;
    if memchr(b'\r', path.as_bytes()).is_some() {
        return None;
    }
    cursor.rest = after;
    Some(path)
}
