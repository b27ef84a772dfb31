//! A program for firmware or a root hash, and a key, in; the signed program, or the signature of the hash, out.
//!
//! Both are signatures of the format PKCS #7 (RFC 2315) with RSA (PKCS #1 v1.5) and SHA-256, which is what firmware and the kernel
//! verify. They name no time: the same bytes and the same key give the same signature. The private key itself is never seen
//! here; it is asked to sign.

mod certificate;
mod der;
mod program;
mod root_hash;

use std::error::Error;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use host_tools::openssl::{self, PrivateKey};
use host_tools::{Sandbox, ToolError};

pub use certificate::{Certificate, CertificateError};
pub use program::sign_program;
pub use root_hash::{RootHashSignature, sign_root_hash};

use crate::uki::PeError;

/// Something that holds an RSA key and signs with it: a file, a token.
pub trait Key: Debug + Send + Sync {
    /// RSASSA-PKCS1-v1_5 (RFC 8017) over the SHA-256 of a message.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;
}

/// A key and its certificate, which belong together: that was tried.
#[derive(Debug)]
pub struct Signer {
    key: Box<dyn Key>,
    certificate: Certificate,
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// A file of the signer cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A private key that others on this machine can read.
    #[error(
        "key file {} has mode {mode:o}, and a private key is its owner's alone; run `chmod 600` on it", path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The certificate's file holds none that can be used.
    #[error("{} {source}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// The key did not sign.
    #[error("the signing key cannot be used")]
    Key(#[source] Box<dyn Error + Send + Sync>),
    /// Key and certificate are of different pairs.
    #[error("the signing key does not belong to its certificate {}: give the two files of one pair", certificate.display())]
    DifferentPairs {
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// The signature cannot be tried.
    #[error("cannot try the signing key")]
    Trial(#[source] ToolError),
    /// What shall be signed is no program that firmware can start.
    #[error("the program to sign {0}")]
    Program(#[source] PeError),
}

/// A key that `openssl` of the tools tree uses.
#[derive(Debug)]
struct OpensslKey {
    tools: Sandbox,
    key: PrivateKey,
}

impl Key for OpensslKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(openssl::sign(&self.tools, &self.key, message)?)
    }
}

impl Signer {
    /// A signer whose key is a file in PEM format, not encrypted and its owner's alone, which `openssl` of the tools tree reads.
    pub fn from_files(tools: &Sandbox, key: &Path, certificate: &Path) -> Result<Self, SigningError> {
        // Asked for here, where the answer names the file; the program would only say that it failed.
        let file = |source| SigningError::File { path: key.to_owned(), source };
        let found = fs::File::open(key).and_then(|opened| opened.metadata()).map_err(file)?;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SigningError::Open { path: key.to_owned(), mode });
        }
        let key = OpensslKey { tools: tools.clone(), key: PrivateKey::File(key.to_owned()) };
        Signer::new(tools, Box::new(key), certificate)
    }

    /// A signer with any key; it signs once for trial, so that a key of another pair is found out before anything is built.
    pub fn new(tools: &Sandbox, key: Box<dyn Key>, certificate: &Path) -> Result<Self, SigningError> {
        let file = |source| SigningError::File { path: certificate.to_owned(), source };
        let text = fs::read_to_string(certificate).map_err(file)?;
        let parsed = Certificate::parse(&text)
            .map_err(|source| SigningError::Certificate { path: certificate.to_owned(), source })?;
        let signer = Signer { key, certificate: parsed };
        const TRIAL: &[u8] = b"does this key belong to this certificate?";
        let signature = signer.sign(TRIAL)?;
        let public_key = signer.certificate.public_key();
        match openssl::verify(tools, &public_key, TRIAL, &signature) {
            Ok(true) => Ok(signer),
            Ok(false) => Err(SigningError::DifferentPairs { certificate: certificate.to_owned() }),
            Err(error) => Err(SigningError::Trial(error)),
        }
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.key.sign(message).map_err(SigningError::Key)
    }
}

/// What is signed beside the content itself: none, or attributes, as the content of a set.
enum Attributes<'a> {
    None,
    Some(&'a [u8]),
}

/// PKCS #7 9.1: SignedData with one signer, in its ContentInfo.
fn signed_data(
    signer: &Signer,
    content: &[u8],
    attributes: &Attributes<'_>,
    certificate: Option<&[u8]>,
    signature: &[u8],
) -> Vec<u8> {
    let version = der::element(der::INTEGER, &[1]);
    let sha_256 = der::algorithm(der::object::SHA_256);
    let attributes = match attributes {
        Attributes::None => Vec::new(),
        Attributes::Some(attributes) => der::element(der::context(0), attributes),
    };
    let signer_info = der::holding(
        der::SEQUENCE,
        &[
            &version,
            &signer.certificate.name(),
            &sha_256,
            &attributes,
            &der::algorithm(der::object::RSA),
            &der::element(der::OCTET_STRING, signature),
        ],
    );
    let certificates = certificate.map(|certificate| der::element(der::context(0), certificate));
    let signed = der::holding(
        der::SEQUENCE,
        &[
            &version,
            &der::element(der::SET, &sha_256),
            content,
            &certificates.unwrap_or_default(),
            &der::element(der::SET, &signer_info),
        ],
    );
    content_info(der::object::SIGNED_DATA, Some(&signed))
}

/// PKCS #7 7: what kind of content it is, and the content.
fn content_info(kind: &[u8], content: Option<&[u8]>) -> Vec<u8> {
    let content = content.map(|content| der::element(der::context(0), content)).unwrap_or_default();
    der::holding(der::SEQUENCE, &[&der::element(der::OBJECT, kind), &content])
}
