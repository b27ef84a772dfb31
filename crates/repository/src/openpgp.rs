//! Keyrings that people chose, signatures and signed bytes, in; [`Verified`] values, out.
//! Never asks a key server, never trusts a key because it came along with what it signed, never reads the clock.
//!
//! A signature counts if a key of the keyring made it, that key may sign and was neither expired nor revoked, and the hash is
//! stronger than SHA-1. Metadata must be signed by a key that is valid now; a package by a key that was valid when it was signed
//! (packages outlive keys, as for rpm). Several signatures: one that counts is enough.

mod error;
mod keyring;
mod policy;
mod rpm_header;
mod verify;

pub use error::{KeyringError, Refusal, VerifyError};
pub use keyring::Keyring;
pub use rpm_header::{has_signature, verify_package};
pub use verify::{verify_cleartext, verify_detached};

/// A value whose origin was proven by a signature; only this module's functions make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    signer: Signer,
}

/// Whose signature proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Fingerprint of the certificate (primary key), lower-case hexadecimal.
    pub certificate: String,
    /// Fingerprint of the key that signed, which may be a subkey.
    pub key: String,
    /// The first user id of the certificate: a name to show, not a proof.
    pub name: String,
    /// When it was signed, in seconds since 1970.
    pub time: u64,
}

impl<T> Verified<T> {
    fn new(value: T, signer: Signer) -> Verified<T> {
        Verified { value, signer }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The value, without its proof.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Whose signature proved it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}
