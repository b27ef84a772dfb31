//! A specification, a root directory and a tools tree in; disk files out, the same bytes every time.

mod error;

use std::path::Path;
use std::time::Duration;

use host_tools::{Progress, Stopwatch};

use crate::boot_files;
use crate::compose::{SEALED_TIME, compose};
use crate::cosi::{self, CosiFile};
use crate::disk::{self, DiskFile, FatStamp, SystemPartition, Target};
use crate::filesystem::{FileSystem, Stamp};
use crate::kept::Kept;
use crate::kernel;
use crate::payload::{BuiltPayload, Draft, Whole};
use crate::plan::{BuildPlan, plan};
use crate::sbom::BillOfMaterials;
use crate::sealed::{Sealed, seal};
use crate::seed::Seed;
use crate::signing::{Signer, sign_root_hash};
use crate::slots;
use crate::specification::Specification;
use crate::tools::Tools;
use crate::tree::{Deferred, TreeSize, measure};
pub use error::BuildError;

/// Where a build reads and writes, and who signs.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The installed root directory; it is read and never changed.
    pub root: &'a Path,
    /// What the installation could not set on the disk of `root`.
    pub deferred: &'a [Deferred],
    /// The root directory of the programs that make file systems and boot files.
    pub tools: &'a Path,
    /// A directory for files that are gone after the build; outside of both roots.
    pub work: &'a Path,
    /// The directory of the disk files.
    pub output: &'a Path,
    /// Where parts of images are kept for the next build; nowhere when there is none.
    pub kept: Option<Kept<'a>>,
    /// What the image is made of, put into it as data.
    pub bill: Option<&'a BillOfMaterials>,
    /// Who signs what it boots from.
    pub signers: Signers<'a>,
    /// Mebibytes that the disk may have at most; a larger one is refused before any file gets its name.
    pub most_mebibytes: Option<u64>,
}

/// Who signs; nothing is signed where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signers<'a> {
    /// Signs the boot loader and the kernel image, for Secure Boot.
    pub secure_boot: Option<&'a Signer>,
    /// Signs the root hash of a sealed root.
    pub root_hash: Option<&'a Signer>,
}

/// What a build made, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// The disk files, in the order of formats.
    pub files: Vec<DiskFile>,
    /// The disk as a Composable OS Image, if that was asked for.
    pub cosi: Option<CosiFile>,
    /// What a sealed root is updated from.
    pub payload: Option<BuiltPayload>,
    /// What was done.
    pub plan: BuildPlan,
    /// Sizes of the root tree.
    pub tree: TreeSize,
    /// The kernel's release.
    pub kernel: String,
    /// Bytes of the compressed initrd.
    pub initrd_bytes: u64,
    /// Bytes of the unified kernel image.
    pub kernel_image_bytes: u64,
    /// Bytes of the root file system.
    pub root_bytes: u64,
    /// How long each stage took; the initrd and the root are made side by side while the disk files are written.
    pub stages: Vec<(&'static str, Duration)>,
}

/// Builds an image; disk files appear under their names only when all of them are whole.
pub fn build(
    specification: &Specification,
    places: &Places<'_>,
    seed: &Seed,
    source_date_epoch: u64,
    progress: &dyn Progress,
) -> Result<BuiltImage, BuildError> {
    let plan = plan(specification, seed, source_date_epoch);
    let mut stages = Vec::new();
    std::fs::create_dir_all(places.work)
        .map_err(|source| BuildError::Work { path: places.work.to_path_buf(), source })?;
    let work = tempfile::Builder::new()
        .prefix("image-")
        .tempdir_in(places.work)
        .map_err(|source| BuildError::Work { path: places.work.to_path_buf(), source })?;
    let tools = Tools::new(places.tools, work.path(), source_date_epoch);
    let tree =
        timed("tree", &mut stages, progress, || compose(specification, places, &tools, source_date_epoch))?;
    let kernel = kernel::find(&tree)?;

    let slots = specification.slots.as_ref();
    let draft = slots.map(|slots| Draft::begin(places.output, slots)).transpose()?;
    let root_file = draft.as_ref().map_or_else(|| work.path().join("root"), Draft::root);
    let mut root_facts = None;
    progress.begin("disk", None);
    let watch = Stopwatch::start();
    let target = Target { folder: places.output, name: &specification.name, formats: &plan.formats };
    let mut cosi = None;
    let (files, made) = disk::write_all(
        &parts(specification, &plan, seed, places),
        &target,
        || {
            let watch = Stopwatch::start();
            let root =
                specification.root.lay_out(&tree, &tools, &root_file, &stamp(specification, &plan, seed))?;
            let root_bytes = root.bytes;
            let system = system(specification, root, &root_file, seed, places.signers.root_hash)?;
            root_facts = Some((root_bytes, watch.elapsed()));
            Ok::<_, BuildError>(system)
        },
        || {
            let watch = Stopwatch::start();
            let modified = file_time(specification, source_date_epoch);
            let early = boot_files::early(specification, &tree, &kernel, &tools, modified, places.kept)?;
            Ok((early, watch.elapsed()))
        },
        |proof, (early, time)| {
            let root_hash = proof.as_ref().map(|proof| proof.sealed.root_hash);
            let signer = places.signers.secure_boot;
            let mut boot =
                boot_files::make(&plan, &tree, &kernel, &early, root_hash.as_ref(), &tools, signer)?;
            let esp = std::mem::take(&mut boot.esp);
            let kernel_image = esp.get(&boot.kernel_image).map_or(&[][..], Vec::as_slice);
            let kernel_image_bytes = kernel_image.len() as u64;
            let payload = match (slots, draft, proof) {
                (Some(slots), Some(draft), Some(proof)) => {
                    let signature = proof.signature.as_deref();
                    Some(draft.complete(slots, &proof.sealed, signature, kernel_image, source_date_epoch)?)
                }
                _ => None,
            };
            let root_hash = root_hash.map(|root_hash| root_hash.to_string());
            let (kernel_image, command_line) = (boot.kernel_image, boot.command_line);
            let os_release = early.os_release;
            Ok((
                esp,
                Made {
                    os_release,
                    kernel_image,
                    command_line,
                    root_hash,
                    payload,
                    initrd_bytes: boot.initrd_bytes,
                    kernel_image_bytes,
                    boot_time: time,
                },
            ))
        },
        |disk, made| {
            if specification.cosi {
                let watch = Stopwatch::start();
                let system = cosi::System {
                    os_release: &made.os_release,
                    packages: places.bill.map_or(&[], |bill| &bill.packages),
                    kernel_image: &made.kernel_image,
                    command_line: &made.command_line,
                    kernel_release: &kernel.release,
                    root_kind: specification.root.kind(),
                    root_uuid: stamp(specification, &plan, seed).uuid,
                    root_hash: made.root_hash.as_deref(),
                    esp_serial: seed.number("file system esp"),
                };
                let path = places.output.join(format!("{}.{}", specification.name, cosi::EXTENSION));
                cosi = Some(cosi::write(&path, disk, &system)?);
                stages.push(("cosi file", watch.elapsed()));
            }
            Ok(())
        },
    )?;
    let payload = made.payload.map(Whole::publish).transpose()?;
    let (root_bytes, root_time) = root_facts.unwrap_or_default();
    stages.extend([
        ("initrd", made.boot_time),
        ("root file system", root_time),
        ("disk files", watch.elapsed()),
    ]);
    progress.finish(&format!("initrd {} MiB, root {} MiB", made.initrd_bytes >> 20, root_bytes >> 20));
    Ok(BuiltImage {
        files,
        cosi,
        payload,
        tree: measure(&tree),
        kernel: kernel.release,
        initrd_bytes: made.initrd_bytes,
        kernel_image_bytes: made.kernel_image_bytes,
        root_bytes,
        stages,
        plan,
    })
}

/// What was made besides the disk files.
struct Made {
    os_release: String,
    /// The kernel image's path on the EFI system partition.
    kernel_image: String,
    command_line: String,
    root_hash: Option<String>,
    payload: Option<Whole>,
    initrd_bytes: u64,
    kernel_image_bytes: u64,
    boot_time: Duration,
}

/// What proves a sealed root.
struct Proof {
    sealed: Sealed,
    signature: Option<Vec<u8>>,
}

/// The partitions of the system, and the proof of a root that is sealed.
fn system<'t>(
    specification: &Specification,
    root: FileSystem<'t>,
    root_file: &Path,
    seed: &Seed,
    signer: Option<&Signer>,
) -> Result<(Vec<SystemPartition<'t>>, Option<Proof>), BuildError> {
    let Some(slots) = &specification.slots else {
        let read_only = specification.root.kind() == "erofs";
        let partition = SystemPartition {
            kind: disk::ROOT_X86_64,
            uuid: seed.uuid("partition root"),
            name: specification.root.label().to_owned(),
            attributes: if read_only { disk::READ_ONLY } else { disk::GROW_FILE_SYSTEM },
            bytes: root.bytes,
            pieces: root.pieces,
        };
        return Ok((vec![partition], None));
    };
    let sealed = seal(root_file, &slots.salt)?;
    let signature = signer
        .map(|signer| sign_root_hash(sealed.root_hash.bytes(), signer).map_err(BuildError::Signing))
        .transpose()?
        .map(|signature| signature.json().into_bytes());
    let partitions = slots::partitions(slots, root, &sealed, signature.as_deref(), seed)?;
    Ok((partitions, Some(Proof { sealed, signature })))
}

/// A sealed root's own names are those of all its versions, so that versions differ where their files do.
fn stamp(specification: &Specification, plan: &BuildPlan, seed: &Seed) -> Stamp {
    Stamp {
        uuid: match &specification.slots {
            Some(slots) => slots::lasting_uuid(slots, "root"),
            None => seed.uuid("file system root"),
        },
        hash_seed: seed.uuid("directory hashes of root"),
        source_date_epoch: file_time(specification, plan.source_date_epoch),
    }
}

/// The time of what the build makes itself: in a sealed root the same in all versions, and that of all files.
fn file_time(specification: &Specification, source_date_epoch: u64) -> u64 {
    if specification.slots.is_some() { SEALED_TIME } else { source_date_epoch }
}

fn parts(specification: &Specification, plan: &BuildPlan, seed: &Seed, places: &Places<'_>) -> disk::Parts {
    disk::Parts {
        disk_uuid: plan.disk_uuid,
        vhd_uuid: seed.uuid("vhd"),
        esp_uuid: seed.uuid("partition esp"),
        esp_bytes: specification.esp_mebibytes << 20,
        esp_stamp: FatStamp {
            serial: seed.number("file system esp"),
            label: *b"ESP        ",
            modified: plan.source_date_epoch,
            hidden_sectors: 2048,
        },
        disk_mebibytes: specification.disk_mebibytes,
        most_mebibytes: places.most_mebibytes,
        source_date_epoch: plan.source_date_epoch,
    }
}

fn timed<T, E>(
    stage: &'static str,
    stages: &mut Vec<(&'static str, Duration)>,
    progress: &dyn Progress,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    progress.begin(stage, None);
    let watch = Stopwatch::start();
    let result = work()?;
    stages.push((stage, watch.elapsed()));
    progress.finish("done");
    Ok(result)
}
