//! The elements of packages in, the files of `repodata` out: in one order, compressed, with their checksums.

use std::borrow::Cow;
use std::io::{self, Write};

use rayon::prelude::*;
use rpm_model::{Checksum, Nevra, PackageRecord};
use serde::{Deserialize, Serialize};

use super::documents::{self, Document, RepomdEntry};
use super::{Rendered, WriteError, WriteOptions, Written};
use crate::checksum::{Hasher, sha256};
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
    let head = document.head(pieces.len());
    let texts = || {
        let elements = pieces.iter().map(|piece| &*piece.elements[place]);
        std::iter::once(&*head).chain(elements).chain(std::iter::once(document.foot()))
    };
    let open_size = texts().map(str::len).sum();
    let hash = || {
        let mut hasher = Hasher::new(rpm_model::ChecksumAlgorithm::Sha256);
        texts().for_each(|text| hasher.update(text.as_bytes()));
        hasher.finish()
    };
    let (bytes, open_checksum) = rayon::join(|| fold(texts(), open_size, compression), hash);
    Ok(Packed { bytes: bytes?, open_checksum, open_size })
}

/// The texts in this form; the same for the same texts and version of the compressor.
fn fold<'a>(
    texts: impl Iterator<Item = &'a str>,
    length: usize,
    compression: Compression,
) -> io::Result<Vec<u8>> {
    let bytes = Vec::with_capacity(length / 8);
    match compression {
        Compression::Gzip => {
            let level = flate2::Compression::new(GZIP_LEVEL);
            write_all(texts, flate2::write::GzEncoder::new(bytes, level), |encoder| encoder.finish())
        }
        Compression::Xz => {
            write_all(texts, liblzma::write::XzEncoder::new(bytes, XZ_LEVEL), |encoder| encoder.finish())
        }
        _ => {
            let mut encoder = zstd::stream::write::Encoder::new(bytes, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            encoder.set_pledged_src_size(Some(length as u64))?;
            encoder.include_contentsize(true)?;
            write_all(texts, encoder, |encoder| encoder.finish())
        }
    }
}

const GZIP_LEVEL: u32 = 6;
const XZ_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 9;

fn write_all<'a, W: Write>(
    texts: impl Iterator<Item = &'a str>,
    mut encoder: W,
    finish: impl FnOnce(W) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    for text in texts {
        encoder.write_all(text.as_bytes())?;
    }
    finish(encoder)
}
