//! A package file, in; its payload's entries with their bytes, out: verified, decompressed, mapped to the header's files.
//!
//! Names and attributes in the archive are never trusted: an entry only says which of the header's files comes next.

mod archive;
mod compressor;
mod cpio;
mod feed;
mod gate;
mod source;
mod store;

pub use archive::{Archive, ArchiveError, HardLinks, Member, most_bytes};
pub use compressor::Compressor;
pub use feed::{Feed, FeedError, Feeder, Wanted};
pub use source::{PackageDigests, PayloadDigest, VerifiedPayload};
pub use store::{Store, StoreError};
