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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_not_unpacked_to_its_end() {
        let plain = vec![0; 1 << 20];
        for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd] {
            let packed = compression.compress(&plain).unwrap();
            assert_eq!(Compression::of(&packed), compression);
            assert!(matches!(compression.decompress(&packed, 1 << 20), Ok(bytes) if bytes == plain));
            let error = compression.decompress(&packed, (1 << 20) - 1).unwrap_err();
            assert!(matches!(error, ArchiveError::TooLarge(limit) if limit == (1 << 20) - 1), "{error:?}");
        }
    }

    #[test]
    fn windows_that_need_too_much_memory_are_errors() {
        // A block header of xz that asks for a dictionary of 1.5 GiB.
        let mut packed = Compression::Xz.compress(b"agave").unwrap();
        // The byte behind the filter's size of one is the dictionary's size: 39 says 3 << 29.
        let at = packed.windows(2).position(|two| two == [0x21, 0x01]).unwrap() + 2;
        packed[at] = 39;
        let header_end = 12 + (usize::from(packed[12]) + 1) * 4;
        let sum = crc32(&packed[12..header_end - 4]);
        packed[header_end - 4..header_end].copy_from_slice(&sum.to_le_bytes());
        let error = Compression::Xz.decompress(&packed, 1 << 20).unwrap_err();
        assert!(matches!(error, ArchiveError::Compression(_)), "{error:?}");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    }
}
