//! Many requests on a few threads; the answer does not depend on which thread was faster.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::error::DownloadError;
use super::fetch::{Downloader, Watch};
use super::request::Request;

/// How far a call of [`Downloader::fetch_all`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file that moved.
    pub name: &'a str,
    /// Files that are in the cache.
    pub files: usize,
    /// Files asked for.
    pub files_total: usize,
    /// Bytes that are in the cache or on the way to it.
    pub bytes: u64,
    /// Bytes asked for, as far as sizes were promised.
    pub bytes_total: u64,
}

pub(super) fn fetch_each(
    downloader: &Downloader,
    requests: &[Request],
    progress: &(dyn Fn(Progress<'_>) + Sync),
    ready: &(dyn Fn(usize, &Path) + Sync),
) -> Result<Vec<PathBuf>, DownloadError> {
    let shared = Shared {
        order: largest_first(requests),
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        bytes: AtomicU64::new(0),
        files: AtomicUsize::new(0),
        bytes_total: requests.iter().filter_map(|request| request.expected.size).sum(),
        results: requests.iter().map(|_| Mutex::new(None)).collect(),
    };
    let threads = downloader.options().connections.clamp(1, 64).min(requests.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| shared.work(downloader, requests, progress, ready));
        }
    });
    collect(shared.results)
}

struct Shared {
    order: Vec<usize>,
    next: AtomicUsize,
    stop: AtomicBool,
    bytes: AtomicU64,
    files: AtomicUsize,
    bytes_total: u64,
    results: Vec<Mutex<Option<Result<PathBuf, DownloadError>>>>,
}

impl Shared {
    fn work(
        &self,
        downloader: &Downloader,
        requests: &[Request],
        progress: &(dyn Fn(Progress<'_>) + Sync),
        ready: &(dyn Fn(usize, &Path) + Sync),
    ) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(&index) = self.order.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            let request = &requests[index];
            let tell = || {
                progress(Progress {
                    name: &request.name,
                    files: self.files.load(Ordering::Relaxed),
                    files_total: requests.len(),
                    bytes: self.bytes.load(Ordering::Relaxed),
                    bytes_total: self.bytes_total,
                });
            };
            let counted = AtomicU64::new(0);
            let count = |length: u64| {
                let before = counted.swap(length, Ordering::Relaxed);
                // Wrapping addition also subtracts, when a transfer begins anew.
                self.bytes.fetch_add(length.wrapping_sub(before), Ordering::Relaxed);
                tell();
            };
            let result = downloader.fetch_watched(request, &Watch { length: &count, stop: &self.stop });
            match &result {
                Ok(path) => {
                    self.files.fetch_add(1, Ordering::Relaxed);
                    count(request.expected.size.unwrap_or_else(|| counted.load(Ordering::Relaxed)));
                    ready(index, path);
                }
                Err(_) => self.stop.store(true, Ordering::Relaxed),
            }
            if let Ok(mut slot) = self.results[index].lock() {
                *slot = Some(result);
            }
        }
    }
}

/// Large files first, so that none of them is left alone at the end.
fn largest_first(requests: &[Request]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(requests[*index].expected.size));
    order
}

/// Every path, or the failure that is the cause: not one of those that were given up for it.
fn collect(
    results: Vec<Mutex<Option<Result<PathBuf, DownloadError>>>>,
) -> Result<Vec<PathBuf>, DownloadError> {
    let mut paths = Vec::with_capacity(results.len());
    let mut given_up = None;
    for result in results {
        match result.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(Ok(path)) => paths.push(path),
            Some(Err(error @ DownloadError::GivenUp { .. })) => given_up = Some(error),
            Some(Err(error)) => return Err(error),
            None => {}
        }
    }
    given_up.map_or(Ok(paths), Err)
}
