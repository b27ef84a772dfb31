//! The head of a patch: which blocks the old version has, and the frames of all others.

use std::ops::Range;

use super::content::{self, Run};
use super::wire::{Reader, put};
use super::{FRAME_LIMIT, Frame, Home, Parts, Recipe, RecipeError, read_range, read_shape, write_shape};
use crate::blocks::Shape;
use crate::frame::{self, FrameError};
use crate::local::Local;
use crate::{Manifest, Sha256Digest};

const SIGNATURE: &[u8; 16] = b"lazuli patch 1\n\0";
/// Signature, bytes of the packed head, bytes of the unpacked head.
pub(super) const BEGIN: usize = 32;
const LIMIT: u64 = 1 << 25;
const LEVEL: i32 = 19;

/// Bytes of a patch before its frames, told by its first `PATCH_BEGIN` bytes.
pub fn head_length(begin: &[u8]) -> Result<u64, RecipeError> {
    let mut reader = Reader::new(begin);
    if reader.array().ok() != Some(*SIGNATURE) {
        return Err(RecipeError::Foreign("patch"));
    }
    let length = u64::from_le_bytes(reader.array()?);
    if length > LIMIT {
        Err(RecipeError::Damaged("its head is larger than any"))
    } else {
        Ok(length + BEGIN as u64)
    }
}

impl Recipe {
    /// Reads the head of a patch for hosts that run the version of `local`, and proves it by the manifest's root hash.
    pub fn from_patch(head: &[u8], manifest: &Manifest, local: &Local) -> Result<Self, RecipeError> {
        let length = head_length(head)?;
        let packed = usize::try_from(length).ok().and_then(|length| head.get(BEGIN..length));
        let packed = packed.ok_or(RecipeError::Damaged("it ends too early"))?;
        let unpacked = u64::from_le_bytes(Reader::new(&head[24..]).array()?);
        let unpacked = usize::try_from(unpacked).ok().filter(|_| unpacked <= LIMIT);
        let unpacked = unpacked.ok_or(RecipeError::Damaged("its head is larger than any"))?;
        let body = frame::decompress(packed, &[], unpacked)?;
        read(&mut Reader::new(&body), length, manifest, local)?.prove(manifest)
    }
}

/// What a patch says besides what every recipe does.
pub(crate) struct Patch<'a> {
    pub(crate) base: Sha256Digest,
    pub(crate) shape: Shape,
    pub(crate) sections: &'a [Sha256Digest],
    pub(crate) digest_size: usize,
    pub(crate) runs: &'a [Run],
    /// Of the blocks that the old version has not.
    pub(crate) digests: &'a [Sha256Digest],
    pub(crate) frames: &'a [PatchFrame],
}

/// A frame and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatchFrame {
    pub(crate) blocks: u32,
    pub(crate) reference: Vec<Range<u32>>,
    pub(crate) length: u64,
}

/// The bytes of a patch up to its frames.
pub(crate) fn encode(patch: &Patch<'_>) -> Result<Vec<u8>, FrameError> {
    let mut body = patch.base.bytes().to_vec();
    write_shape(&mut body, patch.shape, patch.sections, patch.digest_size);
    content::write(&mut body, patch.runs);
    for digest in patch.digests {
        body.extend_from_slice(&digest.bytes()[..patch.digest_size]);
    }
    put(&mut body, patch.frames.len() as u64);
    for frame in patch.frames {
        put(&mut body, u64::from(frame.blocks));
        put(&mut body, frame.length);
        put(&mut body, frame.reference.len() as u64);
        let mut last = 0;
        for run in &frame.reference {
            put(&mut body, u64::from(run.start - last));
            put(&mut body, u64::from(run.end - run.start));
            last = run.end;
        }
    }
    let packed = frame::compress(&body, &[], LEVEL)?;
    let mut output = SIGNATURE.to_vec();
    output.extend_from_slice(&(packed.len() as u64).to_le_bytes());
    output.extend_from_slice(&(body.len() as u64).to_le_bytes());
    output.extend(packed);
    Ok(output)
}

fn read(
    reader: &mut Reader<'_>,
    head_length: u64,
    manifest: &Manifest,
    local: &Local,
) -> Result<Parts, RecipeError> {
    if reader.array()? != *local.fingerprint().bytes() {
        return Err(RecipeError::OtherBase);
    }
    let base = local.shape().ok_or(RecipeError::OtherBase)?;
    let (shape, sections, digest_size) = read_shape(reader, manifest)?;
    let content = content::read(reader, shape.blocks(), base.blocks())?;
    let mut digests = Vec::with_capacity(content.bases.len() * digest_size);
    let mut new = Vec::new();
    for (kind, base) in (0_u32..).zip(&content.bases) {
        match base {
            Some(number) => {
                digests.extend_from_slice(&local.digests()[*number as usize].bytes()[..digest_size])
            }
            None => {
                digests.extend_from_slice(reader.bytes(digest_size)?);
                new.push(kind);
            }
        }
    }
    let mut homes: Vec<Home> =
        content.bases.iter().map(|base| Home::Base(base.unwrap_or_default())).collect();
    let mut frames = Vec::new();
    let mut start = head_length;
    let mut new = new.into_iter();
    for number in 0..reader.count()? {
        let number = u32::try_from(number).map_err(|_| RecipeError::Damaged("a number is too large"))?;
        let frame = read_frame(reader, start, base)?;
        for position in 0..frame.blocks {
            let kind = new.next().ok_or(RecipeError::Damaged("its frames hold more blocks than it has"))?;
            homes[kind as usize] = Home::Frame { frame: number, position };
        }
        start = frame.range.end;
        frames.push(frame);
    }
    if new.next().is_some() {
        return Err(RecipeError::Damaged("its frames hold fewer blocks than it has"));
    }
    reader.end()?;
    Ok(Parts { shape, sections, digest_size, content, digests, homes, frames })
}

fn read_frame(reader: &mut Reader<'_>, start: u64, base: Shape) -> Result<Frame, RecipeError> {
    let damaged = || RecipeError::Damaged("a frame is impossible");
    let blocks = reader.small()?;
    let range = read_range(reader, start, blocks)?;
    let mut reference = Vec::new();
    let (mut last, mut needed) = (0_u32, blocks);
    for _ in 0..reader.count()? {
        let first = last.checked_add(reader.small()?).ok_or_else(damaged)?;
        last = first.checked_add(reader.small()?).ok_or_else(damaged)?;
        if !base.holds(&(first..last)) {
            return Err(damaged());
        }
        needed = needed.checked_add(last - first).ok_or_else(damaged)?;
        reference.push(first..last);
    }
    if blocks == 0 || needed > FRAME_LIMIT {
        return Err(damaged());
    }
    Ok(Frame { range, blocks, reference })
}
