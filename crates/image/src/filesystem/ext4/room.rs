//! A file system's free blocks in; runs of them, given out from front to back, out.

use std::ops::Range;

use super::geometry::Geometry;

/// What is left to give out.
#[derive(Debug)]
pub(super) struct Room {
    /// In order.
    free: Vec<Range<u64>>,
    next: usize,
}

/// There are not enough blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Room {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let mut free = Vec::new();
        let mut start = 0;
        for metadata in geometry.metadata() {
            if start < metadata.start {
                free.push(start..metadata.start);
            }
            start = metadata.end;
        }
        if start < geometry.blocks {
            free.push(start..geometry.blocks);
        }
        Self { free, next: 0 }
    }

    /// The next `count` blocks, in as few runs as there can be.
    pub(super) fn take(&mut self, mut count: u64) -> Result<Vec<Range<u64>>, Full> {
        let mut runs = Vec::with_capacity(1);
        while count > 0 {
            let place = self.free.get_mut(self.next).ok_or(Full)?;
            let taken = count.min(place.end - place.start);
            runs.push(place.start..place.start + taken);
            place.start += taken;
            count -= taken;
            if place.is_empty() {
                self.next += 1;
            }
        }
        Ok(runs)
    }

    /// The next block.
    pub(super) fn take_one(&mut self) -> Result<u64, Full> {
        self.take(1)?.first().map(|run| run.start).ok_or(Full)
    }

    /// What was not given out, in order.
    pub(super) fn left(&self) -> &[Range<u64>] {
        &self.free[self.next.min(self.free.len())..]
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, Geometry, Room};

    #[test]
    fn what_is_taken_is_split_by_metadata_only() {
        let geometry = Geometry::new(2 * 32_768, 4096).unwrap();
        let metadata = geometry.metadata();
        let mut room = Room::new(&geometry);
        let runs = room.take(40_000).unwrap();
        assert_eq!(runs[0], metadata[0].end..32_768);
        assert_eq!(runs[1].start, metadata[1].end);
        assert_eq!(room.take_one().unwrap(), runs[1].end);
        assert_eq!(room.left(), vec![runs[1].end + 1..65_536]);
        assert_eq!(room.take(65_536), Err(Full));
    }
}
