//! What can go wrong on the way, with the address it went wrong at.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rpm_model::Checksum;

use super::cache::CacheError;

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The request names no place.
    #[error("no address to download {name} from")]
    NoAddress {
        /// The file.
        name: String,
    },
    /// Only MD5, SHA-1 or nothing vouches for the file.
    #[error("{name} is vouched for by no checksum stronger than SHA-1, so it cannot be trusted")]
    WeakChecksum {
        /// The file.
        name: String,
    },
    /// The network may not be used and the cache has no copy.
    #[error("{name} is not in the cache, and offline mode forbids to download it from {url}")]
    Offline {
        /// The file.
        name: String,
        /// The first address it could be had from.
        url: String,
    },
    /// Every address failed; the last failure of each is listed.
    #[error("cannot download {name}{}", Failures(.failures))]
    EveryAddressFailed {
        /// The file.
        name: String,
        /// One entry an address, in the order of the request.
        failures: Vec<Failure>,
    },
    /// Another file of the same call failed first.
    #[error("the download of {name} was given up because another one failed")]
    GivenUp {
        /// The file.
        name: String,
    },
    /// The cache's disk failed.
    #[error("cannot keep {name} in the cache")]
    Cache {
        /// The file.
        name: String,
        /// What the disk said.
        source: CacheError,
    },
}

/// What one address answered, the last time it was asked.
#[derive(Debug)]
pub struct Failure {
    /// The address, without password.
    pub url: String,
    /// What went wrong.
    pub cause: AttemptError,
}

/// What went wrong with one transfer.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The text is not an address of a known kind.
    #[error("not a http, https or file address")]
    BadAddress,
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
    /// The stream ended early.
    #[error("the transfer ended after {got} of {expected} bytes")]
    Truncated {
        /// Bytes that were promised.
        expected: u64,
        /// Bytes that came, resumed part included.
        got: u64,
    },
    /// The file has another size than was promised.
    #[error("wrong size: expected {expected} bytes, got {got}")]
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
    /// The content is not what was promised.
    #[error("wrong checksum: expected {expected}, got {got}")]
    WrongChecksum {
        /// What was promised.
        expected: Checksum,
        /// What came.
        got: Checksum,
    },
    /// A `file:` address cannot be read.
    #[error("cannot read {path}: {source}")]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The transfer was stopped because its companions failed.
    #[error("stopped")]
    Stopped,
    /// The cache's disk failed: no mirror can help.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl AttemptError {
    /// Whether the same address may do better later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            AttemptError::Connection(_) | AttemptError::Truncated { .. } => true,
            AttemptError::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
}

struct Failures<'a>(&'a [Failure]);

impl fmt::Display for Failures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [only] => write!(f, " from {}: {}", only.url, only.cause),
            several => {
                several.iter().try_for_each(|failure| write!(f, "\n  {}: {}", failure.url, failure.cause))
            }
        }
    }
}
