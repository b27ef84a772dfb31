//! The index of a pack: every different block of a version, in the order of the pack.

use super::content::{self, Content, Run};
use super::wire::{Reader, put};
use super::{FRAME_LIMIT, Frame, Home, Parts, Recipe, RecipeError, read_range, read_shape, write_shape};
use crate::blocks::Shape;
use crate::frame::{self, FrameError};
use crate::{Manifest, Sha256Digest};

const SIGNATURE: &[u8; 16] = b"lazuli index 1\n\0";
/// Bytes of an unpacked index: enough for a version of 12 GiB without a block that comes twice.
const LIMIT: u64 = 1 << 25;
const LEVEL: i32 = 19;

impl Recipe {
    /// Reads the index of a pack and proves it by the manifest's root hash.
    pub fn from_index(bytes: &[u8], manifest: &Manifest) -> Result<Self, RecipeError> {
        let mut reader = Reader::new(bytes);
        if reader.array().ok() != Some(*SIGNATURE) {
            return Err(RecipeError::Foreign("index"));
        }
        let length = u64::from_le_bytes(reader.array()?);
        let length = usize::try_from(length).ok().filter(|_| length <= LIMIT);
        let length = length.ok_or(RecipeError::Damaged("it is larger than any index"))?;
        let body = frame::decompress(&bytes[SIGNATURE.len() + 8..], &[], length)?;
        read(&mut Reader::new(&body), manifest)?.prove(manifest)
    }
}

/// What an index says besides what every recipe does.
pub(crate) struct Index<'a> {
    pub(crate) shape: Shape,
    pub(crate) sections: &'a [Sha256Digest],
    pub(crate) digest_size: usize,
    pub(crate) runs: &'a [Run],
    /// Of the different blocks, in the order in which they are met.
    pub(crate) digests: &'a [Sha256Digest],
    /// Of the same: how many versions before have it, the newest first, without one missing between.
    pub(crate) ages: &'a [u8],
    /// Blocks in a full frame.
    pub(crate) frame_blocks: u32,
    /// Bytes of each frame.
    pub(crate) frame_lengths: &'a [u64],
}

/// The bytes of an index.
pub(crate) fn encode(index: &Index<'_>) -> Result<Vec<u8>, FrameError> {
    let mut body = Vec::new();
    write_shape(&mut body, index.shape, index.sections, index.digest_size);
    content::write(&mut body, index.runs);
    for digest in index.digests {
        body.extend_from_slice(&digest.bytes()[..index.digest_size]);
    }
    body.extend_from_slice(index.ages);
    put(&mut body, u64::from(index.frame_blocks));
    put(&mut body, index.frame_lengths.len() as u64);
    index.frame_lengths.iter().for_each(|length| put(&mut body, *length));
    let mut output = SIGNATURE.to_vec();
    output.extend_from_slice(&(body.len() as u64).to_le_bytes());
    output.extend(frame::compress(&body, &[], LEVEL)?);
    Ok(output)
}

fn read(reader: &mut Reader<'_>, manifest: &Manifest) -> Result<Parts, RecipeError> {
    let (shape, sections, digest_size) = read_shape(reader, manifest)?;
    let content = content::read(reader, shape.blocks(), 0)?;
    let kinds = content.bases.len();
    let digests = reader.bytes(kinds * digest_size)?.to_vec();
    let ages = reader.bytes(kinds)?;
    let frame_blocks = reader.small()?;
    if !(1..=FRAME_LIMIT).contains(&frame_blocks) {
        return Err(RecipeError::Damaged("its frames are empty or too large"));
    }
    let chunks = frames(ages, frame_blocks);
    if reader.count()? != chunks.len() {
        return Err(RecipeError::Damaged("it has another number of frames than its blocks need"));
    }
    let mut homes = vec![Home::Frame { frame: 0, position: 0 }; kinds];
    let mut frames = Vec::with_capacity(chunks.len());
    let mut start = 0_u64;
    for (frame, chunk) in (0..).zip(&chunks) {
        let blocks = u32::try_from(chunk.len()).expect("a frame has at most `frame_blocks` blocks");
        let range = read_range(reader, start, blocks)?;
        start = range.end;
        for (position, kind) in (0..).zip(chunk) {
            homes[*kind as usize] = Home::Frame { frame, position };
        }
        frames.push(Frame { range, blocks, reference: Vec::new() });
    }
    reader.end()?;
    let Content { kinds, bases } = content;
    Ok(Parts { shape, sections, digest_size, content: Content { kinds, bases }, digests, homes, frames })
}

/// The different blocks in the order of the pack: those that the fewest versions before have come first, and no frame has blocks
/// of two ages. A host fetches the frames of one age whole or not at all.
pub(crate) fn frames(ages: &[u8], frame_blocks: u32) -> Vec<Vec<u32>> {
    let mut by_age = vec![Vec::new(); 256];
    for (kind, age) in (0..).zip(ages) {
        by_age[usize::from(*age)].push(kind);
    }
    let size = frame_blocks.max(1) as usize;
    by_age.iter().flat_map(|kinds: &Vec<u32>| kinds.chunks(size).map(<[u32]>::to_vec)).collect()
}
