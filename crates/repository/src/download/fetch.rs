//! One request, all its mirrors, until the file is in the cache or nothing is left to try.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use http_fetch::{Bound, TransferError, redacted};
use rpm_model::Checksum;

use super::Progress;
use super::cache::{Cache, CacheError, KeepError, Mismatch, NamedEntry, Partial};
use super::error::{AttemptError, DownloadError, Failure};
use super::request::{Expected, NamedRequest, Options, Request};
use super::transfer::{self, Reply};

/// Fetches files into a [`Cache`]; may be shared between threads.
#[derive(Debug)]
pub struct Downloader {
    cache: Cache,
    options: Options,
    client: http_fetch::Client,
}

/// A named thing as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Where its content is; it is not verified yet.
    pub path: PathBuf,
    /// The address that gave it.
    pub url: String,
    /// Whether the address itself was reached over HTTPS, redirects included.
    pub https: bool,
}

/// What a running transfer tells and is told.
pub(super) struct Watch<'a> {
    /// Called with the length of the file so far, in bytes; it may shrink when a transfer begins anew.
    pub(super) length: &'a (dyn Fn(u64) + Sync),
    pub(super) stop: &'a AtomicBool,
}

impl Downloader {
    /// A downloader that keeps its files in this cache. Proxies are taken from the environment (`https_proxy`, `no_proxy`, …),
    /// certificate authorities from the machine.
    pub fn new(cache: Cache, options: Options) -> Downloader {
        let client = transfer::client(&options);
        Downloader { cache, options, client }
    }

    /// The cache.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The options it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The path of the promised file in the cache, downloaded if it is not there yet.
    pub fn fetch(&self, request: &Request) -> Result<PathBuf, DownloadError> {
        self.fetch_watched(request, &Watch { length: &|_| {}, stop: &AtomicBool::new(false) })
    }

    /// All files, in the order of the requests, on several connections at once; or the first failure.
    pub fn fetch_all(
        &self,
        requests: &[Request],
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Vec<PathBuf>, DownloadError> {
        self.fetch_each(requests, progress, &|_, _| {})
    }

    /// As [`Downloader::fetch_all`]; `ready` is called with index and path as soon as a file is there, from several threads.
    pub fn fetch_each(
        &self,
        requests: &[Request],
        progress: &(dyn Fn(Progress<'_>) + Sync),
        ready: &(dyn Fn(usize, &Path) + Sync),
    ) -> Result<Vec<PathBuf>, DownloadError> {
        super::many::fetch_each(self, requests, progress, ready)
    }

    /// The named thing as the first mirror that answers has it now; in offline mode, as it was last seen.
    ///
    /// The content is what the server sent: verify it before use.
    pub fn fetch_named(&self, request: &NamedRequest) -> Result<NamedFile, DownloadError> {
        let keep = |source| DownloadError::Cache { name: request.name.clone(), source };
        let known = self.cache.named(&request.key).map_err(keep)?;
        let Some(first) = request.urls.first() else {
            return Err(DownloadError::NoAddress { name: request.name.clone() });
        };
        if self.options.offline {
            let missing = || DownloadError::Offline { name: request.name.clone(), url: redacted(first) };
            return known.map(|(entry, path)| named_file(entry, path)).ok_or_else(missing);
        }
        let stop = AtomicBool::new(false);
        self.try_mirrors(&request.name, &request.urls, &stop, |url| {
            self.named_attempt(request, url, known.as_ref())
        })
    }

    pub(super) fn fetch_watched(
        &self,
        request: &Request,
        watch: &Watch<'_>,
    ) -> Result<PathBuf, DownloadError> {
        let keep = |source| DownloadError::Cache { name: request.name.clone(), source };
        let strong = request.expected.strong();
        let Some(strongest) = strong.last() else {
            return Err(DownloadError::WeakChecksum { name: request.name.clone() });
        };
        if let Some(path) = self.cache.find(&request.expected).map_err(keep)? {
            return Ok(path);
        }
        let Some(first) = request.urls.first() else {
            return Err(DownloadError::NoAddress { name: request.name.clone() });
        };
        if self.options.offline {
            return Err(DownloadError::Offline { name: request.name.clone(), url: redacted(first) });
        }
        let mut partial = self.cache.partial(&partial_key(strongest)).map_err(keep)?;
        // Another process may have finished the file while this one waited for the lock.
        if let Some(path) = self.cache.find(&request.expected).map_err(keep)? {
            partial.discard().map_err(keep)?;
            return Ok(path);
        }
        partial.resume(&strong).map_err(keep)?;
        let mut partial = Some(partial);
        self.try_mirrors(&request.name, &request.urls, watch.stop, |url| {
            self.promised_attempt(&request.expected, &strong, url, &mut partial, watch)
        })
    }

    fn try_mirrors<T>(
        &self,
        name: &str,
        urls: &[String],
        stop: &AtomicBool,
        mut attempt: impl FnMut(&str) -> Result<T, AttemptError>,
    ) -> Result<T, DownloadError> {
        let mut failures: Vec<Option<AttemptError>> = urls.iter().map(|_| None).collect();
        for round in 0..=self.options.retries {
            for (url, last) in urls.iter().zip(&mut failures) {
                if last.as_ref().is_some_and(|cause| cause.passing().is_none()) {
                    continue;
                }
                match attempt(url) {
                    Ok(value) => return Ok(value),
                    Err(AttemptError::Stopped) => {
                        return Err(DownloadError::GivenUp { name: name.to_owned() });
                    }
                    Err(AttemptError::Cache(source)) => {
                        return Err(DownloadError::Cache { name: name.to_owned(), source });
                    }
                    Err(cause) => *last = Some(cause),
                }
            }
            let passing = || failures.iter().flatten().filter_map(AttemptError::passing);
            if round == self.options.retries || passing().next().is_none() || stop.load(Ordering::Relaxed) {
                break;
            }
            let asked = passing().filter_map(TransferError::retry_after).min();
            let first = self.options.first_pause;
            std::thread::sleep(http_fetch::pause(first, first.saturating_mul(16), round + 1, asked));
        }
        let failures = urls
            .iter()
            .zip(failures)
            .filter_map(|(url, cause)| Some(Failure { url: redacted(url), cause: cause? }));
        Err(DownloadError::EveryAddressFailed { name: name.to_owned(), failures: failures.collect() })
    }

    fn promised_attempt(
        &self,
        expected: &Expected,
        strong: &[&Checksum],
        url: &str,
        slot: &mut Option<Partial>,
        watch: &Watch<'_>,
    ) -> Result<PathBuf, AttemptError> {
        let bound = match expected.size {
            Some(size) => Bound::Exactly(size),
            None => Bound::AtMost(self.options.size_limit),
        };
        loop {
            let mut partial = match slot.take() {
                Some(partial) => partial,
                None => self.reopened(strong)?,
            };
            // A partial file of the full length needs no transfer, only a look.
            let complete = expected.size == Some(partial.length());
            if expected.size.is_some_and(|size| partial.length() > size) {
                partial.restart(strong)?;
            }
            let resumed = partial.length() > 0;
            if !complete {
                let sent = transfer::into_partial(&self.client, url, bound, &mut partial, strong, watch);
                if let Err(error) = sent {
                    *slot = Some(partial);
                    return Err(error);
                }
            }
            match self.cache.keep(partial, strong) {
                Ok((path, _)) => return Ok(path),
                Err(KeepError::Cache(error)) => return Err(error.into()),
                Err(KeepError::Mismatch(mismatch)) => {
                    let Mismatch { expected, got, mut partial } = *mismatch;
                    partial.restart(strong)?;
                    *slot = Some(partial);
                    // The first part may have been another mirror's: this one gets the chance to give all of it.
                    if !resumed {
                        return Err(AttemptError::WrongChecksum { expected, got });
                    }
                }
            }
        }
    }

    fn reopened(&self, strong: &[&Checksum]) -> Result<Partial, CacheError> {
        let key = strong.last().map_or_else(String::new, |checksum| partial_key(checksum));
        let mut partial = self.cache.partial(&key)?;
        partial.resume(strong)?;
        Ok(partial)
    }

    fn named_attempt(
        &self,
        request: &NamedRequest,
        url: &str,
        known: Option<&(NamedEntry, PathBuf)>,
    ) -> Result<NamedFile, AttemptError> {
        // The key is hashed: it is a name, not a path.
        let mut partial = self
            .cache
            .partial(&format!("named-{}", crate::checksum::sha256(request.key.as_bytes()).hex()))?;
        partial.restart(&[])?;
        let known = known.filter(|(entry, _)| entry.url == url && !request.bypass_caches);
        let entry = known.map(|(entry, _)| entry);
        match transfer::named(&self.client, url, request, entry, &mut partial)? {
            Reply::Unchanged => {
                partial.discard()?;
                let (entry, path) = known.ok_or(TransferError::Status { status: 304, retry_after: None })?;
                Ok(named_file(entry.clone(), path.clone()))
            }
            Reply::Content { etag, last_modified } => {
                let size = partial.length();
                let (path, checksum) = self.cache.keep(partial, &[]).map_err(|error| match error {
                    KeepError::Cache(error) => AttemptError::Cache(error),
                    KeepError::Mismatch(mismatch) => {
                        AttemptError::WrongChecksum { expected: mismatch.expected, got: mismatch.got }
                    }
                })?;
                let entry = NamedEntry {
                    key: request.key.clone(),
                    url: url.to_owned(),
                    checksum,
                    size,
                    etag,
                    last_modified,
                };
                self.cache.remember(&entry)?;
                Ok(named_file(entry, path))
            }
        }
    }
}

fn partial_key(strongest: &Checksum) -> String {
    format!("{}-{}", strongest.algorithm(), strongest.hex())
}

fn named_file(entry: NamedEntry, path: PathBuf) -> NamedFile {
    // Addresses that begin with https are never followed to http (see `transfer::named`).
    NamedFile { path, https: entry.url.starts_with("https://"), url: entry.url }
}
