//! Which clusters of a disk are in use, in; where they lie in a file of QCOW version 3, and its tables, out.
//!
//! Some clusters are known before others. The file holds the header, the data known early, the tables, and the rest, so that it can
//! be written, and its digest be taken, from front to back while the rest is still being made.

use std::collections::BTreeSet;
use std::ops::Range;

/// Bytes of a cluster.
pub(super) const CLUSTER: u64 = 65_536;
const CLUSTER_BITS: u32 = 16;
/// Bit 63 of a table entry: the cluster is used once.
const COPIED: u64 = 1 << 63;
const ENTRIES_IN_TABLE: u64 = CLUSTER / 8;
/// Sixteen-bit counts, as qemu-img makes them.
const COUNTS_IN_BLOCK: u64 = CLUSTER / 2;
const HEADER_LENGTH: u32 = 112;

/// Where everything lies, in clusters from the file's start unless said otherwise.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Bytes of the disk.
    size: u64,
    data: Vec<Placed>,
    count_table: Range<u64>,
    count_blocks: Range<u64>,
    first_level: Range<u64>,
    /// Which tables of the second level there are, in the order in which they lie in the file.
    second_level: Vec<u64>,
    second_level_start: u64,
    /// The file's length.
    end: u64,
}

/// Clusters of the disk that lie one after the other in the file.
#[derive(Debug, Clone)]
struct Placed {
    disk: Range<u64>,
    file: u64,
}

impl Layout {
    /// Places the clusters that are known; `late` are those of which some will be used too.
    pub(super) fn plan(size: u64, known: &[Range<u64>], late: &[Range<u64>]) -> Self {
        let mut data = Vec::new();
        let mut next = 1;
        place(&mut data, known, &mut next);
        let second_level: BTreeSet<u64> = known
            .iter()
            .chain(late)
            .filter(|run| !run.is_empty())
            .flat_map(|run| run.start / ENTRIES_IN_TABLE..=(run.end - 1) / ENTRIES_IN_TABLE)
            .collect();
        let entries = size.div_ceil(CLUSTER * ENTRIES_IN_TABLE);
        let first_level = (entries * 8).div_ceil(CLUSTER);
        let late: u64 = late.iter().map(|run| run.end - run.start).sum();
        // The counts have room for all that may come, since they lie before it.
        let most = next + first_level + second_level.len() as u64 + late;
        let (mut table, mut blocks) = (1, 1);
        loop {
            let wanted = (most + table + blocks).div_ceil(COUNTS_IN_BLOCK);
            let wanted_table = (wanted * 8).div_ceil(CLUSTER);
            if wanted == blocks && wanted_table == table {
                break;
            }
            (blocks, table) = (wanted, wanted_table);
        }
        let mut take = |count: u64| {
            let start = next;
            next += count;
            start..next
        };
        let (count_table, count_blocks, first_level) = (take(table), take(blocks), take(first_level));
        let tables = take(second_level.len() as u64);
        Self {
            size,
            data,
            count_table,
            count_blocks,
            first_level,
            second_level: second_level.into_iter().collect(),
            second_level_start: tables.start,
            end: tables.end,
        }
    }

    /// The same file with the rest of the clusters, which are among those announced as late.
    pub(super) fn completed(&self, rest: &[Range<u64>]) -> Self {
        let mut complete = self.clone();
        place(&mut complete.data, rest, &mut complete.end);
        complete.data.sort_by_key(|placed| placed.disk.start);
        complete
    }

    /// Parts of a range of clusters that the file holds: clusters of the disk, and the place in the file in bytes.
    pub(super) fn places(&self, clusters: Range<u64>) -> impl Iterator<Item = (Range<u64>, u64)> {
        let first = self.data.partition_point(|placed| placed.disk.end <= clusters.start);
        self.data[first..]
            .iter()
            .take_while({
                let end = clusters.end;
                move |placed| placed.disk.start < end
            })
            .map(move |placed| {
                let run = placed.disk.start.max(clusters.start)..placed.disk.end.min(clusters.end);
                (run.clone(), (placed.file + run.start - placed.disk.start) * CLUSTER)
            })
    }

    /// Where the tables begin, in bytes.
    pub(super) fn tables_start(&self) -> u64 {
        self.count_table.start * CLUSTER
    }

    /// The file's length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.end * CLUSTER
    }

    /// The first cluster.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(b"QFI\xfb");
        bytes.extend(3_u32.to_be_bytes());
        bytes.extend([0; 12]);
        bytes.extend(CLUSTER_BITS.to_be_bytes());
        bytes.extend(self.size.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(low(self.size.div_ceil(CLUSTER * ENTRIES_IN_TABLE)));
        bytes.extend((self.first_level.start * CLUSTER).to_be_bytes());
        bytes.extend((self.count_table.start * CLUSTER).to_be_bytes());
        bytes.extend(low(self.count_table.end - self.count_table.start));
        bytes.extend([0; 12]);
        bytes.extend([0; 24]);
        bytes.extend(4_u32.to_be_bytes());
        bytes.extend(HEADER_LENGTH.to_be_bytes());
        // No compression type, no header extensions.
        bytes.resize(usize::try_from(CLUSTER).unwrap_or(usize::MAX), 0);
        bytes
    }

    /// Counts and both levels of tables, as they lie one after the other.
    pub(super) fn tables(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let fill_cluster = |bytes: &mut Vec<u8>| {
            bytes.resize(bytes.len().next_multiple_of(usize::try_from(CLUSTER).unwrap_or(usize::MAX)), 0);
        };
        bytes.extend(self.count_blocks.clone().flat_map(|block| (block * CLUSTER).to_be_bytes()));
        fill_cluster(&mut bytes);
        for cluster in 0..(self.count_blocks.end - self.count_blocks.start) * COUNTS_IN_BLOCK {
            bytes.extend(u16::from(cluster < self.end).to_be_bytes());
        }
        let mut first_level =
            vec![0; usize::try_from(self.size.div_ceil(CLUSTER * ENTRIES_IN_TABLE)).unwrap_or(0)];
        for (order, table) in self.second_level.iter().enumerate() {
            first_level[usize::try_from(*table).unwrap_or(usize::MAX)] =
                ((self.second_level_start + order as u64) * CLUSTER) | COPIED;
        }
        bytes.extend(first_level.into_iter().flat_map(u64::to_be_bytes));
        fill_cluster(&mut bytes);
        for table in &self.second_level {
            let covered = table * ENTRIES_IN_TABLE..(table + 1) * ENTRIES_IN_TABLE;
            let mut entries = vec![0; usize::try_from(ENTRIES_IN_TABLE).unwrap_or(0)];
            for (run, place) in self.places(covered.clone()) {
                for cluster in run.clone() {
                    entries[usize::try_from(cluster - covered.start).unwrap_or(usize::MAX)] =
                        (place + (cluster - run.start) * CLUSTER) | COPIED;
                }
            }
            bytes.extend(entries.into_iter().flat_map(u64::to_be_bytes));
        }
        bytes
    }
}

fn place(data: &mut Vec<Placed>, runs: &[Range<u64>], next: &mut u64) {
    for run in runs {
        data.push(Placed { disk: run.clone(), file: *next });
        *next += run.end - run.start;
    }
}

fn low(value: u64) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::{CLUSTER, COPIED, Layout};

    #[test]
    fn data_lies_where_the_tables_say_and_zeros_nowhere() {
        // 600 MiB: two tables of the second level, of which the late cluster needs the first.
        let [known, late, rest] = [8200..8202, 0..16, 3..4].map(|run| vec![run]);
        let layout = Layout::plan(600 << 20, &known, &late).completed(&rest);
        let tables = layout.tables();
        // Header, two clusters of data, counts (2), first level, second level (2), one cluster of late data.
        assert_eq!((layout.length() / CLUSTER, tables.len() as u64 / CLUSTER), (9, 5));
        assert_eq!(layout.tables_start(), 3 * CLUSTER);
        let number =
            |bytes: &[u8], place: usize| u64::from_be_bytes(bytes[place..place + 8].try_into().unwrap());
        let header = layout.header();
        assert_eq!(number(&header, 24), 600 << 20);
        let inside = |entry: u64| usize::try_from((entry & !COPIED) - layout.tables_start()).unwrap();
        let first_level = inside(number(&header, 40));
        let second = inside(number(&tables, first_level + 8));
        assert_eq!(number(&tables, second + 8 * 8), CLUSTER | COPIED);
        assert_eq!(number(&tables, second + 9 * 8), (2 * CLUSTER) | COPIED);
        assert_eq!(number(&tables, second + 10 * 8), 0);
        let first = inside(number(&tables, first_level));
        assert_eq!(number(&tables, first + 3 * 8), (8 * CLUSTER) | COPIED);
        assert_eq!(layout.places(8201..9000).collect::<Vec<_>>(), [(8201..8202, 2 * CLUSTER)]);
        let counts = inside(number(&tables, 0));
        assert_eq!(tables[counts..counts + 20], [[0, 1].repeat(9), vec![0, 0]].concat());
    }
}
