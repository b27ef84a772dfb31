//! A specification and a seed in; what a build will do, to be printed and compared, out.
//! Nothing here reads a disk.

use serde::Serialize;
use uuid::Uuid;

use crate::disk::{self, DiskFormat};
use crate::filesystem::{RootFileSystem, Size};
use crate::seed::Seed;
use crate::selinux::Selinux;
use crate::specification::{Boot, Specification};

/// What a build will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildPlan {
    /// Name of the image.
    pub name: String,
    /// Seconds since 1970 that stand for every time in the image.
    pub source_date_epoch: u64,
    /// The whole kernel command line.
    pub command_line: String,
    /// The SELinux policy whose labels files get, and its mode.
    pub selinux: Option<Selinux>,
    /// The UUID of the disk's partition table.
    pub disk_uuid: Uuid,
    /// Partitions in their order on the disk.
    pub partitions: Vec<PlannedPartition>,
    /// Files of the EFI system partition.
    pub esp_files: Vec<String>,
    /// Names of the disk files.
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
    /// Its own UUID.
    pub uuid: Uuid,
    /// Mebibytes, where they are known before the tree is.
    pub mebibytes: Option<u64>,
}

/// Decides what a build will do.
pub fn plan(specification: &Specification, seed: &Seed, source_date_epoch: u64) -> BuildPlan {
    let root_uuid = seed.uuid("partition root");
    let root_mebibytes = match &specification.root {
        RootFileSystem::Ext4 { size: Size::Fixed { mebibytes }, .. } => Some(*mebibytes),
        _ => None,
    };
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
        partitions: vec![
            PlannedPartition {
                name: "esp".to_owned(),
                file_system: "vfat".to_owned(),
                kind: disk::ESP,
                uuid: seed.uuid("partition esp"),
                mebibytes: Some(specification.esp_mebibytes),
            },
            PlannedPartition {
                name: specification.root.label().to_owned(),
                file_system: specification.root.kind().to_owned(),
                kind: disk::ROOT_X86_64,
                uuid: root_uuid,
                mebibytes: root_mebibytes,
            },
        ],
        esp_files,
        outputs: formats
            .iter()
            .map(|format| format!("{}.{}", specification.name, format.extension()))
            .collect(),
        boot: specification.boot,
        formats,
    }
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
    let mut parameters =
        vec![format!("root=PARTUUID={root}"), format!("rootfstype={}", specification.root.kind())];
    if !given.contains(&"ro") && !given.contains(&"rw") {
        parameters.push(access.to_owned());
    }
    parameters.extend(given.into_iter().map(str::to_owned));
    parameters.join(" ")
}

/// `<id>_<version>`, by the fields of os-release: what systemd-boot sorts by.
fn file_name(specification: &Specification) -> String {
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
    use crate::specification::{Boot, Specification};
    use crate::tree::{Identity, Units};

    pub(crate) fn specification() -> Specification {
        Specification {
            name: "server".into(),
            identity: Identity { os_release: "ID=lazuli\nVERSION_ID=1.0\n".into(), ..Identity::default() },
            removed: Vec::new(),
            overlays: Vec::new(),
            accounts: Vec::new(),
            units: Units::default(),
            selinux: None,
            kernel_command_line: "console=ttyS0  quiet".into(),
            initrd: InitrdContent::base(),
            boot: Boot::Menu { seconds: 0 },
            esp_mebibytes: 256,
            root: RootFileSystem::Ext4 { label: "root".into(), size: Size::Fixed { mebibytes: 1024 } },
            disk_mebibytes: None,
            formats: vec![DiskFormat::Vhd, DiskFormat::Raw, DiskFormat::Raw],
        }
    }

    #[test]
    fn the_root_is_found_by_its_partition_unless_the_definition_says_how() {
        let seed = Seed([3; 32]);
        let planned = plan(&specification(), &seed, 0);
        let root = planned.partitions[1].uuid;
        assert_eq!(
            planned.command_line,
            format!("root=PARTUUID={root} rootfstype=ext4 rw console=ttyS0 quiet")
        );
        assert_eq!(planned.outputs, ["server.raw", "server.vhd"]);
        assert_eq!(planned.partitions[1].name, "root");
        assert_eq!(planned.esp_files[1], "EFI/Linux/lazuli_1.0.efi");
        let other = Specification { kernel_command_line: "root=/dev/vda2".into(), ..specification() };
        assert_eq!(plan(&other, &seed, 0).command_line, "root=/dev/vda2");
        let sealed = Specification {
            root: RootFileSystem::Erofs { label: "root".into(), compression: Compression::Lz4 },
            ..specification()
        };
        assert!(plan(&sealed, &seed, 0).command_line.contains("rootfstype=erofs ro "));
    }
}
