//! What a COSI file holds in; its `metadata.json` out.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Description, Region};

/// The file of a region in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageFile {
    /// Below `images/`.
    pub(super) path: String,
    /// Bytes of the file.
    pub(super) compressed_size: u64,
    /// Bytes of the region.
    pub(super) uncompressed_size: u64,
    /// SHA-384 of the file in hexadecimal.
    pub(super) sha384: String,
}

/// The metadata; `files` are those of the partition table and then of each region.
pub(super) fn document(description: &Description<'_>, files: &[&ImageFile], window_log: u32) -> String {
    let of_regions = || description.regions.iter().zip(files.iter().skip(1));
    let table = files.iter().take(1).map(|file| json!({"image": file, "type": "primary-gpt"}));
    let partitions = of_regions()
        .map(|(region, file)| json!({"image": file, "type": "partition", "number": region.number}));
    let file_of = |name: &str| of_regions().find(|(region, _)| region.name == name).map(|(_, file)| *file);
    let images: Vec<Value> =
        of_regions().filter_map(|(region, file)| file_system(region, file, &file_of)).collect();
    let packages = description.packages.iter().map(|package| {
        json!({
            "name": package.name,
            "version": package.version,
            "release": package.release,
            "arch": package.architecture,
        })
    });
    let entries = description.kernels.iter().map(|kernel| {
        json!({
            "type": "uki-standalone",
            "path": kernel.path,
            "cmdline": kernel.command_line,
            "kernel": kernel.release,
        })
    });
    let metadata = json!({
        "version": "1.2",
        "osArch": description.architecture,
        "osRelease": description.os_release,
        "images": images,
        "disk": {
            "size": description.disk_bytes,
            "type": "gpt",
            "lbaSize": 512,
            "gptRegions": table.chain(partitions).collect::<Vec<_>>(),
        },
        "osPackages": packages.collect::<Vec<_>>(),
        "bootloader": {
            "type": "systemd-boot",
            "systemdBoot": {"entries": entries.collect::<Vec<_>>()},
        },
        "compression": {"maxWindowLog": window_log},
    });
    format!("{metadata:#}\n")
}

fn file_system<'f>(
    region: &Region,
    file: &ImageFile,
    file_of: &impl Fn(&str) -> Option<&'f ImageFile>,
) -> Option<Value> {
    let file_system = region.file_system.as_ref()?;
    let verity = file_system.verity.as_ref();
    Some(json!({
        "image": file,
        "mountPoint": file_system.mount_point,
        "fsType": file_system.kind,
        "fsUuid": file_system.uuid,
        "partType": file_system.partition_type,
        "verity": verity.map(|(tree, root_hash)| json!({"image": file_of(tree), "roothash": root_hash})),
    }))
}
