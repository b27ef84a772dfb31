//! Addresses, folders of RPMs and pinned keys, in; verified package sets, repodata and cached files, out.
//! Nothing here runs a program or installs a package, and nothing unverified leaves a `verify` function.
//!
//! - [`check`]: what a set of repositories lacks.
//! - [`checksum`]: expected checksums and the streaming hasher that checks them.
//! - [`download`]: mirrors, retries, resumption, and the content-addressed cache.
//! - [`index_cache`]: what was made of proven metadata, to be mapped into memory next time.
//! - [`metadata`]: the documents of rpm-md as pure parsers, and their compression.
//! - [`openpgp`]: signatures of metadata and packages against chosen keys.
//! - [`source`]: where a repository is, and why it may be believed.
//! - [`write`]: folders of RPMs to repodata.
//!
//! [`Repository::open`] reads a repository.

pub mod check;
pub mod checksum;
pub mod download;
pub mod index_cache;
pub mod metadata;
pub mod openpgp;
pub mod source;
pub mod write;

mod open;

pub use open::{Mirrors, OpenError, Repository};
pub use source::{Location, Proof, Source};
