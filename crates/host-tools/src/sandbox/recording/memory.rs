//! An address in a recorded process, in; the path or the bytes there, out.
#![allow(unsafe_code)]

use std::io;

/// The longest path that the kernel takes, its closing zero included.
const LONGEST_PATH: usize = 4096;
const PAGE: usize = 4096;
/// Most paths are shorter.
const FIRST_PIECE: usize = 256;

/// The bytes before the first zero; nothing where the process itself could not read them as a path either.
pub(super) fn path(thread: u32, address: u64) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    while text.len() < LONGEST_PATH {
        let Some(from) = address.checked_add(text.len() as u64) else { return Ok(None) };
        // What follows in the next page may not be mapped.
        let in_page = PAGE - usize::try_from(from % PAGE as u64).unwrap_or(0);
        let wanted = if text.is_empty() { FIRST_PIECE.min(in_page) } else { in_page };
        let mut piece = [0_u8; PAGE];
        let Some(read) = read(thread, from, &mut piece[..wanted])? else { return Ok(None) };
        if let Some(end) = piece[..read].iter().position(|byte| *byte == 0) {
            text.extend_from_slice(&piece[..end]);
            return Ok((text.len() < LONGEST_PATH).then_some(text));
        }
        if read < wanted {
            return Ok(None);
        }
        text.extend_from_slice(&piece[..read]);
    }
    Ok(None)
}

/// So many bytes, or as many as there are; nothing where there are none.
pub(super) fn bytes<const N: usize>(thread: u32, address: u64, count: usize) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    Ok(read(thread, address, &mut bytes[..count.min(N)])?.map(|_| bytes))
}

/// How much of it was read; nothing where the process has no such memory, or is gone.
fn read(thread: u32, address: u64, into: &mut [u8]) -> io::Result<Option<usize>> {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(usize::try_from(address).unwrap_or(0)),
        iov_len: into.len(),
    };
    // SAFETY: the kernel writes at most the buffer's length into it; the other address is another process's, and the kernel
    // checks it.
    let read =
        unsafe { libc::process_vm_readv(thread.cast_signed(), &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(read) {
        Ok(read) => Ok(Some(read)),
        Err(_) => match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::EFAULT | libc::ESRCH)) => Ok(None),
            error => Err(error),
        },
    }
}
