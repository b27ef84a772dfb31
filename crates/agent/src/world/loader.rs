//! A firmware, a boot loader and an initrd: what is kept, in; the version that comes up, out. The loader counts and sorts as
//! systemd-boot does, and a version comes up only if its kernel and every block of its root file system are whole.

use std::cmp::Reverse;

use release::partition::SlotPartition;
use release::verity::Leaves;
use release::{Sha256Digest, Version};

use super::{Payload, World};
use crate::esp::{Counter, EntryName, Kind};
use crate::gpt::Table;
use crate::storage::Device as _;

/// What came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Booted {
    pub(crate) version: Version,
    /// How often the machine was reset before.
    pub(crate) resets: u32,
}

impl World {
    /// Starts the machine. Versions in `hanging` never come up; the watchdog resets the machine then.
    pub(crate) fn boot(&self, versions: &[&Payload], hanging: &[&str]) -> Result<Booted, String> {
        for resets in 0..6 {
            let version = self.start_once(versions)?;
            if let Some(version) = version.filter(|version| !hanging.contains(&version.as_str())) {
                return Ok(Booted { version, resets });
            }
        }
        Err(format!("nothing came up; entries are {:?}", self.entries()))
    }

    /// One start: the version whose root was mounted, or none if something on the way failed.
    fn start_once(&self, versions: &[&Payload]) -> Result<Option<Version>, String> {
        let mut entries: Vec<EntryName> =
            self.entries().iter().filter_map(|name| EntryName::parse(name)).collect();
        // What is no program is passed over.
        entries.retain(|entry| entry.kind != Kind::Part && !self.content(&entry.to_string()).is_empty());
        entries.sort_by_key(|entry| {
            let counter = match entry.kind {
                Kind::Counted(counter) => Some(counter),
                _ => None,
            };
            let used_up = counter.is_some_and(|counter| counter.left == 0);
            (used_up, Reverse(entry.version.clone()), Reverse(counter.map(|counter| counter.left)))
        });
        let chosen = entries.first().ok_or("there is no boot entry")?;
        let kernel = self.content(&chosen.to_string());
        // systemd-boot counts on when none is left.
        if let Kind::Counted(Counter { left, done }) = chosen.kind {
            let counted = Counter { left: left.saturating_sub(1), done: Some(done.unwrap_or_default() + 1) };
            let to = chosen.with(Kind::Counted(counted)).to_string();
            let mut inner = self.lock();
            let file = inner.now.names.remove(&chosen.to_string()).ok_or("the entry vanished")?;
            inner.now.names.insert(to, file);
        }
        let Some(version) = versions.iter().find(|version| version.kernel == kernel) else { return Ok(None) };
        let root_hash = version.manifest.verity.root_hash;
        Ok(self.root_is_whole(&root_hash)?.then(|| version.manifest.version.clone()))
    }

    fn content(&self, name: &str) -> Vec<u8> {
        let inner = self.lock();
        inner.now.names.get(name).map(|file| inner.now.files[*file].clone()).unwrap_or_default()
    }

    /// Whether the partitions of this root hash are found, and hold it.
    fn root_is_whole(&self, root_hash: &Sha256Digest) -> Result<bool, String> {
        let table = Table::read(self, 512).map_err(|error| error.to_string())?;
        let bytes = |part: SlotPartition| {
            let uuid = part.uuid(root_hash);
            let (_, entry) = table.partitions().find(|(_, entry)| entry.uuid() == uuid)?;
            let mut bytes = vec![0; usize::try_from(entry.sectors() * 512).unwrap()];
            self.read_at(entry.first() * 512, &mut bytes).unwrap();
            Some(bytes)
        };
        let (Some(root), Some(verity)) = (bytes(SlotPartition::Root), bytes(SlotPartition::Verity)) else {
            return Ok(false);
        };
        let Ok((superblock, tree)) = release::verity::parse(&verity, root_hash) else { return Ok(false) };
        let mut leaves = Leaves::new(superblock.salt);
        leaves.push(&root[..usize::try_from(superblock.data_blocks * 4096).unwrap()]);
        Ok(leaves.finish().is_ok_and(|found| found == tree))
    }
}
