//! The files of one version in a verified repository, asked for by their own names.

use std::ops::Range;

use super::{ReleaseError, Repository};
use crate::download::RangesError;
use crate::source::{Sink, Source, SourceError};

/// The files of one version.
#[derive(Debug, Clone)]
pub struct ReleaseSource<'a> {
    repository: &'a Repository,
    prefix: String,
}

impl<'a> ReleaseSource<'a> {
    pub(super) fn new(repository: &'a Repository, prefix: String) -> Self {
        ReleaseSource { repository, prefix }
    }

    fn target(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Source for ReleaseSource<'_> {
    fn whole(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        self.repository.whole(&self.target(name)).map_err(|error| failed(name, error))
    }

    fn ranges(&mut self, name: &str, ranges: &[Range<u64>], sink: &mut Sink<'_>) -> Result<(), SourceError> {
        let target_name = self.target(name);
        let target = self.repository.target(&target_name).map_err(|error| failed(name, error))?;
        let url = self.repository.url(&target_name, target).map_err(|error| failed(name, error))?;
        match self.repository.client.ranges(&url, target.length, ranges, sink) {
            Ok(()) => Ok(()),
            Err(RangesError::Download(error)) => Err(SourceError::unavailable(name, error)),
            Err(RangesError::Sink(source)) => Err(SourceError::Sink { name: name.to_owned(), source }),
        }
    }
}

fn failed(name: &str, error: ReleaseError) -> SourceError {
    match error {
        ReleaseError::NoSuchFile { .. } => SourceError::NoSuchFile { name: name.to_owned() },
        error => SourceError::unavailable(name, error),
    }
}
