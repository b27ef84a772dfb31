//! Proven repositories, in; their packages as the solver takes them, out: from the index that an earlier run kept, or read anew.
//!
//! An index is kept under the checksum of the metadata that it was made from, which the repository has just proven again: a
//! repository that changed has another checksum, and a damaged index is one that is not there.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use repository::Repository;
use repository::checksum::sha256;
use repository::download::Downloader;
use repository::index_cache::{IndexCache, Mapped};
use repository::metadata::filelists::FilesByPackage;
use solver::flat::{FORMAT, Index, IndexBuilder};
use solver::{FoundFile, IndexedRepository, Universe};

use super::rpm::refused;
use crate::failure::{Context as _, ExitCode, Failure};
use crate::output;

/// The packages of one repository.
pub struct Packages {
    /// The repository, whose records were not read.
    pub repository: Repository,
    index: Bytes,
    files: Vec<FoundFile>,
}

/// Where the bytes of an index are.
enum Bytes {
    Kept(Mapped),
    Made { bytes: Arc<Vec<u8>>, _keeping: Option<Keeping> },
}

/// Bytes that are written to the cache while the work goes on; dropping this waits for them.
struct Keeping(Option<JoinHandle<io::Result<()>>>);

impl Keeping {
    fn begin(cache: &IndexCache, key: String, bytes: Arc<Vec<u8>>) -> Option<Self> {
        let cache = cache.clone();
        let thread = thread::Builder::new().spawn(move || cache.keep(&key, &bytes));
        thread.map(|thread| Keeping(Some(thread))).map_err(|error| not_kept(&error)).ok()
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        if let Some(Ok(Err(error))) = self.0.take().map(JoinHandle::join) {
            not_kept(&error);
        }
    }
}

/// Where indexes are kept, below the cache.
pub fn cache(cache_dir: &Path) -> IndexCache {
    IndexCache::new(&cache_dir.join("indexes"))
}

impl Packages {
    /// The packages of a repository, from the index or else from its primary metadata.
    pub fn open(
        repository: Repository,
        downloader: &Downloader,
        cache: &IndexCache,
    ) -> Result<Self, Failure> {
        let key = repository.checksum("primary").map(|checksum| format!("packages {FORMAT} {checksum}"));
        let kept = key.as_deref().and_then(|key| cache.find(key));
        if let Some(index) = kept.filter(|bytes| Index::open(&bytes[..]).is_ok()) {
            return Ok(Packages { repository, index: Bytes::Kept(index), files: Vec::new() });
        }
        let name = &repository.id;
        let built = repository
            .read_packages(downloader, IndexBuilder::default, |builder, package| builder.add(package))
            .map_err(|error| refused(name, &error))?
            .map_err(|error| {
                Failure::caused(format!("{name} cannot be used"), &error).code(ExitCode::Verification)
            })?;
        let index = Arc::new(built.finish());
        let keeping = key.and_then(|key| Keeping::begin(cache, key, Arc::clone(&index)));
        Ok(Packages { repository, index: Bytes::Made { bytes: index, _keeping: keeping }, files: Vec::new() })
    }

    /// The repository as the solver sees it.
    pub fn for_solver(&self) -> Result<IndexedRepository<'_>, Failure> {
        let index = Index::open(self.bytes()).context(|| format!("{} cannot be used", self.repository.id))?;
        let priority = i32::try_from(self.repository.priority).unwrap_or(i32::MAX);
        Ok(IndexedRepository { id: &self.repository.id, priority, cost: 1000, index, files: &self.files })
    }

    /// How many packages there are.
    pub fn count(&self) -> usize {
        Index::open(self.bytes()).map_or(0, |index| index.package_count())
    }

    fn bytes(&self) -> &[u8] {
        match &self.index {
            Bytes::Kept(bytes) => bytes,
            Bytes::Made { bytes, .. } => bytes,
        }
    }

    fn find_files(
        &mut self,
        wanted: &BTreeSet<String>,
        downloader: &Downloader,
        cache: &IndexCache,
    ) -> Result<(), Failure> {
        let Some(checksum) = self.repository.checksum("filelists") else { return Ok(()) };
        let paths: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let key = format!("files {FORMAT} {checksum} {}", sha256(paths.join("\0").as_bytes()));
        if let Some(files) = cache.find(&key).and_then(|bytes| unpacked(&bytes)) {
            self.files = files;
            return Ok(());
        }
        let found = self
            .repository
            .find_files(downloader, &|path| wanted.contains(path))
            .map_err(|error| refused(&self.repository.id, &error))?;
        self.files = self.by_number(found)?;
        if let Err(error) = cache.keep(&key, &packed(&self.files)) {
            not_kept(&error);
        }
        Ok(())
    }

    /// File lists name packages by checksum, the solver by number.
    fn by_number(&self, mut found: FilesByPackage) -> Result<Vec<FoundFile>, Failure> {
        let mut files = Vec::new();
        if found.is_empty() {
            return Ok(files);
        }
        let index = Index::open(self.bytes()).context(|| format!("{} cannot be used", self.repository.id))?;
        for package in 0..index.package_count() {
            if let Some(listed) = found.remove(index.checksum(package).hex()) {
                files.extend(listed.into_iter().map(|file| FoundFile { path: file.path, package }));
            }
        }
        Ok(files)
    }
}

/// Finds in the full file lists the paths that dependencies or `asked` name and that no primary metadata lists.
pub fn find_files(
    all: &mut [Packages],
    machine: &str,
    asked: &[&str],
    downloader: &Downloader,
    cache: &IndexCache,
) -> Result<(), Failure> {
    let wanted: BTreeSet<String> = {
        let universe = universe(all.iter(), machine)?;
        let needed = universe.unresolved_paths();
        needed.into_iter().chain(asked.iter().copied()).map(str::to_owned).collect()
    };
    if wanted.is_empty() {
        return Ok(());
    }
    all.iter_mut().try_for_each(|packages| packages.find_files(&wanted, downloader, cache))
}

/// All packages of these repositories.
pub fn universe<'p>(all: impl Iterator<Item = &'p Packages>, machine: &str) -> Result<Universe<'p>, Failure> {
    let repositories = all.map(Packages::for_solver).collect::<Result<Vec<_>, _>>()?;
    Ok(Universe::of_indexes(machine, repositories, None))
}

/// A cache that cannot be written costs time at the next run, nothing else.
fn not_kept(error: &io::Error) {
    output::say(&format!("the index of packages was not kept: {error}"));
}

/// Numbers and paths, each ended by a zero byte, which no path has.
fn packed(files: &[FoundFile]) -> Vec<u8> {
    files.iter().flat_map(|file| format!("{}\0{}\0", file.package, file.path).into_bytes()).collect()
}

fn unpacked(bytes: &[u8]) -> Option<Vec<FoundFile>> {
    let text = str::from_utf8(bytes).ok()?;
    let mut words = text.split_terminator('\0');
    let mut files = Vec::new();
    while let Some(number) = words.next() {
        files.push(FoundFile { package: number.parse().ok()?, path: words.next()?.to_owned() });
    }
    Some(files)
}
