//! A repository's folder, a trusted root and a time, in; everything that a machine would stumble over, out. What a client
//! of The Update Framework does is done by `tough`, the client that machines run; the rest is what they rely on beyond.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use release::local::Local;
use release::manifest::ManifestError;
use release::recipe::Present;
use release::target::{INDEX_FILE, PACK_FILE, Target};
use release::{Channel, Manifest, Version};
use tough::schema::{Root, Signed};
use tough::{ExpirationEnforcement, Limits, RepositoryLoader};
use url::Url;

use crate::blocks::{self, BlocksError};
use crate::content::{ChannelId, ContentError, Entry, parse};
use crate::folder::{Folder, FolderError};
use crate::role::{self, Metadata, RoleName};
use crate::state::{METADATA, Repository, TARGETS};

/// What a repository is, and what is wrong with it.
#[derive(Debug)]
pub struct Inspection {
    /// The published metadata, in the order of the roles; empty before the first publication.
    pub roles: Vec<RoleState>,
    /// The channels that could be read.
    pub channels: Vec<Channel>,
    /// The versions that could be read.
    pub versions: Vec<Manifest>,
    /// Files below `targets/` that the metadata does not name: of earlier channels, or left by a run that was cut short.
    pub unnamed: Vec<String>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// The published metadata of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleState {
    /// The role.
    pub role: RoleName,
    /// Its version.
    pub version: u64,
    /// When it expires, in seconds since 1970.
    pub expires: u64,
    /// How many keys may sign for it.
    pub keys: usize,
    /// How many must.
    pub threshold: u64,
}

/// What a machine would stumble over.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No client sees anything.
    #[error("nothing is published yet; sign what is staged")]
    Unpublished,
    /// The client refuses the metadata.
    #[error("a client that trusts {root} refuses the repository")]
    Refused {
        /// The trusted root.
        root: String,
        /// Why.
        #[source]
        cause: Box<tough::error::Error>,
    },
    /// Machines take it for a frozen repository.
    #[error("the {role} metadata expired on {expired}; run `lazuli release renew --role {role}`")]
    Expired {
        /// The role.
        role: RoleName,
        /// When.
        expired: String,
    },
    /// A published file is missing or another one.
    #[error("{name} cannot be fetched")]
    File {
        /// The target.
        name: String,
        /// Why.
        #[source]
        cause: FolderError,
    },
    /// A channel is not readable.
    #[error("a channel cannot be followed")]
    Channel(#[source] ContentError),
    /// A channel offers what is not there.
    #[error("channel {channel} offers {version}, whose manifest is not published")]
    NoVersion {
        /// The channel's target.
        channel: String,
        /// The version.
        version: Version,
    },
    /// A machine could not fetch the version.
    #[error("{image} {version} cannot be fetched: {reason}")]
    Incomplete {
        /// The image.
        image: String,
        /// The version.
        version: Version,
        /// What is missing or does not fit.
        reason: String,
    },
    /// The version's blocks are not what they should be.
    #[error("{image} {version} cannot be put together")]
    Blocks {
        /// The image.
        image: String,
        /// The version.
        version: Version,
        /// Why not.
        #[source]
        cause: BlocksError,
    },
    /// A manifest is not readable.
    #[error("{name} cannot be read")]
    Manifest {
        /// The target.
        name: String,
        /// Why.
        #[source]
        cause: ManifestError,
    },
    /// A manifest is of another version.
    #[error("{name} is the manifest of {image} {version} for another name")]
    OtherVersion {
        /// The target.
        name: String,
        /// The image that it states.
        image: String,
        /// The version that it states.
        version: Version,
    },
}

/// Why a repository cannot even be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The folder is not sound.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The path of the folder has no URL.
    #[error("{0} has no absolute path")]
    Path(PathBuf),
    /// The client needs a thread.
    #[error("no client can be started")]
    Runtime(#[source] std::io::Error),
}

/// Looks at everything that is published in the folder as a machine with this root would at `now`; without a trusted
/// root, as one that trusts the first. `deep` takes every pack apart and proves the version in it.
pub fn inspect(
    folder: &Folder,
    path: &Path,
    trusted_root: Option<(&str, &[u8])>,
    now: u64,
    deep: bool,
) -> Result<Inspection, InspectError> {
    let repository = folder.read()?;
    let mut found = Inspection {
        roles: role_states(&repository),
        channels: Vec::new(),
        versions: Vec::new(),
        unnamed: Vec::new(),
        problems: Vec::new(),
    };
    let Some(published) = &repository.published else {
        found.problems.push(Problem::Unpublished);
        return Ok(found);
    };
    // What is staged is nobody's business yet.
    let repository = Repository { published: Some(published.clone()), ..Repository::default() };
    let first = role::to_bytes(&published.roots[0]);
    let (root_name, root) = trusted_root.unwrap_or(("metadata/1.root.json", &first));
    found.problems.extend(client_refuses(path, root_name, root)?);
    for state in found.roles.iter().filter(|state| state.expires <= now) {
        found
            .problems
            .push(Problem::Expired { role: state.role, expired: role::time(state.expires).to_string() });
    }
    let entries = repository.entries();
    for entry in entries.values() {
        look_at(folder, entry, &mut found);
    }
    for manifest in &found.versions {
        if let Err(problem) = fetchable(folder, manifest, &entries, deep) {
            found.problems.push(problem);
        }
    }
    for channel in &found.channels {
        let known = repository.versions(&channel.image, channel.architecture);
        for promotion in channel.promotions.iter().filter(|promotion| promotion.withdrawn.is_none()) {
            if !known.contains(&promotion.version) {
                let Channel { image, architecture, channel, .. } = channel;
                let channel = release::target::channel(image, *architecture, channel);
                found.problems.push(Problem::NoVersion { channel, version: promotion.version.clone() });
            }
        }
    }
    found.unnamed = folder.unnamed(&entries)?;
    Ok(found)
}

/// The published metadata of each role.
pub fn role_states(repository: &Repository) -> Vec<RoleState> {
    let Some(published) = &repository.published else { return Vec::new() };
    let root = published.root();
    let Some(last) = published.roots.last() else { return Vec::new() };
    vec![
        state(root, last),
        state(root, &published.targets),
        state(root, &published.snapshot),
        state(root, &published.timestamp),
    ]
}

fn state<T: Metadata>(root: &Root, signed: &Signed<T>) -> RoleState {
    let keys = root.roles.get(&T::TYPE);
    RoleState {
        role: T::NAME,
        version: signed.signed.version().get(),
        expires: role::seconds(signed.signed.expires()),
        keys: keys.map_or(0, |keys| keys.keyids.len()),
        threshold: keys.map_or(1, |keys| keys.threshold.get()),
    }
}

/// Follows the metadata as machines do. Expiry is told apart, because the client asks the machine's clock for it.
fn client_refuses(path: &Path, name: &str, root: &[u8]) -> Result<Option<Problem>, InspectError> {
    let wrong_path = |_| InspectError::Path(path.to_owned());
    let base = path.canonicalize().map_err(|_| InspectError::Path(path.to_owned()))?;
    let metadata = Url::from_directory_path(base.join(METADATA)).map_err(wrong_path)?;
    let targets = Url::from_directory_path(base.join(TARGETS)).map_err(wrong_path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(InspectError::Runtime)?;
    let loader = RepositoryLoader::new(&root, metadata, targets)
        .expiration_enforcement(ExpirationEnforcement::Unsafe)
        .limits(Limits::default());
    let refusal = runtime.block_on(loader.load()).err();
    Ok(refusal.map(|cause| Problem::Refused { root: name.to_owned(), cause: Box::new(cause) }))
}

/// Whether a machine finds all of a version: its blocks or whole files, and the signature that its manifest states.
fn fetchable(
    folder: &Folder,
    manifest: &Manifest,
    entries: &BTreeMap<String, Entry>,
    deep: bool,
) -> Result<(), Problem> {
    let Manifest { image, version, architecture, files, .. } = manifest;
    let entry = |file: &str| entries.get(&format!("{image}_{version}_{architecture}.{file}"));
    let incomplete =
        |reason: String| Problem::Incomplete { image: image.to_string(), version: version.clone(), reason };
    let broken = |cause| Problem::Blocks { image: image.to_string(), version: version.clone(), cause };
    for file in files.all() {
        match entry(file.name.as_str()) {
            Some(entry) if (entry.length, entry.sha256) != (file.size, file.sha256) => {
                return Err(incomplete(format!("{} is not the file that the manifest names", entry.name)));
            }
            None if Some(file) == files.verity_signature.as_ref() => {
                return Err(incomplete(format!("{} is not published", file.name)));
            }
            _ => {}
        }
    }
    let whole = [&files.root, &files.verity, &files.kernel];
    let has_whole = whole.iter().all(|file| entry(file.name.as_str()).is_some());
    let (index, pack) = match (entry(INDEX_FILE), entry(PACK_FILE)) {
        (Some(index), Some(pack)) => (index, pack),
        (None, None) if has_whole => return Ok(()),
        _ => {
            return Err(incomplete(format!(
                "neither {INDEX_FILE} and {PACK_FILE} nor all whole files are published"
            )));
        }
    };
    // A file that is damaged was told before.
    let Ok(index) = folder.load(index) else { return Ok(()) };
    let recipe = blocks::read(manifest, &index).map_err(broken)?;
    let plan = recipe.plan(&Local::nothing(), &Present::nothing()).map_err(|cause| broken(cause.into()))?;
    let needed = plan.fetched_bytes();
    if needed != pack.length {
        let reason = format!("{PACK_FILE} has {} bytes, and the index tells of {needed}", pack.length);
        return Err(incomplete(reason));
    }
    if deep && let Ok(mut pack) = folder.open_target(pack) {
        blocks::unpack(manifest, &index, &mut pack).map_err(broken)?;
    }
    Ok(())
}

fn look_at(folder: &Folder, entry: &Entry, found: &mut Inspection) {
    let name = entry.name.clone();
    match release::target::parse(&entry.name) {
        Some(Target::Channel { image, architecture, channel }) => match folder.load(entry) {
            Ok(bytes) => match parse(&ChannelId { image, architecture, channel }, &bytes) {
                Ok(channel) => found.channels.push(channel),
                Err(cause) => found.problems.push(Problem::Channel(cause)),
            },
            Err(cause) => found.problems.push(Problem::File { name, cause }),
        },
        Some(Target::File { image, version, architecture, file })
            if file.as_str() == release::manifest::MANIFEST_FILE =>
        {
            match folder.load(entry) {
                Ok(bytes) => match Manifest::parse(&bytes) {
                    Ok(manifest)
                        if manifest.image == image
                            && manifest.version == version
                            && manifest.architecture == architecture =>
                    {
                        found.versions.push(manifest);
                    }
                    Ok(Manifest { image, version, .. }) => {
                        let image = image.to_string();
                        found.problems.push(Problem::OtherVersion { name, image, version });
                    }
                    Err(cause) => found.problems.push(Problem::Manifest { name, cause }),
                },
                Err(cause) => found.problems.push(Problem::File { name, cause }),
            }
        }
        _ => {
            if let Err(cause) = folder.check(entry) {
                found.problems.push(Problem::File { name, cause });
            }
        }
    }
}
