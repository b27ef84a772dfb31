//! Tables on a small disk in memory: read, changed, and cut at every write.

use host_tools::{Bind, Call, Sandbox};
use testkit::prepared;
use uuid::{Uuid, uuid};

use super::*;
use crate::record::Recorded;

const ROOT: Uuid = uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709");

fn disk() -> Recorded {
    let disk = Recorded::new(256 * 512);
    form::make(&disk, 512, &[(ROOT, 40, 60, "one_1"), (ROOT, 100, 60, "_empty")]);
    disk
}

fn renamed(table: &Table) -> Table {
    let mut changed = table.clone();
    changed.entry_mut(2).unwrap().rename(Uuid::from_u128(77), "one_2", 1 << 60);
    changed
}

fn write(disk: &Recorded, read: &Table, wanted: &Table) {
    for operation in replace(read, wanted) {
        operation.run(disk).unwrap();
    }
}

#[test]
fn an_entry_is_changed_and_all_else_stays() {
    let disk = disk();
    let before = Table::read(&disk, 512).unwrap();
    assert_eq!(before.condition, Condition::Whole);
    write(&disk, &before, &renamed(&before));
    let after = Table::read(&disk, 512).unwrap();
    assert_eq!(after.condition, Condition::Whole);
    let seen: Vec<_> = after
        .partitions()
        .map(|(number, entry)| (number, entry.label(), entry.first(), entry.sectors()))
        .collect();
    assert_eq!(seen, [(1, "one_1".to_owned(), 40, 60), (2, "one_2".to_owned(), 100, 60)]);
    assert_eq!(after.entry(2).unwrap().uuid(), Uuid::from_u128(77));
    assert_eq!(after.entry(2).unwrap().attributes(), 1 << 60);
    assert_eq!(after.entry(1), before.entry(1));
    assert_eq!(replace(&after, &after), []);
}

#[test]
fn sectors_of_4096_bytes_are_read_and_written_as_such() {
    let disk = Recorded::new(256 * 4096);
    form::make(&disk, 4096, &[(ROOT, 40, 60, "one_1"), (ROOT, 100, 60, "_empty")]);
    assert_eq!(Table::read(&disk, 512).unwrap_err().name(), "disk.table-broken");
    let before = Table::read(&disk, 4096).unwrap();
    disk.begin();
    write(&disk, &before, &renamed(&before));
    assert_eq!(Table::read(&disk, 4096).unwrap().entry(2).unwrap().label(), "one_2");
    for cut in disk.cuts(100) {
        let found = Table::read(&cut, 4096).unwrap();
        assert!(["_empty", "one_2"].contains(&&*found.entry(2).unwrap().label()));
    }
}

#[test]
fn at_every_cut_one_whole_table_is_found_the_old_or_the_new_one() {
    let disk = disk();
    let before = Table::read(&disk, 512).unwrap();
    let wanted = renamed(&before);
    disk.begin();
    write(&disk, &before, &wanted);
    let mut seen_new = false;
    for cut in disk.cuts(400) {
        let found = Table::read(&cut, 512).unwrap();
        assert!(found.entries == before.entries || found.entries == wanted.entries);
        assert!(
            !seen_new
                || cut.is_reordered()
                || found.entries == wanted.entries
                || found.entries == before.entries
        );
        seen_new |= found.entries == wanted.entries;
        // Whatever was left, asking again gives the wanted table, and both copies hold.
        write(&cut, &found, &wanted);
        let found = Table::read(&cut, 512).unwrap();
        assert_eq!((found.condition, &found.entries), (Condition::Whole, &wanted.entries));
    }
    assert!(seen_new);
}

#[test]
fn mending_a_table_is_cut_anywhere_and_never_breaks_the_good_copy() {
    for broken in [512 + 20, 2 * 512 + 5, 255 * 512 + 20, 254 * 512 + 5] {
        let disk = disk();
        let before = Table::read(&disk, 512).unwrap();
        println!("damage at byte {broken}");
        disk.write_at(broken, b"damage").unwrap();
        let expected = if broken < 128 * 512 { Condition::FrontBroken } else { Condition::BackupBroken };
        // The last entries of the array are unused; damage there is damage as well.
        assert_mended_at_every_cut(&disk, expected, &before);
    }
}

/// A broken disk has the entries of before; changing them leaves a whole table at every cut.
fn assert_mended_at_every_cut(disk: &Recorded, condition: Condition, before: &Table) {
    let found = Table::read(disk, 512).unwrap();
    assert_eq!((found.condition, &found.entries), (condition, &before.entries));
    let wanted = renamed(before);
    disk.begin();
    write(disk, &found, &wanted);
    for cut in disk.cuts(400) {
        let found = Table::read(&cut, 512).unwrap();
        assert!(found.entries == before.entries || found.entries == wanted.entries);
    }
}

#[test]
fn two_broken_copies_are_an_error_that_names_both_problems() {
    let disk = disk();
    disk.write_at(512 + 20, b"damage").unwrap();
    disk.write_at(255 * 512, b"damage").unwrap();
    let error = Table::read(&disk, 512).unwrap_err();
    assert_eq!(error.name(), "disk.table-broken");
    assert_eq!(
        error.to_string(),
        "neither copy of the partition table is whole (front: has a wrong checksum; copy: has no signature); repair it with a partition tool"
    );
}

#[test]
fn a_disk_that_was_cut_off_is_not_written() {
    let disk = disk();
    let cut_off = Recorded::new(200 * 512);
    let mut bytes = vec![0; 200 * 512];
    disk.read_at(0, &mut bytes).unwrap();
    cut_off.write_at(0, &bytes).unwrap();
    assert_eq!(
        Table::read(&cut_off, 512).unwrap_err().to_string(),
        "the partition table has copies in the sectors 1 and 255, and the disk has 200; repair it with a partition tool"
    );
}

/// Sets a field of the front's header, and its checksum.
fn set_in_front(disk: &Recorded, field: usize, value: u64) {
    let mut header = [0; 92];
    disk.read_at(512, &mut header).unwrap();
    header[field..field + 8].copy_from_slice(&value.to_le_bytes());
    header[16..20].fill(0);
    let sum = crc32fast::hash(&header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    disk.write_at(512, &header).unwrap();
}

/// The front's entries are broken and its header is not, so that it would hold again as soon as its entries do; what it says of the
/// copy is wrong.
#[test]
fn a_header_that_says_what_cannot_be_is_gone_before_its_entries_are_right() {
    let disk = disk();
    let before = Table::read(&disk, 512).unwrap();
    set_in_front(&disk, 32, 2);
    disk.write_at(1024, b"damage").unwrap();
    assert_mended_at_every_cut(&disk, Condition::FrontBroken, &before);
}

/// The checksums hold, and the sectors for partitions begin too early or end too late.
#[test]
fn entries_among_partitions_are_not_written() {
    for (field, value) in [(40, 33), (48, 223)] {
        let disk = disk();
        set_in_front(&disk, field, value);
        let error = Table::read(&disk, 512).unwrap_err();
        assert!(matches!(error, GptError::Overlapping { array: 2, backup: 255, .. }), "{error}");
    }
}

#[test]
fn the_copy_moves_to_the_end_of_a_grown_disk_and_is_there_before_the_front_is_written() {
    let disk = disk();
    let grown = Recorded::new(1024 * 512);
    let mut bytes = vec![0; 256 * 512];
    disk.read_at(0, &mut bytes).unwrap();
    grown.write_at(0, &bytes).unwrap();
    let before = Table::read(&grown, 512).unwrap();
    assert_eq!(before.condition, Condition::Whole);
    assert_eq!(replace(&before, &before), []);
    let wanted = renamed(&before);
    grown.begin();
    write(&grown, &before, &wanted);
    for cut in grown.cuts(400) {
        let found = Table::read(&cut, 512).unwrap();
        assert!(found.entries == before.entries || found.entries == wanted.entries);
        write(&cut, &found, &wanted);
        let found = Table::read(&cut, 512).unwrap();
        assert_eq!((found.condition, &found.entries), (Condition::Whole, &wanted.entries));
    }
    grown.write_at(512, &[0; 512]).unwrap();
    assert_eq!(Table::read(&grown, 512).unwrap().entries, wanted.entries, "by the copy in the last sector");
}

/// sgdisk, which compares both copies and all checksums.
#[test]
fn another_program_finds_no_fault_and_the_new_names() {
    let Some(root) = prepared::judge_root() else { return };
    let disk = Recorded::new(8 << 20);
    form::make(&disk, 512, &[(ROOT, 2048, 2048, "one_1"), (ROOT, 4096, 2048, "_empty")]);
    disk.write_at(510, &[0x55, 0xAA]).unwrap();
    disk.write_at(446, &[0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0xFF, 0x3F, 0, 0]).unwrap();
    let before = Table::read(&disk, 512).unwrap();
    write(&disk, &before, &renamed(&before));
    let mut bytes = vec![0; 8 << 20];
    disk.read_at(0, &mut bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("disk"), bytes).unwrap();
    let sandbox = Sandbox::new(&root).bind(Bind::read_only(folder.path(), "/run/work"));
    let judge = |arguments: &[&str]| {
        let call = Call::new("sgdisk").args(arguments).arg("/run/work/disk").accept_any_status();
        sandbox.run(&call).unwrap().stdout_text()
    };
    let verified = judge(&["-v"]);
    assert!(verified.contains("No problems found"), "{verified}");
    let entry = judge(&["-i", "2"]);
    assert!(entry.contains("Partition name: 'one_2'"), "{entry}");
    assert!(entry.contains("Attribute flags: 1000000000000000"), "{entry}");
    assert!(entry.contains("Partition unique GUID: 00000000-0000-0000-0000-00000000004D"), "{entry}");
}

proptest::proptest! {
    /// Whatever bytes lie where a table should be, reading ends in a table or an error.
    #[test]
    fn reading_never_panics(changes in proptest::collection::vec((0_u64..256 * 512, 0_u8..), 1..20), fix in 0..2) {
        let disk = disk();
        for (place, value) in changes {
            disk.write_at(512 + place % 100, &[value]).unwrap();
        }
        if fix == 1 {
            // With a checksum that holds the fields are looked at.
            let mut header = vec![0; 92];
            disk.read_at(512, &mut header).unwrap();
            header[16..20].fill(0);
            let sum = crc32fast::hash(&header);
            disk.write_at(512 + 16, &sum.to_le_bytes()).unwrap();
        }
        if let Ok(table) = Table::read(&disk, 512) {
            for operation in replace(&table, &renamed_any(&table)) {
                operation.run(&disk).ok();
            }
        }
    }
}

fn renamed_any(table: &Table) -> Table {
    let mut changed = table.clone();
    if let Some(entry) = changed.entry_mut(1) {
        entry.rename(Uuid::from_u128(1), "x", 0);
    }
    changed
}
