//! A [`Source`] in; a [`Repository`] out, whose records hang on the source's proof by an unbroken chain of checksums.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use rpm_model::{Checksum, FileKind, PackageFile, PackageRecord};

use crate::checksum::{Hasher, is_strong, sha256};
use crate::download::{DownloadError, Downloader, Expected, NamedRequest, Progress, Request};
use crate::metadata::compression::{self, CompressionError};
use crate::metadata::filelists::{self, FilelistsError};
use crate::metadata::repomd::{Entry, Repomd};
use crate::metadata::{XmlError, metalink, primary, repomd};
use crate::openpgp::{VerifyError, verify_detached};
use crate::source::{AddressError, Location, Proof, Source, addresses, expand};

/// More than this is no `repomd.xml`, signature or list of mirrors, in bytes.
const SMALL: u64 = 16 << 20;
/// Mirrors beyond this many are not asked.
const MOST_MIRRORS: usize = 16;
/// Kinds of metadata that are read; the others are listed by [`Repository::unread`].
const READ: [&str; 2] = ["primary", "filelists"];

/// A repository whose metadata was proven and read.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Its short name.
    pub id: String,
    /// Smaller numbers win.
    pub priority: u32,
    /// Its own name of its state.
    pub revision: String,
    /// Its packages, in the order of the metadata.
    pub records: Vec<PackageRecord>,
    /// Fingerprint of the key that signed `repomd.xml`, where that was the proof.
    pub signed_by: Option<String>,
    /// Checksum of `repomd.xml`: by its checksums it stands for everything that the repository says.
    pub repomd_checksum: Checksum,
    /// Addresses of the repository, best first; each is expected to have the same files.
    pub mirrors: Vec<String>,
    repomd: Repomd,
}

/// Why a repository cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An address cannot be used.
    #[error("repository {id}")]
    Address {
        /// The repository.
        id: String,
        /// What is wrong.
        source: AddressError,
    },
    /// Something could not be fetched.
    #[error("repository {id}")]
    Download {
        /// The repository.
        id: String,
        /// What went wrong.
        source: DownloadError,
    },
    /// Nothing proves the metadata.
    #[error(
        "repository {id} comes over plain HTTP from {url} and its metadata is not signed: name a keyring for repomd.xml.asc, \
         use https, or state that it is trusted without proof"
    )]
    Unproven {
        /// The repository.
        id: String,
        /// Where it is.
        url: String,
    },
    /// The signature of `repomd.xml` does not count.
    #[error("repository {id}")]
    Signature {
        /// The repository.
        id: String,
        /// Why.
        source: VerifyError,
    },
    /// A list of mirrors without mirrors.
    #[error("repository {id}: {url} names no mirror that can be used")]
    NoMirrors {
        /// The repository.
        id: String,
        /// The list.
        url: String,
    },
    /// A document is broken.
    #[error("repository {id}")]
    Xml {
        /// The repository.
        id: String,
        /// Where and how.
        source: XmlError,
    },
    /// File lists are broken.
    #[error("repository {id}")]
    Filelists {
        /// The repository.
        id: String,
        /// Where and how.
        source: FilelistsError,
    },
    /// A document is not in UTF-8.
    #[error("repository {id}: {name} is not UTF-8")]
    Encoding {
        /// The repository.
        id: String,
        /// The document.
        name: String,
    },
    /// A document cannot be decompressed.
    #[error("repository {id}: {name}")]
    Compression {
        /// The repository.
        id: String,
        /// The document.
        name: String,
        /// What is wrong.
        source: CompressionError,
    },
    /// A decompressed document is not what was promised.
    #[error(
        "repository {id}: {name} was decompressed to something else than repomd.xml promises: expected {expected}, got {got}"
    )]
    OpenChecksum {
        /// The repository.
        id: String,
        /// The document.
        name: String,
        /// What was promised.
        expected: String,
        /// What came out.
        got: String,
    },
    /// `repomd.xml` lists no packages.
    #[error("repository {id}: repomd.xml lists no `{kind}` metadata")]
    Missing {
        /// The repository.
        id: String,
        /// The kind that is needed.
        kind: &'static str,
    },
    /// A file of the cache cannot be read.
    #[error("repository {id}: cannot read {path}")]
    Read {
        /// The repository.
        id: String,
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl Repository {
    /// Fetches, proves and reads the repository's metadata (without file lists); `now` is in seconds since 1970.
    pub fn open(source: &Source, downloader: &Downloader, now: u64) -> Result<Repository, OpenError> {
        let opening = Opening { source, downloader, now };
        let Found { text, origin, mirrors, signed_by } = opening.repomd()?;
        let repomd_checksum = sha256(&text);
        let id = || source.id.clone();
        let text =
            String::from_utf8(text).map_err(|_| OpenError::Encoding { id: id(), name: origin.clone() })?;
        let repomd = repomd::parse(&text, &origin).map_err(|source| OpenError::Xml { id: id(), source })?;
        let mut repository = Repository {
            id: id(),
            priority: source.priority,
            revision: repomd.revision.clone(),
            records: Vec::new(),
            signed_by,
            repomd_checksum,
            mirrors,
            repomd,
        };
        repository.records = repository.read_primary(downloader)?;
        Ok(repository)
    }

    /// Kinds of metadata that the repository has and that are not read (`group`, `updateinfo`, `modules`, …).
    pub fn unread(&self) -> impl Iterator<Item = &str> {
        self.repomd.entries.iter().map(|entry| entry.kind.as_str()).filter(|kind| !READ.contains(kind))
    }

    /// Whether [`Repository::load_files`] has something to read.
    pub fn has_file_lists(&self) -> bool {
        self.repomd.entry("filelists").is_some()
    }

    /// Adds to the records those of their files for which `wanted` holds, and tells how many were new.
    ///
    /// Primary metadata lists only programs and configuration; this reads the rest where a dependency needs it.
    pub fn load_files(
        &mut self,
        downloader: &Downloader,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<usize, OpenError> {
        let entry = self.needed("filelists")?;
        let path = self.fetch_metadata(entry, downloader)?;
        let mut found = self.stream_files(entry, &path, wanted)?;
        let mut added = 0;
        for record in &mut self.records {
            let Some(files) = found.remove(record.checksum.hex()) else { continue };
            added += merge_files(&mut record.files, files);
        }
        Ok(added)
    }

    /// How to fetch a package of this repository.
    pub fn package_request(&self, record: &PackageRecord) -> Result<Request, OpenError> {
        let urls = addresses(&self.mirrors, record.location_base.as_deref(), &record.location)
            .map_err(|source| OpenError::Address { id: self.id.clone(), source })?;
        let size = (record.package_size > 0).then_some(record.package_size);
        Ok(Request {
            name: record.nevra.to_string(),
            urls,
            expected: Expected::new(record.checksum.clone(), size),
        })
    }

    /// Paths of these packages in the cache, in the order given; what is missing is fetched on several connections.
    pub fn fetch_packages(
        &self,
        records: &[&PackageRecord],
        downloader: &Downloader,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Vec<PathBuf>, OpenError> {
        let requests: Result<Vec<_>, _> = records.iter().map(|record| self.package_request(record)).collect();
        downloader
            .fetch_all(&requests?, progress)
            .map_err(|source| OpenError::Download { id: self.id.clone(), source })
    }

    fn needed(&self, kind: &'static str) -> Result<&Entry, OpenError> {
        self.repomd.entry(kind).ok_or_else(|| OpenError::Missing { id: self.id.clone(), kind })
    }

    fn fetch_metadata(&self, entry: &Entry, downloader: &Downloader) -> Result<PathBuf, OpenError> {
        let urls = addresses(&self.mirrors, entry.location_base.as_deref(), &entry.location)
            .map_err(|source| OpenError::Address { id: self.id.clone(), source })?;
        let expected = Expected::new(entry.checksum.clone(), entry.size);
        let request = Request { name: format!("{} of {}", entry.kind, self.id), urls, expected };
        downloader.fetch(&request).map_err(|source| OpenError::Download { id: self.id.clone(), source })
    }

    fn read_primary(&self, downloader: &Downloader) -> Result<Vec<PackageRecord>, OpenError> {
        let entry = self.needed("primary")?;
        let path = self.fetch_metadata(entry, downloader)?;
        let (id, name) = (|| self.id.clone(), entry.location.clone());
        let folded =
            fs::read(&path).map_err(|source| OpenError::Read { id: id(), path: path.clone(), source })?;
        let limit = compression::limit(folded.len() as u64, entry.open_size);
        let plain = compression::unfold(&folded, limit).map_err(|source| OpenError::Compression {
            id: id(),
            name: name.clone(),
            source,
        })?;
        self.check_open(entry, |hasher| hasher.update(&plain))?;
        let text =
            String::from_utf8(plain).map_err(|_| OpenError::Encoding { id: id(), name: name.clone() })?;
        primary::parse(&text, &name).map_err(|source| OpenError::Xml { id: id(), source })
    }

    fn stream_files(
        &self,
        entry: &Entry,
        path: &Path,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<filelists::FilesByPackage, OpenError> {
        let read = |source| OpenError::Read { id: self.id.clone(), path: path.to_owned(), source };
        let broken =
            |source| OpenError::Compression { id: self.id.clone(), name: entry.location.clone(), source };
        let file = File::open(path).map_err(read)?;
        let limit = compression::limit(file.metadata().map_err(read)?.len(), entry.open_size);
        let plain = compression::stream(BufReader::with_capacity(1 << 16, file), limit).map_err(broken)?;
        let algorithm = entry.open_checksum.as_ref().unwrap_or(&entry.checksum).algorithm();
        let mut hashing = Hashing { inner: plain, hasher: Hasher::new(algorithm) };
        let found = filelists::read(BufReader::with_capacity(1 << 16, &mut hashing), &entry.location, wanted)
            .map_err(|source| OpenError::Filelists { id: self.id.clone(), source })?;
        // Blanks may follow the last element.
        io::copy(&mut hashing, &mut io::sink()).map_err(CompressionError::Broken).map_err(broken)?;
        self.check_open(entry, |hasher| *hasher = hashing.hasher)?;
        Ok(found)
    }

    fn check_open(&self, entry: &Entry, fill: impl FnOnce(&mut Hasher)) -> Result<(), OpenError> {
        // A weak one proves nothing that the checksum of the file did not prove already.
        let Some(expected) = entry.open_checksum.as_ref().filter(|checksum| is_strong(checksum.algorithm()))
        else {
            return Ok(());
        };
        let mut hasher = Hasher::new(expected.algorithm());
        fill(&mut hasher);
        let got = hasher.finish();
        if got == *expected {
            return Ok(());
        }
        let (id, name) = (self.id.clone(), entry.location.clone());
        Err(OpenError::OpenChecksum { id, name, expected: expected.to_string(), got: got.to_string() })
    }
}

struct Opening<'a> {
    source: &'a Source,
    downloader: &'a Downloader,
    now: u64,
}

/// A proven `repomd.xml`.
struct Found {
    text: Vec<u8>,
    origin: String,
    mirrors: Vec<String>,
    signed_by: Option<String>,
}

impl Opening<'_> {
    fn repomd(&self) -> Result<Found, OpenError> {
        let expand = |address: &String| expand(address, &self.source.variables);
        let address = |source| OpenError::Address { id: self.id(), source };
        match &self.source.location {
            Location::Base(bases) => {
                let bases: Result<Vec<_>, _> = bases.iter().map(expand).collect();
                self.at_mirrors(bases.map_err(address)?)
            }
            Location::MirrorList(list) => {
                let list = expand(list).map_err(address)?;
                let (text, _, _) = self.small("mirror list", vec![list.clone()], &list, false)?;
                let mirrors = metalink::parse_mirror_list(&String::from_utf8_lossy(&text));
                self.at_mirrors(self.some_mirrors(mirrors, list)?)
            }
            Location::Metalink(metalink) => self.by_metalink(expand(metalink).map_err(address)?),
        }
    }

    /// Whatever the first mirror that answers has; its proof is a signature or HTTPS.
    fn at_mirrors(&self, mirrors: Vec<String>) -> Result<Found, OpenError> {
        let url = |name: &str| {
            mirrors.iter().map(|base| format!("{}/repodata/{name}", base.trim_end_matches('/'))).collect()
        };
        let key = mirrors.first().cloned().unwrap_or_default();
        let (text, origin, https) =
            self.small("repomd.xml", url("repomd.xml"), &format!("{key}/repomd.xml"), false)?;
        let proven = https || origin.starts_with("file://");
        match &self.source.proof {
            Proof::Transport if !proven => Err(OpenError::Unproven { id: self.id(), url: origin }),
            Proof::Transport | Proof::Nothing => Ok(Found { text, origin, mirrors, signed_by: None }),
            Proof::Signature(_) => {
                let signature_key = format!("{key}/repomd.xml.asc");
                let (signature, ..) =
                    self.small("repomd.xml.asc", url("repomd.xml.asc"), &signature_key, false)?;
                match self.signer(&text, &signature, &origin) {
                    Ok(signed_by) => Ok(Found { text, origin, mirrors, signed_by }),
                    // The two files may be of different states, from caches on the way: once more, past them.
                    Err(error) if self.downloader.options().offline => Err(error),
                    Err(_) => {
                        let (text, origin, _) =
                            self.small("repomd.xml", url("repomd.xml"), &format!("{key}/repomd.xml"), true)?;
                        let (signature, ..) =
                            self.small("repomd.xml.asc", url("repomd.xml.asc"), &signature_key, true)?;
                        let signed_by = self.signer(&text, &signature, &origin)?;
                        Ok(Found { text, origin, mirrors, signed_by })
                    }
                }
            }
        }
    }

    fn signer(&self, text: &[u8], signature: &[u8], origin: &str) -> Result<Option<String>, OpenError> {
        let Proof::Signature(keyring) = &self.source.proof else { return Ok(None) };
        let verified = verify_detached(keyring, text, signature, origin, self.now);
        let verified = verified.map_err(|source| OpenError::Signature { id: self.id(), source })?;
        Ok(Some(verified.signer().key.clone()))
    }

    /// The `repomd.xml` that the metalink promises, or an older one that it still accepts.
    fn by_metalink(&self, url: String) -> Result<Found, OpenError> {
        let (text, origin, https) = self.small("metalink", vec![url.clone()], &url, false)?;
        if !https && !origin.starts_with("file://") && matches!(self.source.proof, Proof::Transport) {
            return Err(OpenError::Unproven { id: self.id(), url: origin });
        }
        let text = String::from_utf8(text)
            .map_err(|_| OpenError::Encoding { id: self.id(), name: origin.clone() })?;
        let metalink =
            metalink::parse(&text, &origin).map_err(|source| OpenError::Xml { id: self.id(), source })?;
        let mirrors = self.some_mirrors(metalink.mirrors, url)?;
        let urls: Vec<String> = mirrors.iter().map(|base| format!("{base}/repodata/repomd.xml")).collect();
        let mut first_error = None;
        for expected in metalink.accepted {
            let request =
                Request { name: format!("repomd.xml of {}", self.source.id), urls: urls.clone(), expected };
            match self.downloader.fetch(&request) {
                Ok(path) => {
                    let text = self.read(&path)?;
                    let signed_by = self.metalink_signer(&text, &urls)?;
                    return Ok(Found { text, origin: request.name, mirrors, signed_by });
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let missing = || DownloadError::NoAddress { name: format!("repomd.xml of {}", self.source.id) };
        Err(OpenError::Download { id: self.id(), source: first_error.unwrap_or_else(missing) })
    }

    fn metalink_signer(&self, text: &[u8], urls: &[String]) -> Result<Option<String>, OpenError> {
        if !matches!(self.source.proof, Proof::Signature(_)) {
            return Ok(None);
        }
        let urls: Vec<String> = urls.iter().map(|url| format!("{url}.asc")).collect();
        let key = format!("{}#{}", urls.first().map_or("", String::as_str), sha256(text).hex());
        let (signature, ..) = self.small("repomd.xml.asc", urls, &key, false)?;
        self.signer(text, &signature, "repomd.xml")
    }

    fn some_mirrors(&self, mut mirrors: Vec<String>, url: String) -> Result<Vec<String>, OpenError> {
        mirrors.truncate(MOST_MIRRORS);
        if mirrors.is_empty() { Err(OpenError::NoMirrors { id: self.id(), url }) } else { Ok(mirrors) }
    }

    /// Content, address and whether it came by HTTPS, of a file whose checksum nobody promised.
    fn small(
        &self,
        name: &str,
        urls: Vec<String>,
        key: &str,
        bypass_caches: bool,
    ) -> Result<(Vec<u8>, String, bool), OpenError> {
        let name = format!("{name} of {}", self.source.id);
        let request = NamedRequest { name, key: key.to_owned(), urls, limit: SMALL, bypass_caches };
        let named = self
            .downloader
            .fetch_named(&request)
            .map_err(|source| OpenError::Download { id: self.id(), source })?;
        Ok((self.read(&named.path)?, named.url, named.https))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, OpenError> {
        fs::read(path).map_err(|source| OpenError::Read { id: self.id(), path: path.to_owned(), source })
    }

    fn id(&self) -> String {
        self.source.id.clone()
    }
}

/// Adds what is not there yet; the order of the file lists is kept behind that of the primary metadata.
fn merge_files(files: &mut Vec<PackageFile>, more: Vec<PackageFile>) -> usize {
    let known: BTreeMap<String, FileKind> = files.iter().map(|file| (file.path.clone(), file.kind)).collect();
    let before = files.len();
    files.extend(more.into_iter().filter(|file| !known.contains_key(&file.path)));
    files.len() - before
}

struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
