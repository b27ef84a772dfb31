//! Texts and rows of numbers, in; one number for each distinct one, out.

use super::build::BuildError;
use super::hash;

/// A hash table of numbers of things that are kept elsewhere: zero is empty, else the number plus one below the hash.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<u64>,
    /// By number, to grow by.
    hashes: Vec<u32>,
}

/// Distinct texts, numbered in the order in which they came.
#[derive(Debug)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    starts: Vec<u32>,
    table: Table,
}

/// Distinct rows of numbers, numbered in the order in which they came.
#[derive(Debug)]
pub(super) struct Rows<const N: usize> {
    rows: Vec<[u32; N]>,
    table: Table,
}

impl Table {
    fn new() -> Self {
        Table { slots: vec![0; 1 << 10], hashes: Vec::new() }
    }

    /// The number of what has this hash and is equal, else the free slot for it.
    fn find(&self, hash: u32, equal: impl Fn(u32) -> bool) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let (known, number) = halves(self.slots[slot]);
            match number.checked_sub(1) {
                None => return Err(slot),
                Some(number) if known == hash && equal(number) => return Ok(number),
                Some(_) => slot = (slot + 1) & mask,
            }
        }
    }

    fn insert(&mut self, slot: usize, hash: u32) -> Result<u32, BuildError> {
        let number = u32::try_from(self.hashes.len()).map_err(|_| BuildError::TooLarge)?;
        self.hashes.push(hash);
        self.slots[slot] = filled(hash, number.checked_add(1).ok_or(BuildError::TooLarge)?);
        if self.hashes.len() * 2 > self.slots.len() {
            self.grow();
        }
        Ok(number)
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        let mut slots = vec![0; mask + 1];
        for (hash, number) in self.hashes.iter().zip(1_u32..) {
            let mut slot = *hash as usize & mask;
            while slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = filled(*hash, number);
        }
        self.slots = slots;
    }
}

fn filled(hash: u32, number: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(number)
}

/// Hash and number of a slot.
fn halves(slot: u64) -> (u32, u32) {
    let half = |shift: u32| u32::try_from(slot >> shift & u64::from(u32::MAX)).unwrap_or_default();
    (half(32), half(0))
}

impl Texts {
    pub(super) fn new() -> Self {
        Texts { bytes: Vec::new(), starts: vec![0], table: Table::new() }
    }

    pub(super) fn intern(&mut self, text: &str) -> Result<u32, BuildError> {
        let hash = hash(text.as_bytes());
        let equal = |number: u32| self.get(number as usize) == text.as_bytes();
        match self.table.find(hash, equal) {
            Ok(number) => Ok(number),
            Err(slot) => {
                self.push(text.as_bytes())?;
                self.table.insert(slot, hash)
            }
        }
    }

    /// Without looking whether it is there already; not to be mixed with [`Texts::intern`].
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<u32, BuildError> {
        let number = u32::try_from(self.starts.len() - 1).map_err(|_| BuildError::TooLarge)?;
        self.push(bytes)?;
        Ok(number)
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn get(&self, number: usize) -> &[u8] {
        &self.bytes[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The table without the hashes.
    pub(super) fn slots(&self) -> Vec<u32> {
        self.table.slots.iter().map(|slot| halves(*slot).1).collect()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), BuildError> {
        self.bytes.extend_from_slice(bytes);
        self.starts.push(u32::try_from(self.bytes.len()).map_err(|_| BuildError::TooLarge)?);
        Ok(())
    }
}

impl<const N: usize> Rows<N> {
    pub(super) fn new() -> Self {
        Rows { rows: Vec::new(), table: Table::new() }
    }

    pub(super) fn intern(&mut self, row: [u32; N]) -> Result<u32, BuildError> {
        let mut state = 0_u64;
        for number in row {
            state = (state.rotate_left(23) ^ u64::from(number)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        let hash = u32::try_from((state ^ state >> 29) >> 32).unwrap_or(0);
        match self.table.find(hash, |number| self.rows[number as usize] == row) {
            Ok(number) => Ok(number),
            Err(slot) => {
                self.rows.push(row);
                self.table.insert(slot, hash)
            }
        }
    }

    pub(super) fn rows(&self) -> &[[u32; N]] {
        &self.rows
    }
}
