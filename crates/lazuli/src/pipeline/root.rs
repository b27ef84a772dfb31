//! The locked packages of an image, in; the root tree they make, out: installed once, found again while nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use definition::lock::{LockedUpstream, Reason};
use definition::{NativeImage, Upstream};
use install::{InstallOptions, PackageRequest, PlanOptions, SignaturePolicy};
use rpm_model::Nevra;
use sha2::{Digest as _, Sha256};

use super::fetch;
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;
use crate::session::Session;

/// An installed tree.
#[derive(Debug)]
pub struct Root {
    /// The tree.
    pub path: PathBuf,
    /// What this user could not make in it.
    pub deferred: Vec<image::Deferred>,
}

/// The time that an image claims to be made at: SOURCE_DATE_EPOCH, else the newest build time among its packages.
pub fn source_date_epoch(locked: &LockedUpstream, image: &NativeImage) -> Result<u64, Failure> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().map_err(|_| {
            Failure::new(format!("SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds"))
                .code(ExitCode::Usage)
        }),
        Err(_) => Ok(locked.source_date_epoch(&image.name).unwrap_or(0)),
    }
}

/// Refuses an image with more packages, or larger ones, than its budget allows.
pub fn check_budget(
    locked: &LockedUpstream,
    image: &NativeImage,
    installed_bytes: Option<u64>,
) -> Result<(), Failure> {
    let over = |what: String| {
        Failure::new(format!("image `{}` is over its budget: {what}", image.name))
            .code(ExitCode::Budget)
            .hint(format!("take something out, or raise the figure in [budget] of {}", image.file.display()))
    };
    let count = locked.packages_of(&image.name).count() as u64;
    if let Some(limit) = image.budget.packages.filter(|limit| count > *limit) {
        return Err(over(format!("{count} packages, {limit} allowed")));
    }
    let mebibytes = installed_bytes.map(|bytes| bytes.div_ceil(1 << 20));
    if let (Some(size), Some(limit)) = (mebibytes, image.budget.installed_mib)
        && size > limit
    {
        return Err(over(format!("{size} MiB installed, {limit} MiB allowed")));
    }
    Ok(())
}

/// The tree of an image, below the project's work folder.
pub fn of_image(
    session: &Session,
    upstream: &Upstream,
    locked: &LockedUpstream,
    image: &NativeImage,
) -> Result<Root, Failure> {
    check_budget(locked, image, None)?;
    let epoch = source_date_epoch(locked, image)?;
    let trees = session.distro.project.work_dir.join("trees");
    let digest = tree_digest(locked, image, epoch)?;
    let path = trees.join(format!("{}-{}", image.name, &digest[..16]));
    let deferred_file = path.with_extension("deferred.json");
    if path.is_dir() && deferred_file.is_file() {
        let deferred = read_deferred(&deferred_file)?;
        output::say(&format!("{:>12} {} (installed before)", "tree", image.name));
        return Ok(Root { path, deferred });
    }
    let files = fetch::packages(session, upstream, locked, &[&image.name])?;
    let mut requests = Vec::new();
    for (nevra, package, reason) in locked.packages_of(&image.name) {
        requests.push(PackageRequest {
            file: files[nevra].clone(),
            checksum: Some(package.checksum.clone()),
            reason: match reason {
                Reason::User => install::Reason::User,
                Reason::Dependency => install::Reason::Dependency,
                Reason::Weak => install::Reason::WeakDependency,
            },
            repository: package.repository.clone(),
        });
    }
    // Every file is pinned by the lock's checksum; signatures were verified when it was fetched.
    let options = PlanOptions {
        signatures: SignaturePolicy::DigestsOnly,
        files: install::files::FilePolicy::default(),
    };
    let failed = || format!("the tree of image `{}` was not made", image.name);
    let transaction = install::plan(&requests, &options).map_err(|error| {
        let failure = Failure::caused(failed(), &error);
        match &error {
            install::PlanError::Packages(errors) => failure.hint(format!(
                "leave out {}, or get the repository to mend it",
                refused_packages(&files, errors).join(", ")
            )),
            _ => failure,
        }
    })?;
    check_budget(locked, image, Some(transaction.installed_size()))?;
    fs::create_dir_all(&trees).context(failed)?;
    remove_others(&trees, &image.name, &path)?;
    if path.exists() {
        // A run was killed between the tree and its list: the list belongs to it, so both are made anew.
        fs::remove_dir_all(&path).context(failed)?;
    }
    let epoch = u32::try_from(epoch).map_err(|_| {
        Failure::new(format!("SOURCE_DATE_EPOCH {epoch} is after 2106")).code(ExitCode::Usage)
    })?;
    let lua = install::lua::Interpreter::this_program().context(failed)?;
    let options = InstallOptions::new(epoch, Some(lua));
    let installed = install::execute(&transaction, &path, &options, &session.bars).context(failed)?;
    for warning in &installed.report.warnings {
        output::say(&format!("warning: {warning}"));
    }
    let deferred: Vec<image::Deferred> = installed.report.deferred.iter().map(deferred).collect();
    write_deferred(&deferred_file, &deferred)?;
    Ok(Root { path, deferred })
}

/// Names of packages that the installer knows by their files alone.
fn refused_packages(
    files: &BTreeMap<Nevra, PathBuf>,
    errors: &[install::package::PackageError],
) -> Vec<String> {
    let is_refused = |file: &Path| errors.iter().any(|error| error.file == file);
    files.iter().filter(|(_, file)| is_refused(file)).map(|(nevra, _)| nevra.to_string()).collect()
}

/// What decides about a tree: its packages, its time, and the program that installs them.
fn tree_digest(locked: &LockedUpstream, image: &NativeImage, epoch: u64) -> Result<String, Failure> {
    let failed = || "this program cannot be read".to_owned();
    let program = fs::read("/proc/self/exe").context(failed)?;
    let mut hasher = Sha256::new();
    hasher.update(Sha256::digest(&program));
    hasher.update(format!("{}\n{epoch}\n{}", locked.image_digest(&image.name), user_mapping()));
    Ok(hex::encode(hasher.finalize()))
}

/// A tree made with another user's rights has other owners on the disk.
fn user_mapping() -> String {
    fs::read_to_string("/proc/self/uid_map").unwrap_or_default()
}

/// Trees of the same image with other packages are of no more use.
fn remove_others(trees: &Path, image: &str, keep: &Path) -> Result<(), Failure> {
    let failed = || format!("{} cannot be cleaned", trees.display());
    for entry in fs::read_dir(trees).context(failed)? {
        let path = entry.context(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let of_image = name.strip_prefix(image).and_then(|rest| rest.strip_prefix('-'));
        if of_image.is_none_or(|digest| digest.len() < 16 || digest.contains('-'))
            || name.starts_with(&name_of(keep))
        {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.context(failed)?;
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn deferred(entry: &install::unpack::Deferred) -> image::Deferred {
    use install::unpack::DeferredKind;
    let path = entry.path.display().to_string();
    match &entry.what {
        DeferredKind::Device { mode, rdev, uid, gid, mtime } => image::Deferred::Device {
            path,
            mode: *mode,
            device: *rdev,
            user: *uid,
            group: *gid,
            modified: u64::from(*mtime),
        },
        DeferredKind::Capability(value) => image::Deferred::Capability { path, value: value.clone() },
    }
}

fn read_deferred(file: &Path) -> Result<Vec<image::Deferred>, Failure> {
    let failed = || format!("{} cannot be read", file.display());
    let bytes = fs::read(file).context(failed)?;
    serde_json::from_slice(&bytes).context(failed)
}

/// Written last: a tree without it is not trusted.
fn write_deferred(file: &Path, deferred: &[image::Deferred]) -> Result<(), Failure> {
    let failed = || format!("{} cannot be written", file.display());
    let bytes = serde_json::to_vec(deferred).context(failed)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).context(failed)?;
    std::io::Write::write_all(&mut beside, &bytes).context(failed)?;
    beside.persist(file).context(failed)?;
    Ok(())
}
