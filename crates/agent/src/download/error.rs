//! What can go wrong on the way, with the address it went wrong at.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use url::Url;

use crate::error::Named;

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {}", path.display())]
    Authorities {
        /// As configured.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The file of certificate authorities holds none.
    #[error("{} holds no certificate in PEM form", path.display())]
    NoAuthority {
        /// As configured.
        path: PathBuf,
    },
}

impl Named for ClientError {
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
        DownloadError { url: redacted(url), cause }
    }

    /// Whether the server says that there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self.cause, AttemptError::Missing)
    }
}

impl Named for DownloadError {
    fn name(&self) -> &'static str {
        match &self.cause {
            AttemptError::BadAddress => "download.bad-address",
            AttemptError::Missing => "download.missing",
            AttemptError::Status { .. } => "download.status",
            AttemptError::Connection(_) => "download.connection",
            AttemptError::Certificate(_) => "download.certificate",
            AttemptError::TooSlow { .. } => "download.too-slow",
            AttemptError::Truncated { .. } => "download.truncated",
            AttemptError::WrongSize { .. } => "download.wrong-size",
            AttemptError::TooLarge { .. } => "download.too-large",
            AttemptError::BadRange { .. } => "download.bad-range",
            AttemptError::LocalFile { .. } => "download.local-file",
        }
    }
}

/// What went wrong with one transfer.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The text is not an address of a known kind.
    #[error("not a http, https or file address")]
    BadAddress,
    /// The server has no such file.
    #[error("the server has no such file")]
    Missing,
    /// The server answered with an error.
    #[error("the server answered {status}")]
    Status {
        /// The HTTP status code.
        status: u16,
        /// Seconds that the server asks to wait.
        retry_after: Option<u64>,
    },
    /// The connection failed, stalled or ended.
    #[error("{0}")]
    Connection(String),
    /// The server could not prove who it is: asking again changes nothing.
    #[error(
        "the server's certificate is not accepted: {0} (is the clock right, and the authority known to this machine?)"
    )]
    Certificate(String),
    /// Too little comes to be worth waiting for.
    #[error("too slow: {bytes} bytes in {seconds} s")]
    TooSlow {
        /// Bytes that came in the time.
        bytes: u64,
        /// The time.
        seconds: u64,
    },
    /// The stream ended early.
    #[error("the transfer ended at byte {got} of {expected}")]
    Truncated {
        /// Where it should have ended.
        expected: u64,
        /// Where it ended.
        got: u64,
    },
    /// The file has another size than was promised.
    #[error("wrong size: expected {expected} bytes, the server has {got}")]
    WrongSize {
        /// Bytes that were promised.
        expected: u64,
        /// Bytes that the server has.
        got: u64,
    },
    /// The file goes on beyond the limit.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The wanted ranges are not ascending ranges of the file.
    #[error("bytes {}-{} are no range of a file of {total} bytes, or come before the range before them", range.start, range.end)]
    BadRange {
        /// The range.
        range: Range<u64>,
        /// Bytes of the file.
        total: u64,
    },
    /// A `file:` address cannot be read.
    #[error("cannot read {}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl AttemptError {
    /// Whether the same address may do better later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            AttemptError::Connection(_) | AttemptError::Truncated { .. } | AttemptError::TooSlow { .. } => {
                true
            }
            AttemptError::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
}

/// The address as it may be shown: without password.
fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    match shown.password().map(|_| ()).map(|()| shown.set_password(Some("***"))) {
        Some(Err(())) => "(an address with a password)".to_owned(),
        _ => shown.into(),
    }
}
