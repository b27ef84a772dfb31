//! Addresses and expectations in; paths of verified files in a content-addressed cache, out.
//! A file that does not match its expectation never gets a name in the cache.
//!
//! A [`Request`] says what the bytes must be (checksum, size) and names mirrors in order. Mirrors that fail for good (404, wrong
//! bytes) are left; those that fail for now (timeout, 503, cut connection) are tried again with growing pauses, going on where the
//! file stopped. Things whose checksum nobody promised (`repomd.xml`, `InRelease`) are [`NamedRequest`]s: kept under a name,
//! revalidated by ETag or Last-Modified, and to be verified by the caller by signature.

mod cache;
mod error;
mod fetch;
mod leftovers;
mod many;
mod request;
mod transfer;

pub use cache::{Cache, CacheError};
pub use error::{AttemptError, DownloadError, Failure};
pub use fetch::{Downloader, NamedFile};
pub use many::Progress;
pub use request::{Expected, NamedRequest, Options, Request};
