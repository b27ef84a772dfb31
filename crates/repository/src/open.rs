//! A [`Source`] in; a [`Repository`] out, whose records hang on the source's proof by an unbroken chain of checksums.

mod error;
mod mirrors;
mod proven;

pub use error::OpenError;
pub use mirrors::Mirrors;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use rpm_model::{Checksum, FileKind, PackageFile, PackageRecord, PackageView};

use crate::checksum::{Hasher, Hashing, is_strong, sha256};
use crate::download::{Downloader, Expected, Progress, Request};
use crate::metadata::compression::{self, CompressionError};
use crate::metadata::filelists;
use crate::metadata::plain_filelists;
use crate::metadata::primary_views::{self, Scan};
use crate::metadata::repomd::{Entry, Repomd};
use crate::metadata::{primary, repomd};
use crate::source::Source;
use proven::{Found, Opening};

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
    /// Where its files are; each mirror is expected to have the same.
    pub mirrors: Mirrors,
    repomd: Repomd,
}

impl Repository {
    /// Fetches, proves and reads the repository's metadata (without file lists); `now` is in seconds since 1970.
    pub fn open(source: &Source, downloader: &Downloader, now: u64) -> Result<Repository, OpenError> {
        let mut repository = Repository::find(source, downloader, now)?;
        repository.records = repository.read_primary(downloader)?;
        Ok(repository)
    }

    /// Fetches and proves what the repository says of its metadata, and reads no package.
    pub fn find(source: &Source, downloader: &Downloader, now: u64) -> Result<Repository, OpenError> {
        let opening = Opening { source, downloader, now };
        let Found { text, origin, mirrors, signed_by } = opening.repomd()?;
        let repomd_checksum = sha256(&text);
        let id = || source.id.clone();
        let text =
            String::from_utf8(text).map_err(|_| OpenError::Encoding { id: id(), name: origin.clone() })?;
        let repomd = repomd::parse(&text, &origin).map_err(|source| OpenError::Xml { id: id(), source })?;
        Ok(Repository {
            id: id(),
            priority: source.priority,
            revision: repomd.revision.clone(),
            records: Vec::new(),
            signed_by,
            repomd_checksum,
            mirrors: Mirrors { id: id(), bases: mirrors },
            repomd,
        })
    }

    /// The proven checksum of a kind of metadata: by it, what was made from that metadata can be found again.
    pub fn checksum(&self, kind: &str) -> Option<&Checksum> {
        self.repomd.entry(kind).map(|entry| &entry.checksum)
    }

    /// Fetches the primary metadata and hands its packages to `take`, in order, without keeping them.
    ///
    /// `begin` makes what `take` fills; it is called again where the document turns out to need the slower reader.
    pub fn read_packages<T: Send, E: Send>(
        &self,
        downloader: &Downloader,
        begin: impl Fn() -> T,
        take: impl Fn(&mut T, &PackageView<'_>) -> Result<(), E> + Sync,
    ) -> Result<Result<T, E>, OpenError> {
        let entry = self.needed("primary")?;
        let path = self.fetch_metadata(entry, downloader)?;
        let mut taken = begin();
        let scanned = self.streamed(entry, &path, |plain| {
            Ok(primary_views::scan(plain, |package| take(&mut taken, package)))
        })?;
        match scanned {
            Ok(Ok(Scan::Whole)) => Ok(Ok(taken)),
            Ok(Err(error)) => Ok(Err(error)),
            // The other reader tells what is wrong, if anything is.
            Ok(Ok(Scan::Unusual)) | Err(_) => {
                let mut taken = begin();
                let records = self.read_primary(downloader)?;
                let all = records.iter().try_for_each(|record| take(&mut taken, &PackageView::from(record)));
                Ok(all.map(|()| taken))
            }
        }
    }

    /// Files by the checksum of their package, of those for which `wanted` holds; nothing where there are no file lists.
    pub fn find_files(
        &self,
        downloader: &Downloader,
        wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<filelists::FilesByPackage, OpenError> {
        let Some(entry) = self.repomd.entry("filelists") else { return Ok(filelists::FilesByPackage::new()) };
        let path = self.fetch_metadata(entry, downloader)?;
        self.stream_files(entry, &path, wanted)
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
        wanted: &(dyn Fn(&str) -> bool + Sync),
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
        let size = (record.package_size > 0).then_some(record.package_size);
        let expected = Expected::new(record.checksum.clone(), size);
        self.mirrors.request_at(
            &record.nevra.to_string(),
            record.location_base.as_deref(),
            &record.location,
            expected,
        )
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
        let name = format!("{} of {}", entry.kind, self.id);
        let expected = Expected::new(entry.checksum.clone(), entry.size);
        let request =
            self.mirrors.request_at(&name, entry.location_base.as_deref(), &entry.location, expected)?;
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
        wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<filelists::FilesByPackage, OpenError> {
        if let Ok(Ok(Some(found))) =
            self.streamed(entry, path, |plain| Ok(plain_filelists::scan(plain, wanted)))
        {
            return Ok(found);
        }
        // The other reader tells what is wrong, if anything is.
        self.streamed(entry, path, |plain| {
            filelists::read(BufReader::with_capacity(1 << 16, plain), &entry.location, wanted)
                .map_err(|source| OpenError::Filelists { id: self.id.clone(), source })
        })
    }

    /// What `read` makes of the plain bytes of a file, which are proven when it returns.
    fn streamed<T>(
        &self,
        entry: &Entry,
        path: &Path,
        read: impl FnOnce(&mut (dyn Read + Send)) -> Result<T, OpenError>,
    ) -> Result<T, OpenError> {
        let failed = |source| OpenError::Read { id: self.id.clone(), path: path.to_owned(), source };
        let broken =
            |source| OpenError::Compression { id: self.id.clone(), name: entry.location.clone(), source };
        let file = File::open(path).map_err(failed)?;
        let limit = compression::limit(file.metadata().map_err(failed)?.len(), entry.open_size);
        let plain = compression::stream(BufReader::with_capacity(1 << 16, file), limit).map_err(broken)?;
        let algorithm = entry.open_checksum.as_ref().unwrap_or(&entry.checksum).algorithm();
        let mut hashing = Hashing { inner: plain, hasher: Hasher::new(algorithm) };
        let made = read(&mut hashing)?;
        // Blanks may follow the last element, and a reader may have stopped before the end.
        io::copy(&mut hashing, &mut io::sink()).map_err(CompressionError::Broken).map_err(broken)?;
        self.check_open(entry, |hasher| *hasher = hashing.hasher)?;
        Ok(made)
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

/// Adds what is not there yet; the order of the file lists is kept behind that of the primary metadata.
fn merge_files(files: &mut Vec<PackageFile>, more: Vec<PackageFile>) -> usize {
    let known: BTreeMap<String, FileKind> = files.iter().map(|file| (file.path.clone(), file.kind)).collect();
    let before = files.len();
    files.extend(more.into_iter().filter(|file| !known.contains_key(&file.path)));
    files.len() - before
}
