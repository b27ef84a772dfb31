//! A [`Source`] in; the addresses of its files, out, without a look at its metadata.

use super::error::OpenError;
use super::proven::Opening;
use crate::download::{Downloader, Expected, Request};
use crate::source::{Source, addresses};

/// Where the files of a repository can be had, for those who know already what they are: a lock, for instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrors {
    /// The repository.
    pub id: String,
    /// Its addresses, best first.
    pub bases: Vec<String>,
}

impl Mirrors {
    /// Finds the mirrors of a repository; only a list of mirrors or a metalink is fetched. `now` is in seconds since 1970.
    ///
    /// Nothing is proven by this: the checksums of the requests must be trusted already.
    pub fn find(source: &Source, downloader: &Downloader, now: u64) -> Result<Mirrors, OpenError> {
        let bases = Opening { source, downloader, now }.mirrors()?;
        Ok(Mirrors { id: source.id.clone(), bases })
    }

    /// How to fetch the file at this location (relative to the repository).
    pub fn request(&self, name: &str, location: &str, expected: Expected) -> Result<Request, OpenError> {
        self.request_at(name, None, location, expected)
    }

    /// As [`Mirrors::request`], for a file whose metadata states another address to start from.
    pub(super) fn request_at(
        &self,
        name: &str,
        base: Option<&str>,
        location: &str,
        expected: Expected,
    ) -> Result<Request, OpenError> {
        let urls = addresses(&self.bases, base, location);
        let urls = urls.map_err(|source| OpenError::Address { id: self.id.clone(), source })?;
        Ok(Request { name: name.to_owned(), urls, expected })
    }
}
