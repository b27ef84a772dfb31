//! What goes wrong with one transfer, and whether that may pass.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// What went wrong with one transfer.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
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
    /// The answer does not hold the first byte that was asked for.
    #[error("the server sent another range than was asked for")]
    OtherRange,
    /// The server's file ends before the first byte that was asked for.
    #[error("the server's file is shorter than what was asked for")]
    NoSuchRange,
    /// The stream ended early.
    #[error("the transfer ended at byte {got} of {expected}")]
    Truncated {
        /// Where it should have ended.
        expected: u64,
        /// Where it ended.
        got: u64,
    },
    /// The file has another size than was promised.
    #[error("wrong size: expected {expected} bytes, got {got}")]
    WrongSize {
        /// Bytes that were promised.
        expected: u64,
        /// Bytes that the server has, or that came until too many had come.
        got: u64,
    },
    /// The file goes on beyond the limit.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A `file:` address cannot be read.
    #[error("cannot read {}: {problem}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        problem: io::Error,
    },
}

impl TransferError {
    /// Whether the same address may do better later.
    pub fn may_pass(&self) -> bool {
        match self {
            TransferError::Connection(_) | TransferError::OtherRange | TransferError::Truncated { .. } => {
                true
            }
            TransferError::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        match self {
            // Stores that hide what they have answer 403 for what they have not.
            TransferError::Status { status, .. } => matches!(status, 403 | 404 | 410),
            TransferError::LocalFile { problem, .. } => problem.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            TransferError::Status { retry_after, .. } => retry_after.map(Duration::from_secs),
            _ => None,
        }
    }
}

impl From<ureq::Error> for TransferError {
    fn from(error: ureq::Error) -> TransferError {
        match error {
            ureq::Error::BadUri(_) => TransferError::BadAddress,
            ureq::Error::Rustls(refused @ rustls::Error::InvalidCertificate(_)) => {
                TransferError::Certificate(refused.to_string())
            }
            // The handshake happens within the first write or read, which wraps what it says.
            ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(refused @ rustls::Error::InvalidCertificate(_)) => {
                    TransferError::Certificate(refused.to_string())
                }
                _ => TransferError::Connection(ureq::Error::Io(error).to_string()),
            },
            error => TransferError::Connection(error.to_string()),
        }
    }
}

/// The address as it may be shown: without password.
pub fn redacted(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => match parsed.set_password(Some("***")) {
            Ok(()) => parsed.into(),
            Err(()) => "(an address with a password)".to_owned(),
        },
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_is_refused_for_good() {
        let refused = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        for error in [
            ureq::Error::Rustls(refused()),
            ureq::Error::Io(io::Error::new(io::ErrorKind::InvalidData, refused())),
        ] {
            let cause = TransferError::from(error);
            assert!(matches!(cause, TransferError::Certificate(_)) && !cause.may_pass(), "{cause:?}");
        }
        let cut = TransferError::from(ureq::Error::Io(io::ErrorKind::ConnectionReset.into()));
        assert!(matches!(cut, TransferError::Connection(_)) && cut.may_pass(), "{cut:?}");
    }
}
