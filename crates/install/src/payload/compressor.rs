//! Compressed bytes, in; a reader of the plain ones, out.

use std::io::{self, BufRead, Read};

/// How a payload is compressed (`PAYLOADCOMPRESSOR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compressor {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// The older container of the same algorithm.
    Lzma,
    /// Zstandard.
    Zstd,
}

/// Zstandard windows up to 128 MiB, as a power of two: the library's own limit, which rpm leaves as it is.
const ZSTD_WINDOW_LOG: u32 = 27;
/// What liblzma may hold, as in rpm: the largest preset, `-9`, needs 65 MiB.
const XZ_MEMORY: u64 = 100 << 20;

impl Compressor {
    /// The compressor of that name in a header.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "" | "identity" | "none" => Self::None,
            "gzip" => Self::Gzip,
            "bzip2" => Self::Bzip2,
            "xz" => Self::Xz,
            "lzma" => Self::Lzma,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// A reader of the plain bytes; one that asks for more memory than packages need fails.
    pub fn reader<'a>(self, compressed: impl BufRead + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Self::None => Box::new(compressed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(compressed)),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(compressed)),
            Self::Xz => {
                let stream =
                    liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(compressed, stream))
            }
            Self::Lzma => {
                let stream = liblzma::stream::Stream::new_lzma_decoder(XZ_MEMORY)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(compressed, stream))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}
