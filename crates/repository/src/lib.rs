//! Addresses, folders of RPMs and pinned keys, in; verified package sets, repodata and cached files, out.
//! Nothing here runs a program or installs a package, and nothing unverified leaves a `verify` function.
//!
//! - [`checksum`]: expected checksums and the streaming hasher that checks them.
//! - [`download`]: mirrors, retries, resumption, and the content-addressed cache.
//! - [`openpgp`]: signatures of metadata and packages against chosen keys.

pub mod checksum;
pub mod download;
pub mod openpgp;
