//! Keys of a release repository: a word of a command line in (a PEM file, or the URI of a key in a token); a public key,
//! or one that signs, out. Secrets never leave: neither in messages nor in `Debug`.

mod file;
mod rsa;
mod token;
mod uri;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use tough::schema::key::{EcdsaKey, EcdsaScheme, Ed25519Key, Ed25519Scheme, Key as TufKey};

pub use file::{Algorithm, generate};
pub use rsa::RsaTokenKey;
pub use token::TokenError;
pub use uri::WrongUri;

/// A key that others can check signatures with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: TufKey,
    id: String,
}

/// A key that signs.
pub struct SigningKey {
    public: PublicKey,
    secret: Secret,
}

enum Secret {
    Ed25519(Ed25519KeyPair),
    Ecdsa(Box<EcdsaKeyPair>),
    Token(token::TokenKey),
}

/// What a word of a command line names.
#[derive(Debug)]
pub enum Key {
    /// Only the public half.
    Public(PublicKey),
    /// Both halves.
    Signing(SigningKey),
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("key file {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A private key that others on this machine can read.
    #[error(
        "key file {path} has mode {mode:o}, and a private key is its owner's alone; run `chmod 600` on it"
    )]
    Open {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// Not PEM, or not of a kind that is used here.
    #[error("key file {path}: {reason}")]
    Form {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// The URI is wrong.
    #[error(transparent)]
    Uri(#[from] WrongUri),
    /// The token refuses.
    #[error("key {uri}")]
    Token {
        /// The key, without its query: it may say where the PIN is.
        uri: String,
        /// Why.
        #[source]
        cause: TokenError,
    },
    /// The library of algorithms refuses.
    #[error("a key cannot be made or used: {0}")]
    Algorithm(&'static str),
}

/// Reads a key: `pkcs11:` begins the URI of one in a token (RFC 7512), everything else is the path of a PEM file.
pub fn load(word: &str) -> Result<Key, KeyError> {
    if word.starts_with("pkcs11:") {
        let uri = uri::parse(word)?;
        let token =
            token::TokenKey::open(&uri).map_err(|cause| KeyError::Token { uri: uri.shown.clone(), cause })?;
        return Ok(Key::Signing(SigningKey { public: token.public()?, secret: Secret::Token(token) }));
    }
    file::load(Path::new(word))
}

impl Key {
    /// The public half.
    pub fn public(&self) -> &PublicKey {
        match self {
            Key::Public(key) => key,
            Key::Signing(key) => key.public(),
        }
    }
}

impl PublicKey {
    /// An Ed25519 key of 32 bytes.
    fn ed25519(bytes: &[u8]) -> Result<PublicKey, KeyError> {
        if bytes.len() != 32 {
            return Err(KeyError::Algorithm("an Ed25519 public key has 32 bytes"));
        }
        PublicKey::from_tuf(TufKey::Ed25519 {
            keyval: Ed25519Key { public: bytes.to_vec().into(), _extra: HashMap::new() },
            scheme: Ed25519Scheme::Ed25519,
            _extra: HashMap::new(),
        })
    }

    /// A point on the curve P-256, uncompressed.
    fn ecdsa(point: &[u8]) -> Result<PublicKey, KeyError> {
        if point.len() != 65 || point[0] != 4 {
            return Err(KeyError::Algorithm(
                "an ECDSA public key is an uncompressed point of the curve P-256",
            ));
        }
        PublicKey::from_tuf(TufKey::Ecdsa {
            keyval: EcdsaKey { public: point.to_vec().into(), _extra: HashMap::new() },
            scheme: EcdsaScheme::EcdsaSha2Nistp256,
            _extra: HashMap::new(),
        })
    }

    /// A key of a root role.
    pub(crate) fn from_tuf(key: TufKey) -> Result<PublicKey, KeyError> {
        let id = key.key_id().map_err(|_| KeyError::Algorithm("the key has no canonical form"))?;
        Ok(PublicKey { id: hex::encode(&id[..]), key })
    }

    /// What names the key in metadata: the SHA-256 of its canonical form.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `ed25519` or `ecdsa-p256`.
    pub fn algorithm(&self) -> &'static str {
        match &self.key {
            TufKey::Ed25519 { .. } => "ed25519",
            TufKey::Ecdsa { .. } | TufKey::EcdsaOld { .. } => "ecdsa-p256",
            TufKey::Rsa { .. } => "rsa",
        }
    }

    /// The key as a PEM file of type `PUBLIC KEY` (RFC 5480, RFC 8410); none for kinds that are not made here.
    pub fn to_pem(&self) -> Option<String> {
        let (prefix, bytes): (&[u8], &[u8]) = match &self.key {
            TufKey::Ed25519 { keyval, .. } => (&file::ED25519_SPKI, &keyval.public),
            TufKey::Ecdsa { keyval, .. } | TufKey::EcdsaOld { keyval, .. } => {
                (&file::P256_SPKI, &keyval.public)
            }
            TufKey::Rsa { .. } => return None,
        };
        Some(file::pem("PUBLIC KEY", [prefix, bytes].concat()))
    }

    pub(crate) fn tuf(&self) -> &TufKey {
        &self.key
    }
}

impl SigningKey {
    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.secret {
            Secret::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Secret::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                Ok(signature.map_err(|_| KeyError::Algorithm("ECDSA signing failed"))?.as_ref().to_vec())
            }
            Secret::Token(key) => key.sign(message),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({} {})", self.algorithm(), self.id)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({} {})", self.public.algorithm(), self.public.id)
    }
}
