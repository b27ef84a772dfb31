//! Partitions of a slot by the Discoverable Partitions Specification: types, and the UUIDs and labels that a root hash
//! and a version give them.

use uuid::{Uuid, uuid};

use crate::{Architecture, ImageName, Sha256Digest, Version};

/// The label of a slot's partitions that hold no version.
pub const EMPTY_LABEL: &str = "_empty";

/// Characters that fit into a partition's label (UTF-16 code units of a GPT entry).
pub const LONGEST_LABEL: usize = 36;

/// The type of an EFI system partition.
pub const ESP_TYPE: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");

/// What a partition of a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotPartition {
    /// The root file system.
    Root,
    /// The hash tree over it.
    Verity,
    /// The signature of the tree's root hash.
    VeritySignature,
}

impl SlotPartition {
    /// All of a slot's partitions, in the order in which they lie on disk.
    pub const ALL: [SlotPartition; 3] =
        [SlotPartition::Root, SlotPartition::Verity, SlotPartition::VeritySignature];

    /// The partition type that says so.
    pub const fn type_uuid(self, architecture: Architecture) -> Uuid {
        match (architecture, self) {
            (Architecture::X86_64, SlotPartition::Root) => uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
            (Architecture::X86_64, SlotPartition::Verity) => uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"),
            (Architecture::X86_64, SlotPartition::VeritySignature) => {
                uuid!("41092b05-9fc8-4523-994f-2def0408b176")
            }
            (Architecture::Arm64, SlotPartition::Root) => uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae"),
            (Architecture::Arm64, SlotPartition::Verity) => uuid!("df3300ce-d69f-4c92-978c-9bfb0f38d820"),
            (Architecture::Arm64, SlotPartition::VeritySignature) => {
                uuid!("6db69de6-29f4-4758-a7a5-962190f00ce3")
            }
        }
    }

    /// The UUID that lets systemd find the partition by `roothash=`: root and tree carry a half of the hash each. The
    /// signature is found by its type alone and gets a UUID that is no half: the version-8 UUID of both halves' XOR.
    pub fn uuid(self, root_hash: &Sha256Digest) -> Uuid {
        let [first, second] = halves(root_hash);
        match self {
            SlotPartition::Root => Uuid::from_bytes(first),
            SlotPartition::Verity => Uuid::from_bytes(second),
            SlotPartition::VeritySignature => {
                let mut bytes = first;
                for (byte, other) in bytes.iter_mut().zip(second) {
                    *byte ^= other;
                }
                bytes[6] = (bytes[6] & 0x0f) | 0x80;
                bytes[8] = (bytes[8] & 0x3f) | 0x80;
                Uuid::from_bytes(bytes)
            }
        }
    }
}

fn halves(root_hash: &Sha256Digest) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    halves[0].copy_from_slice(&root_hash.bytes()[..16]);
    halves[1].copy_from_slice(&root_hash.bytes()[16..]);
    halves
}

/// The label of the partitions of a slot with this version: `IMAGE_VERSION`.
pub fn label(image: &ImageName, version: &Version) -> String {
    format!("{image}_{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_the_halves_of_the_root_hash() {
        let text = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0";
        let root_hash = Sha256Digest::parse(text).unwrap();
        let uuids = SlotPartition::ALL.map(|partition| partition.uuid(&root_hash).to_string());
        assert_eq!(
            uuids,
            [
                "00112233-4455-6677-8899-aabbccddeeff",
                "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
                "0f0f0f0f-0f0f-8f0f-8f0f-0f0f0f0f0f0f",
            ]
        );
    }

    /// As `systemd-id128 show` prints them.
    #[test]
    fn types_are_those_of_the_specification() {
        let types = SlotPartition::ALL
            .map(|partition| partition.type_uuid(Architecture::X86_64).simple().to_string());
        assert_eq!(
            types,
            [
                "4f68bce3e8cd4db196e7fbcaf984b709",
                "2c7357edebd246d9aec123d437ec2bf5",
                "41092b059fc84523994f2def0408b176"
            ]
        );
        let types =
            SlotPartition::ALL.map(|partition| partition.type_uuid(Architecture::Arm64).simple().to_string());
        assert_eq!(
            types,
            [
                "b921b0451df041c3af444c6f280d3fae",
                "df3300ced69f4c92978c9bfb0f38d820",
                "6db69de629f44758a7a5962190f00ce3"
            ]
        );
    }
}
