//! A partition table, in; the two slots that a version can lie in, and what lies there, out; and the table in which a slot is
//! empty or holds a version. Which partitions belong together is told by their order: the first of each type is slot A.

use std::fmt;

use release::partition::{EMPTY_LABEL, SlotPartition, label};
use release::{Architecture, Manifest, Sha256Digest};
use uuid::Uuid;

use crate::error::Named;
use crate::gpt::Table;

/// Attribute of a partition that is never written while it is mounted (UAPI.2, "Partition Attribute Flags").
const READ_ONLY: u64 = 1 << 60;
/// Attribute of a partition that is not found by its type.
const NO_AUTO: u64 = 1 << 63;

/// One of the two slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum SlotName {
    /// The first partitions of their types.
    A,
    /// The second ones.
    B,
}

/// Where a partition lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// Its number, from 1.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// A slot: its partitions and what they are said to hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Slot {
    /// Which one.
    pub name: SlotName,
    /// For the root file system.
    pub root: Place,
    /// For the hash tree.
    pub verity: Place,
    /// For the signature of the root hash, where the disk has such partitions.
    pub signature: Option<Place>,
    /// What the table says of its content.
    pub content: Content,
}

/// What the partition table says of a slot's content; whether it is true, only the hash tree tells.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Labelled as empty.
    Empty,
    /// A version of an image.
    Version {
        /// The partitions' common label, `IMAGE_VERSION`.
        label: String,
        /// The root hash that the UUIDs are halves of.
        root_hash: Sha256Digest,
    },
    /// Its partitions have labels that do not fit together.
    Unclear,
}

/// Why a disk's slots were not found.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// Fewer than two partitions of a type.
    #[error(
        "the disk has {found} partitions of type {kind} ({purpose}), and two slots need 2; install from a disk image of the container host"
    )]
    TooFew {
        /// How many there are.
        found: usize,
        /// The type.
        kind: Uuid,
        /// What such partitions hold.
        purpose: &'static str,
    },
    /// No slot carries the running system's root hash.
    #[error("no slot carries the root hash {root_hash} that the running system was started with")]
    NotRunningFromSlot {
        /// The root hash of the kernel's command line.
        root_hash: Sha256Digest,
    },
    /// A partition's place reaches beyond what numbers hold.
    #[error("partition {number} does not lie on the disk")]
    Beyond {
        /// Its number.
        number: u32,
    },
}

impl Named for SlotsError {
    fn name(&self) -> &'static str {
        match self {
            SlotsError::TooFew { .. } => "disk.slots-missing",
            SlotsError::NotRunningFromSlot { .. } => "disk.slot-not-running",
            SlotsError::Beyond { .. } => "disk.partition-beyond",
        }
    }
}

/// The two slots of a disk for this architecture.
pub fn slots(table: &Table, architecture: Architecture) -> Result<[Slot; 2], SlotsError> {
    let roots = of_type(table, SlotPartition::Root, architecture)?;
    let trees = of_type(table, SlotPartition::Verity, architecture)?;
    let signatures = of_type(table, SlotPartition::VeritySignature, architecture)?;
    let pair = |found: Vec<u32>, part: SlotPartition, purpose| match found[..] {
        [first, second] => Ok([first, second]),
        // More than two cannot be told apart, fewer are no slots.
        _ => Err(SlotsError::TooFew { found: found.len(), kind: part.type_uuid(architecture), purpose }),
    };
    let roots = pair(roots, SlotPartition::Root, "root file system")?;
    let trees = pair(trees, SlotPartition::Verity, "hash tree")?;
    let signatures = match signatures[..] {
        [] => [None, None],
        _ => pair(signatures, SlotPartition::VeritySignature, "signature of the root hash")?.map(Some),
    };
    let slot = |name, index: usize| {
        Ok(Slot {
            name,
            root: place(table, roots[index])?,
            verity: place(table, trees[index])?,
            signature: signatures[index].map(|number| place(table, number)).transpose()?,
            content: content(table, &[roots[index], trees[index]]),
        })
    };
    Ok([slot(SlotName::A, 0)?, slot(SlotName::B, 1)?])
}

/// The slot that the system with this root hash was started from, and the other one.
pub fn running_and_other(slots: [Slot; 2], root_hash: Sha256Digest) -> Result<(Slot, Slot), SlotsError> {
    let [a, b] = slots;
    if a.holds(root_hash) {
        Ok((a, b))
    } else if b.holds(root_hash) {
        Ok((b, a))
    } else {
        Err(SlotsError::NotRunningFromSlot { root_hash })
    }
}

impl Slot {
    /// Whether the table says that this root hash's file system lies here.
    pub fn holds(&self, wanted: Sha256Digest) -> bool {
        matches!(&self.content, Content::Version { root_hash, .. } if *root_hash == wanted)
    }

    fn numbers(&self) -> impl Iterator<Item = (SlotPartition, u32)> {
        let signature = self.signature.map(|place| (SlotPartition::VeritySignature, place.number));
        [(SlotPartition::Root, self.root.number), (SlotPartition::Verity, self.verity.number)]
            .into_iter()
            .chain(signature)
    }

    /// The table in which nothing can be started from this slot.
    pub fn emptied(&self, table: &Table) -> Table {
        let mut changed = table.clone();
        for (_, number) in self.numbers() {
            // No half of a root hash, other in each entry of each disk, and the same whenever it is computed.
            let uuid = Uuid::new_v5(&table.disk(), format!("empty partition {number}").as_bytes());
            rename(&mut changed, number, uuid, EMPTY_LABEL, READ_ONLY | NO_AUTO);
        }
        changed
    }

    /// The table in which this slot holds a version. A signature's partition stays empty where nothing was signed.
    pub fn filled(&self, table: &Table, manifest: &Manifest) -> Table {
        let mut changed = self.emptied(table);
        let label = label(&manifest.image, &manifest.version);
        for (part, number) in self.numbers() {
            if part != SlotPartition::VeritySignature || manifest.files.verity_signature.is_some() {
                rename(&mut changed, number, part.uuid(&manifest.verity.root_hash), &label, READ_ONLY);
            }
        }
        changed
    }
}

fn of_type(table: &Table, part: SlotPartition, architecture: Architecture) -> Result<Vec<u32>, SlotsError> {
    let kind = part.type_uuid(architecture);
    Ok(table.partitions().filter(|(_, entry)| entry.kind() == kind).map(|(number, _)| number).collect())
}

fn place(table: &Table, number: u32) -> Result<Place, SlotsError> {
    let beyond = SlotsError::Beyond { number };
    let Some(entry) = table.entry(number) else { return Err(beyond) };
    match (entry.first().checked_mul(table.sector), entry.sectors().checked_mul(table.sector)) {
        (Some(start), Some(size)) if size > 0 && start.checked_add(size).is_some() => {
            Ok(Place { number, start, size })
        }
        _ => Err(beyond),
    }
}

fn content(table: &Table, numbers: &[u32]) -> Content {
    let entries: Vec<_> = numbers.iter().filter_map(|number| table.entry(*number)).collect();
    let Some(first) = entries.first() else { return Content::Unclear };
    let label = first.label();
    if entries.iter().any(|entry| entry.label() != label) {
        return Content::Unclear;
    }
    if label == EMPTY_LABEL {
        return Content::Empty;
    }
    let mut root_hash = [0; 32];
    for (half, entry) in root_hash.chunks_exact_mut(16).zip(&entries) {
        half.copy_from_slice(entry.uuid().as_bytes());
    }
    Content::Version { label, root_hash: Sha256Digest::from_bytes(root_hash) }
}

fn rename(table: &mut Table, number: u32, uuid: Uuid, label: &str, attributes: u64) {
    if let Some(entry) = table.entry_mut(number) {
        entry.rename(uuid, label, attributes);
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SlotName::A => "A",
            SlotName::B => "B",
        })
    }
}
