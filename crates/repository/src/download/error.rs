//! What can go wrong on the way, with the address it went wrong at.

use std::fmt;

use http_fetch::TransferError;
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
    /// The address did not give what was asked.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The content is not what was promised.
    #[error("wrong checksum: expected {expected}, got {got}")]
    WrongChecksum {
        /// What was promised.
        expected: Checksum,
        /// What came.
        got: Checksum,
    },
    /// The transfer was stopped because its companions failed.
    #[error("stopped")]
    Stopped,
    /// The cache's disk failed: no mirror can help.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl AttemptError {
    /// Whether the address has another content than was promised.
    pub fn is_other_content(&self) -> bool {
        use TransferError::{TooLarge, WrongSize};
        matches!(
            self,
            AttemptError::WrongChecksum { .. } | AttemptError::Transfer(WrongSize { .. } | TooLarge { .. })
        )
    }

    /// What went wrong, if the same address may do better later.
    pub(super) fn passing(&self) -> Option<&TransferError> {
        match self {
            AttemptError::Transfer(error) if error.may_pass() => Some(error),
            _ => None,
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
