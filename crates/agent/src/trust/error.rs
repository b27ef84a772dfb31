//! Why a repository, or a file of it, is not believed.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use http_fetch::TransferError;
use url::Url;

use crate::download::{AttemptError, DownloadError};
use crate::error::Named;

/// Why a repository's metadata is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The image came without a root of trust.
    #[error("there is no trusted root at {}: this image was built to take updates from explicit files only", path.display())]
    NoRoot {
        /// Where it would be.
        path: PathBuf,
    },
    /// The image's root of trust is none.
    #[error("{} is no root of trust", path.display())]
    BadRoot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What is remembered between updates cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// What was being done with it.
        doing: &'static str,
        /// What the disk said.
        source: io::Error,
    },
    /// The kernel refused what waiting for files needs.
    #[error("cannot wait for files")]
    Runtime(#[source] io::Error),
    /// The metadata cannot be fetched.
    #[error("the release repository {base} cannot be reached")]
    Unreachable {
        /// Its address.
        base: String,
        /// The stable name of what went wrong.
        code: &'static str,
        /// What the library said.
        source: Box<tough::error::Error>,
    },
    /// The metadata is refused.
    #[error("the release repository {base} is not believed: {kind}")]
    Refused {
        /// Its address.
        base: String,
        /// In which way.
        kind: Refusal,
        /// What the library said.
        source: Box<tough::error::Error>,
    },
}

/// In which way metadata is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is too old to be the newest: somebody may hold back newer metadata.
    Expired,
    /// It is older than what was seen before.
    Older,
    /// It is not signed by enough of the trusted keys.
    Signature,
    /// It is not what other metadata promises.
    Mismatch,
    /// It cannot be read.
    Malformed,
    /// It is larger than allowed.
    TooLarge,
    /// This machine's clock went back, so that nothing can be said about age.
    ClockWentBack,
    /// Another reason.
    Other,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Refusal::Expired => "its metadata has expired (is this machine's clock right?)",
            Refusal::Older => "its metadata is older than what this machine has seen",
            Refusal::Signature => "its metadata is not signed by enough trusted keys",
            Refusal::Mismatch => "a part of its metadata is not what another part promises",
            Refusal::Malformed => "its metadata cannot be read",
            Refusal::TooLarge => "its metadata is too large",
            Refusal::ClockWentBack => {
                "this machine's clock is more than a day behind the time of an earlier check"
            }
            Refusal::Other => "its metadata contradicts the specification",
        })
    }
}

impl TrustError {
    pub(super) fn refused(base: &Url, error: tough::error::Error) -> Self {
        let base = base.to_string();
        if let Some(failed) = cause::<DownloadError>(&error)
            && !matches!(failed.cause, AttemptError::Transfer(TransferError::TooLarge { .. }))
        {
            let code = failed.name();
            return TrustError::Unreachable { base, code, source: Box::new(error) };
        }
        TrustError::Refused { base, kind: refusal(&error), source: Box::new(error) }
    }
}

fn refusal(error: &tough::error::Error) -> Refusal {
    use tough::error::Error as Library;
    match error {
        Library::ExpiredMetadata { .. } => Refusal::Expired,
        Library::OlderMetadata { .. }
        | Library::OlderSnapshotInTimestamp { .. }
        | Library::SnapshotRoleMissing { .. }
        | Library::SnapshotRoleRollback { .. } => Refusal::Older,
        Library::VerifyMetadata { .. } | Library::VerifyTrustedMetadata { .. } => Refusal::Signature,
        Library::VersionMismatch { .. } => Refusal::Mismatch,
        Library::ParseMetadata { .. } | Library::ParseTrustedMetadata { .. } => Refusal::Malformed,
        Library::SystemTimeSteppedBackward { .. } => Refusal::ClockWentBack,
        // What a check of the fetched bytes says comes as a cause of the transport's end.
        Library::Transport { .. } => match cause::<Library>(error.source().unwrap_or(error)) {
            Some(Library::HashMismatch { .. }) => Refusal::Mismatch,
            Some(Library::MaxSizeExceeded { .. }) => Refusal::TooLarge,
            _ if cause::<DownloadError>(error).is_some() => Refusal::TooLarge,
            _ => Refusal::Other,
        },
        _ => Refusal::Other,
    }
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

impl Named for TrustError {
    fn name(&self) -> &'static str {
        match self {
            TrustError::NoRoot { .. } => "trust.no-root",
            TrustError::BadRoot { .. } => "trust.bad-root",
            TrustError::Store { .. } => "trust.store",
            TrustError::Runtime(_) => "trust.runtime",
            TrustError::Unreachable { code, .. } => code,
            TrustError::Refused { kind, .. } => match kind {
                Refusal::Expired => "trust.expired",
                Refusal::Older => "trust.older",
                Refusal::Signature => "trust.signature",
                Refusal::Mismatch => "trust.mismatch",
                Refusal::Malformed => "trust.malformed",
                Refusal::TooLarge => "trust.too-large",
                Refusal::ClockWentBack => "trust.clock-went-back",
                Refusal::Other => "trust.refused",
            },
        }
    }
}

/// Why a file of a verified repository is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The signed metadata names no such file.
    #[error("the release repository has no `{name}`")]
    NoSuchFile {
        /// Its name.
        name: String,
    },
    /// The name leads out of the repository's folder.
    #[error("the release repository has a file with the unsafe name `{name}`")]
    UnsafeName {
        /// The name.
        name: String,
    },
    /// A file that is read whole is too large for that.
    #[error("`{name}` has {size} bytes, more than the {limit} that are read at once")]
    TooLarge {
        /// Its name.
        name: String,
        /// Signed size in bytes.
        size: u64,
        /// In bytes.
        limit: u64,
    },
    /// The file cannot be fetched.
    #[error("cannot fetch `{name}` of the release repository")]
    Download {
        /// Its name.
        name: String,
        /// Why.
        source: DownloadError,
    },
    /// The file is not the one that was signed.
    #[error("`{name}` is not what was signed: its SHA-256 is {found}, and should be {expected}")]
    WrongDigest {
        /// Its name.
        name: String,
        /// In hexadecimal digits.
        expected: String,
        /// In hexadecimal digits.
        found: String,
    },
    /// The channel cannot be read.
    #[error("`{name}` is no channel")]
    Channel {
        /// Its name.
        name: String,
        /// What is wrong.
        source: release::channel::ChannelError,
    },
    /// The manifest cannot be read.
    #[error("`{name}` is no manifest")]
    Manifest {
        /// Its name.
        name: String,
        /// What is wrong.
        source: release::manifest::ManifestError,
    },
    /// The manifest is of something else.
    #[error("`{name}` is the manifest of {found}")]
    OtherManifest {
        /// Its name.
        name: String,
        /// What it is of.
        found: String,
    },
}

impl Named for ReleaseError {
    fn name(&self) -> &'static str {
        match self {
            ReleaseError::NoSuchFile { .. } => "release.no-such-file",
            ReleaseError::UnsafeName { .. } => "release.unsafe-name",
            ReleaseError::TooLarge { .. } => "release.too-large",
            ReleaseError::Download { source, .. } => source.name(),
            ReleaseError::WrongDigest { .. } => "release.wrong-digest",
            ReleaseError::Channel { .. } => "release.channel",
            ReleaseError::Manifest { .. } => "release.manifest",
            ReleaseError::OtherManifest { .. } => "release.other-manifest",
        }
    }
}
