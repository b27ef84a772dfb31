//! Files with holes in; the parts that hold data out, so that zeros are neither copied nor stored.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Data is looked at and copied in pieces of this many bytes.
pub(super) const CHUNK: u64 = 65_536;
const CHUNK_LENGTH: usize = 65_536;
static ZEROS: [u8; CHUNK_LENGTH] = [0; CHUNK_LENGTH];

/// Numbers of the chunks that are not all zeros, in order.
pub(super) fn chunks_with_data(file: &mut File) -> io::Result<Vec<u64>> {
    let mut chunks = Vec::new();
    for_each_data_chunk(file, |number, _| {
        chunks.push(number);
        Ok(())
    })?;
    Ok(chunks)
}

/// One chunk, filled up with zeros where the file ends.
pub(super) fn read_chunk(file: &mut File, number: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; CHUNK_LENGTH];
    file.seek(SeekFrom::Start(number * CHUNK))?;
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(bytes)
}

/// Copies what is not zero to the same places after `offset` of a file that reads as zeros there.
pub(super) fn copy(from: &mut File, to: &mut File, offset: u64) -> io::Result<()> {
    let size = from.metadata()?.len();
    for_each_data_chunk(from, |number, bytes| {
        let start = number * CHUNK;
        let length = usize::try_from((size - start).min(CHUNK)).unwrap_or(CHUNK_LENGTH);
        to.seek(SeekFrom::Start(offset + start))?;
        to.write_all(&bytes[..length])
    })
}

/// Calls `visit` with each chunk that is not all zeros; holes are skipped unread.
pub(super) fn for_each_data_chunk(
    file: &mut File,
    mut visit: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let size = file.metadata()?.len();
    let mut number = 0;
    while number * CHUNK < size {
        let position = number * CHUNK;
        match rustix::fs::seek(&*file, rustix::fs::SeekFrom::Data(position)) {
            Ok(data) if data / CHUNK > number => {
                number = data / CHUNK;
                continue;
            }
            // A file system without holes says that all is data; past the last data it says there is none.
            Ok(_) | Err(rustix::io::Errno::INVAL) => {}
            Err(rustix::io::Errno::NXIO) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        let bytes = read_chunk(file, number)?;
        if bytes != ZEROS {
            visit(number, &bytes)?;
        }
        number += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use super::{CHUNK, chunks_with_data, copy};

    #[test]
    fn zeros_are_neither_found_nor_copied() {
        let mut from = tempfile::tempfile().unwrap();
        from.set_len(10 * CHUNK + 100).unwrap();
        from.write_all(&[0; 200]).unwrap();
        from.seek(SeekFrom::Start(3 * CHUNK + 5)).unwrap();
        from.write_all(b"x").unwrap();
        from.seek(SeekFrom::Start(10 * CHUNK + 99)).unwrap();
        from.write_all(b"end").unwrap();
        assert_eq!(chunks_with_data(&mut from).unwrap(), [3, 10]);
        let mut to = tempfile::tempfile().unwrap();
        copy(&mut from, &mut to, 7).unwrap();
        to.seek(SeekFrom::Start(10 * CHUNK + 99 + 7)).unwrap();
        let mut text = String::new();
        to.read_to_string(&mut text).unwrap();
        assert_eq!(text, "end");
    }
}
