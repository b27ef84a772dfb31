//! Sources of bytes in; what a disk or a partition holds, as pieces in their places, out. Whatever no piece covers is zero.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes that belong at one place.
#[derive(Debug, Clone)]
pub(crate) struct Piece<'t> {
    /// Bytes from the start of the disk or partition.
    pub(crate) at: u64,
    /// Length in bytes.
    pub(crate) length: u64,
    /// Where they come from.
    pub(crate) source: Source<'t>,
}

/// Where the bytes of a piece come from.
#[derive(Debug, Clone)]
pub(crate) enum Source<'t> {
    /// From memory.
    Memory(Cow<'t, [u8]>),
    /// From a file of this machine, beginning at `start`.
    File {
        /// Where it is.
        path: Cow<'t, Path>,
        /// Bytes from its beginning.
        start: u64,
    },
}

/// A source that cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The file.
    pub(crate) path: PathBuf,
    /// Why.
    pub(crate) source: io::Error,
}

impl<'t> Piece<'t> {
    /// Bytes in memory.
    pub(crate) fn memory(at: u64, bytes: impl Into<Cow<'t, [u8]>>) -> Self {
        let bytes = bytes.into();
        Self { at, length: bytes.len() as u64, source: Source::Memory(bytes) }
    }

    /// The same piece, `by` bytes further.
    pub(crate) fn moved(self, by: u64) -> Self {
        Self { at: self.at + by, ..self }
    }

    fn end(&self) -> u64 {
        self.at + self.length
    }
}

/// The pieces that reach into a range of the disk; `pieces` are in order and do not overlap.
pub(super) fn within<'p, 't>(pieces: &'p [Piece<'t>], range: &Range<u64>) -> &'p [Piece<'t>] {
    let first = pieces.partition_point(|piece| piece.end() <= range.start);
    let after = pieces.partition_point(|piece| piece.at < range.end);
    &pieces[first..after.max(first)]
}

/// The units of `unit` bytes that pieces reach into, as runs of unit numbers.
pub(super) fn units_in_use(pieces: &[Piece<'_>], unit: u64) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.length > 0) {
        let (first, after) = (piece.at / unit, piece.end().div_ceil(unit));
        match runs.last_mut() {
            Some(last) if first <= last.end => last.end = last.end.max(after),
            _ => runs.push(first..after),
        }
    }
    runs
}

/// Fills a buffer with what the disk holds from `start` on.
pub(crate) fn fill(pieces: &[Piece<'_>], start: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
    let range = start..start + buffer.len() as u64;
    let place = |position: u64| usize::try_from(position - start).unwrap_or(usize::MAX);
    let mut filled = start;
    for piece in within(pieces, &range) {
        let (from, to) = (piece.at.max(range.start), piece.end().min(range.end));
        buffer[place(filled)..place(from)].fill(0);
        piece.read(from - piece.at, &mut buffer[place(from)..place(to)])?;
        filled = to;
    }
    buffer[place(filled)..].fill(0);
    Ok(())
}

impl Piece<'_> {
    fn read(&self, skipped: u64, buffer: &mut [u8]) -> Result<(), Unreadable> {
        match &self.source {
            Source::Memory(bytes) => {
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                buffer.copy_from_slice(&bytes[skipped..skipped + buffer.len()]);
                Ok(())
            }
            Source::File { path, start } => {
                let read = |file: File| file.read_exact_at(buffer, start + skipped);
                File::open(path).and_then(read).map_err(|error| Unreadable {
                    path: path.to_path_buf(),
                    source: match error.kind() {
                        io::ErrorKind::UnexpectedEof => {
                            io::Error::new(error.kind(), "it became shorter while the image was made")
                        }
                        _ => error,
                    },
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::io::Write;

    use super::{Piece, Source, fill, units_in_use, within};

    #[test]
    fn a_window_shows_what_lies_in_it_and_zeros_between() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let pieces = [
            Piece::memory(2, &b"abc"[..]),
            Piece { at: 8, length: 6, source: Source::File { path: Cow::Borrowed(file.path()), start: 3 } },
        ];
        let mut window = [b'?'; 8];
        fill(&pieces, 3, &mut window).unwrap();
        assert_eq!(&window, b"bc\0\0\x00345");
        fill(&pieces, 20, &mut window).unwrap();
        assert_eq!(window, [0; 8]);
        assert_eq!(within(&pieces, &(5..8)).len(), 0);
        assert_eq!(within(&pieces, &(4..9)).len(), 2);
        assert_eq!(units_in_use(&pieces, 2), [1..3, 4..7]);
        assert_eq!(units_in_use(&pieces, 1), [2..5, 8..14]);
        assert_eq!(units_in_use(&pieces, 4), vec![0..4]);
    }

    #[test]
    fn a_file_that_became_shorter_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = Source::File { path: Cow::Borrowed(file.path()), start: 0 };
        let error = fill(&[Piece { at: 0, length: 9, source }], 0, &mut [0; 9]).unwrap_err();
        assert_eq!(error.path, file.path());
        assert!(error.source.to_string().contains("became shorter"));
    }
}
