//! A sealed root in; the partitions of its slot and of those that later versions will be written into, out.
//! Nothing here writes to a disk.

use release::Architecture;
use release::partition::{EMPTY_LABEL, SlotPartition, label};
use uuid::Uuid;

use crate::disk::{NO_AUTO, Piece, READ_ONLY, SystemPartition};
use crate::filesystem::{FileSystem, MEBIBYTE};
use crate::sealed::Sealed;
use crate::seed::Seed;
use crate::specification::Slots;

/// The architecture of images.
pub(crate) const ARCHITECTURE: Architecture = Architecture::X86_64;

/// Why a slot cannot hold what belongs in it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SlotError {
    /// The hash tree is larger than its partition.
    #[error(
        "the partition for the hash tree is too small: the tree of this root has {needed_mebibytes} MiB, {available_mebibytes} MiB are given"
    )]
    TreeTooLarge {
        /// Mebibytes of the tree.
        needed_mebibytes: u64,
        /// Mebibytes that the definition gives.
        available_mebibytes: u64,
    },
    /// The signature has no partition.
    #[error(
        "the root hash is to be signed, and the disk has no partition for the signature: add [[partitions]] with `type = \"root-verity-sig\"` and `size-mib = 1`"
    )]
    NoPlaceForSignature,
    /// The signature is larger than its partition.
    #[error("the partition for the root hash's signature is too small for its {bytes} bytes")]
    SignatureTooLarge {
        /// Bytes of the signature.
        bytes: usize,
    },
}

/// The partitions of one slot, in the order in which they lie on the disk.
pub(crate) fn kinds(slots: &Slots) -> impl Iterator<Item = SlotPartition> {
    let signature = slots.signature_mebibytes.is_some();
    SlotPartition::ALL.into_iter().filter(move |kind| *kind != SlotPartition::VeritySignature || signature)
}

/// The UUID of a partition that holds no version.
pub(crate) fn empty_uuid(seed: &Seed, slot: u32, kind: SlotPartition) -> Uuid {
    seed.uuid(&format!("partition {kind:?} of slot {slot}"))
}

/// A UUID that is the same in all versions of the image.
pub(crate) fn lasting_uuid(slots: &Slots, purpose: &str) -> Uuid {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, slots.image.as_str().as_bytes());
    Uuid::new_v5(&namespace, purpose.as_bytes())
}

/// All partitions of all slots: the first slot holds the root with its proof, the others nothing.
pub(crate) fn partitions<'t>(
    slots: &Slots,
    root: FileSystem<'t>,
    sealed: &Sealed,
    signature: Option<&[u8]>,
    seed: &Seed,
) -> Result<Vec<SystemPartition<'t>>, SlotError> {
    let root_bytes = root.bytes;
    let tree = content(&sealed.tree);
    if tree.bytes > slots.tree_mebibytes * MEBIBYTE {
        return Err(SlotError::TreeTooLarge {
            needed_mebibytes: tree.bytes.div_ceil(MEBIBYTE),
            available_mebibytes: slots.tree_mebibytes,
        });
    }
    let signed = signature.is_some();
    let signature = match (signature, slots.signature_mebibytes) {
        (Some(_), None) => return Err(SlotError::NoPlaceForSignature),
        (Some(text), Some(mebibytes)) if text.len() as u64 > mebibytes * MEBIBYTE => {
            return Err(SlotError::SignatureTooLarge { bytes: text.len() });
        }
        (Some(text), Some(_)) => content(text),
        (None, _) => content(&[]),
    };
    let version = label(&slots.image, &slots.version);
    let mut first = [Some(root), Some(tree), Some(signature)];
    let mut partitions = Vec::new();
    for slot in 0..slots.count {
        for kind in kinds(slots) {
            let (index, bytes) = match kind {
                SlotPartition::Root => (0, root_bytes),
                SlotPartition::Verity => (1, slots.tree_mebibytes * MEBIBYTE),
                SlotPartition::VeritySignature => (2, slots.signature_mebibytes.unwrap_or(0) * MEBIBYTE),
            };
            let here = slot == 0 && (kind != SlotPartition::VeritySignature || signed);
            let held = if here { first[index].take() } else { None };
            partitions.push(SystemPartition {
                kind: kind.type_uuid(ARCHITECTURE),
                uuid: if here { kind.uuid(&sealed.root_hash) } else { empty_uuid(seed, slot, kind) },
                name: if here { version.clone() } else { EMPTY_LABEL.to_owned() },
                // What holds no version is not to be found by those who look for partitions by their types.
                attributes: if here { READ_ONLY } else { READ_ONLY | NO_AUTO },
                bytes,
                pieces: held.map(|held| held.pieces).unwrap_or_default(),
            });
        }
    }
    Ok(partitions)
}

fn content<'t>(bytes: &[u8]) -> FileSystem<'t> {
    FileSystem { bytes: bytes.len() as u64, pieces: vec![Piece::memory(0, bytes.to_vec())] }
}

#[cfg(test)]
mod tests {
    use release::manifest::Salt;
    use release::{ImageName, Sha256Digest, Version};

    use super::{SlotError, partitions};
    use crate::disk::Piece;
    use crate::filesystem::FileSystem;
    use crate::sealed::Sealed;
    use crate::seed::Seed;
    use crate::specification::Slots;

    fn slots(signature_mebibytes: Option<u64>) -> Slots {
        Slots {
            image: ImageName::parse("host").unwrap(),
            version: Version::parse("1.2").unwrap(),
            count: 2,
            salt: Salt::default(),
            tree_mebibytes: 1,
            signature_mebibytes,
        }
    }

    fn laid_out(slots: &Slots, tree: usize, signature: Option<&[u8]>) -> Result<String, SlotError> {
        let root_hash = Sha256Digest::parse(&format!("{}{}", "11".repeat(16), "22".repeat(16))).unwrap();
        let root_digest = Sha256Digest::of(b"");
        let sealed = Sealed { root_hash, root_digest, tree: vec![7; tree], data_blocks: 1 };
        let root = FileSystem { bytes: 4 << 20, pieces: vec![Piece::memory(0, vec![1; 4096])] };
        let partitions = partitions(slots, root, &sealed, signature, &Seed([1; 32]))?;
        Ok(partitions
            .iter()
            .map(|partition| {
                let held: u64 = partition.pieces.iter().map(|piece| piece.length).sum();
                let attributes = partition.attributes >> 60;
                let (name, bytes) = (&partition.name, partition.bytes >> 20);
                let uuid = if name == "_empty" { "-".to_owned() } else { partition.uuid.to_string() };
                let kind = &partition.kind.to_string()[..8];
                format!("{kind} {name} {bytes} MiB, {attributes:x}, {held} bytes {uuid}\n")
            })
            .collect())
    }

    #[test]
    fn the_first_slot_is_found_by_its_root_hash_and_the_second_is_empty() {
        assert_eq!(
            laid_out(&slots(Some(1)), 5000, Some(b"signature")).unwrap(),
            "4f68bce3 host_1.2 4 MiB, 1, 4096 bytes 11111111-1111-1111-1111-111111111111\n\
             2c7357ed host_1.2 1 MiB, 1, 5000 bytes 22222222-2222-2222-2222-222222222222\n\
             41092b05 host_1.2 1 MiB, 1, 9 bytes 33333333-3333-8333-b333-333333333333\n\
             4f68bce3 _empty 4 MiB, 9, 0 bytes -\n\
             2c7357ed _empty 1 MiB, 9, 0 bytes -\n\
             41092b05 _empty 1 MiB, 9, 0 bytes -\n"
        );
    }

    #[test]
    fn without_a_signature_its_partition_is_empty_or_absent() {
        let unsigned = laid_out(&slots(Some(1)), 10, None).unwrap();
        assert_eq!(unsigned.lines().nth(2).unwrap(), "41092b05 _empty 1 MiB, 9, 0 bytes -");
        assert_eq!(laid_out(&slots(None), 10, None).unwrap().lines().count(), 4);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refusal = |slots: &Slots, tree: usize, signature| laid_out(slots, tree, signature).unwrap_err();
        assert_eq!(
            refusal(&slots(None), (1 << 20) + 1, None),
            SlotError::TreeTooLarge { needed_mebibytes: 2, available_mebibytes: 1 }
        );
        assert_eq!(refusal(&slots(None), 1, Some(b"x")), SlotError::NoPlaceForSignature);
        let large = vec![1; (1 << 20) + 1];
        assert!(matches!(refusal(&slots(Some(1)), 1, Some(&large)), SlotError::SignatureTooLarge { .. }));
    }
}
