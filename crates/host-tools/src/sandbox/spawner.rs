//! Plans, in; the same children that `child` makes, out of a small process.
//!
//! A fork copies the tables of all memory that a process has: 80 ms for 1 GiB, at every call. The spawner is forked once, early,
//! while the process is small, and forks for it from then on. Without it every call forks directly, and works all the same.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::child::{self, ChildEnds, Init};
use super::plan::Plan;

static SPAWNER: OnceLock<Mutex<OwnedFd>> = OnceLock::new();

/// The plan, the six ends, and where a recorded program is heard.
const DESCRIPTORS: usize = 8;

/// Makes every later call of a sandbox cheap, however large this process becomes; to be called early in `main`, after entering
/// a user namespace. Calling it again does nothing.
pub fn start_spawner() -> io::Result<()> {
    if SPAWNER.get().is_some() {
        return Ok(());
    }
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // SAFETY: the child may allocate, for the C library's fork leaves its allocator usable; it shares no lock of ours.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(ours);
            serve(&theirs)
        }
        _ => {
            // Lost only if another thread did the same meanwhile: the spare one ends with its socket.
            let _spare = SPAWNER.set(Mutex::new(ours));
            Ok(())
        }
    }
}

/// Starts a child by the spawner, if there is one, or else directly.
pub(super) fn start(plan: &Plan, ends: ChildEnds) -> io::Result<Init> {
    let Some(spawner) = SPAWNER.get() else { return child::start(plan, ends) };
    let mut written = File::from(memfd_create(c"plan", MemfdFlags::CLOEXEC)?);
    written.write_all(&serde_json::to_vec(plan)?)?;
    let socket = spawner.lock().unwrap_or_else(PoisonError::into_inner);
    let ChildEnds { stdin, stdout, stderr, started, ended, lifeline, recorder } = &ends;
    let mut descriptors = vec![
        written.as_fd(),
        stdin.as_fd(),
        stdout.as_fd(),
        stderr.as_fd(),
        started.as_fd(),
        ended.as_fd(),
        lifeline.as_fd(),
    ];
    descriptors.extend(recorder.as_ref().map(AsFd::as_fd));
    if send(socket.as_fd(), 0, &descriptors).is_err() {
        // It was killed; this process can still fork itself.
        return child::start(plan, ends);
    }
    let (answer, mut descriptors) = receive(socket.as_fd())?;
    match descriptors.pop() {
        Some(pidfd) => Ok(Init { pid: answer, pidfd }),
        None => Err(io::Error::from_raw_os_error(answer)),
    }
}

/// The spawner's life: until the socket's other end is closed.
fn serve(socket: &OwnedFd) -> ! {
    // SAFETY: plain system calls. Children that nobody waits for are buried by the kernel; a terminal's signals are for others.
    unsafe {
        for signal in [libc::SIGCHLD, libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE]
        {
            libc::signal(signal, libc::SIG_IGN);
        }
        libc::prctl(libc::PR_SET_NAME, c"lazuli-spawner".as_ptr());
        let own = u32::try_from(socket.as_raw_fd()).unwrap_or(0);
        libc::syscall(libc::SYS_close_range, own + 1, u32::MAX, 0);
        libc::syscall(libc::SYS_close_range, 0, own.saturating_sub(1), 0);
    }
    loop {
        let Ok((_, descriptors)) = receive(socket.as_fd()) else { break };
        let sent = match spawn(descriptors) {
            Ok(init) => send(socket.as_fd(), init.pid, &[init.pidfd.as_fd()]),
            Err(error) => send(socket.as_fd(), error.raw_os_error().unwrap_or(libc::EIO), &[]),
        };
        if sent.is_err() {
            break;
        }
    }
    // SAFETY: ends this process without running what the original process registered for its own end.
    unsafe { libc::_exit(0) }
}

fn spawn(mut descriptors: Vec<OwnedFd>) -> io::Result<Init> {
    let recorder = if descriptors.len() == DESCRIPTORS { descriptors.pop() } else { None };
    let [plan, stdin, stdout, stderr, started, ended, lifeline] =
        <[OwnedFd; DESCRIPTORS - 1]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut text = Vec::new();
    let mut written = File::from(plan);
    written.rewind()?;
    written.read_to_end(&mut text)?;
    child::start(
        &serde_json::from_slice(&text)?,
        ChildEnds { stdin, stdout, stderr, started, ended, lifeline, recorder },
    )
}

fn send(socket: BorrowedFd<'_>, number: i32, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(socket, &[IoSlice::new(&number.to_ne_bytes())], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive(socket: BorrowedFd<'_>) -> io::Result<(i32, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut number = [0; 4];
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut [IoSliceMut::new(&mut number)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
    })?;
    if received.bytes != number.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let descriptors = ancillary
        .drain()
        .filter_map(|message| {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message { Some(descriptors) } else { None }
        })
        .flatten()
        .collect();
    Ok((i32::from_ne_bytes(number), descriptors))
}
