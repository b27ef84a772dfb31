//! Compressed bytes in, plain bytes out, and never more of them than was promised or is plausible.

use std::io::{self, BufRead, Read, Write};

use flate2::read::MultiGzDecoder;

/// A bomb unfolds to more than this times its size; metadata, to less than a tenth of it.
const LARGEST_RATIO: u64 = 1000;
/// Small files may unfold to this many bytes whatever their ratio.
const ALWAYS_ALLOWED: u64 = 1 << 20;
/// Dictionaries larger than 128 MiB are not used by any repository; they would be allocated at once.
const LARGEST_WINDOW_LOG: u32 = 27;
const XZ_MEMORY: u64 = 256 << 20;

/// The forms in which metadata comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not compressed.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// bzip2.
    Bzip2,
}

/// Why bytes cannot be unfolded.
#[derive(Debug, thiserror::Error)]
pub enum CompressionError {
    /// The first bytes are those of a format that is not read.
    #[error("zchunk is not supported (the repository should list the same file in another form)")]
    Zchunk,
    /// More bytes come out than was promised or is plausible.
    #[error("it unfolds to more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The compressed bytes are broken.
    #[error("it cannot be decompressed")]
    Broken(#[source] io::Error),
}

impl Compression {
    /// The form by the first bytes.
    pub fn detect(start: &[u8]) -> Result<Compression, CompressionError> {
        match start {
            [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Ok(Compression::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Compression::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Ok(Compression::Bzip2),
            [0, b'Z', b'C', b'K', b'1', ..] => Err(CompressionError::Zchunk),
            _ => Ok(Compression::None),
        }
    }
}

/// The most bytes that a file of this size (in bytes) may unfold to, if `promised` were not stated.
pub fn limit(compressed: u64, promised: Option<u64>) -> u64 {
    let plausible = compressed.saturating_mul(LARGEST_RATIO).max(ALWAYS_ALLOWED);
    promised.map_or(plausible, |promised| promised.min(plausible))
}

/// A stream of the plain bytes, which fails rather than giving more than `limit` bytes.
pub fn stream<'a>(
    mut source: impl BufRead + Send + 'a,
    limit: u64,
) -> Result<Box<dyn Read + Send + 'a>, CompressionError> {
    let start = source.fill_buf().map_err(CompressionError::Broken)?;
    let plain: Box<dyn Read + Send + 'a> = match Compression::detect(start)? {
        Compression::None => Box::new(source),
        Compression::Gzip => Box::new(MultiGzDecoder::new(source)),
        Compression::Xz => {
            let decoder =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED);
            let decoder = decoder.map_err(|error| CompressionError::Broken(error.into()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(source, decoder))
        }
        Compression::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(source).map_err(CompressionError::Broken)?;
            decoder.window_log_max(LARGEST_WINDOW_LOG).map_err(CompressionError::Broken)?;
            Box::new(decoder)
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
    };
    Ok(Box::new(Bounded { inner: plain, left: limit, limit }))
}

/// All plain bytes.
pub fn unfold(bytes: &[u8], limit: u64) -> Result<Vec<u8>, CompressionError> {
    let mut plain = Vec::new();
    match stream(bytes, limit)?.read_to_end(&mut plain) {
        Ok(_) => Ok(plain),
        Err(error) if error.get_ref().is_some_and(|inner| inner.is::<BoundReached>()) => {
            Err(CompressionError::TooLarge { limit })
        }
        Err(error) => Err(CompressionError::Broken(error)),
    }
}

/// The bytes in this form; the same for the same input and version of the compressor.
pub fn fold(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(bytes.to_vec()),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 9)?;
            encoder.include_checksum(true)?;
            encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
            encoder.include_contentsize(true)?;
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("it unfolds to more than {0} bytes")]
struct BoundReached(u64);

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(io::Error::other(BoundReached(self.limit))),
        }
    }
}
