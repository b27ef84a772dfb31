//! A native image of the definition and its lock, in; the complete specification that `image` builds from, out.

use std::ffi::OsStr;
use std::path::Path;

use definition::lock::LockedUpstream;
use definition::{
    Compression, Disk, DiskFormat, Filesystem, NativeImage, PartitionSize, PartitionType, Password,
    SelinuxMode, Upstream,
};
use image::{InitrdContent, Seed, Specification};
use sha2::{Digest as _, Sha256};

use super::additions::additions;
use super::slots;
use crate::cli::ImageRelease;
use crate::failure::{Context as _, ExitCode, Failure};

/// Mebibytes of an EFI system partition whose size the definition leaves open.
const ESP_MEBIBYTES: u64 = 256;

/// The disk that an image becomes; an image that is no disk has none.
pub fn disk(image: &NativeImage) -> Result<&Disk, Failure> {
    image.disk().ok_or_else(|| {
        Failure::new(format!("image `{}` is a folder, not a disk", image.name)).code(ExitCode::Usage)
    })
}

/// From what the identifiers of an image derive: its packages and its definition.
pub fn seed(specification: &Specification, locked: &LockedUpstream) -> Result<Seed, Failure> {
    let mut hasher = Sha256::new();
    hasher.update(locked.image_digest(&specification.name).hex());
    let definition =
        serde_json::to_vec(specification).context(|| "the specification has no JSON form".to_owned())?;
    hasher.update(&definition);
    Ok(Seed(hasher.finalize().into()))
}

/// The specification of a disk image.
pub fn specification(
    image: &NativeImage,
    upstream: &Upstream,
    release: &ImageRelease,
) -> Result<Specification, Failure> {
    let disk = disk(image)?;
    let version = slots::version(image, release)?;
    let units = image.units_for(upstream);
    let values = |list: Vec<definition::Located<String>>| list.into_iter().map(|item| item.value).collect();
    Ok(Specification {
        name: image.name.clone(),
        identity: image::Identity {
            os_release: slots::os_release(image, disk, release, &version),
            host_name: image.hostname.clone(),
            locale: image.locale.clone(),
            time_zone: image.timezone.clone(),
        },
        removed: values(image.removed_for(upstream)),
        overlays: overlays(image),
        additions: additions(image, release)?,
        accounts: accounts(image),
        units: image::Units {
            enable: values(units.enable),
            disable: values(units.disable),
            mask: values(units.mask),
            default_target: image.default_target.clone(),
        },
        selinux: selinux(image, upstream)?,
        kernel_command_line: disk.kernel_command_line.join(" "),
        unpacked_modules: disk.unpacked_modules,
        initrd: initrd(image, disk)?,
        initrd_packing: initrd_packing(image, disk)?,
        boot: image::Boot::Menu { seconds: 0 },
        esp_mebibytes: esp_mebibytes(disk),
        root: root(disk)?,
        slots: slots::slots(image, disk, release, &version)?,
        disk_mebibytes: disk.size_mib,
        formats: disk
            .formats
            .iter()
            .filter_map(|format| match format {
                DiskFormat::Raw => Some(image::DiskFormat::Raw),
                DiskFormat::Qcow2 => Some(image::DiskFormat::Qcow2),
                DiskFormat::Vhd => Some(image::DiskFormat::Vhd),
                DiskFormat::Cosi => None,
            })
            .collect(),
        cosi: disk.formats.contains(&DiskFormat::Cosi),
    })
}

fn selinux(image: &NativeImage, upstream: &Upstream) -> Result<Option<image::Selinux>, Failure> {
    let (Some(selinux), Some(policy)) = (&image.selinux, image.selinux_policy_for(upstream)) else {
        return Ok(None);
    };
    let own = selinux.own_modules.as_deref().map(own_modules).transpose()?;
    let taken = selinux.modules.as_ref().map(|list| list.iter().map(|name| name.value.clone()).collect());
    let compiled = own.is_some() || taken.is_some();
    Ok(Some(image::Selinux {
        policy: policy.to_owned(),
        mode: match selinux.mode {
            SelinuxMode::Enforcing => image::SelinuxMode::Enforcing,
            SelinuxMode::Permissive => image::SelinuxMode::Permissive,
            SelinuxMode::Disabled => image::SelinuxMode::Disabled,
        },
        modules: compiled.then(|| image::PolicyModules { taken, own: own.unwrap_or_default() }),
    }))
}

/// The modules of a folder, by name.
fn own_modules(folder: &Path) -> Result<Vec<image::OwnModule>, Failure> {
    let unreadable = || format!("cannot read the policy modules in {}", folder.display());
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(folder).context(unreadable)? {
        let path = entry.context(unreadable)?.path();
        let (Some(name), Some("cil")) =
            (path.file_stem().and_then(OsStr::to_str), path.extension().and_then(OsStr::to_str))
        else {
            continue;
        };
        let text = std::fs::read_to_string(&path)
            .context(|| format!("cannot read the policy module {}", path.display()))?;
        modules.push(image::OwnModule { name: name.to_owned(), text });
    }
    modules.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(modules)
}

fn overlays(image: &NativeImage) -> Vec<image::Overlay> {
    let rules: Vec<image::OverlayRule> = image
        .files
        .iter()
        .map(|rule| image::OverlayRule {
            path: rule.path.value.clone(),
            mode: rule.mode,
            user: rule.owner.clone(),
            group: rule.group.clone(),
        })
        .collect();
    if image.tree.is_none() && rules.is_empty() {
        return Vec::new();
    }
    vec![image::Overlay { folder: image.tree.clone(), rules }]
}

fn accounts(image: &NativeImage) -> Vec<image::Account> {
    image
        .users
        .iter()
        .map(|user| image::Account {
            name: user.name.value.clone(),
            number: user.uid,
            group: user.group.clone(),
            comment: user.description.clone(),
            home: user.home.clone(),
            shell: user.shell.clone(),
            groups: user.groups.clone(),
            password: match &user.password {
                Password::Locked => image::PasswordPolicy::Locked,
                Password::Hash(hash) => image::PasswordPolicy::Hash(hash.clone()),
            },
            authorized_keys: Vec::new(),
        })
        .collect()
}

fn initrd(image: &NativeImage, disk: &Disk) -> Result<InitrdContent, Failure> {
    let wishes = [
        ("module", &disk.initrd.modules),
        ("file", &disk.initrd.programs),
        ("unit", &disk.initrd.units),
        ("file", &disk.initrd.files),
    ];
    let lines = wishes
        .iter()
        .flat_map(|(word, list)| list.iter().map(move |item| format!("{word} {}\n", item.value)));
    let more = InitrdContent::parse(&lines.collect::<String>())
        .context(|| format!("[initrd] of {} cannot be used", image.file.display()))
        .map_err(|failure| failure.code(ExitCode::Definition))?;
    let base = InitrdContent::base();
    let base = if disk.verity.is_some() { base.and(InitrdContent::verity()) } else { base };
    Ok(base.and(more))
}

fn initrd_packing(image: &NativeImage, disk: &Disk) -> Result<image::InitrdPacking, Failure> {
    match disk.initrd.compression {
        Compression::Zstd => Ok(image::InitrdPacking::Zstd),
        Compression::None => Ok(image::InitrdPacking::Blocks),
        other => {
            let place = image.file.display();
            Err(Failure::new(format!("an initrd compressed by `{other}` cannot be made yet"))
                .code(ExitCode::Definition)
                .hint(format!("write compression = \"zstd\" or \"none\" in [initrd] of {place}")))
        }
    }
}

fn esp_mebibytes(disk: &Disk) -> u64 {
    let esp = disk.partitions.iter().find(|partition| partition.kind == PartitionType::Esp);
    match esp.map(|partition| partition.size) {
        Some(PartitionSize::Mib(mebibytes)) => mebibytes,
        Some(PartitionSize::Fit { free_mib }) => free_mib.max(ESP_MEBIBYTES),
        None => ESP_MEBIBYTES,
    }
}

fn root(disk: &Disk) -> Result<image::RootFileSystem, Failure> {
    let other = |kind| {
        let sealed = matches!(kind, PartitionType::RootVerity | PartitionType::RootVeritySignature);
        !(matches!(kind, PartitionType::Esp | PartitionType::Root) || sealed && disk.verity.is_some())
    };
    if let Some(partition) = disk.partitions.iter().find(|partition| other(partition.kind)) {
        return Err(Failure::new(format!("a partition of type `{}` cannot be made yet", partition.kind))
            .code(ExitCode::Definition)
            .hint("an image has an `esp` and a `root` partition, and those of a sealed root"));
    }
    let partition = disk
        .root()
        .ok_or_else(|| Failure::new("the image has no root partition").code(ExitCode::Definition))?;
    let label = partition.label.clone();
    let size = match partition.size {
        PartitionSize::Mib(mebibytes) => image::Size::Fixed { mebibytes },
        PartitionSize::Fit { free_mib } => image::Size::Fit { free_mebibytes: free_mib },
    };
    Ok(match disk.filesystem {
        Filesystem::Ext4 => image::RootFileSystem::Ext4 { label, size },
        Filesystem::Erofs { compression, level, inline_tails } => {
            let level = |default: u8| level.and_then(|level| u8::try_from(level).ok()).unwrap_or(default);
            let compression = match compression {
                Compression::None => image::Compression::None,
                Compression::Lz4 => image::Compression::Lz4,
                Compression::Lz4hc => image::Compression::Lz4Hc { level: level(9) },
                Compression::Zstd => image::Compression::Zstd { level: level(3) },
            };
            image::RootFileSystem::Erofs { label, size, compression, inline_tails }
        }
    })
}
