//! A file in; its runs of data out, found by content alone, so that what the machine's disk thinks of holes decides nothing.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Runs begin at multiples of this many bytes; less than a whole unit of zeros is data.
pub(super) const UNIT: u64 = 65_536;
const UNIT_LENGTH: usize = 65_536;
/// What is looked at first: zeros here are rare in a unit that holds anything.
const PROBE: usize = 4096;
static ZEROS: [u8; UNIT_LENGTH] = [0; UNIT_LENGTH];

/// The ranges of bytes up to `size` that are not whole units of zeros, in order and apart from each other.
pub(super) fn data_in_file(file: &File, size: u64) -> io::Result<Vec<Range<u64>>> {
    let mut buffer = vec![0; UNIT_LENGTH];
    let mut runs = Vec::new();
    let mut position = 0;
    while position < size {
        let length = usize::try_from((size - position).min(UNIT)).unwrap_or(UNIT_LENGTH);
        if !is_zero(file, position, &mut buffer[..length])? {
            add(&mut runs, position..position + length as u64);
            position += UNIT;
            continue;
        }
        // After zeros, a hole of the machine's file system is passed over unread.
        position = match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(position + length as u64)) {
            Ok(data) => (data / UNIT * UNIT).max(position + UNIT),
            Err(rustix::io::Errno::NXIO) => size,
            Err(_) => position + UNIT,
        };
    }
    Ok(runs)
}

/// The same of bytes in memory.
pub(super) fn data_in_memory(bytes: &[u8]) -> Vec<Range<u64>> {
    let mut runs = Vec::new();
    for (number, unit) in bytes.chunks(UNIT_LENGTH).enumerate() {
        if unit != &ZEROS[..unit.len()] {
            let start = number as u64 * UNIT;
            add(&mut runs, start..start + unit.len() as u64);
        }
    }
    runs
}

fn is_zero(file: &File, position: u64, buffer: &mut [u8]) -> io::Result<bool> {
    let (probe, rest) = buffer.split_at_mut(PROBE.min(buffer.len()));
    file.read_exact_at(probe, position)?;
    if probe != &ZEROS[..probe.len()] {
        return Ok(false);
    }
    file.read_exact_at(rest, position + probe.len() as u64)?;
    Ok(rest == &ZEROS[..rest.len()])
}

fn add(runs: &mut Vec<Range<u64>>, run: Range<u64>) {
    match runs.last_mut() {
        Some(last) if last.end == run.start => last.end = run.end,
        _ => runs.push(run),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::{UNIT, data_in_file, data_in_memory};

    #[test]
    fn holes_and_written_zeros_are_the_same() {
        let size = 10 * UNIT + 100;
        let expected = [3 * UNIT..4 * UNIT, 9 * UNIT..size];
        let sparse = tempfile::tempfile().unwrap();
        sparse.set_len(size).unwrap();
        for (place, byte) in [(3 * UNIT + 60_000, 1), (9 * UNIT, 2), (size - 1, 3)] {
            sparse.write_all_at(&[byte], place).unwrap();
        }
        assert_eq!(data_in_file(&sparse, size).unwrap(), expected);
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        sparse.read_exact_at(&mut bytes, 0).unwrap();
        let dense = tempfile::tempfile().unwrap();
        dense.write_all_at(&bytes, 0).unwrap();
        assert_eq!(data_in_file(&dense, size).unwrap(), expected);
        assert_eq!(data_in_memory(&bytes), expected);
        assert!(data_in_file(&dense, size + 1).is_err(), "a file shorter than it was is told");
        assert_eq!(data_in_memory(&[0; 10]), []);
    }
}
