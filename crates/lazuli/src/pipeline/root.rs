//! The locked packages of an image, in; the root tree they make, out: installed once, found again while nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use definition::lock::{LockedPackage, LockedUpstream, Reason};
use definition::{NativeImage, Upstream};
use install::payload::{Store, StoreError};
use install::{InstallOptions, PackageRequest, PlanOptions, ScriptletCache, SignaturePolicy};
use rpm_model::Nevra;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::discard::Discarding;
use super::{fetch, program};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;
use crate::session::Session;

/// An installed tree.
#[derive(Debug)]
pub struct Root {
    /// The tree.
    pub path: PathBuf,
    /// What decides about it: the same digest stands for the same tree.
    pub digest: String,
    /// What this user could not make in it.
    pub deferred: Vec<image::Deferred>,
    /// The trees whose place it took.
    _before: Option<Discarding>,
}

/// Bytes of decompressed payloads that stay in the cache: some images of different packages.
const KEPT_PAYLOADS: u64 = 4 << 30;

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
    if !session.fresh
        && path.is_dir()
        && let Some(deferred) = read_deferred(&deferred_file)
    {
        output::say(&format!("{:>12} {} (installed before)", "tree", image.name));
        return Ok(Root { path, digest, deferred, _before: None });
    }
    let epoch = u32::try_from(epoch).map_err(|_| {
        Failure::new(format!("SOURCE_DATE_EPOCH {epoch} is after 2106")).code(ExitCode::Usage)
    })?;
    fs::create_dir_all(&trees).context(|| not_made(image))?;
    let before = discard_others(&trees, &image.name, &path)?;
    let installation = Installation { session, locked, image, epoch, target: &path };
    let installed = match fetch::at_hand(session, upstream, locked, &image.name)? {
        Some(files) => match installation.run(&files) {
            Err(Refusal::Package(failure)) => {
                // What was kept may have been damaged since; what is fetched is compared with the lock once more.
                output::say(&format!("{:>12} {}", "again", failure.render().trim_end()));
                let files = fetch::packages(session, upstream, locked, &[&image.name])?;
                installation.run(&files)
            }
            result => result,
        },
        None => installation.run(&fetch::packages(session, upstream, locked, &[&image.name])?),
    };
    let installed = installed.map_err(|(Refusal::Package(failure) | Refusal::Other(failure))| failure)?;
    for warning in &installed.report.warnings {
        output::say(&format!("warning: {warning}"));
    }
    let deferred: Vec<image::Deferred> = installed.report.deferred.iter().map(deferred).collect();
    write_deferred(&deferred_file, &deferred)?;
    Ok(Root { path, digest, deferred, _before: Some(before) })
}

/// One installation of locked packages.
struct Installation<'a> {
    session: &'a Session,
    locked: &'a LockedUpstream,
    image: &'a NativeImage,
    epoch: u32,
    target: &'a Path,
}

/// Why a tree was not made.
enum Refusal {
    /// The bytes of a package file are not those that the lock or the package itself promises.
    Package(Failure),
    /// Anything else.
    Other(Failure),
}

impl Installation<'_> {
    fn run(&self, files: &BTreeMap<Nevra, PathBuf>) -> Result<install::InstalledRoot, Refusal> {
        let failed = || not_made(self.image);
        // Every file is pinned by the lock's checksum; signatures were verified when it was fetched.
        let options = PlanOptions {
            signatures: SignaturePolicy::DigestsOnly,
            files: install::files::FilePolicy::default(),
        };
        let transaction = install::plan(&self.requests(files), &options).map_err(|error| {
            let failure = Failure::caused(failed(), &error);
            match &error {
                install::PlanError::Packages(errors) => Refusal::Package(failure.hint(format!(
                    "leave out {}, or get the repository to mend it",
                    refused_packages(files, errors).join(", ")
                ))),
                _ => Refusal::Other(failure),
            }
        })?;
        check_budget(self.locked, self.image, Some(transaction.installed_size())).map_err(Refusal::Other)?;
        let lua = install::lua::Interpreter::this_program().context(failed).map_err(Refusal::Other)?;
        let mut options = InstallOptions::new(self.epoch, Some(lua));
        options.store = self.store().context(failed).map_err(Refusal::Other)?;
        options.scriptlet_cache = self.scriptlets();
        let installed = install::execute(&transaction, self.target, &options, &self.session.bars);
        let installed = installed.map_err(|error| {
            let failure = Failure::caused(failed(), &error);
            match error {
                install::InstallError::Package { .. } | install::InstallError::Checksum { .. } => {
                    Refusal::Package(failure)
                }
                _ => Refusal::Other(failure),
            }
        })?;
        options.store.as_ref().map_or(Ok(()), Store::clean).context(failed).map_err(Refusal::Other)?;
        Ok(installed)
    }

    /// What scripts did in earlier runs.
    fn scriptlets(&self) -> Option<ScriptletCache> {
        (!self.session.fresh).then(|| ScriptletCache::open(self.session.cache_dir.join("scriptlets")))
    }

    /// Where decompressed payloads are kept for the next tree.
    fn store(&self) -> Result<Option<Store>, StoreError> {
        let folder = self.session.cache_dir.join("payloads");
        (!self.session.fresh).then(|| Store::open(&folder, KEPT_PAYLOADS)).transpose()
    }

    fn requests(&self, files: &BTreeMap<Nevra, PathBuf>) -> Vec<PackageRequest> {
        let packages = self.locked.packages_of(&self.image.name);
        let request = |(nevra, package, reason): (&Nevra, &LockedPackage, Reason)| PackageRequest {
            file: files[nevra].clone(),
            checksum: Some(package.checksum.clone()),
            reason: match reason {
                Reason::User => install::Reason::User,
                Reason::Dependency => install::Reason::Dependency,
                Reason::Weak => install::Reason::WeakDependency,
            },
            repository: package.repository.clone(),
        };
        packages.map(request).collect()
    }
}

fn not_made(image: &NativeImage) -> String {
    format!("the tree of image `{}` was not made", image.name)
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
    let (packages, program) = (locked.image_digest(&image.name), program::stamp()?);
    let inputs = format!("{program}\n{packages}\n{epoch}\n{}", user_mapping());
    Ok(hex::encode(Sha256::digest(inputs)))
}

/// A tree made with another user's rights has other owners on the disk.
fn user_mapping() -> String {
    fs::read_to_string("/proc/self/uid_map").unwrap_or_default()
}

/// Trees of the same image with other packages are of no more use; neither is one without its list, which a killed run left.
fn discard_others(trees: &Path, image: &str, keep: &Path) -> Result<Discarding, Failure> {
    let failed = || format!("{} cannot be cleaned", trees.display());
    let mut others = Vec::new();
    for entry in fs::read_dir(trees).context(failed)? {
        let path = entry.context(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let of_image = name.strip_prefix(image).and_then(|rest| rest.strip_prefix('-'));
        if of_image.is_some_and(|digest| digest.len() >= 16 && !digest.contains('-'))
            && (path == keep || !name.starts_with(&name_of(keep)))
        {
            others.push(path);
        }
    }
    Discarding::start(trees, &others).context(failed)
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

/// What belongs to a tree beside it.
#[derive(Serialize, Deserialize)]
struct List {
    /// Trees are not synced: one that was made before the machine last started may have lost what was not yet on its disk.
    boot: String,
    deferred: Vec<image::Deferred>,
}

/// The list of a tree that may be trusted.
fn read_deferred(file: &Path) -> Option<Vec<image::Deferred>> {
    let list: List = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    (list.boot == program::boot()).then_some(list.deferred)
}

/// Written last: a tree without it is not trusted.
fn write_deferred(file: &Path, deferred: &[image::Deferred]) -> Result<(), Failure> {
    let failed = || format!("{} cannot be written", file.display());
    let list = List { boot: program::boot(), deferred: deferred.to_vec() };
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).context(failed)?;
    serde_json::to_writer(&mut beside, &list).context(failed)?;
    beside.persist(file).context(failed)?;
    Ok(())
}
