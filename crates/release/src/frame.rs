//! Blocks, in; a zstd frame of them, out; and back, with or without older blocks as a reference.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, get_error_name};

/// Why a frame cannot be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The program cannot get memory, or was given a level that does not exist.
    #[error("cannot compress a frame: {0}")]
    Compress(&'static str),
    /// The bytes are no zstd frame, or one against another reference.
    #[error("the compressed frame is damaged: {0}")]
    Damaged(&'static str),
    /// The frame holds less than it should.
    #[error("the compressed frame is damaged: it holds {found} bytes, and {expected} were announced")]
    Length {
        /// Bytes that should be in it.
        expected: usize,
        /// Bytes that are.
        found: usize,
    },
}

/// Compresses `bytes` into one frame, at zstd's `level`, against `reference`, which may be empty.
pub(crate) fn compress(bytes: &[u8], reference: &[u8], level: i32) -> Result<Vec<u8>, FrameError> {
    let failed = |code| FrameError::Compress(get_error_name(code));
    let mut context = CCtx::try_create().ok_or(FrameError::Compress("no memory"))?;
    let window = (bytes.len() + reference.len()).max(1 << 10).next_power_of_two().trailing_zeros();
    for parameter in [
        CParameter::CompressionLevel(level),
        // The digests of the blocks tell more than a checksum would.
        CParameter::ChecksumFlag(false),
        CParameter::WindowLog(window),
    ] {
        context.set_parameter(parameter).map_err(failed)?;
    }
    if !reference.is_empty() {
        context.set_parameter(CParameter::EnableLongDistanceMatching(true)).map_err(failed)?;
        context.ref_prefix(reference).map_err(failed)?;
    }
    let mut output = Vec::with_capacity(compress_bound(bytes.len()));
    context.compress2(&mut output, bytes).map_err(failed)?;
    Ok(output)
}

/// The `length` bytes of a frame that was made against the same reference.
pub(crate) fn decompress(frame: &[u8], reference: &[u8], length: usize) -> Result<Vec<u8>, FrameError> {
    let failed = |code| FrameError::Damaged(get_error_name(code));
    let mut context = DCtx::try_create().ok_or(FrameError::Damaged("no memory to read it"))?;
    if !reference.is_empty() {
        context.ref_prefix(reference).map_err(failed)?;
    }
    // No more is ever written than was announced: a frame cannot fill the memory.
    let mut output = Vec::with_capacity(length);
    context.decompress(&mut output, frame).map_err(failed)?;
    if output.len() == length {
        Ok(output)
    } else {
        Err(FrameError::Length { expected: length, found: output.len() })
    }
}
