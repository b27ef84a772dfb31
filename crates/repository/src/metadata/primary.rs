//! `primary.xml`: what each package is, provides and needs.
//!
//! Large documents are cut at package elements and read by several threads; the order of the document stays.

use std::ops::Range;

use rayon::prelude::*;
use rpm_model::{
    Capability, Checksum, Comparison, Constraint, Dependency, Evr, FileKind, Nevra, PackageFile,
    PackageRecord, PartialEvr, Requirement, RichDependency,
};

use super::checksum;
use super::xml::{Document, Node, Tag, XmlError};

/// Less than this per thread is not worth the hand-over.
const PART: usize = 1 << 20;

/// Reads the document; `origin` names it in errors. Packages that are not RPMs are passed over.
pub fn parse(text: &str, origin: &str) -> Result<Vec<PackageRecord>, XmlError> {
    let mut document = Document::new(text, origin);
    match document.next()? {
        Node::Open(tag) if tag.name() == "metadata" => {}
        _ => return Err(document.fail(&"not a primary document")),
    }
    let Some(parts) = parts(text) else { return packages(&mut document, true) };
    let records: Result<Vec<_>, XmlError> =
        parts.into_par_iter().map(|part| packages(&mut Document::part(text, part, origin), false)).collect();
    Ok(records?.into_iter().flatten().collect())
}

/// Ranges of whole package elements, if the document is plain enough to be cut without being read.
fn parts(text: &str) -> Option<Vec<Range<usize>>> {
    const OPEN: &str = "<package ";
    const CLOSE: &str = "</package>";
    let (start, end) = (text.find(OPEN)?, text.rfind(CLOSE)? + CLOSE.len());
    // Comments and CDATA could hold what looks like an element.
    let plain =
        text.get(end..)?.trim() == "</metadata>" && !text.contains("<!--") && !text.contains("<![CDATA[");
    if !plain || text.len() < 2 * PART {
        return None;
    }
    let mut parts = Vec::new();
    let mut from = start;
    while end.saturating_sub(from) > PART {
        let next = text.as_bytes()[from + PART..end]
            .windows(OPEN.len())
            .position(|window| window == OPEN.as_bytes());
        let Some(next) = next else { break };
        parts.push(from..from + PART + next);
        from += PART + next;
    }
    parts.push(from..end);
    Some(parts)
}

fn packages(document: &mut Document<'_>, enclosed: bool) -> Result<Vec<PackageRecord>, XmlError> {
    let mut records = Vec::new();
    loop {
        match document.next()? {
            Node::Open(tag) if tag.name() == "package" => {
                if tag.attribute("type", document)?.is_some_and(|kind| kind != "rpm") {
                    document.skip()?;
                } else {
                    records.push(package(document)?);
                }
            }
            Node::Open(_) => document.skip()?,
            Node::Close if enclosed => return Ok(records),
            Node::Close => return Err(document.fail(&"an element ends that was never opened")),
            Node::End if enclosed => return Err(document.fail(&"the document ends before </metadata>")),
            Node::End => return Ok(records),
        }
    }
}

fn package(document: &mut Document<'_>) -> Result<PackageRecord, XmlError> {
    let mut record = PackageRecord::new(Nevra::new("", Evr::new(0, "", ""), ""), Checksum::sha256(&[0; 32]));
    let mut has_checksum = false;
    while let Some(tag) = document.child()? {
        match tag.name() {
            "name" => record.nevra.name = document.text()?,
            "arch" => record.nevra.arch = document.text()?,
            "version" => {
                record.nevra.evr = version(document, &tag)?;
                document.skip()?;
            }
            "checksum" => {
                record.checksum = checksum(document, &tag)?;
                has_checksum = true;
            }
            "summary" => record.summary = document.text()?,
            "description" => record.description = document.text()?,
            "packager" => record.packager = document.text()?,
            "url" => record.url = document.text()?,
            "time" => {
                record.file_time = tag.number("file", document)?.unwrap_or(0);
                record.build_time = tag.number("build", document)?.unwrap_or(0);
                document.skip()?;
            }
            "size" => {
                record.package_size = tag.number("package", document)?.unwrap_or(0);
                record.installed_size = tag.number("installed", document)?.unwrap_or(0);
                record.archive_size = tag.number("archive", document)?.unwrap_or(0);
                document.skip()?;
            }
            "location" => {
                record.location = tag.needed("href", document)?.into_owned();
                record.location_base = tag.attribute("base", document)?.map(|base| base.into_owned());
                document.skip()?;
            }
            "format" => format(document, &mut record)?,
            _ => document.skip()?,
        }
    }
    let complete = [
        (!record.nevra.name.is_empty(), "name"),
        (!record.nevra.arch.is_empty(), "architecture"),
        (!record.nevra.evr.version.is_empty(), "version"),
        (!record.location.is_empty(), "location"),
        (has_checksum, "checksum"),
    ];
    match complete.iter().find(|(there, _)| !there) {
        Some((_, what)) => Err(document.fail(&format!("package `{}` lacks its {what}", record.nevra.name))),
        None => Ok(record),
    }
}

fn version(document: &Document<'_>, tag: &Tag<'_>) -> Result<Evr, XmlError> {
    let epoch = tag.number("epoch", document)?.unwrap_or(0);
    Ok(Evr::new(epoch, tag.needed("ver", document)?, tag.needed("rel", document)?))
}

fn format(document: &mut Document<'_>, record: &mut PackageRecord) -> Result<(), XmlError> {
    while let Some(tag) = document.child()? {
        match tag.name() {
            "license" => record.license = document.text()?,
            "vendor" => record.vendor = document.text()?,
            "group" => record.group = document.text()?,
            "buildhost" => record.build_host = document.text()?,
            "sourcerpm" => record.source_rpm = document.text()?,
            "header-range" => {
                let start = tag.number("start", document)?.unwrap_or(0);
                record.header_range = (start, tag.number("end", document)?.unwrap_or(0));
                document.skip()?;
            }
            "provides" => record.provides = capabilities(document)?,
            "requires" => {
                let requires = entries(document)?.into_iter();
                record.requires = requires.map(|(dependency, pre)| Requirement { dependency, pre }).collect();
            }
            "conflicts" => record.conflicts = dependencies(document)?,
            "obsoletes" => record.obsoletes = capabilities(document)?,
            "recommends" => record.recommends = dependencies(document)?,
            "suggests" => record.suggests = dependencies(document)?,
            "supplements" => record.supplements = dependencies(document)?,
            "enhances" => record.enhances = dependencies(document)?,
            "file" => {
                let kind = file_kind(document, &tag)?;
                record.files.push(PackageFile { path: document.text()?, kind });
            }
            _ => document.skip()?,
        }
    }
    Ok(())
}

/// The kind of a file by its attribute `type`; unknown kinds are files.
pub(super) fn file_kind(document: &Document<'_>, tag: &Tag<'_>) -> Result<FileKind, XmlError> {
    Ok(match tag.attribute("type", document)?.as_deref() {
        Some("dir") => FileKind::Directory,
        Some("ghost") => FileKind::Ghost,
        _ => FileKind::File,
    })
}

fn dependencies(document: &mut Document<'_>) -> Result<Vec<Dependency>, XmlError> {
    Ok(entries(document)?.into_iter().map(|(dependency, _)| dependency).collect())
}

/// Boolean dependencies cannot be provided or obsoleted: rpm refuses to build them, and they are passed over here.
fn capabilities(document: &mut Document<'_>) -> Result<Vec<Capability>, XmlError> {
    let simple = entries(document)?.into_iter().filter_map(|(dependency, _)| match dependency {
        Dependency::Simple(capability) => Some(capability),
        Dependency::Rich(_) => None,
    });
    Ok(simple.collect())
}

fn entries(document: &mut Document<'_>) -> Result<Vec<(Dependency, bool)>, XmlError> {
    let mut entries = Vec::new();
    while let Some(tag) = document.child()? {
        if tag.name() == "entry" {
            let pre = tag.attribute("pre", document)?.is_some_and(|pre| pre == "1");
            entries.push((dependency(document, &tag)?, pre));
        }
        document.skip()?;
    }
    Ok(entries)
}

fn dependency(document: &Document<'_>, tag: &Tag<'_>) -> Result<Dependency, XmlError> {
    let name = tag.needed("name", document)?.into_owned();
    if name.starts_with('(') {
        let rich = RichDependency::parse(&name);
        let rich = rich.map_err(|error| {
            document.fail(&format!("boolean dependency `{name}` cannot be read: {error}"))
        })?;
        return Ok(Dependency::Rich(rich));
    }
    let Some(flags) = tag.attribute("flags", document)? else { return Ok(Capability::any(name).into()) };
    let comparison = Comparison::from_metadata_name(&flags);
    let comparison =
        comparison.ok_or_else(|| document.fail(&format!("`{flags}` is none of LT, LE, EQ, GE, GT")))?;
    let Some(version) = tag.attribute("ver", document)? else { return Ok(Capability::any(name).into()) };
    let evr = PartialEvr {
        epoch: tag.number("epoch", document)?,
        version: version.into_owned(),
        release: tag
            .attribute("rel", document)?
            .filter(|release| !release.is_empty())
            .map(|release| release.into_owned()),
    };
    Ok(Capability { name, constraint: Some(Constraint { comparison, evr }) }.into())
}
