//! What is wanted, and how patiently.

use std::time::Duration;

use rpm_model::Checksum;

use crate::checksum::is_strong;

/// What the bytes of a file must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The exact size in bytes, where it was promised.
    pub size: Option<u64>,
    /// All checksums that were promised; at least one must be stronger than SHA-1, and each strong one must match.
    pub checksums: Vec<Checksum>,
}

impl Expected {
    /// A file with this checksum and, if known, this size in bytes.
    pub fn new(checksum: Checksum, size: Option<u64>) -> Expected {
        Expected { size, checksums: vec![checksum] }
    }

    /// The checksums that are checked, strongest last.
    pub(super) fn strong(&self) -> Vec<&Checksum> {
        let mut strong: Vec<_> =
            self.checksums.iter().filter(|checksum| is_strong(checksum.algorithm())).collect();
        strong.sort();
        strong.dedup();
        strong
    }
}

/// One file whose content is known in advance.
#[derive(Debug, Clone)]
pub struct Request {
    /// What people call it: a package file name, `primary.xml.zst`.
    pub name: String,
    /// Where it can be had, best first: `http:`, `https:` or `file:` URLs.
    pub urls: Vec<String>,
    /// What it must be.
    pub expected: Expected,
}

/// One file whose content nobody promised: it is kept under its key and revalidated on every use.
#[derive(Debug, Clone)]
pub struct NamedRequest {
    /// What people call it: `repomd.xml of fedora`.
    pub name: String,
    /// The identity of the thing whatever mirror answers, such as its first URL.
    pub key: String,
    /// Where it can be had, best first.
    pub urls: Vec<String>,
    /// More bytes than this are refused.
    pub limit: u64,
    /// Whether caches on the way must be bypassed too (after a signed index did not match its files).
    pub bypass_caches: bool,
}

/// How patient, how parallel, and whether the network may be used at all.
#[derive(Debug, Clone)]
pub struct Options {
    /// Use only what the cache holds.
    pub offline: bool,
    /// Files on the way at once.
    pub connections: usize,
    /// How often the whole list of mirrors is tried again after failures that may pass.
    pub retries: u32,
    /// The pause before the first retry; each further one doubles, up to 16 times this.
    pub first_pause: Duration,
    /// The longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest silence within a transfer.
    pub stall_timeout: Duration,
    /// The largest file accepted when no size was promised, in bytes.
    pub size_limit: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            offline: false,
            connections: 8,
            retries: 4,
            first_pause: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
            size_limit: 4 << 30,
        }
    }
}
