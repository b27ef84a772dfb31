//! Bytes in, checksums out, and the comparison with what was promised.
//! Nothing here reads a disk. MD5 and SHA-1 can be named, never trusted.

use std::io::{self, Read};

use rpm_model::{Checksum, ChecksumAlgorithm};
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

/// Whether a file with this checksum may be trusted to be the promised one.
pub fn is_strong(algorithm: ChecksumAlgorithm) -> bool {
    !matches!(algorithm, ChecksumAlgorithm::Md5 | ChecksumAlgorithm::Sha1)
}

/// SHA-256 of a whole slice.
pub fn sha256(bytes: &[u8]) -> Checksum {
    Checksum::sha256(&Sha256::digest(bytes).into())
}

/// One running hash; also an [`std::io::Write`], so that a stream can be copied into it.
#[derive(Debug, Clone)]
pub enum Hasher {
    /// MD5.
    Md5(md5::Md5),
    /// SHA-1.
    Sha1(sha1::Sha1),
    /// SHA-224.
    Sha224(Sha224),
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-384.
    Sha384(Sha384),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// A hash of nothing yet.
    pub fn new(algorithm: ChecksumAlgorithm) -> Hasher {
        match algorithm {
            ChecksumAlgorithm::Md5 => Hasher::Md5(md5::Md5::new()),
            ChecksumAlgorithm::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            ChecksumAlgorithm::Sha224 => Hasher::Sha224(Sha224::new()),
            ChecksumAlgorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            ChecksumAlgorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            ChecksumAlgorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Md5(hash) => hash.update(bytes),
            Hasher::Sha1(hash) => hash.update(bytes),
            Hasher::Sha224(hash) => hash.update(bytes),
            Hasher::Sha256(hash) => hash.update(bytes),
            Hasher::Sha384(hash) => hash.update(bytes),
            Hasher::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The checksum of all bytes added.
    pub fn finish(self) -> Checksum {
        let (algorithm, digits) = match self {
            Hasher::Md5(hash) => (ChecksumAlgorithm::Md5, hex::encode(hash.finalize())),
            Hasher::Sha1(hash) => (ChecksumAlgorithm::Sha1, hex::encode(hash.finalize())),
            Hasher::Sha224(hash) => (ChecksumAlgorithm::Sha224, hex::encode(hash.finalize())),
            Hasher::Sha256(hash) => (ChecksumAlgorithm::Sha256, hex::encode(hash.finalize())),
            Hasher::Sha384(hash) => (ChecksumAlgorithm::Sha384, hex::encode(hash.finalize())),
            Hasher::Sha512(hash) => (ChecksumAlgorithm::Sha512, hex::encode(hash.finalize())),
        };
        Checksum::new(algorithm, &digits).expect("a digest has its own algorithm's length")
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A reader that hashes what passes through it.
pub(crate) struct Hashing<R> {
    pub(crate) inner: R,
    pub(crate) hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
