//! A specification, a root directory and a tools tree in; disk files out, the same bytes every time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_tools::{Progress, Stopwatch};

use crate::disk::{self, DiskError, DiskFile, FatStamp};
use crate::filesystem::{FileSystemError, Stamp};
use crate::initrd::{self, InitrdError};
use crate::kept::Kept;
use crate::kernel::{self, Kernel, KernelError};
use crate::plan::{BuildPlan, plan};
use crate::seed::Seed;
use crate::selinux::{self, Contexts, LabelError, SelinuxMode};
use crate::specification::{Boot, Specification};
use crate::tools::Tools;
use crate::tree::{
    AccountError, CleanError, Deferred, DeferredError, IdentityError, OverlayError, ReadError, RemovalError,
    Tree, TreeSize, UnitError, WalkError, add_accounts, clean, measure, os_release, remove,
};
use crate::uki::{self, UkiError};

/// Where a build reads and writes.
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
    /// Mebibytes that the disk may have at most; a larger one is refused before any file gets its name.
    pub most_mebibytes: Option<u64>,
}

/// What a build made, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// The disk files, in the order of formats.
    pub files: Vec<DiskFile>,
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
    /// How long each stage took; the boot files and the layout of the root are made while the disk files are written.
    pub stages: Vec<(&'static str, Duration)>,
}

/// Why an image cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The root directory cannot be read.
    #[error("cannot read the root tree")]
    Walk(#[from] WalkError),
    /// The tree is not fit for an image.
    #[error("cannot make an image of the root tree")]
    Clean(#[from] CleanError),
    /// What is to be taken out is not there, or out of bounds.
    #[error(transparent)]
    Removal(#[from] RemovalError),
    /// Files cannot be laid over.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A device or capability has no place.
    #[error(transparent)]
    Deferred(#[from] DeferredError),
    /// The system cannot be given its names.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Units cannot be chosen.
    #[error(transparent)]
    Units(#[from] UnitError),
    /// The tree says nothing of what it is.
    #[error(
        "the tree has no os-release: add the package that brings it, or write the fields into the image's definition"
    )]
    NoOsRelease(#[source] ReadError),
    /// Accounts cannot be written.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// Files cannot be labelled.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// There is no kernel to boot.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The initrd cannot be made.
    #[error(transparent)]
    Initrd(#[from] InitrdError),
    /// The unified kernel image cannot be made.
    #[error(transparent)]
    Uki(#[from] UkiError),
    /// The root file system cannot be made.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// The disk files cannot be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The work directory cannot be used.
    #[error("cannot write {path}")]
    Work {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
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
    let tree = timed("tree", &mut stages, progress, || {
        compose(specification, places.root, places.deferred, source_date_epoch)
    })?;
    let kernel = kernel::find(&tree)?;
    std::fs::create_dir_all(places.work)
        .map_err(|source| BuildError::Work { path: places.work.to_path_buf(), source })?;
    let work = tempfile::Builder::new()
        .prefix("image-")
        .tempdir_in(places.work)
        .map_err(|source| BuildError::Work { path: places.work.to_path_buf(), source })?;
    let tools = Tools::new(places.tools, work.path(), source_date_epoch);

    let stamp = Stamp {
        uuid: seed.uuid("file system root"),
        hash_seed: seed.uuid("directory hashes of root"),
        source_date_epoch,
    };
    let mut root_facts = None;
    progress.begin("disk", None);
    let watch = Stopwatch::start();
    let (files, (boot, boot_time)) = disk::write_all(
        &parts(specification, &plan, seed, places),
        &plan.formats,
        places.output,
        &specification.name,
        || {
            let watch = Stopwatch::start();
            let root = specification.root.lay_out(&tree, &tools, "root", &stamp)?;
            root_facts = Some((root.bytes, watch.elapsed()));
            Ok::<_, BuildError>(root)
        },
        || {
            let watch = Stopwatch::start();
            let mut boot = make_boot_files(specification, &plan, &tree, &kernel, &tools, places.kept)?;
            Ok((std::mem::take(&mut boot.esp), (boot, watch.elapsed())))
        },
    )?;
    let (root_bytes, root_time) = root_facts.unwrap_or_default();
    stages.extend([
        ("initrd and kernel image", boot_time),
        ("root file system", root_time),
        ("disk files", watch.elapsed()),
    ]);
    progress.finish(&format!("initrd {} MiB, root {} MiB", boot.initrd_bytes >> 20, root_bytes >> 20));
    Ok(BuiltImage {
        files,
        tree: measure(&tree),
        kernel: kernel.release,
        initrd_bytes: boot.initrd_bytes,
        kernel_image_bytes: boot.kernel_image_bytes,
        root_bytes,
        stages,
        plan,
    })
}

/// The tree that the image will hold: the installed one without traces of its installation, with the definition's own files.
pub fn compose(
    specification: &Specification,
    root: &Path,
    deferred: &[Deferred],
    source_date_epoch: u64,
) -> Result<Tree, BuildError> {
    let mut tree = Tree::walk(root, source_date_epoch)?;
    for entry in deferred {
        entry.apply(&mut tree, source_date_epoch)?;
    }
    clean(&mut tree, source_date_epoch)?;
    remove(&mut tree, &specification.removed)?;
    specification.identity.apply(&mut tree, source_date_epoch)?;
    // Accounts come before the overlays, whose rules may name them as owners.
    add_accounts(&mut tree, &specification.accounts, source_date_epoch)?;
    for overlay in &specification.overlays {
        overlay.apply(&mut tree, source_date_epoch)?;
    }
    // Units come after the overlays, which may bring some.
    let id = specification.identity.field("ID").unwrap_or(&specification.name);
    specification.units.apply(&mut tree, id, source_date_epoch)?;
    specification.root.complete(&mut tree, source_date_epoch);
    if let Some(selinux) = &specification.selinux {
        selinux.configure(&mut tree, source_date_epoch);
        if selinux.mode != SelinuxMode::Disabled {
            let contexts = Contexts::of_policy(&tree, &selinux.policy)?;
            selinux::label(&mut tree, &contexts);
        }
    }
    specification.root.check_size(&tree)?;
    Ok(tree)
}

struct BootFiles {
    esp: BTreeMap<String, Vec<u8>>,
    initrd_bytes: u64,
    kernel_image_bytes: u64,
}

fn make_boot_files(
    specification: &Specification,
    plan: &BuildPlan,
    tree: &Tree,
    kernel: &Kernel,
    tools: &Tools,
    kept: Option<Kept<'_>>,
) -> Result<BootFiles, BuildError> {
    let os_release = &os_release(tree).map_err(BuildError::NoOsRelease)?;
    let (content, modified) = (&specification.initrd, plan.source_date_epoch);
    let initrd = initrd::make(tree, kernel, content, os_release, tools, modified, kept)?;
    let parts = uki::Parts { initrd: &initrd, command_line: &plan.command_line, os_release };
    let kernel_image = uki::make(tree, kernel, &parts, tools)?;
    let (initrd_bytes, kernel_image_bytes) = (initrd.len() as u64, kernel_image.len() as u64);
    Ok(BootFiles { esp: esp_files(plan, tree, tools, kernel_image)?, initrd_bytes, kernel_image_bytes })
}

fn esp_files(
    plan: &BuildPlan,
    tree: &Tree,
    tools: &Tools,
    kernel_image: Vec<u8>,
) -> Result<BTreeMap<String, Vec<u8>>, UkiError> {
    let mut files = BTreeMap::new();
    match plan.boot {
        Boot::Direct => {
            files.insert("EFI/BOOT/BOOTX64.EFI".to_owned(), kernel_image);
        }
        Boot::Menu { seconds } => {
            let loader = uki::boot_loader(tree, tools)?;
            files.insert("EFI/BOOT/BOOTX64.EFI".to_owned(), loader.clone());
            files.insert("EFI/systemd/systemd-bootx64.efi".to_owned(), loader);
            files.insert(
                "loader/loader.conf".to_owned(),
                format!("timeout {seconds}\nconsole-mode keep\neditor no\n").into_bytes(),
            );
            let path = plan.esp_files.iter().find(|path| path.starts_with("EFI/Linux/"));
            files.insert(path.cloned().unwrap_or_else(|| "EFI/Linux/linux.efi".to_owned()), kernel_image);
        }
    }
    Ok(files)
}

fn parts<'a>(
    specification: &'a Specification,
    plan: &BuildPlan,
    seed: &Seed,
    places: &Places<'_>,
) -> disk::Parts<'a> {
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
        root_uuid: seed.uuid("partition root"),
        root_name: specification.root.label(),
        root_read_only: specification.root.kind() == "erofs",
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
