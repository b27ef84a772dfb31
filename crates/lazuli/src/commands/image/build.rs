//! `lazuli image build`

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use definition::lock::LockedUpstream;
use definition::{ImageKind, NativeImage, Upstream};
use image::{BuildPlan, Places};
use serde::Serialize;

use crate::cli::{Global, ImageBuild, ImageRelease};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;
use crate::pipeline::built::{self, Memory, Output};
use crate::pipeline::signers::SigningKeys;
use crate::pipeline::{bill, compose, lock, root, upstream};
use crate::session::{self, Session};

/// The image whose programs shape the others.
pub const TOOLS: &str = "tools";

/// What a build will do.
#[derive(Serialize)]
struct Plan {
    image: String,
    upstream: String,
    request: Vec<String>,
    packages: Vec<String>,
    source_date_epoch: u64,
    disk: Option<BuildPlan>,
}

/// What a build made.
#[derive(Debug, Serialize)]
pub struct Built {
    /// Name of the image.
    pub image: String,
    /// The upstream it was made from.
    pub upstream: String,
    /// Number of packages.
    pub packages: usize,
    /// The root tree that the packages were installed into.
    pub tree: PathBuf,
    /// The disk files, or the folder of a tree.
    pub files: Vec<BuiltFile>,
    /// Seconds of each stage.
    pub stages: Vec<(String, f64)>,
}

/// One result.
#[derive(Debug, Serialize)]
pub struct BuiltFile {
    /// Where it is.
    pub path: PathBuf,
    /// Size in bytes; absent for a folder.
    pub bytes: Option<u64>,
    /// SHA-256 in hexadecimal; absent for a folder.
    pub sha256: Option<String>,
}

impl From<Output> for BuiltFile {
    fn from(output: Output) -> Self {
        BuiltFile { path: output.path, bytes: Some(output.bytes), sha256: Some(output.sha256) }
    }
}

/// Builds an image from its locked packages, or says what would be done.
pub fn run(global: &Global, options: &ImageBuild) -> Result<(), Failure> {
    if !options.plan {
        session::prepare_building()?;
    }
    let session = Session::open(global)?;
    let image = native(&session, &options.name)?;
    let locked_file = lock::load(&session.distro)?;
    let upstream = upstream::locked(&session.distro, global, &locked_file)?;
    let locked = lock::locked(&locked_file, upstream, image)?;
    if options.plan {
        let plan = plan(image, upstream, locked, &options.release)?;
        return output::print(global.format, &plan, render_plan);
    }
    let folder = output_folder(&session, image, options.output.as_deref())?;
    let built = build(&session, upstream, locked, image, &options.release, &folder)?;
    output::print(global.format, &built, render)
}

/// The native image of that name.
pub fn native<'s>(session: &'s Session, name: &str) -> Result<&'s NativeImage, Failure> {
    let known = || {
        let names: Vec<&str> = session.distro.images.keys().map(String::as_str).collect();
        format!("the definition has: {}", names.join(", "))
    };
    let image = session.distro.images.get(name).ok_or_else(|| {
        Failure::new(format!("there is no image `{name}`")).code(ExitCode::Usage).hint(known())
    })?;
    image.native().ok_or_else(|| {
        Failure::new(format!("image `{name}` has no native definition, and others are not built"))
            .code(ExitCode::Definition)
    })
}

/// Where the results of an image go.
pub fn output_folder(
    session: &Session,
    image: &NativeImage,
    asked: Option<&Path>,
) -> Result<PathBuf, Failure> {
    match asked {
        Some(folder) => std::path::absolute(folder).context(|| format!("{} is no path", folder.display())),
        None => Ok(session.distro.project.output_dir.join(&image.name)),
    }
}

/// The tree of the tools image.
pub fn tools(session: &Session, upstream: &Upstream, locked: &LockedUpstream) -> Result<root::Root, Failure> {
    let image = native(session, TOOLS)?;
    root::of_image(session, upstream, locked, image)
}

/// Builds an image into a folder.
pub fn build(
    session: &Session,
    upstream: &Upstream,
    locked: &LockedUpstream,
    image: &NativeImage,
    release: &ImageRelease,
    folder: &Path,
) -> Result<Built, Failure> {
    let tree = root::of_image(session, upstream, locked, image)?;
    let built = Built {
        image: image.name.clone(),
        upstream: upstream.id(),
        packages: locked.packages_of(&image.name).count(),
        tree: tree.path.clone(),
        files: Vec::new(),
        stages: Vec::new(),
    };
    match image.kind {
        ImageKind::Disk(_) => build_disk(session, (upstream, locked), image, release, &tree, folder, built),
        ImageKind::Tree => build_tree(folder, built),
    }
}

fn build_disk(
    session: &Session,
    (upstream, locked): (&Upstream, &LockedUpstream),
    image: &NativeImage,
    release: &ImageRelease,
    tree: &root::Root,
    folder: &Path,
    mut built: Built,
) -> Result<Built, Failure> {
    let specification = compose::specification(image, upstream, release)?;
    let seed = compose::seed(&specification, locked)?;
    let epoch = root::source_date_epoch(locked, image)?;
    let tools = tools(session, upstream, locked)?;
    let budget = format!("{:?}", image.budget.disk_mib);
    let keys = SigningKeys::open(release, &specification, &tools.path)?;
    let others = [&tree.digest, &tools.digest, &epoch.to_string(), &budget, &keys.stamp()];
    let inputs = built::inputs(&specification, &others.map(String::as_str))?;
    let memory = Memory::of(session, &image.name, folder, inputs);
    if !session.fresh
        && let Some(outputs) = memory.unchanged()?
    {
        output::say(&format!("{:>12} {} (built before)", "disk files", image.name));
        built.files = outputs.into_iter().map(BuiltFile::from).collect();
        return Ok(built);
    }
    let bill = bill::of_tree(&specification, locked, &tree.path, epoch)?;
    let work = session.distro.project.work_dir.join("image");
    // What the programs make of the same files: the tools tree's digest has this program's stamp in it.
    let kept = image::Kept { folder: &session.cache_dir.join("images"), programs: &tools.digest };
    let places = Places {
        kept: (!session.fresh).then_some(kept),
        root: &tree.path,
        deferred: &tree.deferred,
        tools: &tools.path,
        work: &work,
        output: folder,
        bill: Some(&bill),
        signers: keys.signers(),
        most_mebibytes: image.budget.disk_mib,
    };
    let failed = || format!("image `{}` was not built", image.name);
    fs::create_dir_all(folder).context(failed)?;
    let made = image::build(&specification, &places, &seed, epoch, &session.bars).map_err(|error| {
        let failure = Failure::caused(failed(), &error);
        match error {
            image::BuildError::Disk(image::DiskError::OverBudget { .. }) => {
                failure.code(ExitCode::Budget).hint(format!(
                    "take something out, or raise `disk-mib` in [budget] of {}",
                    image.file.display()
                ))
            }
            _ => failure,
        }
    })?;
    built.stages = made.stages.iter().map(|(name, time)| ((*name).to_owned(), time.as_secs_f64())).collect();
    let output = |file: image::DiskFile| Output { path: file.path, bytes: file.bytes, sha256: file.sha256 };
    let mut outputs: Vec<Output> = made.files.into_iter().map(output).collect();
    outputs.extend(made.cosi.map(|file| Output { path: file.path, bytes: file.bytes, sha256: file.sha256 }));
    if let Some(payload) = made.payload {
        outputs.extend(payload.files.iter().map(|file| Output {
            path: payload.folder.join(file.name.as_str()),
            bytes: file.size,
            sha256: file.sha256.to_string(),
        }));
    }
    memory.keep(&outputs)?;
    built.files = outputs.into_iter().map(BuiltFile::from).collect();
    Ok(built)
}

/// A tree stays where it was installed; the output folder names it.
fn build_tree(folder: &Path, mut built: Built) -> Result<Built, Failure> {
    let link = folder.join("tree");
    let failed = || format!("{} cannot be made", link.display());
    fs::create_dir_all(folder).context(failed)?;
    let beside = folder.join(".tree.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context(failed),
        _ => {}
    }
    std::os::unix::fs::symlink(&built.tree, &beside)
        .and_then(|()| fs::rename(&beside, &link))
        .context(failed)?;
    built.files.push(BuiltFile { path: link, bytes: None, sha256: None });
    Ok(built)
}

fn plan(
    image: &NativeImage,
    upstream: &Upstream,
    locked: &LockedUpstream,
    release: &ImageRelease,
) -> Result<Plan, Failure> {
    let epoch = root::source_date_epoch(locked, image)?;
    let disk = match image.kind {
        ImageKind::Disk(_) => {
            let specification = compose::specification(image, upstream, release)?;
            Some(image::plan(&specification, &compose::seed(&specification, locked)?, epoch))
        }
        ImageKind::Tree => None,
    };
    Ok(Plan {
        image: image.name.clone(),
        upstream: upstream.id(),
        request: image.packages_for(upstream).install.into_iter().map(|want| want.value).collect(),
        packages: locked.packages_of(&image.name).map(|(nevra, _, _)| nevra.to_string()).collect(),
        source_date_epoch: epoch,
        disk,
    })
}

fn render_plan(plan: &Plan) -> String {
    let mut text = format!(
        "image {} from {}: {} packages, SOURCE_DATE_EPOCH {}\n",
        plan.image,
        plan.upstream,
        plan.packages.len(),
        plan.source_date_epoch
    );
    for package in &plan.packages {
        let _infallible = writeln!(text, "  install {package}");
    }
    if let Some(disk) = &plan.disk {
        let found_by = if disk.sealed { "roothash=(the root's) " } else { "" };
        let _infallible = writeln!(text, "  kernel command line: {found_by}{}", disk.command_line);
        for partition in &disk.partitions {
            let size = partition
                .mebibytes
                .map_or("as large as its content".to_owned(), |size| format!("{size} MiB"));
            let uuid = partition.uuid.map_or("UUID of the root hash".to_owned(), |uuid| uuid.to_string());
            let _infallible =
                writeln!(text, "  partition {} ({}, {uuid}), {size}", partition.name, partition.file_system);
        }
        for output in &disk.outputs {
            let _infallible = writeln!(text, "  write {output}");
        }
    }
    text
}

/// The results, a line each.
pub fn render(built: &Built) -> String {
    built
        .files
        .iter()
        .map(|file| match (&file.sha256, file.bytes) {
            (Some(sha256), Some(bytes)) => {
                format!(
                    "{}  {:.0} MiB  sha256:{sha256}\n",
                    file.path.display(),
                    bytes as f64 / f64::from(1 << 20)
                )
            }
            _ => format!("{}\n", file.path.display()),
        })
        .collect()
}
