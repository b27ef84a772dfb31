//! What can go wrong on the way, with the address it went wrong at.

use std::ops::Range;

use http_fetch::{AuthoritiesError, TransferError, redacted};
use url::Url;

use crate::error::Named;

impl Named for AuthoritiesError {
    fn name(&self) -> &'static str {
        "download.authorities"
    }
}

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot download {url}")]
pub struct DownloadError {
    /// The address, without password.
    pub url: String,
    /// What went wrong the last time.
    #[source]
    pub cause: AttemptError,
}

impl DownloadError {
    pub(super) fn new(url: &Url, cause: AttemptError) -> Self {
        DownloadError { url: redacted(url.as_str()), cause }
    }

    /// Whether the server says that there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(&self.cause, AttemptError::Transfer(error) if error.is_missing())
    }
}

impl Named for DownloadError {
    fn name(&self) -> &'static str {
        match &self.cause {
            AttemptError::TooSlow { .. } => "download.too-slow",
            AttemptError::BadRange { .. } => "download.bad-range",
            AttemptError::Transfer(error) if error.is_missing() => "download.missing",
            AttemptError::Transfer(error) => match error {
                TransferError::BadAddress => "download.bad-address",
                TransferError::Status { .. } => "download.status",
                TransferError::Connection(_) | TransferError::OtherRange => "download.connection",
                TransferError::Certificate(_) => "download.certificate",
                TransferError::Truncated { .. } => "download.truncated",
                // A range of a file whose length is signed exists: the server's file is another one.
                TransferError::WrongSize { .. } | TransferError::NoSuchRange => "download.wrong-size",
                TransferError::TooLarge { .. } => "download.too-large",
                TransferError::LocalFile { .. } => "download.local-file",
            },
        }
    }
}

/// What went wrong with one transfer.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The address did not give what was asked.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Too little comes to be worth waiting for.
    #[error("too slow: {bytes} bytes in {seconds} s")]
    TooSlow {
        /// Bytes that came in the time.
        bytes: u64,
        /// The time.
        seconds: u64,
    },
    /// The wanted ranges are not ascending ranges of the file.
    #[error("bytes {}-{} are no range of a file of {total} bytes, or come before the range before them", range.start, range.end)]
    BadRange {
        /// The range.
        range: Range<u64>,
        /// Bytes of the file.
        total: u64,
    },
}

impl AttemptError {
    /// Whether the same address may do better later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            AttemptError::Transfer(error) => error.may_pass(),
            AttemptError::TooSlow { .. } => true,
            AttemptError::BadRange { .. } => false,
        }
    }
}
