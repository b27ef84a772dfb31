//! An address of a release repository and the trusted root in; the files that its signed metadata vouches for, out.
//! The Update Framework's client workflow is the library's; what is remembered between two updates is kept here, whole or not
//! at all. Nothing of a repository is believed before its metadata is verified.

mod error;
mod roots;
mod source;
mod store;
mod transport;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use release::{Architecture, Channel, ChannelName, ImageName, Manifest, Version};
use sha2::{Digest as _, Sha256};
use tough::{ExpirationEnforcement, Limits, RepositoryLoader};
use url::Url;

pub use error::{ReleaseError, TrustError};
pub use source::ReleaseSource;

use crate::download::{Bound, Client};
use store::Store;
use transport::Fetcher;

/// Where trust begins, and where it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The root of trust that came with the image.
    pub root: PathBuf,
    /// A folder for what was seen last: newer roots, and the metadata that nothing older may replace.
    pub folder: PathBuf,
}

/// A repository whose metadata is verified and fresh.
#[derive(Debug)]
pub struct Repository {
    client: Client,
    targets_url: Url,
    targets: BTreeMap<String, Target>,
    /// Versions of the metadata.
    pub metadata: Metadata,
}

/// Which metadata was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Metadata {
    /// Version of the root role.
    pub root: u64,
    /// Version of the timestamp role.
    pub timestamp: u64,
    /// Version of the snapshot role.
    pub snapshot: u64,
    /// Version of the targets role.
    pub targets: u64,
    /// When the first of them expires, in seconds since 1970.
    pub expires: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    length: u64,
    sha256: Vec<u8>,
    /// Name under `targets/`.
    file: String,
}

/// The most that a piece of metadata may have, in bytes.
const MOST_METADATA: u64 = 8 << 20;
/// The most that a file that is read whole may have, in bytes: manifests, channels, indexes, signatures.
const MOST_WHOLE: u64 = 32 << 20;

/// Verifies the repository's metadata, from the newest trusted root on, and remembers it. `now` is in seconds since 1970.
pub fn open(client: &Client, base: &Url, places: &Places, now: u64) -> Result<Repository, TrustError> {
    let shipped = read_root(&places.root)?;
    let store = Store::new(&places.folder);
    let known = store.roots()?;
    let start = roots::newest(&shipped, &known)
        .map_err(|source| TrustError::BadRoot { path: places.root.clone(), source })?;
    let work = store.begin(now)?;
    let [metadata_url, targets_url] = ["metadata/", "targets/"].map(|folder| below(base, folder));
    let fetcher = Fetcher::new(client.clone(), MOST_METADATA);
    // The library keeps its files with this runtime's thread for blocking work; everything else happens in order.
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(TrustError::Runtime)?;
    let limits = Limits {
        max_root_size: 1 << 20,
        max_targets_size: MOST_METADATA,
        max_timestamp_size: 1 << 20,
        max_snapshot_size: 1 << 20,
        max_root_updates: 1024,
    };
    let loader = RepositoryLoader::new(&start, metadata_url, targets_url.clone())
        .transport(fetcher.clone())
        .limits(limits)
        .datastore(work.path())
        .expiration_enforcement(ExpirationEnforcement::Safe);
    let loaded = runtime.block_on(loader.load());
    // Also a repository that is refused later has shown its newer roots; those whose signatures hold are kept, so that
    // keys which they took out of use are never believed again.
    for (version, bytes) in roots::verified(&start, fetcher.into_roots()) {
        store.keep_root(version, &bytes)?;
    }
    let repository = loaded.map_err(|error| TrustError::refused(base, error))?;
    store.keep(work)?;
    Ok(Repository {
        client: client.clone(),
        targets_url,
        targets: targets(&repository),
        metadata: Metadata {
            root: repository.root().signed.version.get(),
            timestamp: repository.timestamp().signed.version.get(),
            snapshot: repository.snapshot().signed.version.get(),
            targets: repository.targets().signed.version.get(),
            expires: expires(&repository),
        },
    })
}

impl Repository {
    /// Whether the signed metadata names this file.
    pub fn has(&self, name: &str) -> bool {
        self.targets.contains_key(name)
    }

    /// A channel of an image.
    pub fn channel(
        &self,
        image: &ImageName,
        architecture: Architecture,
        channel: &ChannelName,
    ) -> Result<Channel, ReleaseError> {
        let name = release::target::channel(image, architecture, channel);
        Channel::parse(&self.whole(&name)?).map_err(|source| ReleaseError::Channel { name, source })
    }

    /// The manifest of a version.
    pub fn manifest(
        &self,
        image: &ImageName,
        version: &Version,
        architecture: Architecture,
    ) -> Result<Manifest, ReleaseError> {
        let name = release::target::manifest(image, version, architecture);
        let manifest = Manifest::parse(&self.whole(&name)?)
            .map_err(|source| ReleaseError::Manifest { name: name.clone(), source })?;
        let Manifest { image: found, version: its_version, architecture: its_architecture, .. } = &manifest;
        if (found, its_version, *its_architecture) != (image, version, architecture) {
            let found = format!("{found} {its_version} for {its_architecture}");
            return Err(ReleaseError::OtherManifest { name, found });
        }
        Ok(manifest)
    }

    /// The files of a version.
    pub fn source<'a>(
        &'a self,
        image: &ImageName,
        version: &Version,
        architecture: Architecture,
    ) -> ReleaseSource<'a> {
        ReleaseSource::new(self, format!("{image}_{version}_{architecture}."))
    }

    /// A whole file, its length and SHA-256 verified.
    pub fn whole(&self, name: &str) -> Result<Vec<u8>, ReleaseError> {
        let target = self.target(name)?;
        if target.length > MOST_WHOLE {
            let (size, limit) = (target.length, MOST_WHOLE);
            return Err(ReleaseError::TooLarge { name: name.to_owned(), size, limit });
        }
        let url = self.url(name, target)?;
        let content = self
            .client
            .whole(&url, Bound::Exactly(target.length))
            .map_err(|source| ReleaseError::Download { name: name.to_owned(), source })?;
        let found = Sha256::digest(&content);
        if found.as_slice() != target.sha256 {
            return Err(ReleaseError::WrongDigest {
                name: name.to_owned(),
                expected: hex::encode(&target.sha256),
                found: hex::encode(found),
            });
        }
        Ok(content)
    }

    fn target(&self, name: &str) -> Result<&Target, ReleaseError> {
        self.targets.get(name).ok_or_else(|| ReleaseError::NoSuchFile { name: name.to_owned() })
    }

    fn url(&self, name: &str, target: &Target) -> Result<Url, ReleaseError> {
        let unsafe_name = || ReleaseError::UnsafeName { name: name.to_owned() };
        let url = self.targets_url.join(&target.file).map_err(|_| unsafe_name())?;
        // Only a file directly below `targets/`: a name must not lead elsewhere.
        let rest = url.as_str().strip_prefix(self.targets_url.as_str()).ok_or_else(unsafe_name)?;
        if rest.is_empty() || rest.contains('/') { Err(unsafe_name()) } else { Ok(url) }
    }
}

fn read_root(path: &Path) -> Result<Vec<u8>, TrustError> {
    std::fs::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => TrustError::NoRoot { path: path.to_owned() },
        _ => TrustError::Store { path: path.to_owned(), doing: "read", source },
    })
}

/// The folder below the base, also where the base has no slash at its end.
fn below(base: &Url, folder: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}/{folder}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn targets(repository: &tough::Repository) -> BTreeMap<String, Target> {
    let consistent = repository.root().signed.consistent_snapshot;
    // Only what the targets role itself vouches for: delegations are no part of a release repository.
    let entries = repository.targets().signed.targets.iter().map(|(name, target)| {
        let sha256 = target.hashes.sha256.to_vec();
        let plain = name.resolved();
        let file = if consistent { format!("{}.{plain}", hex::encode(&sha256)) } else { plain.to_owned() };
        (plain.to_owned(), Target { length: target.length, sha256, file })
    });
    entries.collect()
}

fn expires(repository: &tough::Repository) -> u64 {
    let times = [
        repository.root().signed.expires,
        repository.timestamp().signed.expires,
        repository.snapshot().signed.expires,
        repository.targets().signed.expires,
    ];
    times.iter().map(|time| u64::try_from(time.as_second()).unwrap_or(0)).min().unwrap_or(0)
}
