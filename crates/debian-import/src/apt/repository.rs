//! A suite's address and keyring in; its verified index out, by way of the download cache.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use repository::checksum::sha256;
use repository::download::{DownloadError, Downloader, Expected, NamedRequest, Request};
use repository::openpgp::{Keyring, KeyringError, VerifyError, verify_cleartext};
use rpm_model::{Checksum, ChecksumAlgorithm};
use thiserror::Error;

use super::index::{IndexError, PackageIndex};
use super::release::{IndexFile, Release, ReleaseError, ValidUntil};

/// An apt suite as an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebRepository {
    /// Address of the mirror, without trailing `/`; `dists/` and `pool/` are below it.
    pub mirror: String,
    /// Suite or codename, such as `forky`.
    pub suite: String,
    /// Components, such as `main`.
    pub components: Vec<String>,
    /// Debian architecture, such as `amd64`.
    pub architecture: String,
    /// Keyring file with the keys that may sign the suite.
    pub keyring: PathBuf,
    /// Fingerprints (hexadecimal) of the primary keys in it that may sign; empty means all.
    pub fingerprints: Vec<String>,
    /// What to do when the suite has expired.
    pub valid_until: ValidUntil,
}

/// A suite as it was at one moment.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its packages.
    pub index: PackageIndex,
    /// When it was written, as RFC 3339 text.
    pub date: String,
    /// SHA-256 of its InRelease file, which stands for all of it.
    pub in_release: Checksum,
}

/// The verified text of a suite's index.
#[derive(Debug, Clone)]
pub struct SuiteText {
    /// The `Packages` text of each component.
    pub packages: Vec<String>,
    /// When it was written, seconds since 1970 UTC.
    pub date: i64,
}

/// Why a suite cannot be had or trusted.
#[derive(Debug, Error)]
pub enum SuiteError {
    /// A file could not be downloaded.
    #[error("cannot fetch {what} of {suite}")]
    Fetch {
        /// The file.
        what: String,
        /// Suite and mirror.
        suite: String,
        /// Why.
        #[source]
        source: Box<DownloadError>,
    },
    /// A downloaded file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The keyring cannot be used.
    #[error("the keyring of {suite} cannot be used")]
    Keyring {
        /// Suite and mirror.
        suite: String,
        /// Why.
        #[source]
        source: Box<KeyringError>,
    },
    /// InRelease is not signed by the keyring.
    #[error("{suite} is not trusted")]
    Signature {
        /// Suite and mirror.
        suite: String,
        /// Why.
        #[source]
        source: Box<VerifyError>,
    },
    /// InRelease is signed, but unusable.
    #[error("InRelease of {suite} cannot be used")]
    Release {
        /// Suite and mirror.
        suite: String,
        /// Why.
        source: ReleaseError,
    },
    /// The suite lacks the index asked for.
    #[error("{suite} has no index `{path}`; it has {present}")]
    NoIndex {
        /// Suite and mirror.
        suite: String,
        /// Path without compression suffix.
        path: String,
        /// The `Packages` files that it has.
        present: String,
    },
    /// The index is bad.
    #[error("index `{path}` of {suite} cannot be used")]
    Index {
        /// Suite and mirror.
        suite: String,
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: Box<IndexError>,
    },
}

/// Most bytes an `InRelease` may have.
const RELEASE_LIMIT: u64 = 16 << 20;

/// Fetches, verifies and reads the index of `suite`. `now` is seconds since 1970 UTC, compared with Valid-Until and with the terms
/// of the keys.
pub fn fetch_suite(suite: &DebRepository, downloader: &Downloader, now: u64) -> Result<Suite, SuiteError> {
    let Verified { texts, release, in_release } = fetch_verified(suite, downloader, now)?;
    let mut indexes = Vec::new();
    for (path, text) in &texts {
        indexes.push(PackageIndex::parse(text).map_err(|source| SuiteError::Index {
            suite: label(suite),
            path: path.clone(),
            source: Box::new(source),
        })?);
    }
    Ok(Suite { index: PackageIndex::join(indexes), date: release.date_text(), in_release })
}

/// The same, with the index as its verified text.
pub fn fetch_suite_text(
    suite: &DebRepository,
    downloader: &Downloader,
    now: u64,
) -> Result<SuiteText, SuiteError> {
    let Verified { texts, release, .. } = fetch_verified(suite, downloader, now)?;
    Ok(SuiteText { packages: texts.into_iter().map(|(_, text)| text).collect(), date: release.date })
}

/// What a signed release vouches for.
struct Verified {
    /// Path and text of each component's index.
    texts: Vec<(String, String)>,
    release: Release,
    /// Of the signed file.
    in_release: Checksum,
}

fn fetch_verified(suite: &DebRepository, downloader: &Downloader, now: u64) -> Result<Verified, SuiteError> {
    let label = label(suite);
    let keyring_error = |source| SuiteError::Keyring { suite: label.clone(), source: Box::new(source) };
    let mut keyring = Keyring::load(&suite.keyring).map_err(keyring_error)?;
    if !suite.fingerprints.is_empty() {
        keyring = keyring.pinned(&suite.fingerprints).map_err(keyring_error)?;
    }
    let (release, in_release) = fetch_release(suite, &label, downloader, &keyring, now)?;
    release
        .check(&suite.suite, suite.valid_until, i64::try_from(now).unwrap_or(i64::MAX))
        .map_err(|source| SuiteError::Release { suite: label.clone(), source })?;
    let mut texts = Vec::new();
    for component in &suite.components {
        texts.push(fetch_index(suite, &label, downloader, &release, component)?);
    }
    Ok(Verified { texts, release, in_release })
}

fn label(suite: &DebRepository) -> String {
    format!("{} at {}", suite.suite, suite.mirror)
}

fn fetch_release(
    suite: &DebRepository,
    label: &str,
    downloader: &Downloader,
    keyring: &Keyring,
    now: u64,
) -> Result<(Release, Checksum), SuiteError> {
    let url = format!("{}/dists/{}/InRelease", suite.mirror, suite.suite);
    let request = NamedRequest {
        name: format!("InRelease of {}", suite.suite),
        key: url.clone(),
        urls: vec![url],
        limit: RELEASE_LIMIT,
        bypass_caches: false,
    };
    let named = downloader.fetch_named(&request).map_err(|source| SuiteError::Fetch {
        what: "InRelease".to_owned(),
        suite: label.to_owned(),
        source: Box::new(source),
    })?;
    let message =
        fs::read(&named.path).map_err(|source| SuiteError::Read { path: named.path.clone(), source })?;
    let text = verify_cleartext(keyring, &message, &format!("InRelease of {}", suite.suite), now)
        .map_err(|source| SuiteError::Signature { suite: label.to_owned(), source: Box::new(source) })?;
    let release = Release::parse(text.get())
        .map_err(|source| SuiteError::Release { suite: label.to_owned(), source })?;
    Ok((release, sha256(&message)))
}

fn fetch_index(
    suite: &DebRepository,
    label: &str,
    downloader: &Downloader,
    release: &Release,
    component: &str,
) -> Result<(String, String), SuiteError> {
    let plain = format!("{component}/binary-{}/Packages", suite.architecture);
    let found = [".zst", ".xz", ".gz", ""].iter().find_map(|suffix| {
        let path = format!("{plain}{suffix}");
        release.files.get(&path).map(|file| (path, file))
    });
    let Some((path, file)) = found else {
        let present = release.files.keys().filter(|path| path.contains("/Packages")).map(String::as_str);
        let present = present.collect::<Vec<_>>().join(", ");
        return Err(SuiteError::NoIndex { suite: label.to_owned(), path: plain, present });
    };
    let request = index_request(suite, release.by_hash, &path, file);
    let downloaded = downloader.fetch(&request).map_err(|source| SuiteError::Fetch {
        what: path.clone(),
        suite: label.to_owned(),
        source: Box::new(source),
    })?;
    let text = read_compressed(&downloaded, &path)
        .map_err(|source| SuiteError::Read { path: downloaded.clone(), source })?;
    Ok((path, text))
}

/// By checksum first where the mirror offers it: the plain name may already be of the next update.
fn index_request(suite: &DebRepository, by_hash: bool, path: &str, file: &IndexFile) -> Request {
    let base = format!("{}/dists/{}", suite.mirror, suite.suite);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut urls = vec![format!("{base}/{path}")];
    if by_hash {
        urls.insert(0, format!("{base}/{folder}/by-hash/SHA256/{}", file.sha256));
    }
    Request { name: format!("{path} of {}", suite.suite), urls, expected: expected(&file.sha256, file.size) }
}

/// The promise of a SHA-256 and a size; the hexadecimal text was checked when it was read.
pub(crate) fn expected(sha256: &str, size: u64) -> Expected {
    let checksums = Checksum::new(ChecksumAlgorithm::Sha256, sha256).into_iter().collect();
    Expected { size: Some(size), checksums }
}

fn read_compressed(file: &Path, name: &str) -> io::Result<String> {
    let file = File::open(file)?;
    let mut text = String::new();
    match name.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("zst") => zstd::stream::read::Decoder::new(file)?.read_to_string(&mut text)?,
        Some("xz") => liblzma::read::XzDecoder::new_multi_decoder(file).read_to_string(&mut text)?,
        Some("gz") => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text)?,
        _ => io::BufReader::new(file).read_to_string(&mut text)?,
    };
    Ok(text)
}
