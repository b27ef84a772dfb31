//! A cleartext-signed text and a keyring in; the signed text out, if one of the keys signed it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pgp::composed::{CleartextSignedMessage, Deserializable, SignedPublicKey};
use pgp::packet::Signature;
use pgp::types::KeyDetails;
use thiserror::Error;

/// The keys that may sign a suite.
#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    keys: Vec<SignedPublicKey>,
}

/// Why a signed text is not believed.
#[derive(Debug, Error)]
pub enum SignatureError {
    /// The keyring file cannot be read.
    #[error("cannot read the keyring {path}")]
    Read {
        /// The keyring.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The keyring file holds no OpenPGP key.
    #[error("{path} is no keyring: {reason}")]
    Keyring {
        /// The keyring.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The text is not cleartext-signed, or was cut.
    #[error("the text is not a complete OpenPGP cleartext-signed message: {reason}")]
    Message {
        /// What the OpenPGP reader says.
        reason: String,
    },
    /// Text stands before or after the signed part.
    #[error("there is text outside the signed part")]
    Unsigned,
    /// No signature is by a key of the keyring.
    #[error("no signature was made by a key of {keyring}; the text was signed by {signers}")]
    UnknownSigner {
        /// The keyring.
        keyring: PathBuf,
        /// Key identities in the signatures.
        signers: String,
    },
    /// A key of the keyring is named by a signature that does not fit the text.
    #[error("the signature by {signer} does not fit the text: it was changed after it was signed")]
    Forged {
        /// Key identities in the signatures.
        signer: String,
    },
}

impl Keyring {
    /// Reads a keyring, binary or armoured.
    pub fn load(path: &Path) -> Result<Self, SignatureError> {
        let bytes = fs::read(path).map_err(|source| SignatureError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &bytes)
    }

    /// Reads the keys of `bytes`; `path` is only named in errors.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, SignatureError> {
        let fail = |reason: String| SignatureError::Keyring { path: path.to_owned(), reason };
        let keys = if bytes.starts_with(b"-----BEGIN PGP") {
            let (keys, _) = SignedPublicKey::from_armor_many(bytes).map_err(|error| fail(error.to_string()))?;
            keys.filter_map(Result::ok).collect::<Vec<_>>()
        } else {
            let keys = SignedPublicKey::from_bytes_many(bytes).map_err(|error| fail(error.to_string()))?;
            keys.filter_map(Result::ok).collect()
        };
        if keys.is_empty() {
            return Err(fail("it holds no public key".to_owned()));
        }
        Ok(Self { path: path.to_owned(), keys })
    }

    /// The text of `message` without its armour, if a key of this keyring signed all of it.
    ///
    /// A subkey counts when its binding to the primary key is sound and it is allowed to sign.
    pub fn verify(&self, message: &str) -> Result<String, SignatureError> {
        const HEAD: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
        const TAIL: &str = "-----END PGP SIGNATURE-----";
        if !message.starts_with(HEAD) || !message.trim_end().ends_with(TAIL) || message.matches(TAIL).count() != 1 {
            let reason = format!("it does not begin with `{HEAD}` and end with `{TAIL}`");
            return Err(if message.contains(HEAD) && message.contains(TAIL) {
                SignatureError::Unsigned
            } else {
                SignatureError::Message { reason }
            });
        }
        let (signed, _) = CleartextSignedMessage::from_string(message)
            .map_err(|error| SignatureError::Message { reason: error.to_string() })?;
        // RFC 9580 7.2: the signature covers the text with CRLF line ends and without trailing blanks.
        let normalised = signed.signed_text();
        let mut known = false;
        for signature in signed.signatures() {
            for key in &self.keys {
                match self.verify_by(signature, key, normalised.as_bytes()) {
                    Outcome::Good => return Ok(normalised.replace("\r\n", "\n")),
                    Outcome::Bad => known = true,
                    Outcome::OtherKey => {}
                }
            }
        }
        let signers = signers(signed.signatures());
        Err(if known {
            SignatureError::Forged { signer: signers }
        } else {
            SignatureError::UnknownSigner { keyring: self.path.clone(), signers }
        })
    }

    fn verify_by(&self, signature: &Signature, key: &SignedPublicKey, text: &[u8]) -> Outcome {
        let named = |key: &dyn KeyDetails| {
            signature.issuer_fingerprint().contains(&&key.fingerprint())
                || signature.issuer_key_id().contains(&&key.legacy_key_id())
        };
        let mut named_any = false;
        if named(&key.primary_key) {
            named_any = true;
            if key.details.verify_bindings(&key.primary_key).is_ok() && signature.verify(&key.primary_key, text).is_ok() {
                return Outcome::Good;
            }
        }
        for subkey in key.public_subkeys.iter().filter(|subkey| named(&subkey.key)) {
            named_any = true;
            let may_sign = subkey.signatures.iter().any(|binding| binding.key_flags().sign());
            if may_sign && subkey.verify_bindings(&key.primary_key).is_ok() && signature.verify(&subkey.key, text).is_ok() {
                return Outcome::Good;
            }
        }
        if named_any { Outcome::Bad } else { Outcome::OtherKey }
    }
}

enum Outcome {
    Good,
    Bad,
    OtherKey,
}

fn signers(signatures: &[Signature]) -> String {
    let names = signatures.iter().flat_map(|signature| {
        let fingerprints = signature.issuer_fingerprint().into_iter().map(ToString::to_string).collect::<Vec<_>>();
        if fingerprints.is_empty() {
            signature.issuer_key_id().into_iter().map(ToString::to_string).collect()
        } else {
            fingerprints
        }
    });
    let names = names.collect::<Vec<_>>();
    if names.is_empty() { "an unnamed key".to_owned() } else { names.join(", ") }
}
