//! The PEM text of an X.509 certificate (RFC 5280), in; the parts that a signature names, out.
//! Whether the certificate is trusted is the question of whoever verifies, not of this.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::der;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A certificate of an RSA key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    issuer: Vec<u8>,
    serial_number: Vec<u8>,
    public_key: Vec<u8>,
}

/// Why a text is no certificate to sign with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    /// No PEM, or not one certificate.
    #[error("holds {found} certificates in PEM format, and exactly one is needed: that of the signing key")]
    Count {
        /// How many begin in the text.
        found: usize,
    },
    /// What is between the lines is no base64.
    #[error("is damaged: what lies between its first and last line is no base64")]
    Base64,
    /// What they say is no certificate.
    #[error("is damaged: it is no X.509 certificate")]
    Structure,
    /// Firmware verifies RSA alone.
    #[error(
        "is of a key that is not RSA, and firmware verifies no other: make a key of RSA with 2048 bits or more"
    )]
    NotRsa,
}

impl Certificate {
    /// Reads PEM.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let found = text.matches(BEGIN).count();
        let inner = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
        let (1, Some((inner, _))) = (found, inner) else { return Err(CertificateError::Count { found }) };
        let digits: String = inner.split_whitespace().collect();
        let der = BASE64_STANDARD.decode(digits).map_err(|_| CertificateError::Base64)?;
        let parts = parts(&der).ok_or(CertificateError::Structure)?;
        if parts.algorithm != der::object::RSA {
            return Err(CertificateError::NotRsa);
        }
        let (issuer, serial_number) = (parts.issuer.to_owned(), parts.serial_number.to_owned());
        let public_key = parts.public_key.to_owned();
        Ok(Certificate { der, issuer, serial_number, public_key })
    }

    /// The certificate as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of its DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// Its public key as PEM.
    pub fn public_key(&self) -> String {
        let digits = BASE64_STANDARD.encode(&self.public_key);
        let mut text = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in digits.as_bytes().chunks(64) {
            text += &String::from_utf8_lossy(line);
            text.push('\n');
        }
        text + "-----END PUBLIC KEY-----\n"
    }

    /// How a signature names it: PKCS #7 (RFC 2315) 6.7, IssuerAndSerialNumber.
    pub(super) fn name(&self) -> Vec<u8> {
        der::holding(der::SEQUENCE, &[&self.issuer, &self.serial_number])
    }
}

struct Parts<'a> {
    serial_number: &'a [u8],
    issuer: &'a [u8],
    public_key: &'a [u8],
    algorithm: &'a [u8],
}

/// RFC 5280 4.1.
fn parts(bytes: &[u8]) -> Option<Parts<'_>> {
    let mut rest = bytes;
    let mut certificate = der::expect(&mut rest, der::SEQUENCE)?.content;
    if !rest.is_empty() {
        return None;
    }
    let mut body = der::expect(&mut certificate, der::SEQUENCE)?.content;
    if body.first() == Some(&der::context(0)) {
        der::next(&mut body)?;
    }
    let serial_number = der::expect(&mut body, der::INTEGER)?.whole;
    der::expect(&mut body, der::SEQUENCE)?;
    let issuer = der::expect(&mut body, der::SEQUENCE)?.whole;
    der::expect(&mut body, der::SEQUENCE)?;
    der::expect(&mut body, der::SEQUENCE)?;
    let public_key = der::expect(&mut body, der::SEQUENCE)?;
    let mut algorithm = der::expect(&mut &*public_key.content, der::SEQUENCE)?.content;
    let algorithm = der::expect(&mut algorithm, der::OBJECT)?.content;
    Some(Parts { serial_number, issuer, public_key: public_key.whole, algorithm })
}
