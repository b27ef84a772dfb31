//! A device in memory that records what is written to it, and every state in which a power cut may leave it: for tests.

use std::io;
use std::sync::Mutex;

use crate::storage::Device;

const SECTOR: usize = 512;

/// A device in memory.
#[derive(Debug)]
pub(crate) struct Recorded {
    inner: Mutex<Inner>,
    size: u64,
    reordered: bool,
}

#[derive(Debug, Clone)]
struct Inner {
    now: Vec<u8>,
    start: Vec<u8>,
    events: Vec<Event>,
    recording: bool,
}

#[derive(Debug, Clone)]
enum Event {
    Write { offset: u64, bytes: Vec<u8> },
    Flush,
}

impl Recorded {
    pub(crate) fn new(size: u64) -> Self {
        Self::of(vec![0; usize::try_from(size).unwrap()], false)
    }

    fn of(bytes: Vec<u8>, reordered: bool) -> Self {
        let size = bytes.len() as u64;
        let inner = Inner { now: bytes.clone(), start: bytes, events: Vec::new(), recording: false };
        Recorded { inner: Mutex::new(inner), size, reordered }
    }

    /// From here on a cut may come.
    pub(crate) fn begin(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.start = inner.now.clone();
        inner.events.clear();
        inner.recording = true;
    }

    /// Whether what a cut left is more than a prefix of what was written.
    pub(crate) fn is_reordered(&self) -> bool {
        self.reordered
    }

    /// States after a cut: every prefix of the writes, each also torn at its sectors, and `random` choices of which sectors
    /// written since the last flush before the cut were kept.
    pub(crate) fn cuts(&self, random: u32) -> Vec<Recorded> {
        let inner = self.inner.lock().unwrap();
        let mut states = Vec::new();
        let mut bytes = inner.start.clone();
        states.push(Recorded::of(bytes.clone(), false));
        for event in &inner.events {
            let Event::Write { offset, bytes: written } = event else { continue };
            for sectors in 0..=written.len().div_ceil(SECTOR) {
                let mut torn = bytes.clone();
                let kept = written.len().min(sectors * SECTOR);
                put(&mut torn, *offset, &written[..kept]);
                states.push(Recorded::of(torn, false));
            }
            put(&mut bytes, *offset, written);
        }
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..random {
            states.push(Recorded::of(random_cut(&inner, &mut seed), true));
        }
        states
    }
}

fn random_cut(inner: &Inner, seed: &mut u64) -> Vec<u8> {
    let mut next = || {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed >> 11
    };
    let mut bytes = inner.start.clone();
    let events = inner.events.len() as u64;
    let cut = usize::try_from(next() % (events + 1)).unwrap();
    let flushed = inner.events[..cut].iter().rposition(|event| matches!(event, Event::Flush)).unwrap_or(0);
    for (index, event) in inner.events[..cut].iter().enumerate() {
        let Event::Write { offset, bytes: written } = event else { continue };
        for (sector, part) in written.chunks(SECTOR).enumerate() {
            if index < flushed || next() % 2 == 0 {
                put(&mut bytes, offset + (sector * SECTOR) as u64, part);
            }
        }
    }
    bytes
}

fn put(bytes: &mut [u8], offset: u64, written: &[u8]) {
    let offset = usize::try_from(offset).unwrap();
    bytes[offset..offset + written.len()].copy_from_slice(written);
}

impl Device for Recorded {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let inner = self.inner.lock().unwrap();
        let place = usize::try_from(offset).map_err(io::Error::other)?;
        let end = place.checked_add(buffer.len()).ok_or(io::ErrorKind::InvalidInput)?;
        buffer.copy_from_slice(inner.now.get(place..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap();
        let place = usize::try_from(offset).map_err(io::Error::other)?;
        let end = place.checked_add(bytes.len()).ok_or(io::ErrorKind::InvalidInput)?;
        inner.now.get_mut(place..end).ok_or(io::ErrorKind::StorageFull)?.copy_from_slice(bytes);
        if inner.recording {
            inner.events.push(Event::Write { offset, bytes: bytes.to_vec() });
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap();
        if inner.recording {
            inner.events.push(Event::Flush);
        }
        Ok(())
    }
}
