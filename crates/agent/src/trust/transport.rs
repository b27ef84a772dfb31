//! The library's requests for metadata, answered by this crate's downloads.

use std::sync::{Arc, Mutex, PoisonError};

use tough::{Bytes, Transport, TransportError, TransportErrorKind, TransportStream, async_trait};
use url::Url;

use crate::download::{Bound, Client};

/// Fetches metadata, and remembers the roots that it brought.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    client: Client,
    limit: u64,
    roots: Arc<Mutex<Vec<NumberedRoot>>>,
}

/// Version and text of a root.
pub(super) type NumberedRoot = (u64, Vec<u8>);

impl Fetcher {
    /// `limit` is the most that a file may have, in bytes.
    pub(super) fn new(client: Client, limit: u64) -> Self {
        Fetcher { client, limit, roots: Arc::default() }
    }

    /// Version and text of the roots that came, unverified.
    pub(super) fn into_roots(self) -> Vec<NumberedRoot> {
        std::mem::take(&mut *self.roots.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Transport for Fetcher {
    /// Waits for the whole file: one update at a time has nothing else to do meanwhile.
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let answer = match self.client.whole(&url, Bound::AtMost(self.limit)) {
            Ok(bytes) => {
                if let Some(version) = root_version(&url) {
                    let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
                    roots.push((version, bytes.clone()));
                }
                Ok(Bytes::from(bytes))
            }
            Err(error) if error.is_missing() => {
                return Err(TransportError::new_with_cause(TransportErrorKind::FileNotFound, url, error));
            }
            // As content, not as the result: the library takes every failure to begin a root's transfer for "there is no
            // newer root", and a server that cannot be reached says nothing of the kind.
            Err(error) => Err(TransportError::new_with_cause(TransportErrorKind::Other, url, error)),
        };
        Ok(Box::pin(futures::stream::once(std::future::ready(answer))))
    }
}

/// Of `…/N.root.json`.
fn root_version(url: &Url) -> Option<u64> {
    url.path_segments()?.next_back()?.strip_suffix(".root.json")?.parse().ok()
}
