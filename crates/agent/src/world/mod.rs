//! A host in memory, for tests: its disk, boot entries and state with everything that is written to them, the states in which
//! a power cut may leave all three, and a firmware and boot loader that start what they find.

mod loader;
mod payload;
mod power;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use release::Architecture;
use release::partition::SlotPartition;
use uuid::Uuid;

pub(crate) use payload::Payload;
pub(crate) use power::{Dice, Event, Kept};

use crate::esp::{BootFile, BootFolder};
use crate::gpt::form;
use crate::host::Host;
use crate::situation::Running;
use crate::state::{Loaded, State, StateStore, StoreError};
use crate::storage::{Device, ReadAt};

/// Bytes of a slot's partitions.
const ROOT: u64 = 24 * 4096;
const VERITY: u64 = 4 * 4096;
const SIGNATURE: u64 = 4096;
/// First byte of the slots.
const SLOTS: u64 = 64 * 1024;
const DISK: u64 = SLOTS + 2 * (ROOT + VERITY + SIGNATURE) + 64 * 1024;

/// A host's three stores, shared by the handles that the agent is given.
#[derive(Clone)]
pub(crate) struct World {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    now: Kept,
    start: Kept,
    events: Vec<Event>,
    recording: bool,
    /// Bytes that the boot folder has room for.
    room: u64,
}

impl World {
    /// A fresh host that runs `first` from slot A; slot B is empty.
    pub(crate) fn new(first: &Payload) -> Self {
        let mut kept = Kept { disk: vec![0; usize::try_from(DISK).unwrap()], ..Kept::default() };
        let part = |part: SlotPartition| part.type_uuid(Architecture::X86_64);
        let mut start = SLOTS / 512;
        let mut partitions = Vec::new();
        let labels = [first.label(), "_empty".to_owned()];
        for label in &labels {
            for (kind, bytes) in [
                (SlotPartition::Root, ROOT),
                (SlotPartition::Verity, VERITY),
                (SlotPartition::VeritySignature, SIGNATURE),
            ] {
                partitions.push((part(kind), start, bytes / 512, label.as_str()));
                start += bytes / 512;
            }
        }
        let world = World::of(std::mem::take(&mut kept));
        form::make(&world, 512, &partitions);
        let root_hash = &first.manifest.verity.root_hash;
        let table = crate::gpt::Table::read(&world, 512).unwrap();
        let mut wanted = table.clone();
        for (number, part) in [(1, SlotPartition::Root), (2, SlotPartition::Verity)] {
            wanted.entry_mut(number).unwrap().rename(part.uuid(root_hash), &first.label(), 1 << 60);
        }
        for number in 3..=6 {
            wanted.entry_mut(number).unwrap().rename(Uuid::from_u128(number.into()), "_empty", 0);
        }
        for operation in crate::gpt::replace(&table, &wanted) {
            operation.run(&world).unwrap();
        }
        world.write_at(SLOTS, &first.root).unwrap();
        world.write_at(SLOTS + ROOT, &first.verity).unwrap();
        world.put_entry(&format!("{}.efi", first.label()), &first.kernel);
        world
    }

    pub(crate) fn of(kept: Kept) -> Self {
        let inner =
            Inner { now: kept.clone(), start: kept, events: Vec::new(), recording: false, room: 1 << 30 };
        World { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Lays an entry there without recording it.
    pub(crate) fn put_entry(&self, name: &str, content: &[u8]) {
        self.lock().now.put(name, content);
    }

    pub(crate) fn set_room(&self, room: u64) {
        self.lock().room = room;
    }

    /// Names of the boot entries.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.lock().now.names.keys().cloned().collect()
    }

    pub(crate) fn kept(&self) -> Kept {
        self.lock().now.clone()
    }

    /// The agent's view of this host while `running` runs.
    pub(crate) fn host(&self, running: &Running) -> Host {
        let boxed = || Box::new(self.clone());
        Host::of(running.clone(), boxed(), 512, boxed(), boxed())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Does what was asked, and records it.
    fn happen(&self, event: Event) -> io::Result<()> {
        let mut inner = self.lock();
        inner.now.apply(&event)?;
        if inner.recording {
            inner.events.push(event);
        }
        Ok(())
    }
}

impl Device for World {
    fn size(&self) -> u64 {
        self.lock().now.disk.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let place = usize::try_from(offset).unwrap();
        let inner = self.lock();
        let bytes = inner.now.disk.get(place..place + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.happen(Event::Write { offset, bytes: bytes.to_vec() })
    }

    fn flush(&self) -> io::Result<()> {
        self.happen(Event::Flush)
    }
}

impl BootFolder for World {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let inner = self.lock();
        let size = |file: &usize| inner.now.files[*file].len() as u64;
        Ok(inner.now.names.iter().map(|(name, file)| (name.clone(), size(file))).collect())
    }

    fn free(&self) -> io::Result<u64> {
        let used: u64 = self.list()?.iter().map(|(_, size)| size).sum();
        Ok(self.lock().room.saturating_sub(used))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ReadAt>> {
        let inner = self.lock();
        let file = *inner.now.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Content(inner.now.files[file].clone())))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Write>> {
        self.happen(Event::Create { name: name.to_owned() })?;
        Ok(Box::new(Appended { world: self.clone(), name: name.to_owned() }))
    }

    fn edit(&self, name: &str) -> io::Result<Box<dyn BootFile>> {
        if !self.lock().now.names.contains_key(name) {
            self.happen(Event::Create { name: name.to_owned() })?;
        }
        Ok(Box::new(Edited { world: self.clone(), name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.happen(Event::Rename { from: from.to_owned(), to: to.to_owned() })
    }

    fn is_same_file(&self, one: &str, other: &str) -> io::Result<bool> {
        let inner = self.lock();
        Ok(inner.now.names.contains_key(one) && inner.now.names.get(one) == inner.now.names.get(other))
    }

    fn forget_name(&self, name: &str) -> io::Result<()> {
        self.happen(Event::Forget { name: name.to_owned() })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.happen(Event::Remove { name: name.to_owned() })
    }

    fn sync(&self) -> io::Result<()> {
        self.happen(Event::Sync)
    }
}

impl StateStore for World {
    fn load(&self) -> Result<Loaded, StoreError> {
        let state =
            self.lock().now.state.as_deref().map_or(State::default(), |text| State::parse(text).unwrap());
        Ok(Loaded { state, problem: None })
    }

    fn save(&self, state: &State) -> Result<(), StoreError> {
        self.happen(Event::Save { text: state.to_json() }).unwrap();
        Ok(())
    }
}

struct Content(Vec<u8>);

impl ReadAt for Content {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let place = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(self.0.get(place..place + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

struct Edited {
    world: World,
    name: String,
}

impl ReadAt for Edited {
    fn size(&self) -> u64 {
        self.world.open(&self.name).unwrap().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.world.open(&self.name)?.read_at(offset, buffer)
    }
}

impl BootFile for Edited {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.world.happen(Event::Edit { name: self.name.clone(), offset, bytes: bytes.to_vec() })
    }

    fn sync(&self) -> io::Result<()> {
        self.world.happen(Event::Sync)
    }
}

struct Appended {
    world: World,
    name: String,
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let used: u64 = BootFolder::list(&self.world)?.iter().map(|(_, size)| size).sum();
        if used + bytes.len() as u64 > self.world.lock().room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.world.happen(Event::Append { name: self.name.clone(), bytes: bytes.to_vec() })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
