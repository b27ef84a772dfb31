//! The [verity] table of an `image.toml` and the partitions around it, in; how the root is sealed and updated, out.

use super::Resolver;
use crate::image::{Filesystem, Partition, PartitionSize, PartitionType, Verity};
use crate::place::Located;
use crate::tables::{NativeImageFile, VerityTable};

/// What every slot has of its own; the definition names each once.
pub(crate) const SLOT_PARTITIONS: [PartitionType; 3] =
    [PartitionType::Root, PartitionType::RootVerity, PartitionType::RootVeritySignature];

/// Bytes that the kernel takes for a salt at most.
const MOST_SALT_BYTES: usize = 256;

impl Resolver<'_> {
    pub(crate) fn verity(
        &mut self,
        file: &NativeImageFile,
        filesystem: Option<Filesystem>,
        partitions: &[Partition],
    ) -> Option<Verity> {
        let Some(table) = &file.verity else {
            for partition in partitions {
                if matches!(partition.kind, PartitionType::RootVerity | PartitionType::RootVeritySignature) {
                    let message =
                        format!("a partition of type `{}` belongs to a sealed root", partition.kind);
                    self.collector.report_hinted(partition.place, message, "add [verity], or delete it");
                }
            }
            return None;
        };
        if let (Some(Filesystem::Ext4), Some(filesystem)) = (filesystem, &file.filesystem) {
            let message = "a sealed root cannot be ext4, which is written to when it is mounted";
            self.collector.report_hinted(
                filesystem.kind.place,
                message,
                "choose `erofs`, or delete [verity]",
            );
        }
        let parameters = file.kernel.as_ref().and_then(|kernel| kernel.command_line.as_ref());
        for parameter in parameters.into_iter().flatten() {
            if ["root=", "roothash=", "rootfstype="].iter().any(|name| parameter.starts_with(name)) {
                let message = format!("`{parameter}` is decided by what the root is sealed with");
                self.collector.report_hinted(parameter.place, message, "delete it");
            }
        }
        let slots = self.slots(table);
        self.check_slot(file, table, partitions, slots);
        Some(Verity { slots, salt: self.salt(table) })
    }

    fn slots(&mut self, table: &VerityTable) -> u32 {
        match table.slots {
            Some(slots) if !(1..=2).contains(&slots.value) => {
                let hint = "write 2: one runs, and the next version is written into the other";
                self.collector.report_hinted(slots.place, format!("a disk cannot have {slots} slots"), hint);
                2
            }
            Some(slots) => slots.value,
            None => 1,
        }
    }

    fn salt(&mut self, table: &VerityTable) -> Option<String> {
        let salt = table.salt.as_ref()?;
        let digits = salt.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !digits || salt.is_empty() || salt.len() % 2 != 0 || salt.len() > 2 * MOST_SALT_BYTES {
            let hint = format!("write up to {MOST_SALT_BYTES} bytes, two of the digits 0-9 and a-f each");
            self.collector.report_hinted(salt.place, "this is no salt of a hash tree", hint);
        }
        Some(salt.value.clone())
    }

    fn check_slot(
        &mut self,
        file: &NativeImageFile,
        table: &Located<VerityTable>,
        partitions: &[Partition],
        slots: u32,
    ) {
        for stated in file.partitions.iter().flatten() {
            if let (true, Some(label)) = (SLOT_PARTITIONS.contains(&stated.kind.value), &stated.label) {
                let message = "the label of a slot's partition says which version is in it";
                self.collector.report_hinted(label.place, message, "delete it");
            }
        }
        let find = |kind| partitions.iter().find(|partition| partition.kind == kind);
        let root = find(PartitionType::Root);
        if let Some(Partition { size: PartitionSize::Fit { .. }, place, .. }) = root
            && slots > 1
        {
            let message = "the root of a disk with two slots has to have room for later versions";
            self.collector.report_hinted(*place, message, "write `size-mib` instead of `size`");
        }
        let Some(tree) = find(PartitionType::RootVerity) else {
            let hint = "add [[partitions]] with `type = \"root-verity\"`";
            self.collector.report_hinted(table.place, "a sealed root needs a partition for its hashes", hint);
            return;
        };
        if let (Some(Partition { size: PartitionSize::Mib(root), .. }), PartitionSize::Mib(given)) =
            (root, tree.size)
        {
            let needed = hash_tree_mib(*root);
            if given < needed {
                let message = format!("the hashes of {root} MiB need {needed} MiB");
                self.collector.report_hinted(tree.place, message, format!("write `size-mib = {needed}`"));
            }
        }
    }
}

/// What a tree of SHA-256 over blocks of 4 KiB takes, with its superblock, in whole MiB.
fn hash_tree_mib(root_mib: u64) -> u64 {
    let mut blocks = root_mib.saturating_mul(256);
    let mut all: u64 = 1;
    while blocks > 1 {
        blocks = blocks.div_ceil(128);
        all = all.saturating_add(blocks);
    }
    all.div_ceil(256)
}

#[cfg(test)]
mod tests {
    use super::hash_tree_mib;

    #[test]
    fn hash_trees_are_as_large_as_veritysetup_makes_them() {
        // veritysetup 2.8.8 makes files of 4, 1034, 4130 and 8258 blocks.
        assert_eq!([1, 512, 2048, 4096].map(hash_tree_mib), [1, 5, 17, 33]);
    }
}
