//! Bytes in, in one go; ranges of them out, as often as wanted. Small ones stay in memory, large ones go to an unnamed file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// Bytes kept in memory before a file takes over. A conversion has two stores, and a growing vector may hold twice its bytes: two
/// conversions at once stay below 128 MiB.
const MEMORY_LIMIT: usize = 16 << 20;

/// Size of the pieces handed out, whatever the storage: compressors see the same pieces.
const PIECE: usize = 128 << 10;

/// A write-once, read-often store of bytes.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    length: u64,
}

impl Spool {
    /// Bytes written so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Hands the range to `take`, piece by piece.
    pub(crate) fn read(
        &self,
        offset: u64,
        length: u64,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut piece = vec![0; if self.file.is_some() { PIECE } else { 0 }];
        let mut position = offset;
        let end = offset + length;
        while position < end {
            let count = usize::try_from(end - position).unwrap_or(PIECE).min(PIECE);
            match &self.file {
                Some(file) => {
                    file.read_exact_at(&mut piece[..count], position)?;
                    take(&piece[..count])?;
                }
                None => {
                    let start = usize::try_from(position).map_err(io::Error::other)?;
                    let bytes = self.memory.get(start..start + count);
                    take(bytes.ok_or(io::ErrorKind::UnexpectedEof)?)?;
                }
            }
            position += count as u64;
        }
        Ok(())
    }

    /// The range as one slice in memory of its own.
    pub(crate) fn bytes(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
        self.read(offset, length, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + bytes.len() > MEMORY_LIMIT {
            let mut file = tempfile::tempfile()?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_file_give_the_same_ranges() {
        let mut spool = Spool::default();
        let block = (0..=255).cycle().take(1 << 20).collect::<Vec<u8>>();
        for _ in 0..3 {
            spool.write_all(&block).unwrap();
        }
        assert!(spool.file.is_none());
        let before = spool.bytes(1_000_000, 200_000).unwrap();
        for _ in 0..(MEMORY_LIMIT >> 20) {
            spool.write_all(&block).unwrap();
        }
        assert!(spool.file.is_some());
        assert_eq!(spool.bytes(1_000_000, 200_000).unwrap(), before);
        assert!(spool.bytes(spool.length(), 1).is_err());
    }
}
