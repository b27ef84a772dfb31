//! Files of certificates in, armored or binary; the keys that may vouch for something, out.

use std::fs;
use std::path::Path;

use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::types::{KeyDetails, KeyVersion};

use super::error::KeyringError;

const ARMOR: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Certificates that a person chose to trust.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    pub(super) certificates: Vec<SignedPublicKey>,
    origin: String,
}

impl Keyring {
    /// Reads a keyring file: binary, or armored blocks one after the other with any text between them.
    pub fn load(path: &Path) -> Result<Keyring, KeyringError> {
        let bytes = fs::read(path).map_err(|source| KeyringError::Read { path: path.to_owned(), source })?;
        Keyring::parse(&bytes, &path.display().to_string())
    }

    /// Reads keyring bytes; `origin` names them in errors.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Keyring, KeyringError> {
        let mut certificates = Vec::new();
        if find(bytes, ARMOR).is_some() {
            let mut rest = bytes;
            while let Some(start) = find(rest, ARMOR) {
                let after = &rest[start + ARMOR.len()..];
                let end = find(after, ARMOR).map_or(rest.len(), |next| start + ARMOR.len() + next);
                read_block(&rest[start..end], true, origin, &mut certificates)?;
                rest = &rest[end..];
            }
        } else {
            read_block(bytes, false, origin, &mut certificates)?;
        }
        if certificates.is_empty() {
            return Err(KeyringError::Empty { origin: origin.to_owned() });
        }
        Ok(Keyring { certificates, origin: origin.to_owned() })
    }

    /// The certificates of both.
    #[must_use]
    pub fn merged(mut self, other: Keyring) -> Keyring {
        self.certificates.extend(other.certificates);
        self.origin =
            if self.origin.is_empty() { other.origin } else { format!("{}, {}", self.origin, other.origin) };
        self
    }

    /// Only the certificates with these fingerprints (hexadecimal, blanks allowed); each must be there.
    pub fn pinned(self, fingerprints: &[String]) -> Result<Keyring, KeyringError> {
        let plain: Vec<String> =
            fingerprints.iter().map(|text| text.replace(' ', "").to_ascii_lowercase()).collect();
        let known = self.fingerprints();
        if let Some(missing) = plain.iter().find(|fingerprint| !known.contains(fingerprint)) {
            return Err(KeyringError::PinMissing { origin: self.origin, fingerprint: missing.clone() });
        }
        let certificates = self
            .certificates
            .into_iter()
            .filter(|certificate| plain.contains(&fingerprint(&certificate.primary_key)))
            .collect();
        Ok(Keyring { certificates, origin: self.origin })
    }

    /// Fingerprints of the certificates, lower-case hexadecimal, in the order of the file.
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates.iter().map(|certificate| fingerprint(&certificate.primary_key)).collect()
    }
}

pub(super) fn fingerprint(key: &impl KeyDetails) -> String {
    hex::encode(key.fingerprint().as_bytes())
}

fn read_block(
    bytes: &[u8],
    armored: bool,
    origin: &str,
    certificates: &mut Vec<SignedPublicKey>,
) -> Result<(), KeyringError> {
    let malformed = |reason: pgp::errors::Error| KeyringError::Malformed {
        origin: origin.to_owned(),
        reason: reason.to_string(),
    };
    let read = if armored {
        SignedPublicKey::from_armor_many(bytes).map(|(certificates, _)| certificates)
    } else {
        SignedPublicKey::from_bytes_many(bytes)
    };
    for certificate in read.map_err(malformed)? {
        let certificate = certificate.map_err(malformed)?;
        // Other versions have no fingerprint that anyone pins; their signatures count for nothing.
        if matches!(certificate.primary_key.version(), KeyVersion::V4 | KeyVersion::V6) {
            certificates.push(certificate);
        }
    }
    Ok(())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
