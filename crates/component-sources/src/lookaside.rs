//! What a component's archives are called and what their digests are, in; the archives, verified, out. Uses the network and the
//! download cache.
//!
//! An archive is asked for by its digest at the lookaside caches, first the mirrors that the caller names, then the
//! distribution's; an archive of the component's own may also come from its address, unless the distribution forbids that.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use definition::{Distribution, SourceFile, SourceOrigin};
use md5::{Digest as _, Md5};
use repository::download::{DownloadError, Downloader, Expected, NamedRequest, Progress, Request};
use rpm_model::{Checksum, ChecksumAlgorithm, ChecksumError};

use crate::dist_git::path_segment;
use crate::prepare::SourcesFile;

/// MD5 alone proves these; more bytes than this are not taken on such a proof.
const LARGEST_WEAK: u64 = 8 << 30;

/// An archive that is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its name beside the spec.
    pub file: String,
    /// What its bytes must be.
    pub checksum: Checksum,
    /// Where it can be had, best first.
    pub addresses: Vec<String>,
}

/// Why archives cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LookasideError {
    /// A digest that is none.
    #[error("{file} has a digest that cannot be used")]
    Digest {
        /// The archive.
        file: String,
        /// What is wrong with it.
        source: ChecksumError,
    },
    /// A name that leads out of the folder.
    #[error("{file:?} is no plain file name")]
    Name {
        /// As stated.
        file: String,
    },
    /// No digest at all.
    #[error("source file {file} has no `hash`: without it nothing can be fetched safely")]
    NoHash {
        /// The archive.
        file: String,
    },
    /// A script makes it.
    #[error(
        "source file {file} is made by the script {script}, which needs a build root: make it there and put it into a lookaside cache"
    )]
    Script {
        /// The archive.
        file: String,
        /// The script.
        script: String,
    },
    /// Nobody to ask.
    #[error("{file} can be had nowhere: the distribution has no `lookaside-base-uri`{}", if *.forbidden { ", and its `disable-origins` forbids the archive's own address" } else { "" })]
    NoAddress {
        /// The archive.
        file: String,
        /// Whether its own address is forbidden.
        forbidden: bool,
    },
    /// Nobody had it, or not as it must be.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The bytes are not those that were promised.
    #[error("{file} has MD5 {found}, not {expected}")]
    Mismatch {
        /// The archive.
        file: String,
        /// What was promised.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The cache's copy cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The archives of a component: those of its upstream's `sources` file, and its own; `mirrors` are templates like the
/// distribution's `lookaside-base-uri`.
pub fn archives(
    package: &str,
    sources: &SourcesFile,
    own: &[SourceFile],
    distribution: Option<&Distribution>,
    mirrors: &[String],
) -> Result<Vec<Archive>, LookasideError> {
    let template = distribution.and_then(|distribution| distribution.lookaside.as_ref());
    let templates: Vec<&str> =
        mirrors.iter().map(String::as_str).chain(template.map(|template| template.value.as_str())).collect();
    let forbidden = distribution.is_some_and(|distribution| distribution.origins_disabled);
    let mut archives = Vec::new();
    // An archive that an overlay changes is the upstream's until it is changed.
    let fetched = |file: &SourceFile| !matches!(file.origin, SourceOrigin::Overlay);
    for entry in sources.entries() {
        if own.iter().any(|own| fetched(own) && own.name.value == entry.file) {
            continue;
        }
        let checksum = checksum(&entry.file, &entry.algorithm, &entry.digest)?;
        archives.push(archive(package, &entry.file, checksum, &templates, None, forbidden)?);
    }
    for file in own.iter().filter(|file| fetched(file)) {
        let name = file.name.value.as_str();
        let uri = match &file.origin {
            SourceOrigin::Custom { script, .. } => {
                return Err(LookasideError::Script { file: name.to_owned(), script: script.clone() });
            }
            SourceOrigin::Download { uri } => Some(uri.as_str()),
            SourceOrigin::Overlay => None,
        };
        let hash = file.hash.as_ref().ok_or_else(|| LookasideError::NoHash { file: name.to_owned() })?;
        let checksum = checksum(name, hash.kind.as_str(), &hash.digits)?;
        archives.push(archive(package, name, checksum, &templates, uri, forbidden)?);
    }
    Ok(archives)
}

/// Fetches archives, several at once; they lie in the download cache and are verified.
pub fn fetch(
    archives: &[Archive],
    downloader: &Downloader,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<BTreeMap<String, PathBuf>, LookasideError> {
    let is_weak = |archive: &&Archive| archive.checksum.algorithm() == ChecksumAlgorithm::Md5;
    let (weak, strong): (Vec<&Archive>, Vec<&Archive>) = archives.iter().partition(is_weak);
    let requests: Vec<Request> = strong
        .iter()
        .map(|archive| Request {
            name: archive.file.clone(),
            urls: archive.addresses.clone(),
            expected: Expected::new(archive.checksum.clone(), None),
        })
        .collect();
    let paths = downloader.fetch_all(&requests, progress)?;
    let mut found: BTreeMap<String, PathBuf> =
        strong.iter().zip(paths).map(|(archive, path)| (archive.file.clone(), path)).collect();
    for archive in weak {
        found.insert(archive.file.clone(), fetch_weak(archive, downloader)?);
    }
    Ok(found)
}

/// An archive that only an MD5 is known of: fetched by name, then compared.
fn fetch_weak(archive: &Archive, downloader: &Downloader) -> Result<PathBuf, LookasideError> {
    let expected = archive.checksum.hex();
    let named = downloader.fetch_named(&NamedRequest {
        name: archive.file.clone(),
        key: format!("lookaside md5 {expected} {}", archive.file),
        urls: archive.addresses.clone(),
        limit: LARGEST_WEAK,
        bypass_caches: false,
    })?;
    let cannot = |source| LookasideError::Read { path: named.path.clone(), source };
    let mut hasher = Md5::new();
    let mut file = File::open(&named.path).map_err(cannot)?;
    io::copy(&mut file, &mut hasher).map_err(cannot)?;
    let found = hex::encode(hasher.finalize());
    if found != expected {
        let (file, expected) = (archive.file.clone(), expected.to_owned());
        return Err(LookasideError::Mismatch { file, expected, found });
    }
    Ok(named.path)
}

fn checksum(file: &str, algorithm: &str, digest: &str) -> Result<Checksum, LookasideError> {
    let read = ChecksumAlgorithm::parse(algorithm)
        .and_then(|algorithm| Checksum::new(algorithm, &digest.to_ascii_lowercase()));
    read.map_err(|source| LookasideError::Digest { file: file.to_owned(), source })
}

fn archive(
    package: &str,
    file: &str,
    checksum: Checksum,
    templates: &[&str],
    uri: Option<&str>,
    forbidden: bool,
) -> Result<Archive, LookasideError> {
    if Path::new(file).file_name().is_none_or(|name| name != file) {
        return Err(LookasideError::Name { file: file.to_owned() });
    }
    let mut addresses: Vec<String> =
        templates.iter().map(|template| address(template, package, file, &checksum)).collect();
    addresses.extend(uri.filter(|_| !forbidden).map(str::to_owned));
    if addresses.is_empty() {
        return Err(LookasideError::NoAddress {
            file: file.to_owned(),
            forbidden: forbidden && uri.is_some(),
        });
    }
    Ok(Archive { file: file.to_owned(), checksum, addresses })
}

/// A template with its placeholders replaced by parts of a path, in one pass: what is put in is not looked at again.
fn address(template: &str, package: &str, file: &str, checksum: &Checksum) -> String {
    let algorithm = checksum.algorithm().name();
    // `$hashtype` begins like `$hash`: the longer name comes first.
    let placeholders =
        [("$pkg", package), ("$filename", file), ("$hashtype", algorithm), ("$hash", checksum.hex())];
    let mut address = String::with_capacity(template.len() + 200);
    let mut rest = template;
    while let Some(place) = rest.find('$') {
        address.push_str(&rest[..place]);
        rest = &rest[place..];
        match placeholders.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                address.push_str(&path_segment(value));
                rest = &rest[name.len()..];
            }
            None => {
                address.push('$');
                rest = &rest[1..];
            }
        }
    }
    address.push_str(rest);
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "https://look.test/$pkg/$filename/$hashtype/$hash/$filename";

    fn sources(text: &str) -> SourcesFile {
        SourcesFile::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn addresses_are_made_of_package_name_and_digest() {
        let digest = "ab".repeat(64);
        let sources = sources(&format!("SHA512 (a b-1.0.tar.gz) = {}\n", digest.to_uppercase()));
        let archives = archives("gtk+", &sources, &[], None, &[TEMPLATE.to_owned()]).unwrap();
        assert_eq!(
            archives[0].addresses,
            [format!("https://look.test/gtk+/a%20b-1.0.tar.gz/sha512/{digest}/a%20b-1.0.tar.gz")]
        );
    }

    #[test]
    fn a_name_that_looks_like_a_placeholder_is_not_replaced_again() {
        let checksum = Checksum::new(ChecksumAlgorithm::Md5, &"cd".repeat(16)).unwrap();
        assert_eq!(address("x:$pkg/$other/$filename", "$hash", "$pkg", &checksum), "x:$hash/$other/$pkg");
    }

    #[test]
    fn names_that_lead_out_and_digests_that_are_none_are_refused() {
        let of = |text: &str| archives("a", &sources(text), &[], None, &[TEMPLATE.to_owned()]);
        let long = "ab".repeat(64);
        assert!(matches!(of(&format!("SHA512 (../x) = {long}\n")), Err(LookasideError::Name { .. })));
        assert!(matches!(of("SHA512 (x) = abcd\n"), Err(LookasideError::Digest { .. })));
        let none = archives("a", &sources(&format!("SHA512 (x) = {long}\n")), &[], None, &[]);
        assert!(none.unwrap_err().to_string().contains("lookaside-base-uri"));
    }

    #[test]
    fn archives_are_fetched_from_a_folder_by_their_digests() {
        use sha2::{Digest as _, Sha512};
        let folder = tempfile::tempdir().unwrap();
        let digest = hex::encode(Sha512::digest(b"strong"));
        let weak = hex::encode(Md5::digest(b"weak"));
        std::fs::write(folder.path().join(&digest), "strong").unwrap();
        std::fs::write(folder.path().join(&weak), "weak").unwrap();
        let template = format!("file://{}/$hash", folder.path().display());
        let sources = sources(&format!("SHA512 (s.tar) = {digest}\n{weak}  w.tar\n"));
        let wanted = archives("a", &sources, &[], None, &[template]).unwrap();

        let cache = repository::download::Cache::open(&folder.path().join("cache")).unwrap();
        let options = repository::download::Options { retries: 0, ..Default::default() };
        let downloader = Downloader::new(cache, options);
        let found = fetch(&wanted, &downloader, &|_| {}).unwrap();
        assert_eq!(std::fs::read(&found["s.tar"]).unwrap(), b"strong");
        assert_eq!(std::fs::read(&found["w.tar"]).unwrap(), b"weak");

        std::fs::write(folder.path().join(&weak), "other").unwrap();
        assert!(matches!(fetch(&wanted, &downloader, &|_| {}), Err(LookasideError::Mismatch { .. })));
    }
}
