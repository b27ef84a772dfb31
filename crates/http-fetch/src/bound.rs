//! How many bytes a file may have.

use crate::TransferError;

/// How many bytes a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// So many: somebody who is trusted says so.
    Exactly(u64),
    /// Nobody knows; more than these are not taken.
    AtMost(u64),
}

impl Bound {
    /// The most bytes it allows.
    pub fn most(self) -> u64 {
        match self {
            Bound::Exactly(size) | Bound::AtMost(size) => size,
        }
    }

    pub(crate) fn exactly(self) -> Option<u64> {
        match self {
            Bound::Exactly(size) => Some(size),
            Bound::AtMost(_) => None,
        }
    }

    /// Whether a file may have so many bytes.
    pub(crate) fn check_total(self, total: u64) -> Result<(), TransferError> {
        match self {
            Bound::Exactly(expected) if total < expected => {
                Err(TransferError::WrongSize { expected, got: total })
            }
            _ => self.check_running(total),
        }
    }

    /// Whether a file may have so many bytes and more.
    pub(crate) fn check_running(self, length: u64) -> Result<(), TransferError> {
        match self {
            Bound::Exactly(expected) if length > expected => {
                Err(TransferError::WrongSize { expected, got: length })
            }
            Bound::AtMost(limit) if length > limit => Err(TransferError::TooLarge { limit }),
            _ => Ok(()),
        }
    }
}
