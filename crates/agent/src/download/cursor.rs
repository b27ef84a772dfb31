//! Wanted ranges of a file and what has come of them so far. Nothing here reads anything.

use std::ops::Range;

use crate::source::{Sink, SinkError};

/// A place in a list of wanted ranges.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    ranges: &'a [Range<u64>],
    /// Within the first of `ranges`; before its start when nothing of it has come.
    position: u64,
    delivered: u64,
}

impl<'a> Cursor<'a> {
    /// Refuses with the first range that is not one of a file of `total` bytes, or lies before its predecessor's end.
    pub(super) fn new(ranges: &'a [Range<u64>], total: u64) -> Result<Self, Range<u64>> {
        let mut end = 0;
        for range in ranges {
            if range.start < end || range.start > range.end || range.end > total {
                return Err(range.clone());
            }
            end = range.end;
        }
        let mut cursor = Cursor { ranges, position: 0, delivered: 0 };
        cursor.skip_empty();
        Ok(cursor)
    }

    /// The first byte that is still wanted.
    pub(super) fn position(&self) -> Option<u64> {
        self.ranges.first().map(|range| range.start.max(self.position))
    }

    /// Wanted bytes that have come.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What to ask for next: from the first wanted byte on, over gaps of at most `gap` bytes.
    pub(super) fn stretch(&self, gap: u64) -> Option<Range<u64>> {
        let start = self.position()?;
        let mut end = self.ranges.first()?.end;
        for range in &self.ranges[1..] {
            if range.start - end > gap {
                break;
            }
            end = range.end;
        }
        Some(start..end)
    }

    /// Gives `sink` what is wanted of `bytes`, which lie at `offset`.
    pub(super) fn feed(&mut self, offset: u64, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), SinkError> {
        let end = offset + bytes.len() as u64;
        while let Some(wanted) = self.position() {
            let range_end = self.ranges[0].end;
            let part = wanted.max(offset)..range_end.min(end);
            // Bytes between the cursor and `offset` have not come: nothing later may be given before them.
            if wanted < offset || part.is_empty() {
                return Ok(());
            }
            let from = usize::try_from(part.start - offset).unwrap_or(bytes.len());
            let to = usize::try_from(part.end - offset).unwrap_or(bytes.len());
            sink(part.start, &bytes[from..to])?;
            self.delivered += part.end - part.start;
            self.position = part.end;
            if part.end == range_end {
                self.ranges = &self.ranges[1..];
                self.skip_empty();
            }
        }
        Ok(())
    }

    fn skip_empty(&mut self) {
        while let Some((first, rest)) = self.ranges.split_first()
            && first.is_empty()
        {
            self.ranges = rest;
        }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;

    fn fed(cursor: &mut Cursor<'_>, offset: u64, bytes: &[u8]) -> Vec<(u64, String)> {
        let mut given = Vec::new();
        let mut sink = |offset: u64, bytes: &[u8]| {
            given.push((offset, String::from_utf8_lossy(bytes).into_owned()));
            Ok(())
        };
        cursor.feed(offset, bytes, &mut sink).unwrap();
        given
    }

    #[test]
    fn near_ranges_are_asked_for_together_and_far_ones_apart() {
        let ranges = [2..4, 6..8, 20..22];
        let cursor = Cursor::new(&ranges, 30).unwrap();
        assert_eq!(cursor.stretch(2), Some(2..8));
        assert_eq!(cursor.stretch(1), Some(2..4));
        assert_eq!(cursor.stretch(100), Some(2..22));
    }

    #[test]
    fn only_wanted_bytes_are_given_and_each_once() {
        let ranges = [2..4, 5..5, 6..8];
        let mut cursor = Cursor::new(&ranges, 10).unwrap();
        assert_eq!(fed(&mut cursor, 0, b"012"), [(2, "2".to_owned())]);
        assert_eq!(cursor.stretch(2), Some(3..8));
        assert_eq!(fed(&mut cursor, 1, b"123456789"), [(3, "3".to_owned()), (6, "67".to_owned())]);
        assert_eq!((cursor.position(), cursor.stretch(2), cursor.delivered()), (None, None, 4));
    }

    #[test]
    fn bytes_beyond_a_hole_are_not_given() {
        let ranges = [2..8];
        let mut cursor = Cursor::new(&ranges, 10).unwrap();
        assert_eq!(fed(&mut cursor, 5, b"567"), []);
        assert_eq!(cursor.position(), Some(2));
    }

    #[test]
    fn ranges_out_of_order_or_out_of_the_file_are_refused() {
        assert_eq!(Cursor::new(&[0..4, 3..5], 10).unwrap_err(), 3..5);
        assert_eq!(Cursor::new(&[0..4, 8..11], 10).unwrap_err(), 8..11);
        #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
        let reversed = [4..2];
        assert_eq!(Cursor::new(&reversed, 10).unwrap_err(), reversed[0]);
    }
}
