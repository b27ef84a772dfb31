//! Why a keyring or a signature is not accepted, with the key and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a keyring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read.
    #[error("cannot read keyring {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The bytes are no OpenPGP certificates.
    #[error("{origin} is no OpenPGP keyring: {reason}")]
    Malformed {
        /// Where the bytes came from.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// No certificate is in it.
    #[error("keyring {origin} holds no certificate")]
    Empty {
        /// Where the bytes came from.
        origin: String,
    },
    /// A pinned certificate is not in it.
    #[error("keyring {origin} holds no certificate with the pinned fingerprint {fingerprint}")]
    PinMissing {
        /// Where the bytes came from.
        origin: String,
        /// The fingerprint.
        fingerprint: String,
    },
}

/// Why something signed is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is nothing that could be verified.
    #[error("{what} is not signed")]
    NotSigned {
        /// The signed thing.
        what: String,
    },
    /// Signature or signed text cannot be read.
    #[error("the signature of {what} cannot be read: {reason}")]
    Malformed {
        /// The signed thing.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// Signatures are there and none counts.
    #[error("the signature of {what} is not accepted: {}", Refusals(.refusals))]
    Refused {
        /// The signed thing.
        what: String,
        /// One reason a signature.
        refusals: Vec<Refusal>,
    },
}

/// Why one signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The keyring has no such key.
    #[error("key {key} is not in the keyring (add its certificate there if you trust it)")]
    UnknownKey {
        /// Key id or fingerprint as the signature names it.
        key: String,
    },
    /// The bytes are not what was signed.
    #[error(
        "the content does not match the signature of key {key} (it was changed on the way, or is of another version: fetch again)"
    )]
    WrongSignature {
        /// Fingerprint of the key.
        key: String,
    },
    /// MD5, SHA-1 or another hash that can be forged.
    #[error(
        "the signature of key {key} uses {hash}, which can be forged (ask the publisher to sign with SHA-256 or better)"
    )]
    WeakHash {
        /// The key as the signature names it.
        key: String,
        /// The hash.
        hash: String,
    },
    /// A key too short to be safe.
    #[error("key {key} has only {bits} bits (2048 are the least accepted)")]
    WeakKey {
        /// Fingerprint of the key.
        key: String,
        /// Its length in bits.
        bits: usize,
    },
    /// The key expired.
    #[error("key {key} expired at {time} (update the keyring: the publisher may have prolonged it)")]
    KeyExpired {
        /// Fingerprint of the key.
        key: String,
        /// When, as a date.
        time: String,
    },
    /// The key was revoked by its owner.
    #[error("key {key} was revoked by its owner (update the keyring: there should be a new key)")]
    KeyRevoked {
        /// Fingerprint of the key.
        key: String,
    },
    /// The key is newer than the moment it should have been valid at.
    #[error("key {key} was made at {time}, later than the signature or the present (check the clock)")]
    KeyNotYetValid {
        /// Fingerprint of the key.
        key: String,
        /// When, as a date.
        time: String,
    },
    /// The certificate does not say that this key signs data.
    #[error("key {key} may not sign data by its own certificate")]
    NotForSigning {
        /// Fingerprint of the key.
        key: String,
    },
    /// The signature is from the future.
    #[error("the signature of key {key} is dated {time}, in the future (check the clock)")]
    FromTheFuture {
        /// The key as the signature names it.
        key: String,
        /// When, as a date.
        time: String,
    },
    /// The signature itself expired.
    #[error(
        "the signature of key {key} expired at {time} (the publisher no longer stands for it: fetch a newer one)"
    )]
    SignatureExpired {
        /// The key as the signature names it.
        key: String,
        /// When, as a date.
        time: String,
    },
    /// Not a signature over data, or of an unknown version.
    #[error("the signature of key {key} is of a kind that does not sign files")]
    WrongKind {
        /// The key as the signature names it.
        key: String,
    },
}

struct Refusals<'a>(&'a [Refusal]);

impl fmt::Display for Refusals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A package often has two signatures by one key, which are refused for the same reason.
        let mut reasons: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        reasons.dedup();
        f.write_str(&reasons.join("; "))
    }
}

/// A moment as people read it.
pub(super) fn date(seconds: u64) -> String {
    let timestamp =
        i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| format!("second {seconds}"), |timestamp| timestamp.to_string())
}
