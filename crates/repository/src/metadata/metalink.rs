//! A metalink: which `repomd.xml` are acceptable, and where they can be had. And the simpler list of mirrors.

use rpm_model::{Checksum, ChecksumAlgorithm};

use super::xml::{Document, Node, XmlError};
use crate::download::Expected;

/// The end of a `repomd.xml`'s address; what stands before it is the repository's.
const REPOMD: &str = "repodata/repomd.xml";

/// What a metalink says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metalink {
    /// The present `repomd.xml` first, then older ones that are still accepted, newest first.
    pub accepted: Vec<Expected>,
    /// Addresses of repositories (without `repodata/repomd.xml`), best first.
    pub mirrors: Vec<String>,
}

/// Reads the document; `origin` names it in errors. Mirrors that do not speak HTTP are left out.
pub fn parse(text: &str, origin: &str) -> Result<Metalink, XmlError> {
    let mut document = Document::new(text, origin);
    match document.next()? {
        Node::Open(tag) if tag.name() == "metalink" => {}
        _ => return Err(document.fail(&"not a metalink document")),
    }
    let mut metalink = Metalink::default();
    while let Some(tag) = document.child()? {
        if tag.name() != "files" {
            document.skip()?;
            continue;
        }
        while let Some(tag) = document.child()? {
            if tag.name() == "file" && tag.attribute("name", &document)?.as_deref() == Some("repomd.xml") {
                file(&mut document, &mut metalink)?;
            } else {
                document.skip()?;
            }
        }
    }
    if metalink.accepted.is_empty() {
        return Err(document.fail(&"the metalink names no checksum of repomd.xml"));
    }
    Ok(metalink)
}

/// Reads a list of one address a line, with `#` before comments.
pub fn parse_mirror_list(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let addresses = lines.filter(|line| line.starts_with("http://") || line.starts_with("https://"));
    addresses.map(|line| line.trim_end_matches('/').to_owned()).collect()
}

fn file(document: &mut Document<'_>, metalink: &mut Metalink) -> Result<(), XmlError> {
    let mut expected = Expected::default();
    let mut alternates: Vec<(u64, Expected)> = Vec::new();
    while let Some(tag) = document.child()? {
        match tag.name() {
            "size" => expected.size = Some(document.value()?),
            "verification" => expected.checksums = hashes(document)?,
            "resources" => metalink.mirrors = resources(document)?,
            "alternates" => {
                while let Some(tag) = document.child()? {
                    match tag.name() {
                        "alternate" => alternates.push(alternate(document)?),
                        _ => document.skip()?,
                    }
                }
            }
            _ => document.skip()?,
        }
    }
    alternates.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let all = std::iter::once(expected).chain(alternates.into_iter().map(|(_, expected)| expected));
    metalink.accepted = all.filter(|expected| !expected.checksums.is_empty()).collect();
    Ok(())
}

fn alternate(document: &mut Document<'_>) -> Result<(u64, Expected), XmlError> {
    let (mut time, mut expected) = (0, Expected::default());
    while let Some(tag) = document.child()? {
        match tag.name() {
            "timestamp" => time = document.value()?,
            "size" => expected.size = Some(document.value()?),
            "verification" => expected.checksums = hashes(document)?,
            _ => document.skip()?,
        }
    }
    Ok((time, expected))
}

/// Hashes of kinds that are not known vouch for nothing and are left out.
fn hashes(document: &mut Document<'_>) -> Result<Vec<Checksum>, XmlError> {
    let mut hashes = Vec::new();
    while let Some(tag) = document.child()? {
        let algorithm = match tag.name() {
            "hash" => tag.attribute("type", document)?.and_then(|kind| ChecksumAlgorithm::parse(&kind).ok()),
            _ => None,
        };
        let text = document.text()?;
        if let Some(algorithm) = algorithm {
            hashes.push(Checksum::new(algorithm, text.trim()).map_err(|error| document.fail(&error))?);
        }
    }
    Ok(hashes)
}

fn resources(document: &mut Document<'_>) -> Result<Vec<String>, XmlError> {
    let mut found: Vec<(i64, String)> = Vec::new();
    while let Some(tag) = document.child()? {
        let preference = tag.number("preference", document)?.unwrap_or(0);
        let text = document.text()?;
        let address = text.trim();
        let speaks_http = address.starts_with("https://") || address.starts_with("http://");
        if let Some(base) = address.strip_suffix(REPOMD).filter(|_| speaks_http) {
            found.push((preference, base.trim_end_matches('/').to_owned()));
        }
    }
    // A stable sort: equal preferences stay in the order of the document.
    found.sort_by_key(|(preference, _)| std::cmp::Reverse(*preference));
    Ok(found.into_iter().map(|(_, address)| address).collect())
}
