//! A specification and a seed in; what a build will do, to be printed and compared, out.
//! Nothing here reads a disk.

use release::partition::{EMPTY_LABEL, SlotPartition, label};
use serde::Serialize;
use uuid::Uuid;

use crate::cosi;
use crate::disk::{self, DiskFormat};
use crate::filesystem::{RootFileSystem, Size};
use crate::payload;
use crate::seed::Seed;
use crate::selinux::Selinux;
use crate::slots::{self, ARCHITECTURE};
use crate::specification::{Boot, Slots, Specification};

/// What a build will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildPlan {
    /// Name of the image.
    pub name: String,
    /// Seconds since 1970 that stand for every time in the image.
    pub source_date_epoch: u64,
    /// The kernel command line: the whole of it, or what follows `roothash=` where the root is sealed.
    pub command_line: String,
    /// Whether the root is found and proved by its root hash, which is known when it is made.
    pub sealed: bool,
    /// The SELinux policy whose labels files get, and its mode.
    pub selinux: Option<Selinux>,
    /// The UUID of the disk's partition table.
    pub disk_uuid: Uuid,
    /// Partitions in their order on the disk.
    pub partitions: Vec<PlannedPartition>,
    /// Files of the EFI system partition.
    pub esp_files: Vec<String>,
    /// Names of the disk files, and of the files of the update payload.
    pub outputs: Vec<String>,
    #[serde(skip)]
    pub(crate) boot: Boot,
    #[serde(skip)]
    pub(crate) formats: Vec<DiskFormat>,
}

/// A partition as it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedPartition {
    /// Its name in the table.
    pub name: String,
    /// Its file system.
    pub file_system: String,
    /// Its type UUID.
    pub kind: Uuid,
    /// Its own UUID; none where the root hash gives it one.
    pub uuid: Option<Uuid>,
    /// Mebibytes, where they are known before the tree is.
    pub mebibytes: Option<u64>,
}

/// Decides what a build will do.
pub fn plan(specification: &Specification, seed: &Seed, source_date_epoch: u64) -> BuildPlan {
    let root_uuid = seed.uuid("partition root");
    let root_mebibytes = match specification.root.size() {
        Size::Fixed { mebibytes } => Some(mebibytes),
        Size::Fit { .. } => None,
    };
    let esp = PlannedPartition {
        name: "esp".to_owned(),
        file_system: "vfat".to_owned(),
        kind: disk::ESP,
        uuid: Some(seed.uuid("partition esp")),
        mebibytes: Some(specification.esp_mebibytes),
    };
    let mut partitions = vec![esp];
    match &specification.slots {
        Some(slots) => partitions.extend(slot_partitions(specification, slots, root_mebibytes, seed)),
        None => partitions.push(PlannedPartition {
            name: specification.root.label().to_owned(),
            file_system: specification.root.kind().to_owned(),
            kind: disk::ROOT_X86_64,
            uuid: Some(root_uuid),
            mebibytes: root_mebibytes,
        }),
    }
    let kernel_image = format!("EFI/Linux/{}.efi", file_name(specification));
    let esp_files = match specification.boot {
        Boot::Menu { .. } => {
            vec![
                "EFI/BOOT/BOOTX64.EFI".to_owned(),
                kernel_image,
                "EFI/systemd/systemd-bootx64.efi".to_owned(),
                "loader/loader.conf".to_owned(),
            ]
        }
        Boot::Direct => vec!["EFI/BOOT/BOOTX64.EFI".to_owned()],
    };
    let mut formats = specification.formats.clone();
    formats.sort();
    formats.dedup();
    BuildPlan {
        name: specification.name.clone(),
        source_date_epoch,
        command_line: command_line(specification, root_uuid),
        selinux: specification.selinux.clone(),
        disk_uuid: seed.uuid("disk"),
        sealed: specification.slots.is_some(),
        partitions,
        esp_files,
        outputs: outputs(specification, &formats),
        boot: specification.boot,
        formats,
    }
}

fn slot_partitions<'s>(
    specification: &'s Specification,
    slots: &'s Slots,
    root_mebibytes: Option<u64>,
    seed: &'s Seed,
) -> impl Iterator<Item = PlannedPartition> + 's {
    let partition = move |slot, kind: SlotPartition| PlannedPartition {
        name: if slot == 0 { label(&slots.image, &slots.version) } else { EMPTY_LABEL.to_owned() },
        file_system: match kind {
            SlotPartition::Root => specification.root.kind(),
            SlotPartition::Verity => "hash tree",
            SlotPartition::VeritySignature => "signature",
        }
        .to_owned(),
        kind: kind.type_uuid(ARCHITECTURE),
        uuid: (slot > 0).then(|| slots::empty_uuid(seed, slot, kind)),
        mebibytes: match kind {
            SlotPartition::Root => root_mebibytes,
            SlotPartition::Verity => Some(slots.tree_mebibytes),
            SlotPartition::VeritySignature => slots.signature_mebibytes,
        },
    };
    (0..slots.count).flat_map(move |slot| slots::kinds(slots).map(move |kind| partition(slot, kind)))
}

fn outputs(specification: &Specification, formats: &[DiskFormat]) -> Vec<String> {
    let disks = formats.iter().map(|format| format!("{}.{}", specification.name, format.extension()));
    let payload = specification.slots.iter().flat_map(|slots| {
        let folder = payload::folder_name(slots);
        payload::FILES.iter().map(move |file| format!("{folder}/{file}"))
    });
    let cosi = specification.cosi.then(|| format!("{}.{}", specification.name, cosi::EXTENSION));
    disks.chain(cosi).chain(payload).collect()
}

/// The kernel's parameters, with the root by the UUID of its partition: found by any firmware, on any kind of disk.
fn command_line(specification: &Specification, root: Uuid) -> String {
    let given = specification.kernel_command_line.split_whitespace().collect::<Vec<_>>();
    if given.iter().any(|parameter| parameter.starts_with("root=")) {
        return given.join(" ");
    }
    let access = match specification.root {
        RootFileSystem::Ext4 { .. } => "rw",
        RootFileSystem::Erofs { .. } => "ro",
    };
    let mut parameters = vec![format!("rootfstype={}", specification.root.kind())];
    if specification.slots.is_none() {
        parameters.insert(0, format!("root=PARTUUID={root}"));
    }
    if !given.contains(&"ro") && !given.contains(&"rw") {
        parameters.push(access.to_owned());
    }
    parameters.extend(given.into_iter().map(str::to_owned));
    parameters.join(" ")
}

/// `<id>_<version>`, by the fields of os-release: what systemd-boot sorts by.
fn file_name(specification: &Specification) -> String {
    if let Some(slots) = &specification.slots {
        return label(&slots.image, &slots.version);
    }
    let field = |name: &str| specification.identity.field(name).filter(|value| !value.is_empty());
    let id = field("IMAGE_ID").or_else(|| field("ID")).unwrap_or(&specification.name);
    let version = field("IMAGE_VERSION").or_else(|| field("VERSION_ID"));
    let name = version.map_or_else(|| id.to_owned(), |version| format!("{id}_{version}"));
    // What os-release allows and FAT does not.
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::plan;
    use crate::disk::DiskFormat;
    use crate::filesystem::{Compression, RootFileSystem, Size};
    use crate::initrd::InitrdContent;
    use crate::seed::Seed;
    use crate::specification::{Boot, Slots, Specification};
    use crate::tree::{Identity, Units};

    pub(crate) fn specification() -> Specification {
        Specification {
            name: "server".into(),
            identity: Identity { os_release: "ID=lazuli\nVERSION_ID=1.0\n".into(), ..Identity::default() },
            removed: Vec::new(),
            overlays: Vec::new(),
            additions: Vec::new(),
            accounts: Vec::new(),
            units: Units::default(),
            selinux: None,
            kernel_command_line: "console=ttyS0  quiet".into(),
            unpacked_modules: false,
            initrd: InitrdContent::base(),
            initrd_packing: crate::initrd::InitrdPacking::Zstd,
            boot: Boot::Menu { seconds: 0 },
            esp_mebibytes: 256,
            root: RootFileSystem::Ext4 { label: "root".into(), size: Size::Fixed { mebibytes: 1024 } },
            slots: None,
            disk_mebibytes: None,
            formats: vec![DiskFormat::Vhd, DiskFormat::Raw, DiskFormat::Raw],
            cosi: false,
        }
    }

    #[test]
    fn the_root_is_found_by_its_partition_unless_the_definition_says_how() {
        let seed = Seed([3; 32]);
        let planned = plan(&specification(), &seed, 0);
        let root = planned.partitions[1].uuid.unwrap();
        assert_eq!(
            planned.command_line,
            format!("root=PARTUUID={root} rootfstype=ext4 rw console=ttyS0 quiet")
        );
        assert_eq!(planned.outputs, ["server.raw", "server.vhd"]);
        assert_eq!(planned.partitions[1].name, "root");
        assert_eq!(planned.esp_files[1], "EFI/Linux/lazuli_1.0.efi");
        let other = Specification { kernel_command_line: "root=/dev/vda2".into(), ..specification() };
        assert_eq!(plan(&other, &seed, 0).command_line, "root=/dev/vda2");
        let sealed = Specification { root: erofs(), ..specification() };
        assert!(plan(&sealed, &seed, 0).command_line.contains("rootfstype=erofs ro "));
    }

    fn erofs() -> RootFileSystem {
        RootFileSystem::Erofs {
            label: "root".into(),
            size: Size::Fixed { mebibytes: 2048 },
            compression: Compression::Lz4,
            inline_tails: true,
        }
    }

    #[test]
    fn a_sealed_root_is_found_by_its_root_hash_and_called_by_its_version() {
        let slots = Slots {
            image: release::ImageName::parse("host").unwrap(),
            version: release::Version::parse("1.5").unwrap(),
            count: 2,
            salt: release::manifest::Salt::default(),
            tree_mebibytes: 17,
            signature_mebibytes: None,
        };
        let sealed = Specification { root: erofs(), slots: Some(slots), ..specification() };
        let planned = plan(&sealed, &Seed([3; 32]), 0);
        assert!(planned.sealed);
        assert_eq!(planned.command_line, "rootfstype=erofs ro console=ttyS0 quiet");
        let partitions: Vec<_> = planned
            .partitions
            .iter()
            .map(|one| (one.name.as_str(), one.file_system.as_str(), one.uuid.is_some(), one.mebibytes))
            .collect();
        assert_eq!(
            partitions,
            [
                ("esp", "vfat", true, Some(256)),
                ("host_1.5", "erofs", false, Some(2048)),
                ("host_1.5", "hash tree", false, Some(17)),
                ("_empty", "erofs", true, Some(2048)),
                ("_empty", "hash tree", true, Some(17)),
            ]
        );
        assert_eq!(planned.esp_files[1], "EFI/Linux/host_1.5.efi");
        assert_eq!(
            planned.outputs,
            [
                "server.raw",
                "server.vhd",
                "host_1.5.payload/linux.efi",
                "host_1.5.payload/manifest.json",
                "host_1.5.payload/root.erofs",
                "host_1.5.payload/root.verity",
            ]
        );
    }
}
