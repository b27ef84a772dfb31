//! A version assembled by its recipe: blocks of the running version and of what lies in the slot already are copied, and
//! compressed frames with all others are fetched. The recipe is proven by the root hash; blocks are known by the beginnings of
//! their digests while they are written, and by whole digests of their sections before the slot is believed.

use std::collections::VecDeque;
use std::io;

use release::assembly::{Assembly, Fetch, Source as From};
use release::blocks::{Area, Extent};
use release::local::Local;
use release::recipe::Recipe;
use release::verity::{BLOCK_SIZE, HashTree, Hasher, SECTION_SIZE};
use release::{Manifest, Sha256Digest};

use super::{FillError, Filled, Partitions};
use crate::esp::BootFile;
use crate::source::{SinkError, Source, SourceError};
use crate::storage::ReadAt;

/// Bytes written between two waits: what may lie in memory unwritten.
const FLUSH_EVERY: u64 = 32 * 1024 * 1024;
/// A round in which a block turned out to be another one than its digest's beginning said is followed by one that fetches it.
const ROUNDS: usize = 4;

/// What is assembled, and from what.
pub(super) struct Work<'a> {
    pub(super) partitions: &'a Partitions<'a>,
    pub(super) manifest: &'a Manifest,
    pub(super) recipe: &'a Recipe,
    pub(super) hasher: Hasher,
    /// The file that the recipe's frames are in.
    pub(super) file: &'a str,
    /// The kernel that is being written.
    pub(super) kernel: Box<dyn BootFile>,
}

/// Digests of what lies in the slot and in the kernel file: read once, then kept as blocks are written.
struct There {
    root: Vec<Sha256Digest>,
    kernel: Vec<Sha256Digest>,
}

/// Brings root file system and kernel into their places; returns the tree over the first. What was written is not read again
/// here: the slot is compared with its root hash, and the kernel with its SHA-256, when both are complete.
pub(super) fn assemble(
    work: &Work<'_>,
    local: &Local,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Filled),
) -> Result<(HashTree, Filled), FillError> {
    let mut filled = Filled::default();
    let mut there = there(work)?;
    let nothing = Local::nothing();
    for round in 0..ROUNDS {
        let present = work.recipe.present(&there.root, &there.kernel);
        // A block of the running version that is not what its tree says is found missing again, and then fetched; a patch,
        // which has no other way to it, cannot be planned without, and its caller takes the pack.
        let local = if round == 0 { local } else { &nothing };
        let plan = work.recipe.plan(local, &present).map_err(FillError::Assembly)?;
        if round == 0 {
            filled.kept = u64::from(present.count()) * BLOCK_SIZE as u64;
            progress(filled);
        }
        if plan.copies.is_empty() && plan.fetches.is_empty() {
            work.partitions.root.flush().map_err(write(Area::Root))?;
            work.kernel.sync().map_err(write(Area::Kernel))?;
            return tree(work, there.root).map(|tree| (tree, filled));
        }
        copy(work, &plan, &mut there, &mut filled, progress)?;
        fetch(work, plan, source, &mut there, &mut filled, progress)?;
    }
    Err(FillError::Unstable { file: work.file.to_owned() })
}

fn there(work: &Work<'_>) -> Result<There, FillError> {
    let root_size = work.manifest.files.root.size;
    let root =
        digests(&work.hasher, &work.partitions.root.readable(), root_size).map_err(read(Area::Root))?;
    let kernel_size = work.kernel.size().min(work.manifest.files.kernel.size);
    let kernel = digests(&work.hasher, &*work.kernel, kernel_size).map_err(read(Area::Kernel))?;
    Ok(There { root, kernel })
}

impl There {
    /// A block was written.
    fn note(&mut self, area: Area, number: u32, digest: Sha256Digest) {
        let (digests, number) = match area {
            Area::Root => (&mut self.root, number as usize),
            Area::Kernel => (&mut self.kernel, number as usize),
        };
        if number >= digests.len() {
            // What lies between in a file that grows is no block of anything.
            digests.resize(number + 1, Sha256Digest::from_bytes([0; 32]));
        }
        digests[number] = digest;
    }
}

fn tree(work: &Work<'_>, root: Vec<Sha256Digest>) -> Result<HashTree, FillError> {
    let wrong = || FillError::Unstable { file: work.file.to_owned() };
    let tree = HashTree::new(work.manifest.verity.salt.clone(), root).map_err(|_| wrong())?;
    if tree.root_hash() == work.manifest.verity.root_hash { Ok(tree) } else { Err(wrong()) }
}

fn copy(
    work: &Work<'_>,
    plan: &Assembly,
    there: &mut There,
    filled: &mut Filled,
    progress: &mut dyn FnMut(Filled),
) -> Result<(), FillError> {
    let mut since_flush = 0;
    for copy in &plan.copies {
        let mut done = 0;
        while done < copy.to.count {
            let count = (copy.to.count - done).min(SECTION_BLOCKS);
            let piece = |extent: &Extent| Extent { first: extent.first + done, count, ..*extent };
            let bytes = match &copy.from {
                From::Running(extent) => running(work.partitions, &piece(extent)),
                From::Target(extent) => target(work, &piece(extent)),
            };
            // What cannot be read is found missing in the next round.
            if let Ok(bytes) = bytes {
                let written = put(work, &piece(&copy.to), &bytes, there)?;
                filled.copied += written;
                since_flush += written;
            }
            done += count;
            if since_flush >= FLUSH_EVERY {
                work.partitions.root.flush().map_err(write(Area::Root))?;
                since_flush = 0;
                progress(*filled);
            }
        }
    }
    progress(*filled);
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "128 blocks")]
const SECTION_BLOCKS: u32 = (SECTION_SIZE / BLOCK_SIZE) as u32;

fn fetch(
    work: &Work<'_>,
    plan: Assembly,
    source: &mut dyn Source,
    there: &mut There,
    filled: &mut Filled,
    progress: &mut dyn FnMut(Filled),
) -> Result<(), FillError> {
    let ranges = plan.ranges();
    if ranges.is_empty() {
        return Ok(());
    }
    let mut frames = Frames { work, left: plan.fetches.into(), begun: Vec::new(), since_flush: 0, there };
    let transfer = source.ranges(work.file, &ranges, &mut |offset, bytes| {
        frames.take(offset, bytes, filled).map_err(|error| Box::new(error) as SinkError)?;
        progress(*filled);
        Ok(())
    });
    match transfer {
        Ok(()) if frames.left.is_empty() => Ok(()),
        Ok(()) => Err(FillError::Frames { file: work.file.to_owned() }),
        // What ended the transfer here is told as it is.
        Err(SourceError::Sink { name, source }) => Err(match source.downcast::<FillError>() {
            Ok(error) => *error,
            Err(source) => SourceError::Sink { name, source }.into(),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Makes frames of pieces, and blocks of frames.
struct Frames<'a> {
    work: &'a Work<'a>,
    left: VecDeque<Fetch>,
    begun: Vec<u8>,
    since_flush: u64,
    there: &'a mut There,
}

impl Frames<'_> {
    fn take(&mut self, offset: u64, mut bytes: &[u8], filled: &mut Filled) -> Result<(), FillError> {
        let mut place = offset;
        while !bytes.is_empty() {
            let damaged = || FillError::Frames { file: self.work.file.to_owned() };
            let Some(fetch) = self.left.front() else { return Ok(()) };
            let length = usize::try_from(fetch.range.end - fetch.range.start).map_err(|_| damaged())?;
            // A source that gives other bytes than the next ones gives none of this frame.
            if place != fetch.range.start + self.begun.len() as u64 {
                return Err(damaged());
            }
            let (now, later) = bytes.split_at(bytes.len().min(length - self.begun.len()));
            self.begun.extend_from_slice(now);
            filled.fetched += now.len() as u64;
            place += now.len() as u64;
            bytes = later;
            if self.begun.len() == length {
                self.write()?;
                self.begun.clear();
                self.left.pop_front();
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), FillError> {
        let work = self.work;
        let Some(fetch) = self.left.front() else { return Ok(()) };
        let mut reference = Vec::new();
        for extent in &fetch.reference {
            reference.extend(running(work.partitions, extent).map_err(read(extent.area))?);
        }
        let decoded = fetch.decode(&self.begun, &reference);
        let blocks = decoded.map_err(|source| FillError::Frame { file: work.file.to_owned(), source })?;
        for place in &fetch.places {
            let bytes = blocks.get(place.bytes()).unwrap_or_default();
            let written = put(work, &place.to, bytes, self.there)?;
            if written != place.to.length() {
                // A frame that decompresses to other blocks than the recipe says came damaged, not late.
                let block = u64::from(place.to.first);
                return Err(FillError::Block { file: work.file.to_owned(), block });
            }
            self.since_flush += written;
        }
        if self.since_flush >= FLUSH_EVERY {
            work.partitions.root.flush().map_err(write(Area::Root))?;
            self.since_flush = 0;
        }
        Ok(())
    }
}

/// Writes the blocks whose digests begin as the recipe says; returns how many bytes that were.
fn put(work: &Work<'_>, to: &Extent, bytes: &[u8], there: &mut There) -> Result<u64, FillError> {
    let row = match to.area {
        Area::Root => to.first,
        Area::Kernel => work.recipe.shape().root_blocks() + to.first,
    };
    let mut written = 0;
    let mut run: Option<(u64, usize)> = None;
    let blocks = bytes.as_chunks::<BLOCK_SIZE>().0;
    for (index, block) in blocks.iter().enumerate() {
        let index_in_extent = u32::try_from(index).unwrap_or(u32::MAX);
        let digest = work.hasher.digest(block);
        let right = work.recipe.is(row.saturating_add(index_in_extent), &digest);
        if right {
            there.note(to.area, to.first.saturating_add(index_in_extent), digest);
        }
        let start = index * BLOCK_SIZE;
        match (&mut run, right) {
            (Some((_, length)), true) => *length += BLOCK_SIZE,
            (None, true) => run = Some((start as u64, BLOCK_SIZE)),
            (Some((start, length)), false) => {
                written += put_run(work, to, bytes, *start, *length)?;
                run = None;
            }
            (None, false) => {}
        }
    }
    if let Some((start, length)) = run {
        written += put_run(work, to, bytes, start, length)?;
    }
    Ok(written)
}

fn put_run(work: &Work<'_>, to: &Extent, bytes: &[u8], start: u64, length: usize) -> Result<u64, FillError> {
    let place = usize::try_from(start).unwrap_or(usize::MAX);
    let bytes = bytes.get(place..place + length).unwrap_or_default();
    let offset = to.offset() + start;
    match to.area {
        Area::Root => work.partitions.root.write_at(offset, bytes).map_err(write(Area::Root))?,
        Area::Kernel => {
            // The last block is filled up with zeros, which are not the file's.
            let left = work.manifest.files.kernel.size.saturating_sub(offset);
            let own = usize::try_from(left).map_or(bytes, |left| &bytes[..left.min(bytes.len())]);
            work.kernel.write_at(offset, own).map_err(write(Area::Kernel))?;
        }
    }
    Ok(length as u64)
}

/// Blocks of the running version.
fn running(partitions: &Partitions<'_>, extent: &Extent) -> io::Result<Vec<u8>> {
    match (extent.area, &partitions.running_kernel) {
        (Area::Root, _) => blocks_of(&partitions.running_root, extent),
        (Area::Kernel, Some(kernel)) => blocks_of(&**kernel, extent),
        (Area::Kernel, None) => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Blocks of the version that is being written.
fn target(work: &Work<'_>, extent: &Extent) -> io::Result<Vec<u8>> {
    match extent.area {
        Area::Root => blocks_of(&work.partitions.root.readable(), extent),
        Area::Kernel => blocks_of(&*work.kernel, extent),
    }
}

/// Whole blocks; what lies behind a file's end is zeros.
fn blocks_of<R: ReadAt + ?Sized>(file: &R, extent: &Extent) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(extent.length()).map_err(io::Error::other)?];
    let there = file.size().saturating_sub(extent.offset());
    let length = usize::try_from(there).map_or(bytes.len(), |there| there.min(bytes.len()));
    file.read_at(extent.offset(), &mut bytes[..length])?;
    Ok(bytes)
}

/// Digests of the blocks of a file's first `size` bytes, the last one filled up with zeros.
pub(super) fn digests<R: ReadAt + ?Sized>(
    hasher: &Hasher,
    file: &R,
    size: u64,
) -> io::Result<Vec<Sha256Digest>> {
    let mut digests = Vec::with_capacity(usize::try_from(size / BLOCK_SIZE as u64).unwrap_or(0) + 1);
    let mut section = vec![0; SECTION_SIZE];
    // A slot that was never written is zeros, which are hashed once.
    let zeros = vec![hasher.digest(&[0; BLOCK_SIZE]); SECTION_SIZE / BLOCK_SIZE];
    let mut offset = 0;
    while offset < size {
        let length = usize::try_from(size - offset).map_or(SECTION_SIZE, |left| left.min(SECTION_SIZE));
        let bytes = &mut section[..length];
        file.read_at(offset, bytes)?;
        if bytes.iter().all(|byte| *byte == 0) {
            digests.extend(&zeros[..length.div_ceil(BLOCK_SIZE)]);
        } else {
            digests.extend(release::blocks::digests(hasher, bytes));
        }
        offset += length as u64;
    }
    Ok(digests)
}

fn read(area: Area) -> impl Fn(io::Error) -> FillError {
    move |source| FillError::Device { action: "read", part: part(area), source }
}

fn write(area: Area) -> impl Fn(io::Error) -> FillError {
    move |source| FillError::Device { action: "write", part: part(area), source }
}

const fn part(area: Area) -> &'static str {
    match area {
        Area::Root => "root file system",
        Area::Kernel => "unified kernel image",
    }
}
