//! What is kept of writes when the power goes: a prefix of them, the last one in part, and of what no flush has confirmed any
//! selection of sectors.

use std::collections::BTreeMap;
use std::io;

use super::World;

const SECTOR: usize = 512;

/// What a host keeps while it is off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) disk: Vec<u8>,
    /// Boot entries: names of files, which may share one after a cut within a rename.
    pub(crate) names: BTreeMap<String, usize>,
    pub(crate) files: Vec<Vec<u8>>,
    pub(crate) state: Option<String>,
}

/// One thing that is written.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Write { offset: u64, bytes: Vec<u8> },
    Flush,
    Create { name: String },
    Append { name: String, bytes: Vec<u8> },
    Edit { name: String, offset: u64, bytes: Vec<u8> },
    Rename { from: String, to: String },
    Remove { name: String },
    Forget { name: String },
    Sync,
    Save { text: String },
}

impl Kept {
    pub(crate) fn put(&mut self, name: &str, content: &[u8]) {
        self.files.push(content.to_vec());
        self.names.insert(name.to_owned(), self.files.len() - 1);
    }

    pub(crate) fn apply(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Write { offset, bytes } => {
                let place = usize::try_from(*offset).unwrap();
                let there = self.disk.get_mut(place..place + bytes.len());
                there.ok_or(io::ErrorKind::StorageFull)?.copy_from_slice(bytes);
            }
            Event::Create { name } => {
                // What had the name loses its blocks, whoever else has them.
                if let Some(file) = self.names.get(name) {
                    self.files[*file].fill(0xEE);
                }
                self.put(name, &[]);
            }
            Event::Forget { name } => {
                self.names.remove(name);
            }
            Event::Append { name, bytes } => {
                let file = *self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
                self.files[file].extend(bytes);
            }
            Event::Edit { name, offset, bytes } => {
                let file = *self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
                let place = usize::try_from(*offset).unwrap();
                let content = &mut self.files[file];
                content.resize(content.len().max(place + bytes.len()), 0);
                content[place..place + bytes.len()].copy_from_slice(bytes);
            }
            Event::Rename { from, to } => {
                assert!(!self.names.contains_key(to), "{from} is renamed over {to}");
                let file = self.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
                self.names.insert(to.clone(), file);
            }
            Event::Remove { name } => {
                if let Some(file) = self.names.remove(name) {
                    // The blocks are free, whoever else has them: anything may be written there.
                    self.files[file].fill(0xEE);
                }
            }
            Event::Save { text } => self.state = Some(text.clone()),
            Event::Flush | Event::Sync => {}
        }
        Ok(())
    }

    /// What is kept of a folder's change that was begun. Linux's vfat with `dirsync` renames in three writes: the new name without
    /// blocks, the new name with the blocks, the old name gone.
    fn begun(&self, event: &Event) -> Vec<Kept> {
        match event {
            Event::Rename { from, to } => {
                let (mut without, mut with) = (self.clone(), self.clone());
                without.put(to, &[]);
                with.names.extend(self.names.get(from).map(|file| (to.clone(), *file)));
                vec![without, with]
            }
            // The name is gone and the blocks are not free yet; or the other way round, which a rename never is.
            Event::Remove { name } => {
                let mut nameless = self.clone();
                nameless.names.remove(name);
                vec![nameless]
            }
            _ => vec![self.clone()],
        }
    }
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }
}

impl World {
    /// From here on a cut may come.
    pub(crate) fn begin(&self) {
        let mut inner = self.lock();
        inner.start = inner.now.clone();
        inner.events.clear();
        inner.recording = true;
    }

    /// How many things were written since.
    pub(crate) fn events(&self) -> usize {
        self.lock().events.len()
    }

    /// What may be kept if the power goes after `count` things were written: all of them; all of them and the next one in part;
    /// and `random` selections of those that were not flushed.
    pub(crate) fn cut(&self, count: usize, random: u32, dice: &mut Dice) -> Vec<Kept> {
        let inner = self.lock();
        let done = &inner.events[..count];
        let mut all = inner.start.clone();
        for event in done {
            all.apply(event).unwrap();
        }
        let mut states = Vec::new();
        if let Some(next) = inner.events.get(count) {
            states.extend(all.begun(next));
        }
        states.push(all);
        for _ in 0..random {
            states.push(selection(&inner.start, done, dice));
        }
        states
    }
}

fn selection(start: &Kept, done: &[Event], dice: &mut Dice) -> Kept {
    let last = |wanted: fn(&Event) -> bool| done.iter().rposition(wanted).unwrap_or(0);
    let flushed = last(|event| matches!(event, Event::Flush));
    let synced = last(|event| matches!(event, Event::Sync));
    let mut kept = start.clone();
    for (index, event) in done.iter().enumerate() {
        match event {
            Event::Write { offset, bytes } if index > flushed => {
                for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                    if dice.below(2) == 0 {
                        let offset = offset + (number * SECTOR) as u64;
                        kept.apply(&Event::Write { offset, bytes: sector.to_vec() }).unwrap();
                    }
                }
            }
            Event::Edit { name, offset, bytes } if index > synced => {
                let mut bytes = bytes.clone();
                for sector in bytes.chunks_mut(SECTOR) {
                    if dice.below(2) == 0 {
                        sector.fill(0xAA);
                    }
                }
                kept.apply(&Event::Edit { name: name.clone(), offset: *offset, bytes }).unwrap();
            }
            // Of a file's bytes that were not synced, some are what lay there before.
            Event::Append { name, bytes } if index > synced => {
                let mut bytes = bytes.clone();
                for sector in bytes.chunks_mut(SECTOR) {
                    if dice.below(2) == 0 {
                        sector.fill(0xAA);
                    }
                }
                kept.apply(&Event::Append { name: name.clone(), bytes }).unwrap();
            }
            event => kept.apply(event).unwrap(),
        }
    }
    kept
}
