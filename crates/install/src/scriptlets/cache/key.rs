//! A sandbox, a call and what the caller knows of it, in; the name under which its runs are kept, out.

use std::fs;
use std::os::fd::BorrowedFd;

use host_tools::sandbox::recording::identity;
use host_tools::{Call, Sandbox};
use sha2::{Digest as _, Sha256};

use super::entry::MARK;

/// The key; nothing for a call that is not to be kept.
///
/// Beside what the program is given it holds what it could notice of the machine without reading a file of the root: the
/// kernel, the kind of the disk's file system, and which users there are. `epoch` is in seconds since 1970.
pub(super) fn key(
    sandbox: &Sandbox,
    call: &Call,
    root: BorrowedFd<'_>,
    epoch: u64,
    given: &[&[u8]],
) -> Option<String> {
    let mut hasher = Sha256::new();
    let mut put = |field: &[u8]| {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field);
    };
    put(MARK);
    put(env!("CARGO_PKG_VERSION").as_bytes());
    put(&identity(sandbox, call)?);
    put(&epoch.to_le_bytes());
    let kernel = rustix::system::uname();
    put(kernel.release().to_bytes());
    put(kernel.version().to_bytes());
    put(kernel.machine().to_bytes());
    put(&rustix::fs::fstatfs(root).ok()?.f_type.to_le_bytes());
    for map in ["/proc/self/uid_map", "/proc/self/gid_map"] {
        put(&fs::read(map).ok()?);
    }
    given.iter().for_each(|field| put(field));
    Some(hex::encode(hasher.finalize()))
}
