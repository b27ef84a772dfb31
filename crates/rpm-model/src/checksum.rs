//! A checksum as metadata states it: algorithm and digest.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The algorithms that rpm-md, apt and RPM headers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumAlgorithm {
    /// 16 bytes; never sufficient as the only proof.
    Md5,
    /// 20 bytes; never sufficient as the only proof.
    Sha1,
    /// 28 bytes.
    Sha224,
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

/// A digest with its algorithm; the hexadecimal text is lower case and of the right length.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    hex: String,
}

/// Why a text is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// The algorithm's name is not known.
    #[error("unknown checksum algorithm `{0}`")]
    Algorithm(String),
    /// Not hexadecimal, or not as long as the algorithm's digest.
    #[error("`{hex}` is not a {algorithm} digest of {expected} hexadecimal digits")]
    Digest {
        /// What was asked for.
        algorithm: ChecksumAlgorithm,
        /// The text that was found.
        hex: String,
        /// Digits that belong there.
        expected: usize,
    },
}

impl ChecksumAlgorithm {
    /// Reads the name as rpm-md writes it; `sha` is SHA-1 there.
    pub fn parse(name: &str) -> Result<Self, ChecksumError> {
        match name.to_ascii_lowercase().as_str() {
            "md5" => Ok(Self::Md5),
            "sha" | "sha1" => Ok(Self::Sha1),
            "sha224" => Ok(Self::Sha224),
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(ChecksumError::Algorithm(name.to_owned())),
        }
    }

    /// The number that OpenPGP and RPM headers (`FILEDIGESTALGO`) use, RFC 9580 section 9.5.
    pub fn from_openpgp(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Md5,
            2 => Self::Sha1,
            8 => Self::Sha256,
            9 => Self::Sha384,
            10 => Self::Sha512,
            11 => Self::Sha224,
            _ => return None,
        })
    }

    /// Length of the digest in bytes.
    pub fn digest_length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The name in rpm-md; SHA-1 is written `sha1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Checksum {
    /// A checksum from its algorithm and hexadecimal digest.
    pub fn new(algorithm: ChecksumAlgorithm, hex: &str) -> Result<Self, ChecksumError> {
        let expected = algorithm.digest_length() * 2;
        if hex.len() != expected || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ChecksumError::Digest { algorithm, hex: hex.to_owned(), expected });
        }
        Ok(Checksum { algorithm, hex: hex.to_ascii_lowercase() })
    }

    /// A SHA-256 checksum from its 32 bytes.
    pub fn sha256(digest: &[u8; 32]) -> Self {
        Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex::encode(digest) }
    }

    /// A digest of which every byte is zero: what stands for a checksum that is not known yet.
    pub fn zero(algorithm: ChecksumAlgorithm) -> Self {
        Checksum { algorithm, hex: "00".repeat(algorithm.digest_length()) }
    }

    /// Reads `ALGORITHM:HEX`.
    pub fn parse(text: &str) -> Result<Self, ChecksumError> {
        let (name, hex) = text.split_once(':').ok_or_else(|| ChecksumError::Algorithm(text.to_owned()))?;
        Checksum::new(ChecksumAlgorithm::parse(name)?, hex)
    }

    /// The algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The digest in lower-case hexadecimal.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for Checksum {
    /// `ALGORITHM:HEX`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

impl TryFrom<String> for Checksum {
    type Error = ChecksumError;
    fn try_from(text: String) -> Result<Self, ChecksumError> {
        Checksum::parse(&text)
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> String {
        checksum.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digests_of_the_right_length_are_taken() {
        let text = format!("SHA256:{}", "AB".repeat(32));
        assert_eq!(Checksum::parse(&text).unwrap().to_string(), format!("sha256:{}", "ab".repeat(32)));
        assert!(Checksum::parse("sha256:abcd").is_err());
        assert!(Checksum::parse(&format!("sha256:{}", "g".repeat(64))).is_err());
        assert_eq!(Checksum::parse("crc:00"), Err(ChecksumError::Algorithm("crc".into())));
    }
}
