//! The elements of packages in, the files of `repodata` out: in one order, compressed, with their checksums.

use std::borrow::Cow;
use std::io::{self, Write};

use rayon::prelude::*;
use rpm_model::{Checksum, Nevra, PackageRecord};
use serde::{Deserialize, Serialize};

use super::documents::{self, Document, RepomdEntry};
use super::{Rendered, WriteError, WriteOptions, Written};
use crate::checksum::sha256;
use crate::metadata::compression::Compression;

/// What orders packages, and tells whether two are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Identity {
    /// First by name, then version from old to new, then architecture.
    pub(super) nevra: Nevra,
    /// Then by place: an order that no input order can change.
    pub(super) location: String,
    pub(super) checksum: Checksum,
    pub(super) build_time: u64,
}

/// One package, as the documents have it.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    pub(super) identity: Identity,
    /// Its elements, in the order of [`Document::ALL`].
    pub(super) elements: [Cow<'a, str>; 3],
}

impl Piece<'static> {
    /// The piece of a record whose requirements are already those that metadata lists.
    pub(super) fn of(record: &PackageRecord, changelog_limit: usize) -> Self {
        let identity = Identity {
            nevra: record.nevra.clone(),
            location: record.location.clone(),
            checksum: record.checksum.clone(),
            build_time: record.build_time,
        };
        let elements = Document::ALL.map(|document| Cow::Owned(document.element(record, changelog_limit)));
        Piece { identity, elements }
    }
}

/// The files of these packages, which get their order here.
pub(super) fn assemble(pieces: &mut [Piece<'_>], options: &WriteOptions) -> Result<Rendered, WriteError> {
    pieces.sort_by(|a, b| a.identity.cmp(&b.identity));
    let pieces = &*pieces;
    let newest = pieces.iter().map(|piece| piece.identity.build_time).max().unwrap_or(0);
    let revision = options.revision.unwrap_or(newest);
    let suffix = suffix(options.compression)?;
    let documents = Document::ALL.into_par_iter().enumerate().map(|(place, document)| {
        let packed = pack(document, place, pieces, options.compression)
            .map_err(|source| WriteError::Compress { name: document.name(), source })?;
        let checksum = sha256(&packed.bytes);
        let file = format!("{}-{}.xml.{suffix}", checksum.hex(), document.name());
        let entry = RepomdEntry {
            kind: document.name(),
            location: format!("repodata/{file}"),
            checksum,
            open_checksum: packed.open_checksum,
            size: packed.bytes.len(),
            open_size: packed.open_size,
        };
        Ok((entry, (file, packed.bytes)))
    });
    let (entries, mut files): (Vec<_>, Vec<_>) =
        documents.collect::<Result<Vec<_>, WriteError>>()?.into_iter().unzip();
    let repomd = documents::repomd(revision, &entries);
    let written = Written {
        repomd: sha256(repomd.as_bytes()),
        packages: pieces.len(),
        duplicates: duplicates(pieces.iter().map(|piece| &piece.identity)),
        reused: 0,
    };
    files.push(("repomd.xml".to_owned(), repomd.into_bytes()));
    Ok(Rendered { files, written })
}

/// Names of packages that follow each other in one version with different content.
pub(super) fn duplicates<'a>(sorted: impl Iterator<Item = &'a Identity>) -> Vec<String> {
    let sorted: Vec<&Identity> = sorted.collect();
    let pairs = sorted
        .windows(2)
        .filter(|pair| pair[0].nevra == pair[1].nevra && pair[0].checksum != pair[1].checksum);
    let mut names: Vec<String> = pairs.map(|pair| pair[0].nevra.to_string()).collect();
    names.dedup();
    names
}

fn suffix(compression: Compression) -> Result<&'static str, WriteError> {
    match compression {
        Compression::Zstd => Ok("zst"),
        Compression::Gzip => Ok("gz"),
        Compression::Xz => Ok("xz"),
        other => Err(WriteError::Form(other)),
    }
}

struct Packed {
    bytes: Vec<u8>,
    open_checksum: Checksum,
    open_size: usize,
}

fn pack(
    document: Document,
    place: usize,
    pieces: &[Piece<'_>],
    compression: Compression,
) -> io::Result<Packed> {
    let elements = pieces.iter().map(|piece| &*piece.elements[place]);
    let head = document.head(pieces.len());
    let length = head.len() + elements.clone().map(str::len).sum::<usize>() + document.foot().len();
    let mut text = String::with_capacity(length);
    text.push_str(&head);
    elements.for_each(|element| text.push_str(element));
    text.push_str(document.foot());
    let (bytes, open_checksum) =
        rayon::join(|| fold(text.as_bytes(), compression), || sha256(text.as_bytes()));
    Ok(Packed { bytes: bytes?, open_checksum, open_size: text.len() })
}

const GZIP_LEVEL: u32 = 6;
const XZ_LEVEL: u32 = 6;
/// Within a tenth of the size that createrepo_c's level 10 gives, in half of its time.
const ZSTD_LEVEL: i32 = 7;

/// The bytes in this form; the same for the same bytes and version of the compressor.
fn fold(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), XZ_LEVEL);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        _ => {
            // In one piece: a stream would be copied into the compressor's window first.
            let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
            compressor.include_checksum(true)?;
            compressor.include_contentsize(true)?;
            compressor.compress(bytes)
        }
    }
}
