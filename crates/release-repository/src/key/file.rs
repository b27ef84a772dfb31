//! PEM files of keys: what OpenSSL writes, and what it reads.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

use super::{Key, KeyError, PublicKey, Secret, SigningKey};

/// What comes before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
pub(super) const ED25519_SPKI: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What comes before the 65 bytes of a P-256 point in a SubjectPublicKeyInfo (RFC 5480).
pub(super) const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The algorithms that keys are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519: equal messages have equal signatures.
    Ed25519,
    /// ECDSA on the curve P-256: what most tokens have.
    EcdsaP256,
}

/// Makes a new key and writes it, for its owner alone, to a file that is not there yet.
pub fn generate(path: &Path, algorithm: Algorithm) -> Result<SigningKey, KeyError> {
    let random = SystemRandom::new();
    let failed = |_| KeyError::Algorithm("no key can be made");
    let document = match algorithm {
        // Version 1: OpenSSL does not read version 2, which adds the public half.
        Algorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8v1(&random).map_err(failed)?.as_ref().to_vec(),
        Algorithm::EcdsaP256 => {
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
            document.map_err(failed)?.as_ref().to_vec()
        }
    };
    let key = pair(path, &document)?;
    let text = pem("PRIVATE KEY", document);
    let file_error = |cause| KeyError::File { path: path.display().to_string(), cause };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(file_error)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(file_error)?;
    Ok(key)
}

/// Reads a private or a public key.
pub(super) fn load(path: &Path) -> Result<Key, KeyError> {
    let file_error = |cause| KeyError::File { path: path.display().to_string(), cause };
    let mut file = File::open(path).map_err(file_error)?;
    // Of the file that is read, whatever the path names a moment later.
    let mode = file.metadata().map_err(file_error)?.permissions().mode() & 0o777;
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(file_error)?;
    let wrong = |reason| KeyError::Form { path: path.display().to_string(), reason };
    let found = ::pem::parse(&text).map_err(|_| wrong("it has no PEM section (`-----BEGIN …`)"))?;
    match found.tag() {
        "PRIVATE KEY" if mode & 0o077 != 0 => Err(KeyError::Open { path: path.display().to_string(), mode }),
        "PRIVATE KEY" => pair(path, found.contents()).map(Key::Signing),
        "PUBLIC KEY" => public(path, found.contents()).map(Key::Public),
        "ENCRYPTED PRIVATE KEY" => Err(wrong(
            "it is encrypted; decrypt it to a file in memory (`openssl pkcs8 -in KEY -out /dev/shm/KEY`), or keep the key in a token",
        )),
        "EC PRIVATE KEY" => {
            Err(wrong("it is in the old form; convert it with `openssl pkcs8 -topk8 -nocrypt`"))
        }
        _ => Err(wrong("it is not a PEM section of type `PRIVATE KEY` or `PUBLIC KEY`")),
    }
}

fn pair(path: &Path, document: &[u8]) -> Result<SigningKey, KeyError> {
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8(document) {
        let public = PublicKey::ed25519(pair.public_key().as_ref())?;
        return Ok(SigningKey { public, secret: Secret::Ed25519(pair) });
    }
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document) {
        let public = PublicKey::ecdsa(pair.public_key().as_ref())?;
        return Ok(SigningKey { public, secret: Secret::Ecdsa(Box::new(pair)) });
    }
    Err(KeyError::Form { path: path.display().to_string(), reason: KINDS })
}

fn public(path: &Path, document: &[u8]) -> Result<PublicKey, KeyError> {
    if let Some(bytes) = document.strip_prefix(&ED25519_SPKI) {
        return PublicKey::ed25519(bytes);
    }
    if let Some(point) = document.strip_prefix(&P256_SPKI) {
        return PublicKey::ecdsa(point);
    }
    Err(KeyError::Form { path: path.display().to_string(), reason: KINDS })
}

const KINDS: &str =
    "releases are signed by Ed25519 keys and ECDSA keys on the curve P-256, and it is neither";

/// A PEM section with lines of 64 characters and plain line feeds.
pub(super) fn pem(tag: &str, contents: Vec<u8>) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    ::pem::encode_config(&::pem::Pem::new(tag, contents), config)
}
