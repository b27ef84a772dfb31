//! An image whose root is sealed, in; its name, its version and the partitions of its slots, out.

use definition::{Disk, NativeImage, PartitionSize, PartitionType};
use image::Slots;
use release::manifest::Salt;
use release::partition::{LONGEST_LABEL, label};
use release::{ImageName, Version};
use sha2::{Digest as _, Sha256};

use crate::cli::ImageRelease;
use crate::failure::{Context as _, ExitCode, Failure};

/// The version that an image has: what the command line says, else what its os-release says; an image that is not sealed may have
/// one that is no release's.
pub fn version(image: &NativeImage, release: &ImageRelease) -> Result<Option<Version>, Failure> {
    if let Some(text) = &release.image_version {
        let version = Version::parse(text)
            .context(|| "--image-version cannot be used".to_owned())
            .map_err(|failure| failure.code(ExitCode::Usage))?;
        return Ok(Some(version));
    }
    let Some(os_release) = &image.os_release else { return Ok(None) };
    let stated = os_release.get("IMAGE_VERSION").or_else(|| os_release.get("VERSION_ID"));
    let Some(text) = stated else { return Ok(None) };
    match Version::parse(text) {
        Ok(version) => Ok(Some(version)),
        Err(error) if image.disk().is_some_and(|disk| disk.verity.is_some()) => {
            Err(Failure::caused(format!("image `{}` has no version to update from", image.name), &error)
                .code(ExitCode::Definition)
                .hint(format!(
                    "write another IMAGE_VERSION in [os-release] of {}, or give --image-version",
                    image.file.display()
                )))
        }
        Err(_) => Ok(None),
    }
}

/// The text of os-release; an image with a version of its own says which image it is, and which version.
pub fn os_release(
    image: &NativeImage,
    disk: &Disk,
    release: &ImageRelease,
    version: &Option<Version>,
) -> String {
    let Some(os_release) = &image.os_release else { return String::new() };
    match version {
        Some(version) if disk.verity.is_some() || release.image_version.is_some() => {
            os_release.with("IMAGE_ID", &image.name).with("IMAGE_VERSION", version.as_str()).to_text()
        }
        _ => os_release.to_text(),
    }
}

/// The slots of a disk whose root is sealed.
pub fn slots(
    image: &NativeImage,
    disk: &Disk,
    release: &ImageRelease,
    version: &Option<Version>,
) -> Result<Option<Slots>, Failure> {
    let has = |kind| disk.partitions.iter().any(|partition| partition.kind == kind);
    if release.root_hash_key.is_some() && !has(PartitionType::RootVeritySignature) {
        let message = format!("image `{}` has no partition for the signature of a root hash", image.name);
        return Err(Failure::new(message).code(ExitCode::Usage).hint(
            "add [verity] and [[partitions]] with `type = \"root-verity-sig\"`, or leave --root-hash-key out",
        ));
    }
    let Some(verity) = &disk.verity else { return Ok(None) };
    let unusable = || format!("image `{}` cannot be sealed", image.name);
    let definition = |failure: Failure| failure.code(ExitCode::Definition);
    let name = ImageName::parse(&image.name).context(unusable).map_err(definition)?;
    let version = version.clone().ok_or_else(|| {
        Failure::new(format!("image `{}` has no version", image.name))
            .code(ExitCode::Definition)
            .hint("write IMAGE_VERSION in its [os-release], or give --image-version")
    })?;
    let label = label(&name, &version);
    if label.len() > LONGEST_LABEL {
        return Err(Failure::new(format!(
            "the partition label `{label}` has {} characters, and {LONGEST_LABEL} are possible",
            label.len()
        ))
        .code(ExitCode::Definition)
        .hint("shorten the version of the image"));
    }
    let salt = match &verity.salt {
        Some(digits) => Salt::try_from(digits.clone()).context(unusable).map_err(definition)?,
        None => Salt::new(default_salt(&image.name)).context(unusable)?,
    };
    let mebibytes = |kind| {
        let partition = disk.partitions.iter().find(|partition| partition.kind == kind)?;
        match partition.size {
            PartitionSize::Mib(mebibytes) => Some(mebibytes),
            PartitionSize::Fit { free_mib } => Some(free_mib),
        }
    };
    Ok(Some(Slots {
        image: name,
        version,
        count: verity.slots,
        salt,
        tree_mebibytes: mebibytes(PartitionType::RootVerity).unwrap_or(0),
        signature_mebibytes: mebibytes(PartitionType::RootVeritySignature),
    }))
}

/// Public, as every salt of dm-verity; one of its own keeps blocks of two images apart, and is the same in all versions of one.
fn default_salt(image: &str) -> Vec<u8> {
    Sha256::digest(format!("root of the image {image}")).to_vec()
}
