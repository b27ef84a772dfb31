//! Any bytes, in; nothing out but the promise that they were read without a panic, and that what is done with what was read is
//! what its reader says. The fuzzer and the tests call the same functions.

use std::io;
use std::sync::Mutex;

use agent::api::Received;
use agent::esp::{EntryName, fat};
use agent::gpt::{Condition, Table, replace};
use agent::operation::Request;
use agent::reboot::{Opening, Window, Windows, Zone};
use agent::state::State;
use agent::storage::{Device, ReadAt};
use uuid::Uuid;

/// A disk in memory; what lies behind the bytes that were given is zeros, and cannot be written.
struct Memory {
    bytes: Mutex<Vec<u8>>,
    size: u64,
}

impl Memory {
    fn of(bytes: Vec<u8>, size: u64) -> Self {
        Memory { bytes: Mutex::new(bytes), size }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().expect("nobody panics with it").clone()
    }
}

impl ReadAt for Memory {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.size);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = self.bytes.lock().expect("nobody panics with it");
        let given = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let (read, zeros) = buffer.split_at_mut(given.len().min(buffer.len()));
        read.copy_from_slice(&given[..read.len()]);
        zeros.fill(0);
        Ok(())
    }
}

impl Device for Memory {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        ReadAt::read_at(self, offset, buffer)
    }

    fn write_at(&self, offset: u64, written: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes.lock().expect("nobody panics with it");
        let place = usize::try_from(offset).map_err(io::Error::other)?;
        let end = place.checked_add(written.len()).ok_or(io::ErrorKind::InvalidInput)?;
        bytes.get_mut(place..end).ok_or(io::ErrorKind::StorageFull)?.copy_from_slice(written);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of a sector.
const SECTOR: usize = 512;

/// A small disk behind one byte, whose bits say whether the sums of the front and of the copy are made right first. Whatever
/// table it has: when an entry is changed, a whole table is there after every write, the old or the new one, and no byte is
/// written that is for partitions. Returns whether there was a table with a partition.
pub fn partition_table(bytes: &[u8]) -> bool {
    let Some((choices, bytes)) = bytes.split_first() else { return false };
    let mut bytes = bytes.to_vec();
    bytes.truncate(bytes.len() / SECTOR * SECTOR);
    if choices & 1 != 0 {
        make_sums_right(&mut bytes, SECTOR);
    }
    if choices & 2 != 0 {
        let copy = number(&bytes, SECTOR + 32).and_then(|copy| copy.checked_mul(SECTOR));
        make_sums_right(&mut bytes, copy.unwrap_or(0));
    }
    let disk = Memory::of(bytes.clone(), bytes.len() as u64);
    let table = || Table::read(&disk, SECTOR as u64);
    let Ok(read) = table() else { return false };
    let Some(first) = read.partitions().map(|(number, _)| number).next() else { return false };
    let mut wanted = read.clone();
    wanted.entry_mut(first).expect("it is one of its partitions").rename(Uuid::from_u128(7), "fuzzed", 1);
    for operation in replace(&read, &wanted) {
        operation.run(&disk).expect("both copies lie on the disk");
        let found = table().expect("one of the copies is whole");
        assert!(found.entries == read.entries || found.entries == wanted.entries);
    }
    let found = table().expect("both copies are whole");
    assert_eq!((found.condition, &found.entries), (Condition::Whole, &wanted.entries));
    let after = disk.bytes();
    // Sectors for partitions, as the header says that is written now.
    let usable = |place| number(&after, SECTOR + place).expect("the header lies on the disk") * SECTOR;
    let (start, end) = (usable(40), usable(48) + SECTOR);
    assert!(bytes[start..end] == after[start..end], "bytes of partitions were written");
    assert!(bytes[..SECTOR] == after[..SECTOR], "the sector before the table was written");
    true
}

/// Eight bytes at a place.
fn number(bytes: &[u8], place: usize) -> Option<usize> {
    let bytes = bytes.get(place..)?.first_chunk()?;
    usize::try_from(u64::from_le_bytes(*bytes)).ok()
}

/// Makes the sums of the header at this byte those of its entries and of itself.
fn make_sums_right(bytes: &mut [u8], header: usize) {
    let entries = (|| {
        let sizes = number(bytes, header.checked_add(80)?)?;
        let length = (sizes & 0xffff_ffff).checked_mul(sizes >> 32)?;
        let start = number(bytes, header + 72)?.checked_mul(SECTOR)?;
        Some(crc32fast::hash(bytes.get(start..start.checked_add(length)?)?))
    })();
    if let (Some(sum), Some(place)) = (entries, bytes.get_mut(header + 88..header + 92)) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    if let Some(covered) = bytes.get_mut(header..).and_then(|bytes| bytes.get_mut(..92)) {
        covered[16..20].fill(0);
        let sum = crc32fast::hash(covered);
        covered[16..20].copy_from_slice(&sum.to_le_bytes());
    }
}

/// The begin of an EFI system partition. A name that is found and taken away is not found at its place again, and nothing else is
/// written. Returns whether it was found.
pub fn boot_folder(bytes: &[u8]) -> bool {
    const NAME: &str = "host_2+3.efi";
    let disk = Memory::of(bytes.to_vec(), 64 << 20);
    let find = || fat::find(&disk, &["EFI", "Linux"], NAME);
    let Ok(Some(found)) = find() else { return false };
    fat::forget(&disk, &found).expect("the entry was read, so it can be written");
    let mut expected = bytes.to_vec();
    for offset in found.long_name.iter().chain([&found.offset]) {
        expected[usize::try_from(*offset).expect("it lies within the bytes")] = 0xE5;
    }
    assert!(disk.bytes() == expected, "something else was written");
    if let Ok(Some(again)) = find() {
        assert_ne!(again.offset, found.offset, "it was taken away");
    }
    true
}

/// The name of a boot entry, the agent's state, a request at its socket, or a window for restarts. Returns what it was.
pub fn agent_text(bytes: &[u8]) -> Option<&'static str> {
    let mut kind = None;
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Some(name) = EntryName::parse(text) {
            assert_eq!(name.to_string(), text);
            kind = Some("name");
        }
        if let Ok(state) = State::parse(text) {
            assert_eq!(State::parse(&state.to_json()), Ok(state));
            kind = Some("state");
        }
        if let Ok(window) = Window::try_from(text.to_owned()) {
            opens_when_it_says(window);
            kind = Some("window");
        }
    }
    if let Ok(request) = Received::read(&mut &*bytes) {
        // However it comes in pieces.
        assert_eq!(Received::read(&mut OneByOne(bytes)), Ok(request.clone()));
        if let Ok(asked) = serde_json::from_slice::<Request>(&request.body) {
            let written = serde_json::to_vec(&asked).expect("it was read from JSON");
            assert_eq!(serde_json::from_slice::<Request>(&written).expect("it was read before"), asked);
        }
        kind = Some("request");
    }
    kind
}

fn opens_when_it_says(window: Window) {
    let windows = Windows::new(vec![window], Zone::default()).expect("there is a window");
    for now in [0, 1_800_000_000, 1_800_345_678, 253_402_300_799, u64::MAX] {
        if let Opening::Closed { opens } = windows.at(now)
            && opens != u64::MAX
        {
            assert!(opens > now);
            assert_eq!(windows.at(opens), Opening::Open);
        }
    }
}

/// Gives one byte at a time.
struct OneByOne<'a>(&'a [u8]);

impl io::Read for OneByOne<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}
