//! A package file and what its header says of the payload, in; proven payload bytes and the whole file's digests, out.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use rpm_model::header::{Header, Tag};
use sha2::{Digest, Sha256, Sha512};
use sha3::Sha3_256;

use crate::package::{Package, PackageProblem};

/// Payloads up to this many bytes are kept in memory between verification and decompression.
const KEPT_IN_MEMORY: u64 = 64 << 20;
const BLOCK: usize = 1 << 20;

/// What the payload's bytes must give, by the strongest statement that the header makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadDigest {
    /// SHA-256 of the compressed bytes.
    Sha256(String),
    /// SHA-512 of the compressed bytes.
    Sha512(String),
    /// SHA3-256 of the compressed bytes.
    Sha3(String),
    /// SHA-256 of the plain bytes.
    PlainSha256(String),
    /// SHA-512 of the plain bytes.
    PlainSha512(String),
    /// SHA3-256 of the plain bytes.
    PlainSha3(String),
}

/// Digests of a whole package file, which rpm keeps in its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageDigests {
    /// SHA-256 of every byte.
    pub sha256: [u8; 32],
    /// SHA-512 of every byte.
    pub sha512: [u8; 64],
}

impl PayloadDigest {
    /// The statement to hold the payload to; one on compressed bytes wins, as it is proven before anything is decompressed.
    pub fn from_header(header: &Header) -> Option<Self> {
        let stated = |tag| header.string(tag).filter(|text| !text.is_empty()).map(str::to_owned);
        stated(Tag::PAYLOAD_SHA256)
            .map(Self::Sha256)
            .or_else(|| stated(Tag::PAYLOAD_SHA512).map(Self::Sha512))
            .or_else(|| stated(Tag::PAYLOAD_SHA3_256).map(Self::Sha3))
            .or_else(|| stated(Tag::PAYLOAD_SHA256_ALT).map(Self::PlainSha256))
            .or_else(|| stated(Tag::PAYLOAD_SHA512_ALT).map(Self::PlainSha512))
            .or_else(|| stated(Tag::PAYLOAD_SHA3_256_ALT).map(Self::PlainSha3))
    }

    fn stated(&self) -> &str {
        match self {
            Self::Sha256(text)
            | Self::Sha512(text)
            | Self::Sha3(text)
            | Self::PlainSha256(text)
            | Self::PlainSha512(text)
            | Self::PlainSha3(text) => text,
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) | Self::PlainSha256(_) => "SHA-256",
            Self::Sha512(_) | Self::PlainSha512(_) => "SHA-512",
            Self::Sha3(_) | Self::PlainSha3(_) => "SHA3-256",
        }
    }

    fn is_plain(&self) -> bool {
        matches!(self, Self::PlainSha256(_) | Self::PlainSha512(_) | Self::PlainSha3(_))
    }

    fn hasher(&self) -> Hasher {
        match self {
            Self::Sha256(_) | Self::PlainSha256(_) => Hasher::Sha256(Sha256::new()),
            Self::Sha512(_) | Self::PlainSha512(_) => Hasher::Sha512(Sha512::new()),
            Self::Sha3(_) | Self::PlainSha3(_) => Hasher::Sha3(Sha3_256::new()),
        }
    }

    fn compare(&self, hasher: Hasher) -> Result<(), PackageProblem> {
        let found = hasher.hex();
        if self.stated().eq_ignore_ascii_case(&found) {
            Ok(())
        } else {
            Err(PackageProblem::PayloadDigest {
                algorithm: self.algorithm(),
                stated: self.stated().to_owned(),
                found,
            })
        }
    }
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
    Sha3(Sha3_256),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
            Self::Sha3(hasher) => hasher.update(bytes),
        }
    }

    fn hex(self) -> String {
        match self {
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
            Self::Sha3(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

/// A payload whose compressed bytes were proven (or, where the header only speaks of the plain ones, its plain bytes).
pub struct VerifiedPayload {
    digests: PackageDigests,
    bytes: ProvenBytes,
}

enum ProvenBytes {
    Memory(Vec<u8>),
    File(File),
}

impl VerifiedPayload {
    /// Reads the whole package file once: digests of the file, proof of the payload.
    pub fn open(package: &Package) -> Result<Self, PackageProblem> {
        let mut file = File::open(&package.file).map_err(PackageProblem::Read)?;
        let length = file.metadata().map_err(PackageProblem::Read)?.len();
        let offset = package.payload.offset;
        let keep = length.saturating_sub(offset) <= KEPT_IN_MEMORY;
        let mut whole = (Sha256::new(), Sha512::new());
        let mut proof = (!package.payload.digest.is_plain()).then(|| package.payload.digest.hasher());
        let mut kept = Vec::new();
        let mut block = vec![0; BLOCK];
        let mut position = 0u64;
        loop {
            let count = read_some(&mut file, &mut block).map_err(PackageProblem::Read)?;
            if count == 0 {
                break;
            }
            let bytes = &block[..count];
            whole.0.update(bytes);
            whole.1.update(bytes);
            let before = usize::try_from(offset.saturating_sub(position)).unwrap_or(usize::MAX).min(count);
            if let Some(proof) = &mut proof {
                proof.update(&bytes[before..]);
            }
            if keep {
                kept.extend_from_slice(&bytes[before..]);
            }
            position += count as u64;
        }
        if let Some(proof) = proof {
            package.payload.digest.compare(proof)?;
        }
        let digests = PackageDigests { sha256: whole.0.finalize().into(), sha512: whole.1.finalize().into() };
        let mut payload = VerifiedPayload {
            digests,
            bytes: if keep { ProvenBytes::Memory(kept) } else { ProvenBytes::File(file) },
        };
        if package.payload.digest.is_plain() {
            payload.prove_plain(package)?;
        }
        Ok(payload)
    }

    /// Digests of the package file as it was read.
    pub fn digests(&self) -> PackageDigests {
        self.digests
    }

    /// Lets `read` read the plain bytes, to their end unless it fails; never more than the header's files can have.
    pub fn decompress(
        &mut self,
        package: &Package,
        mut read: impl FnMut(&mut dyn Read) -> Result<(), PackageProblem>,
    ) -> Result<(), PackageProblem> {
        let compressor = package.payload.compressor;
        let most = package.payload.most_bytes;
        let mut read = |plain: &mut dyn Read| {
            let mut bounded = Bounded { inner: plain, left: most, exceeded: false };
            let result = read(&mut bounded);
            if bounded.exceeded { Err(PackageProblem::PayloadLength(most)) } else { result }
        };
        match &mut self.bytes {
            ProvenBytes::Memory(bytes) => {
                let mut reader = compressor.reader(&bytes[..]).map_err(PackageProblem::Read)?;
                read(&mut reader)
            }
            ProvenBytes::File(file) => {
                file.seek(SeekFrom::Start(package.payload.offset)).map_err(PackageProblem::Read)?;
                let mut again = Proving { inner: file, hasher: package.payload.digest.hasher() };
                {
                    let buffered = BufReader::with_capacity(BLOCK, &mut again);
                    let mut reader = compressor.reader(buffered).map_err(PackageProblem::Read)?;
                    read(&mut reader)?;
                }
                // The file could have changed since it was proven.
                if !package.payload.digest.is_plain() {
                    io::copy(&mut again, &mut io::sink()).map_err(PackageProblem::Read)?;
                    package.payload.digest.compare(again.hasher)?;
                }
                Ok(())
            }
        }
    }

    fn prove_plain(&mut self, package: &Package) -> Result<(), PackageProblem> {
        let mut hasher = package.payload.digest.hasher();
        let mut block = vec![0; BLOCK];
        self.decompress(package, |reader| {
            loop {
                match fill(reader, &mut block)? {
                    0 => return Ok(()),
                    count => hasher.update(&block[..count]),
                }
            }
        })?;
        package.payload.digest.compare(hasher)
    }
}

/// A few bytes of a decompression bomb become terabytes: reading ends with an error where no file could be.
struct Bounded<'a> {
    inner: &'a mut dyn Read,
    left: u64,
    exceeded: bool,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            self.exceeded = self.inner.read(&mut [0])? > 0;
            return if self.exceeded { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(0) };
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.inner.read(&mut buffer[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}

struct Proving<'a> {
    inner: &'a mut File,
    hasher: Hasher,
}

impl Read for Proving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Reads until the block is full or there is no more; how much it was.
pub(super) fn fill(reader: &mut dyn Read, block: &mut [u8]) -> Result<usize, PackageProblem> {
    let mut filled = 0;
    while filled < block.len() {
        match read_some(reader, &mut block[filled..]).map_err(PackageProblem::Read)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
