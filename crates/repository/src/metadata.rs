//! Text of repository metadata in, typed values out; and bytes out of their compression, within bounds.
//! Nothing here reads a disk or a network: every parser takes a slice or a stream, so that it can be fuzzed.

pub mod compression;
pub mod filelists;
mod in_parts;
pub mod metalink;
pub mod plain_filelists;
mod plain_xml;
pub mod primary;
pub mod primary_views;
pub mod repomd;
mod xml;

pub use xml::XmlError;

use rpm_model::{Checksum, ChecksumAlgorithm};

use xml::{Document, Tag};

/// The checksum that an element names by its attribute `type` and holds as its text.
fn checksum(document: &mut Document<'_>, tag: &Tag<'_>) -> Result<Checksum, XmlError> {
    let kind = tag.needed("type", document)?;
    let algorithm = ChecksumAlgorithm::parse(&kind).map_err(|error| document.fail(&error))?;
    let text = document.text()?;
    Checksum::new(algorithm, text.trim()).map_err(|error| document.fail(&error))
}
