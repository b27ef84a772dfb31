//! The root file system by its whole hash tree, where a release has no recipe: what lies in its place, what is copied, what is
//! fetched as it lies on the disk.

use std::ops::Range;

use release::verity::{BLOCK_SIZE, HashTree, Hasher, SECTION_SIZE};
use release::{Manifest, Sha256Digest};

use super::known::Known;
use super::{FillError, Filled, Partitions};
use crate::source::{SinkError, Source, SourceError};
use crate::storage::{ReadAt as _, WritableWindow};

const BLOCK: u64 = BLOCK_SIZE as u64;
/// Bytes written between two waits: what may lie in memory unwritten.
const FLUSH_EVERY: u64 = 32 * 1024 * 1024;

pub(super) fn fill(
    partitions: &Partitions<'_>,
    manifest: &Manifest,
    tree: &HashTree,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Filled),
) -> Result<Filled, FillError> {
    let mut filled = Filled::default();
    let missing = fill_from_disk(partitions, tree, &mut filled, progress)?;
    let ranges: Vec<Range<u64>> =
        missing.iter().map(|blocks| blocks.start * BLOCK..blocks.end * BLOCK).collect();
    if ranges.is_empty() {
        return Ok(filled);
    }
    let file = manifest.files.root.name.as_str();
    let mut writer = Writer::new(tree, &partitions.root, file, missing);
    let transfer = source.ranges(file, &ranges, &mut |offset, bytes| {
        let written = writer.take(offset, bytes).map_err(|error| Box::new(error) as SinkError)?;
        filled.fetched += written;
        if written > 0 {
            progress(filled);
        }
        Ok(())
    });
    match transfer {
        Ok(()) => writer.finish().map(|()| filled),
        // What ended the transfer here is told as it is.
        Err(SourceError::Sink { name, source }) => Err(match source.downcast::<FillError>() {
            Ok(error) => *error,
            Err(source) => SourceError::Sink { name, source }.into(),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Keeps and copies what is on the disk; returns the runs of blocks that are not.
fn fill_from_disk(
    partitions: &Partitions<'_>,
    tree: &HashTree,
    filled: &mut Filled,
    progress: &mut dyn FnMut(Filled),
) -> Result<Vec<Range<u64>>, FillError> {
    let known = Known::of_running(partitions, tree.salt());
    let hasher = Hasher::new(tree.salt());
    let mut missing: Vec<Range<u64>> = Vec::new();
    let mut there = vec![0; SECTION_SIZE];
    let mut copied_since = 0;
    for (section, leaves) in tree.leaves().chunks(SECTION_SIZE / BLOCK_SIZE).enumerate() {
        let start = (section * SECTION_SIZE) as u64;
        let there = &mut there[..leaves.len() * BLOCK_SIZE];
        partitions.root.readable().read_at(start, there).map_err(device("read"))?;
        for ((leaf, block), number) in leaves.iter().zip(there.as_chunks().0).zip(start / BLOCK..) {
            if hasher.digest(block) == *leaf {
                filled.kept += BLOCK;
            } else if let Some(copy) = copy_of(partitions, &known, &hasher, leaf) {
                partitions.root.write_at(number * BLOCK, &copy).map_err(device("write"))?;
                filled.copied += BLOCK;
                copied_since += BLOCK;
            } else {
                match missing.last_mut().filter(|run| run.end == number) {
                    Some(run) => run.end += 1,
                    None => missing.push(number..number + 1),
                }
            }
        }
        if copied_since >= FLUSH_EVERY {
            partitions.root.flush().map_err(device("write"))?;
            copied_since = 0;
        }
        progress(*filled);
    }
    Ok(missing)
}

/// The running version's block with this digest. A block that is not what the tree said is only fetched instead.
fn copy_of(
    partitions: &Partitions<'_>,
    known: &Known,
    hasher: &Hasher,
    leaf: &Sha256Digest,
) -> Option<[u8; BLOCK_SIZE]> {
    let mut block = [0; BLOCK_SIZE];
    partitions.running_root.read_at(u64::from(known.block(leaf)?) * BLOCK, &mut block).ok()?;
    (hasher.digest(&block) == *leaf).then_some(block)
}

/// Makes blocks of pieces, compares and writes them.
struct Writer<'a> {
    tree: &'a HashTree,
    hasher: Hasher,
    root: &'a WritableWindow<'a>,
    file: &'a str,
    /// Blocks that have still to come, ascending.
    missing: std::collections::VecDeque<Range<u64>>,
    /// What has come of the next block.
    begun: Vec<u8>,
    since_flush: u64,
}

impl<'a> Writer<'a> {
    fn new(
        tree: &'a HashTree,
        root: &'a WritableWindow<'a>,
        file: &'a str,
        missing: Vec<Range<u64>>,
    ) -> Self {
        let begun = Vec::with_capacity(BLOCK_SIZE);
        let hasher = Hasher::new(tree.salt());
        Writer { tree, hasher, root, file, missing: missing.into(), begun, since_flush: 0 }
    }

    /// Takes the next piece; returns how many bytes of whole blocks were written.
    fn take(&mut self, offset: u64, mut bytes: &[u8]) -> Result<u64, FillError> {
        let mut written = 0;
        let mut place = offset;
        while !bytes.is_empty() {
            let Some(block) = self.missing.front().map(|run| run.start) else { return Ok(written) };
            // A source that gives other bytes than the next ones gives none of this block.
            if place != block * BLOCK + self.begun.len() as u64 {
                return Err(FillError::Short { file: self.file.to_owned(), block });
            }
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_SIZE - self.begun.len()));
            self.begun.extend_from_slice(now);
            place += now.len() as u64;
            bytes = later;
            if self.begun.len() == BLOCK_SIZE {
                self.write(block)?;
                written += BLOCK;
            }
        }
        Ok(written)
    }

    fn write(&mut self, block: u64) -> Result<(), FillError> {
        let wrong = || FillError::Block { file: self.file.to_owned(), block };
        let leaf = usize::try_from(block).ok().and_then(|block| self.tree.leaves().get(block));
        let content = self.begun.first_chunk().ok_or_else(wrong)?;
        if leaf.is_none_or(|leaf| self.hasher.digest(content) != *leaf) {
            return Err(wrong());
        }
        self.root.write_at(block * BLOCK, content).map_err(device("write"))?;
        self.begun.clear();
        self.since_flush += BLOCK;
        if self.since_flush >= FLUSH_EVERY {
            self.root.flush().map_err(device("write"))?;
            self.since_flush = 0;
        }
        if let Some(run) = self.missing.front_mut() {
            run.start += 1;
            if run.is_empty() {
                self.missing.pop_front();
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), FillError> {
        match self.missing.front() {
            None => Ok(()),
            Some(run) => Err(FillError::Short { file: self.file.to_owned(), block: run.start }),
        }
    }
}

fn device(action: &'static str) -> impl Fn(std::io::Error) -> FillError {
    move |source| FillError::Device { action, part: "root file system", source }
}
