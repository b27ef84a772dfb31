//! Compressed bytes in, plain bytes out, and back; which compression it is, the bytes themselves say.

use std::io::{Cursor, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::{Compression as Level, GzBuilder};
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Check, Stream};

use super::ArchiveError;

/// What an xz decoder may use: four times what `xz -9` asks for.
const XZ_MEMORY: u64 = 256 << 20;

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// What the first bytes say.
    pub(super) fn of(bytes: &[u8]) -> Compression {
        match bytes {
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }

    pub(super) fn decompress(self, bytes: &[u8], limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let compressed = Cursor::new(bytes);
        match self {
            Compression::None => read_all(compressed, limit),
            Compression::Gzip => read_all(MultiGzDecoder::new(compressed), limit),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)
                    .map_err(|error| ArchiveError::Compression(error.into()))?;
                read_all(XzDecoder::new_stream(compressed, stream), limit)
            }
            Compression::Zstd => {
                let decoder =
                    zstd::stream::read::Decoder::new(compressed).map_err(ArchiveError::Compression)?;
                read_all(decoder, limit)
            }
        }
    }

    pub(super) fn compress(self, bytes: &[u8]) -> Result<Vec<u8>, ArchiveError> {
        let compressed = match self {
            Compression::None => Ok(bytes.to_vec()),
            Compression::Gzip => gzip(bytes),
            Compression::Xz => xz(bytes),
            Compression::Zstd => zstd::stream::encode_all(Cursor::new(bytes), 0),
        };
        compressed.map_err(ArchiveError::Compression)
    }
}

fn read_all(reader: impl Read, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(ArchiveError::Compression)?;
    if bytes.len() as u64 > limit {
        return Err(ArchiveError::TooLarge(limit));
    }
    Ok(bytes)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // No name, no time and no system in the header.
    let mut writer = GzBuilder::new().operating_system(255).mtime(0).write(Vec::new(), Level::best());
    writer.write_all(bytes)?;
    writer.finish()
}

fn xz(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let stream = Stream::new_easy_encoder(6, Check::Crc64)?;
    let mut writer = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    writer.write_all(bytes)?;
    writer.finish()
}
