//! `repomd.xml`: the list of a repository's metadata files, with their checksums.

use rpm_model::Checksum;

use super::checksum;
use super::xml::{Document, Node, Tag, XmlError};

/// A repository's table of contents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repomd {
    /// The repository's own name of its state, often seconds since 1970; empty where not stated.
    pub revision: String,
    /// Its files, in the order of the document.
    pub entries: Vec<Entry>,
}

/// One metadata file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `primary`, `filelists`, `group`, …
    pub kind: String,
    /// Path relative to the repository.
    pub location: String,
    /// Replaces the repository's address where stated.
    pub location_base: Option<String>,
    /// Of the file as it is transferred.
    pub checksum: Checksum,
    /// Of the file after decompression; a file that is not compressed may lack it.
    pub open_checksum: Option<Checksum>,
    /// Bytes as it is transferred.
    pub size: Option<u64>,
    /// Bytes after decompression.
    pub open_size: Option<u64>,
    /// Seconds since 1970.
    pub timestamp: Option<u64>,
}

impl Repomd {
    /// The entry of this kind.
    pub fn entry(&self, kind: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kind == kind)
    }
}

/// Reads the document; `origin` names it in errors.
pub fn parse(text: &str, origin: &str) -> Result<Repomd, XmlError> {
    let mut document = Document::new(text, origin);
    let mut repomd = Repomd::default();
    match document.next()? {
        Node::Open(tag) if tag.name() == "repomd" => {}
        _ => return Err(document.fail(&"not a repomd document")),
    }
    while let Some(tag) = document.child()? {
        match tag.name() {
            "revision" => repomd.revision = document.text()?.trim().to_owned(),
            "data" => repomd.entries.push(entry(&mut document, &tag)?),
            _ => document.skip()?,
        }
    }
    Ok(repomd)
}

fn entry(document: &mut Document<'_>, tag: &Tag<'_>) -> Result<Entry, XmlError> {
    let kind = tag.needed("type", document)?.into_owned();
    let (mut location, mut location_base, mut stated, mut open_checksum) = (None, None, None, None);
    let (mut size, mut open_size, mut timestamp) = (None, None, None);
    while let Some(child) = document.child()? {
        match child.name() {
            "location" => {
                location = Some(child.needed("href", document)?.into_owned());
                location_base = child.attribute("base", document)?.map(|base| base.into_owned());
                document.skip()?;
            }
            "checksum" => stated = Some(checksum(document, &child)?),
            "open-checksum" => open_checksum = Some(checksum(document, &child)?),
            "size" => size = Some(document.value()?),
            "open-size" => open_size = Some(document.value()?),
            // Some writers give fractions of a second.
            "timestamp" => {
                timestamp = document.text()?.trim().split('.').next().and_then(|text| text.parse().ok())
            }
            _ => document.skip()?,
        }
    }
    let missing = |what: &str| document.fail(&format!("the entry of {kind} lacks its {what}"));
    Ok(Entry {
        location: location.ok_or_else(|| missing("location"))?,
        checksum: stated.ok_or_else(|| missing("checksum"))?,
        location_base,
        open_checksum,
        size,
        open_size,
        timestamp,
        kind,
    })
}
