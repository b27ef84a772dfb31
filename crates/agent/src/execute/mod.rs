//! A plan, in; its steps done one after the other, out. Each step looks at the disk first and does what is missing, so that a
//! plan may be cut anywhere and begun again, and each is kept before the next begins.

mod boot;
mod table;

use std::io;

use release::verity::{self, PartitionError};
use release::{Manifest, Sha256Digest};

use crate::error::Named;
use crate::fill::{FillError, Filled, Partitions, fill};
use crate::gpt::{GptError, Table};
use crate::host::Host;
use crate::plan::{Plan, Step};
use crate::slots::{self, Place, Slot, SlotName, SlotsError};
use crate::source::{Source, SourceError};
use crate::state::StoreError;
use crate::storage::{ReadAt as _, Window, WritableWindow};

/// Hears what is done.
pub trait Watch {
    /// Step `number` of `steps`, counted from 1, begins.
    fn step(&mut self, number: usize, steps: usize, step: &Step);
    /// So much of `size` bytes, those of root file system and kernel, came from where it says.
    fn filled(&mut self, filled: Filled, size: u64);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn step(&mut self, _number: usize, _steps: usize, _step: &Step) {}
    fn filled(&mut self, _filled: Filled, _size: u64) {}
}

/// Why a step was not done; what was done before it is kept, and the wish may be asked again.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The partition table cannot be read.
    #[error(transparent)]
    Table(#[from] GptError),
    /// The slots are not what they were when the plan was made.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// The slot to be changed is the running one.
    #[error("slot {0} is the running one and is never written")]
    RunningSlot(SlotName),
    /// The partition table cannot be written, or was not kept.
    #[error("cannot write the partition table")]
    WriteTable(#[source] io::Error),
    /// What was written to the partition table is not there.
    #[error("the disk did not keep the partition table that was written to it; it may be failing")]
    TableNotKept,
    /// The slot cannot be filled.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// A slot cannot be read to be compared.
    #[error("cannot read slot {slot} to compare it")]
    Read {
        /// Which one.
        slot: SlotName,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A slot's hash tree is no hash tree of the root hash.
    #[error("the hash tree in slot {slot} is damaged")]
    Tree {
        /// Which one.
        slot: SlotName,
        /// What is wrong.
        #[source]
        source: PartitionError,
    },
    /// A slot does not hold what its root hash tells of.
    #[error("slot {slot} does not hold what root hash {expected} tells of: block {block} is damaged")]
    Differs {
        /// Which one.
        slot: SlotName,
        /// What it should hold.
        expected: Sha256Digest,
        /// The first block that differs, from 0.
        block: u64,
    },
    /// The kernel cannot be fetched.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The kernel that was fetched is another one.
    #[error("{file} has SHA-256 {found}, and the manifest says {expected}")]
    Kernel {
        /// Its file.
        file: String,
        /// What the manifest says.
        expected: Sha256Digest,
        /// What was fetched or read back.
        found: Sha256Digest,
    },
    /// A boot entry cannot be changed.
    #[error("cannot {action} {name} in EFI/Linux")]
    Boot {
        /// What was tried.
        action: &'static str,
        /// With which file.
        name: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The state cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Named for ExecuteError {
    fn name(&self) -> &'static str {
        match self {
            ExecuteError::Table(error) => error.name(),
            ExecuteError::Slots(error) => error.name(),
            ExecuteError::RunningSlot(_) => "slot.running",
            ExecuteError::WriteTable(_) => "disk.table-write",
            ExecuteError::TableNotKept => "disk.table-not-kept",
            ExecuteError::Fill(error) => error.name(),
            ExecuteError::Read { .. } => "slot.read",
            ExecuteError::Tree { .. } | ExecuteError::Differs { .. } => "slot.damaged",
            ExecuteError::Source(error) => error.name(),
            ExecuteError::Kernel { .. } => "payload.kernel",
            ExecuteError::Boot { source, .. } if source.kind() == io::ErrorKind::StorageFull => "esp.full",
            ExecuteError::Boot { .. } => "esp.write",
            ExecuteError::Store(error) => error.name(),
        }
    }
}

/// Does the steps of a plan; `now` is in seconds since 1970.
pub fn execute(
    plan: &Plan,
    host: &Host,
    source: &mut dyn Source,
    watch: &mut dyn Watch,
    now: u64,
) -> Result<(), ExecuteError> {
    for (number, step) in plan.steps.iter().enumerate() {
        watch.step(number + 1, plan.steps.len(), step);
        match step {
            Step::Remember(change) => {
                let state = host.store.load()?.state;
                let after = state.after(change, now);
                if after != state {
                    host.store.save(&after)?;
                }
            }
            Step::MendTable => table::mend(host)?,
            Step::Empty(slot) => table::change(host, *slot, Slot::emptied)?,
            Step::Label(slot, manifest) => {
                table::change(host, *slot, |slot, table| slot.filled(table, manifest))?;
            }
            Step::Fill(slot, manifest) => fill_slot(host, *slot, manifest, source, watch)?,
            Step::Compare(slot, root_hash) => compare(host, *slot, root_hash)?,
            Step::WriteKernel(manifest) => boot::write_kernel(&*host.boot, manifest, source)?,
            Step::Rename(from, to) => boot::rename(&*host.boot, from, to)?,
            Step::Remove(name) => boot::remove(&*host.boot, name)?,
            Step::KeepName(name, others) => boot::keep_name(&*host.boot, name, others)?,
        }
    }
    Ok(())
}

/// The running slot and the other one, which must be the one that a step means.
fn slots_for(host: &Host, table: &Table, wanted: SlotName) -> Result<(Slot, Slot), ExecuteError> {
    let found = slots::slots(table, host.running.architecture)?;
    let (running, other) = slots::running_and_other(found, host.running.root_hash)?;
    if other.name == wanted { Ok((running, other)) } else { Err(ExecuteError::RunningSlot(wanted)) }
}

fn fill_slot(
    host: &Host,
    slot: SlotName,
    manifest: &Manifest,
    source: &mut dyn Source,
    watch: &mut dyn Watch,
) -> Result<(), ExecuteError> {
    let table = Table::read(&*host.disk, host.sector)?;
    let (running, other) = slots_for(host, &table, slot)?;
    let readable = |place: Place| {
        let window = Window::new(&*host.disk, place.start, place.size);
        window.map_err(|source| ExecuteError::Read { slot: running.name, source })
    };
    let writable = |place: Place| {
        let window = WritableWindow::new(&*host.disk, place.start, place.size);
        window.map_err(|source| ExecuteError::Read { slot, source })
    };
    let partitions = Partitions {
        running_root: readable(running.root)?,
        running_verity: readable(running.verity)?,
        running_root_hash: host.running.root_hash,
        running_kernel: boot::running_kernel(host),
        boot: &*host.boot,
        root: writable(other.root)?,
        verity: writable(other.verity)?,
        signature: other.signature.map(writable).transpose()?,
    };
    let size = manifest.files.root.size.saturating_add(manifest.files.kernel.size);
    fill(&partitions, manifest, source, &mut |filled| watch.filled(filled, size))?;
    Ok(())
}

/// Reads a slot, not copies of it in memory, and compares every block with the tree, and the tree with the root hash.
fn compare(host: &Host, slot: SlotName, root_hash: &Sha256Digest) -> Result<(), ExecuteError> {
    let read = |source| ExecuteError::Read { slot, source };
    let table = Table::read(&*host.disk, host.sector)?;
    let (_, other) = slots_for(host, &table, slot)?;
    host.disk.flush().map_err(read)?;
    for place in [other.root, other.verity] {
        host.disk.forget(place.start, place.size);
    }
    let verity = Window::new(&*host.disk, other.verity.start, other.verity.size).map_err(read)?;
    let root = Window::new(&*host.disk, other.root.start, other.root.size).map_err(read)?;
    let damaged = |source| ExecuteError::Tree { slot, source };
    let mut first = [0; verity::BLOCK_SIZE];
    verity.read_at(0, &mut first).map_err(read)?;
    let superblock = verity::Superblock::parse(&first).map_err(damaged)?;
    let length = verity::partition_length(superblock.data_blocks).filter(|length| *length <= verity.size());
    let mut bytes = vec![0; length.and_then(|length| usize::try_from(length).ok()).unwrap_or(first.len())];
    verity.read_at(0, &mut bytes).map_err(read)?;
    let (superblock, tree) = verity::parse(&bytes, root_hash).map_err(damaged)?;
    // The kernel reads the levels between as well, which are not what proves the digests here.
    if !tree.partition(superblock.uuid).eq(bytes.as_chunks::<{ verity::BLOCK_SIZE }>().0.iter().copied()) {
        return Err(ExecuteError::Differs { slot, expected: *root_hash, block: 0 });
    }
    drop(bytes);
    let hasher = verity::Hasher::new(tree.salt());
    let mut section = vec![0; verity::SECTION_SIZE];
    for (number, leaves) in tree.leaves().chunks(verity::DIGESTS_PER_BLOCK).enumerate() {
        let section = &mut section[..leaves.len() * verity::BLOCK_SIZE];
        root.read_at((number * verity::SECTION_SIZE) as u64, section).map_err(read)?;
        let digests = hasher.digests(section);
        if let Some(wrong) = digests.iter().zip(leaves).position(|(found, leaf)| found != leaf) {
            let block = (number * verity::DIGESTS_PER_BLOCK + wrong) as u64;
            return Err(ExecuteError::Differs { slot, expected: *root_hash, block });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
