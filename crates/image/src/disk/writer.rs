//! The pieces of a disk in; its files in all formats out, written by several threads while others take the digests behind them.
//!
//! Each segment of the disk is gathered once in memory and written from there to every file. What no piece covers is neither
//! written nor read: it is a hole of the file, and zeros in the digest.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::frontier::Frontier;
use super::piece::{self, Piece};
use super::qcow2::{self, CLUSTER};
use super::{DiskError, DiskFormat};

/// What is gathered and written at once, in bytes; partitions begin at multiples of it.
pub(super) const SEGMENT: u64 = 1 << 20;
const SEGMENT_LENGTH: usize = 1 << 20;
/// What is read and hashed at once: it stays in a processor's own cache.
const HASHED_AT_ONCE: usize = 1 << 18;
static ZEROS: [u8; 65_536] = [0; 65_536];

/// A disk file that has no name yet.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) format: DiskFormat,
    /// The name it will get.
    pub(super) path: PathBuf,
    pub(super) file: tempfile::NamedTempFile,
}

/// The files of one disk.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) files: Vec<Output>,
    /// Bytes of the disk.
    pub(super) size: u64,
}

impl Output {
    fn failed(&self) -> impl Fn(std::io::Error) -> DiskError + '_ {
        |source| DiskError::Write { path: self.path.clone(), source }
    }

    fn write(&self, bytes: &[u8], at: u64) -> Result<(), DiskError> {
        self.file.as_file().write_all_at(bytes, at).map_err(self.failed())
    }
}

impl Outputs {
    /// The file that holds the disk byte by byte, if any does.
    pub(super) fn flat(&self) -> Option<&Output> {
        self.files.iter().find(|output| output.format != DiskFormat::Qcow2)
    }

    pub(super) fn qcow2(&self) -> Option<&Output> {
        self.files.iter().find(|output| output.format == DiskFormat::Qcow2)
    }

    /// Writes all segments that pieces reach into, on as many threads as there are processors; `frontier` holds just these.
    pub(super) fn write_segments(
        &self,
        pieces: &[Piece<'_>],
        layout: &qcow2::Layout,
        frontier: &Frontier,
    ) -> Result<(), DiskError> {
        let segments: Vec<u64> = segments(pieces).collect();
        let next = AtomicUsize::new(0);
        let work = |number: usize| {
            let writer = frontier.writer();
            let mut buffer = vec![0; SEGMENT_LENGTH];
            while let Some(segment) = segments.get(next.fetch_add(1, Ordering::Relaxed)) {
                if frontier.given_up() {
                    return Ok(());
                }
                self.write_segment(pieces, *segment, layout, number, &mut buffer)?;
                writer.written(*segment);
            }
            writer.done();
            Ok(())
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let work = &work;
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|number| scope.spawn(move || work(number))).collect();
            let own = work(0);
            others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .fold(own, Result::and)
        })
    }

    /// Writes what lies around the root, and all that tells the formats apart; `layout` is complete.
    pub(super) fn write_rest(
        &self,
        pieces: &[Piece<'_>],
        layout: &qcow2::Layout,
        footer: &[u8],
    ) -> Result<(), DiskError> {
        let mut buffer = vec![0; SEGMENT_LENGTH];
        for segment in segments(pieces) {
            self.write_segment(pieces, segment, layout, 0, &mut buffer)?;
        }
        for output in &self.files {
            match output.format {
                DiskFormat::Raw => {}
                DiskFormat::Vhd => output.write(footer, self.size)?,
                DiskFormat::Qcow2 => {
                    output.write(&layout.header(), 0)?;
                    output.write(&layout.tables(), layout.tables_start())?;
                }
            }
        }
        Ok(())
    }

    /// `turn` decides with which file to begin, so that two threads seldom want to write to the same one.
    fn write_segment(
        &self,
        pieces: &[Piece<'_>],
        segment: u64,
        layout: &qcow2::Layout,
        turn: usize,
        buffer: &mut [u8],
    ) -> Result<(), DiskError> {
        let start = segment * SEGMENT;
        let length = usize::try_from((self.size - start).min(SEGMENT)).unwrap_or(SEGMENT_LENGTH);
        let buffer = &mut buffer[..length];
        piece::fill(pieces, start, buffer)
            .map_err(|error| DiskError::Read { path: error.path, source: error.source })?;
        let data = data(buffer);
        let count = self.files.len().max(1);
        for output in self.files.iter().cycle().skip(turn % count).take(self.files.len()) {
            if output.format == DiskFormat::Qcow2 {
                let first = start / CLUSTER;
                for (clusters, place) in layout.places(first..first + SEGMENT / CLUSTER) {
                    output.write(&buffer[bytes_of(clusters.start - first..clusters.end - first)], place)?;
                }
            } else {
                for run in &data {
                    output.write(&buffer[run.clone()], start + run.start as u64)?;
                }
            }
        }
        Ok(())
    }
}

/// The segments that pieces reach into.
pub(super) fn segments(pieces: &[Piece<'_>]) -> impl Iterator<Item = u64> {
    piece::units_in_use(pieces, SEGMENT).into_iter().flatten()
}

/// The SHA-256 of a file, taken from its beginning to its end.
#[derive(Debug, Clone)]
pub(super) struct FileDigest {
    state: Sha256,
    buffer: Vec<u8>,
}

impl FileDigest {
    /// The digest of a disk's bytes, taken behind its writers; nothing when they gave up.
    pub(super) fn of_disk(
        output: &Output,
        size: u64,
        clusters_in_use: &[Range<u64>],
        frontier: &Frontier,
    ) -> Result<Option<Self>, DiskError> {
        let mut digest = Self::new();
        let mut position = 0;
        for clusters in clusters_in_use {
            let bytes = clusters.start * CLUSTER..(clusters.end * CLUSTER).min(size);
            digest.add_zeros(bytes.start - position);
            position = bytes.start;
            while position < bytes.end {
                let segment = position / SEGMENT;
                if !frontier.wait(segment) {
                    return Ok(None);
                }
                let end = ((segment + 1) * SEGMENT).min(bytes.end);
                digest.add_range(output, position..end)?;
                position = end;
            }
        }
        digest.add_zeros(size - position);
        Ok(Some(digest))
    }

    /// The digest of what lies before the tables of a QCOW file, taken behind the writers; nothing when they gave up.
    pub(super) fn before_tables(
        output: &Output,
        layout: &qcow2::Layout,
        segments: impl Iterator<Item = u64>,
        frontier: &Frontier,
    ) -> Result<Option<Self>, DiskError> {
        let mut digest = Self::new();
        digest.add(&layout.header());
        for segment in segments {
            if !frontier.wait(segment) {
                return Ok(None);
            }
            let first = segment * SEGMENT / CLUSTER;
            for (clusters, place) in layout.places(first..first + SEGMENT / CLUSTER) {
                digest.add_range(output, place..place + (clusters.end - clusters.start) * CLUSTER)?;
            }
        }
        Ok(Some(digest))
    }

    fn new() -> Self {
        Self { state: Sha256::new(), buffer: vec![0; HASHED_AT_ONCE] }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// Adds what a file holds in a range of bytes.
    pub(super) fn add_range(&mut self, output: &Output, range: Range<u64>) -> Result<(), DiskError> {
        let mut position = range.start;
        while position < range.end {
            let length = usize::try_from(range.end - position).unwrap_or(usize::MAX).min(HASHED_AT_ONCE);
            let bytes = &mut self.buffer[..length];
            output.file.as_file().read_exact_at(bytes, position).map_err(output.failed())?;
            self.state.update(bytes);
            position += length as u64;
        }
        Ok(())
    }

    fn add_zeros(&mut self, mut count: u64) {
        while count > 0 {
            let length = usize::try_from(count).unwrap_or(usize::MAX).min(ZEROS.len());
            self.state.update(&ZEROS[..length]);
            count -= length as u64;
        }
    }

    /// In hexadecimal.
    pub(super) fn finish(self) -> String {
        hex::encode(self.state.finalize())
    }
}

/// Runs of clusters that are not all zeros, in bytes.
fn data(segment: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (number, cluster) in segment.chunks(ZEROS.len()).enumerate() {
        if cluster == &ZEROS[..cluster.len()] {
            continue;
        }
        let start = number * ZEROS.len();
        match runs.last_mut() {
            Some(last) if last.end == start => last.end = start + cluster.len(),
            _ => runs.push(start..start + cluster.len()),
        }
    }
    runs
}

fn bytes_of(clusters: Range<u64>) -> Range<usize> {
    let bytes = |cluster: u64| usize::try_from(cluster * CLUSTER).unwrap_or(usize::MAX);
    bytes(clusters.start)..bytes(clusters.end)
}

/// Makes a file beside those of the folder, without a name that anything would look for.
pub(super) fn beside(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".disk-").suffix(".partial").tempfile_in(folder)
}
