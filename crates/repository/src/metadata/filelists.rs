//! `filelists.xml`: every path of every package. It is large: read as a stream, keeping the paths that are asked for.

use std::collections::BTreeMap;
use std::io::BufRead;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use rpm_model::{FileKind, PackageFile};

/// Files by the checksum (hexadecimal) of the package that owns them.
pub type FilesByPackage = BTreeMap<String, Vec<PackageFile>>;

/// Why file lists cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: at byte {offset}: {problem}")]
pub struct FilelistsError {
    /// The document.
    pub origin: String,
    /// Offset in the document, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub problem: String,
}

/// Reads the document and keeps the paths for which `wanted` holds; `origin` names it in errors.
pub fn read(
    source: impl BufRead,
    origin: &str,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<FilesByPackage, FilelistsError> {
    let mut reader = Reader::from_reader(source);
    reader.config_mut().expand_empty_elements = true;
    let mut state = State::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|error| error.to_string());
        match event.and_then(|event| state.take(event, wanted)) {
            Ok(true) => {}
            Ok(false) => return Ok(state.found),
            Err(problem) => {
                return Err(FilelistsError {
                    origin: origin.to_owned(),
                    offset: reader.buffer_position(),
                    problem,
                });
            }
        }
    }
}

#[derive(Default)]
struct State {
    found: FilesByPackage,
    open: Vec<Element>,
    complete: bool,
    package: String,
    kind: Option<FileKind>,
    path: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Root,
    Package,
    File,
    Other,
}

impl State {
    /// Whether the document goes on.
    fn take(&mut self, event: Event<'_>, wanted: &dyn Fn(&str) -> bool) -> Result<bool, String> {
        match event {
            Event::Start(start) => self.opened(&start)?,
            Event::End(_) => self.closed(wanted),
            Event::Text(text) if self.kind.is_some() => self.path.push_str(&text.xml10_content()),
            Event::CData(text) if self.kind.is_some() => self.path.push_str(&text.xml10_content()),
            Event::GeneralRef(name) if self.kind.is_some() => {
                match name.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(letter) => self.path.push(letter),
                    None => self.path.push_str(
                        resolve_predefined_entity(&name)
                            .ok_or_else(|| format!("unknown entity `&{};`", &*name))?,
                    ),
                }
            }
            Event::Eof if self.complete && self.open.is_empty() => return Ok(false),
            Event::Eof => return Err("the document ends before </filelists>".to_owned()),
            _ => {}
        }
        Ok(true)
    }

    fn opened(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let name = start.local_name();
        let element = match (self.open.last(), name.into_inner()) {
            (None, "filelists" | "filelists-ext") => Element::Root,
            (None, _) => return Err("not a filelists document".to_owned()),
            (Some(Element::Root), "package") => {
                self.package = attribute(start, "pkgid")?.ok_or("<package> lacks the attribute `pkgid`")?;
                Element::Package
            }
            (Some(Element::Package), "file") => {
                self.kind = Some(match attribute(start, "type")?.as_deref() {
                    Some("dir") => FileKind::Directory,
                    Some("ghost") => FileKind::Ghost,
                    _ => FileKind::File,
                });
                self.path.clear();
                Element::File
            }
            _ => Element::Other,
        };
        self.open.push(element);
        Ok(())
    }

    fn closed(&mut self, wanted: &dyn Fn(&str) -> bool) {
        match self.open.pop() {
            Some(Element::File) => {
                if let Some(kind) = self.kind.take()
                    && wanted(&self.path)
                {
                    let files = self.found.entry(self.package.clone()).or_default();
                    files.push(PackageFile { path: std::mem::take(&mut self.path), kind });
                }
            }
            Some(Element::Root) => self.complete = true,
            _ => {}
        }
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = start.attributes().with_checks(false).find(|attribute| match attribute {
        Ok(attribute) => attribute.key.local_name().into_inner() == name,
        Err(_) => true,
    });
    let Some(found) = found.transpose().map_err(|error| error.to_string())? else { return Ok(None) };
    let value = found.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
    Ok(Some(value.into_owned()))
}
