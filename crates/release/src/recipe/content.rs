//! Which of the different blocks each block of a version is, as runs; and back.

use super::RecipeError;
use super::wire::{Reader, put};

/// Blocks in a row that are told of at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// Blocks that were not met before, all different from each other.
    New { count: u32 },
    /// The same as those that begin at `from`, which may reach into the run itself.
    Again { from: u32, count: u32 },
    /// Not met before, and the same as those of the old version that begin at `from`.
    Base { from: u32, count: u32 },
}

/// The content of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Of each block, which of the different blocks it is, in the order in which they were met.
    pub(crate) kinds: Vec<u32>,
    /// Of each of the different blocks, where the old version has it.
    pub(crate) bases: Vec<Option<u32>>,
}

pub(super) fn write(output: &mut Vec<u8>, runs: &[Run]) {
    put(output, runs.len() as u64);
    let (mut block, mut base) = (0_u32, 0_u32);
    for run in runs {
        let (kind, count, place) = match *run {
            Run::New { count } => (0, count, None),
            // The distance, which is often the same as that of the run before.
            Run::Again { from, count } => (1, count, Some(u64::from(block - from))),
            Run::Base { from, count } => (2, count, Some(zigzag(i64::from(from) - i64::from(base)))),
        };
        put(output, u64::from(count) << 2 | kind);
        if let Some(place) = place {
            put(output, place);
        }
        if let Run::Base { from, count } = run {
            base = from + count;
        }
        block += count;
    }
}

/// Reads runs over all `blocks`; `base_blocks` are those of the old version.
pub(super) fn read(reader: &mut Reader<'_>, blocks: u32, base_blocks: u32) -> Result<Content, RecipeError> {
    let damaged = || RecipeError::Damaged("its runs do not fit");
    let count = reader.count()?;
    let mut content = Content { kinds: Vec::with_capacity(blocks as usize), bases: Vec::new() };
    let mut base = 0_i64;
    for _ in 0..count {
        let word = reader.number()?;
        let length = u32::try_from(word >> 2).map_err(|_| damaged())?;
        let left = blocks as usize - content.kinds.len();
        if length == 0 || length as usize > left {
            return Err(damaged());
        }
        match word & 3 {
            0 => (0..length).for_each(|_| content.push(None)),
            1 => {
                let distance = usize::try_from(reader.number()?).map_err(|_| damaged())?;
                let from = content.kinds.len().checked_sub(distance).ok_or_else(damaged)?;
                if distance == 0 {
                    return Err(damaged());
                }
                for place in from..from + length as usize {
                    content.kinds.push(content.kinds[place]);
                }
            }
            2 => {
                let from = base.checked_add(unzigzag(reader.number()?)).ok_or_else(damaged)?;
                let from = u32::try_from(from).map_err(|_| damaged())?;
                let end = from.checked_add(length).filter(|end| *end <= base_blocks).ok_or_else(damaged)?;
                (from..end).for_each(|number| content.push(Some(number)));
                base = i64::from(end);
            }
            _ => return Err(damaged()),
        }
    }
    if content.kinds.len() == blocks as usize { Ok(content) } else { Err(damaged()) }
}

impl Content {
    fn push(&mut self, base: Option<u32>) {
        let kind = u32::try_from(self.bases.len()).expect("there are fewer kinds than blocks");
        self.bases.push(base);
        self.kinds.push(kind);
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::super::wire::Reader;
    use super::{Run, read, write};

    #[test]
    fn runs_come_back_as_kinds() {
        let runs = [
            Run::New { count: 2 },
            // Reaches into itself: the second block again and again.
            Run::Again { from: 1, count: 3 },
            Run::Base { from: 7, count: 2 },
            Run::Base { from: 0, count: 1 },
            Run::Again { from: 0, count: 2 },
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, &runs);
        let content = read(&mut Reader::new(&bytes), 10, 9).unwrap();
        assert_eq!(content.kinds, [0, 1, 1, 1, 1, 2, 3, 4, 0, 1]);
        assert_eq!(content.bases, [None, None, Some(7), Some(8), Some(0)]);
        for (blocks, base_blocks) in [(9, 9), (11, 9), (10, 8)] {
            let refused = read(&mut Reader::new(&bytes), blocks, base_blocks).unwrap_err().to_string();
            assert_eq!(refused, "the file is damaged: its runs do not fit");
        }
    }

    #[test]
    fn impossible_runs_are_refused() {
        // A count of 0; a distance of 0; a distance before the begin; a base before 0; an unknown kind.
        for bytes in [&[1, 0][..], &[1, 5, 0], &[2, 4, 5, 2], &[1, 6, 1], &[1, 7]] {
            assert!(read(&mut Reader::new(bytes), 1, 1).is_err(), "{bytes:?}");
        }
    }
}
