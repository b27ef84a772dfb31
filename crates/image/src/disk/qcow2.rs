//! A raw disk file in; the same disk as QCOW version 3 out, where clusters of zeros take no room.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use super::sparse::{self, CHUNK};

const CLUSTER: u64 = CHUNK;
const CLUSTER_BITS: u32 = 16;
/// Bit 63 of a table entry: the cluster is used once.
const COPIED: u64 = 1 << 63;
const ENTRIES_IN_TABLE: u64 = CLUSTER / 8;
/// Sixteen-bit counts, as qemu-img makes them.
const COUNTS_IN_BLOCK: u64 = CLUSTER / 2;
const HEADER_LENGTH: u32 = 112;

/// Converts a whole raw disk; `output` is an empty file.
pub(super) fn write(raw: &mut File, output: &mut File) -> io::Result<()> {
    let size = raw.metadata()?.len();
    let used = sparse::chunks_with_data(raw)?;
    let layout = Layout::plan(size, used.len() as u64);
    let mut output = BufWriter::with_capacity(1 << 20, output);
    write_at(&mut output, 0, &layout.header())?;
    write_at(
        &mut output,
        layout.count_table,
        &be(layout.count_blocks().map(|block| layout.count_block_start + block * CLUSTER)),
    )?;
    let counts: Vec<u8> = (0..layout.clusters).flat_map(|_| 1_u16.to_be_bytes()).collect();
    write_at(&mut output, layout.count_block_start, &counts)?;
    let (l1, l2) = layout.tables(&used);
    write_at(&mut output, layout.l1, &be(l1))?;
    for (index, table) in l2.iter().enumerate() {
        write_at(&mut output, layout.l2 + index as u64 * CLUSTER, &be(table.iter().copied()))?;
    }
    let data = layout.l2 + l2.len() as u64 * CLUSTER;
    output.seek(SeekFrom::Start(data))?;
    for chunk in used {
        // The last cluster is whole in the file, even when the disk ends within it.
        output.write_all(&sparse::read_chunk(raw, chunk)?)?;
    }
    output.flush()
}

/// Where everything lies, in bytes from the file's start.
struct Layout {
    size: u64,
    data_clusters: u64,
    clusters: u64,
    count_table: u64,
    count_table_clusters: u64,
    count_block_start: u64,
    count_block_clusters: u64,
    l1: u64,
    l1_entries: u64,
    l2: u64,
}

impl Layout {
    fn plan(size: u64, data_clusters: u64) -> Self {
        let l1_entries = size.div_ceil(CLUSTER * ENTRIES_IN_TABLE);
        let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER);
        // Every table of the second level is there: one for each 512 MiB.
        let fixed = 1 + l1_clusters + l1_entries + data_clusters;
        let (mut table, mut blocks) = (1, 1);
        loop {
            let wanted = (fixed + table + blocks).div_ceil(COUNTS_IN_BLOCK);
            let wanted_table = (wanted * 8).div_ceil(CLUSTER);
            if wanted == blocks && wanted_table == table {
                break;
            }
            (blocks, table) = (wanted, wanted_table);
        }
        let count_table = CLUSTER;
        let count_block_start = count_table + table * CLUSTER;
        let l1 = count_block_start + blocks * CLUSTER;
        let l2 = l1 + l1_clusters * CLUSTER;
        Self {
            size,
            data_clusters,
            clusters: fixed + table + blocks,
            count_table,
            count_table_clusters: table,
            count_block_start,
            count_block_clusters: blocks,
            l1,
            l1_entries,
            l2,
        }
    }

    fn count_blocks(&self) -> std::ops::Range<u64> {
        0..self.count_block_clusters
    }

    fn header(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(b"QFI\xfb");
        bytes.extend(3_u32.to_be_bytes());
        bytes.extend([0; 12]);
        bytes.extend(CLUSTER_BITS.to_be_bytes());
        bytes.extend(self.size.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(low(self.l1_entries));
        bytes.extend(self.l1.to_be_bytes());
        bytes.extend(self.count_table.to_be_bytes());
        bytes.extend(low(self.count_table_clusters));
        bytes.extend([0; 12]);
        bytes.extend([0; 24]);
        bytes.extend(4_u32.to_be_bytes());
        bytes.extend(HEADER_LENGTH.to_be_bytes());
        // No compression type, no header extensions.
        bytes.resize(HEADER_LENGTH as usize + 8, 0);
        bytes
    }

    fn tables(&self, used: &[u64]) -> (Vec<u64>, Vec<Vec<u64>>) {
        let l2_start = |index: u64| self.l2 + index * CLUSTER;
        let data_start = l2_start(self.l1_entries);
        let l1 = (0..self.l1_entries).map(|index| l2_start(index) | COPIED).collect();
        let empty = vec![0; usize::try_from(ENTRIES_IN_TABLE).unwrap_or(0)];
        let mut l2: Vec<Vec<u64>> = (0..self.l1_entries).map(|_| empty.clone()).collect();
        for (order, chunk) in used.iter().enumerate() {
            let table = usize::try_from(chunk / ENTRIES_IN_TABLE).unwrap_or(usize::MAX);
            let entry = usize::try_from(chunk % ENTRIES_IN_TABLE).unwrap_or(usize::MAX);
            l2[table][entry] = (data_start + order as u64 * CLUSTER) | COPIED;
        }
        debug_assert_eq!(used.len() as u64, self.data_clusters);
        (l1, l2)
    }
}

fn low(value: u64) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes()
}

fn be(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    values.into_iter().flat_map(u64::to_be_bytes).collect()
}

fn write_at(output: &mut (impl Write + Seek), offset: u64, bytes: &[u8]) -> io::Result<()> {
    output.seek(SeekFrom::Start(offset))?;
    output.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

    #[test]
    fn zeros_take_no_room_and_data_lies_where_the_tables_say() {
        let mut raw = tempfile::tempfile().unwrap();
        raw.set_len(600 << 20).unwrap();
        raw.seek(SeekFrom::Start((513 << 20) + 3)).unwrap();
        raw.write_all(b"far").unwrap();
        let mut output = tempfile::tempfile().unwrap();
        super::write(&mut raw, &mut output).unwrap();
        let mut bytes = Vec::new();
        output.seek(SeekFrom::Start(0)).unwrap();
        output.read_to_end(&mut bytes).unwrap();
        let number = |place: usize| u64::from_be_bytes(bytes[place..place + 8].try_into().unwrap());
        let offset = |entry: u64| usize::try_from(entry & !super::COPIED).unwrap();
        // Header, counts (2), first level, second level (2), data.
        assert_eq!((bytes.len() >> 16, number(24)), (7, 600 << 20));
        let first_level = offset(number(40));
        let second_level = offset(number(first_level + 8));
        let data = offset(number(second_level + 16 * 8));
        assert_eq!(&bytes[data + 3..data + 6], b"far");
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut raw = tempfile::tempfile().unwrap();
        raw.write_all(b"data").unwrap();
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(super::write(&mut raw, &mut full).unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
