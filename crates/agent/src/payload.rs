//! What an update brings, and where its bytes come from: the caller's side of staging.

use std::io::{self, Write};

use crate::error::Coded;
use crate::storage::{Window, WritableWindow};

/// A version that a verified release offers: what planning needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Candidate {
    /// Name of the image, as `IMAGE_ID` says it.
    pub image: String,
    /// Its version, as `IMAGE_VERSION` says it.
    pub version: String,
    /// What it runs on, as `uname -m` says it.
    pub architecture: String,
    /// Root hash of the verity tree; its halves are the partitions' UUIDs.
    #[serde(with = "hex::serde")]
    pub root_hash: [u8; 32],
    /// Bytes of the root file system.
    pub root_size: u64,
    /// Bytes of the verity partition's content, superblock included.
    pub verity_size: u64,
    /// Bytes of the signature partition's content, if the root hash is signed.
    pub signature_size: Option<u64>,
    /// Bytes of the unified kernel image.
    pub kernel_size: u64,
    /// SHA-256 of the unified kernel image.
    #[serde(with = "hex::serde")]
    pub kernel_sha256: [u8; 32],
}

/// What lies on the disk already and may be copied from instead of fetched.
pub struct Sources<'a> {
    /// The running version's root file system.
    pub root: Window<'a>,
    /// The running version's hash tree.
    pub verity: Window<'a>,
    /// Unified kernel images on the ESP, with their names.
    pub kernels: Vec<(String, Box<dyn ReadAt + 'a>)>,
}

/// A file or a part of a device, to read from at any place.
pub trait ReadAt: Send + Sync {
    /// Size in bytes.
    fn size(&self) -> u64;
    /// Fills `buffer` from `offset` on.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// The partitions to fill. What an interrupted staging left in them may be read: a block that has its leaf hash already is
/// done, and needs neither fetching nor writing.
pub struct Target<'a> {
    /// For the root file system.
    pub root: WritableWindow<'a>,
    /// For the hash tree.
    pub verity: WritableWindow<'a>,
    /// For the root hash's signature, if the disk has a place for it.
    pub signature: Option<WritableWindow<'a>>,
}

/// Brings the bytes of a candidate; implemented by the side that downloads.
pub trait Payload {
    /// Fills the slot. Only bytes that the candidate's root hash vouches for may be written, but nothing is believed:
    /// the slot is read again and compared with the root hash afterwards.
    fn fill(
        &mut self,
        candidate: &Candidate,
        sources: &Sources<'_>,
        target: &Target<'_>,
    ) -> Result<(), Box<dyn Coded>>;

    /// Writes the unified kernel image; its length and SHA-256 are compared afterwards.
    fn kernel(
        &mut self,
        candidate: &Candidate,
        sources: &Sources<'_>,
        output: &mut dyn Write,
    ) -> Result<(), Box<dyn Coded>>;
}
