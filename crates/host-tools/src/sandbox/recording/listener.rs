//! The kernel's end of a recording: the calls at which a recorded program waits, in; leave to go on, out.
//!
//! The descriptor that the kernel makes for this belongs to the recorded process; it travels here over a socket.
#![allow(unsafe_code)]

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::filter::Instruction;

/// A call at which a thread of the recorded program waits.
pub(super) struct Stopped {
    id: u64,
    /// As this process numbers it.
    pub(super) thread: u32,
    pub(super) architecture: u32,
    pub(super) number: i32,
    pub(super) arguments: [u64; 6],
}

/// Where recorded calls come in.
pub(super) struct Listener(OwnedFd);

/// Both sides stay on one processor: the recorded program waits anyway.
const WAKE_ON_THE_SAME_PROCESSOR: u64 = 1;

/// What a descriptor takes in a message, in bytes.
const DESCRIPTOR: u32 = 4;

impl Listener {
    /// What the recorded process sent; nothing where it ended before.
    pub(super) fn receive(socket: &OwnedFd) -> io::Result<Option<Listener>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        rustix::io::retry_on_intr(|| {
            recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        })?;
        let received = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        if let Some(listener) = &received {
            // SAFETY: an ioctl with a number; older kernels refuse it, which only costs time.
            unsafe {
                libc::ioctl(
                    listener.as_raw_fd(),
                    libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                    WAKE_ON_THE_SAME_PROCESSOR,
                );
            }
        }
        Ok(received.map(Listener))
    }

    /// The next call; nothing when the last recorded process is gone.
    pub(super) fn next(&self) -> io::Result<Option<Stopped>> {
        loop {
            let mut polled = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
            match poll(&mut polled, None) {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            if !polled[0].revents().contains(PollFlags::IN) {
                return Ok(None);
            }
            // SAFETY: all-zero is a valid value of this plain structure, and the one that the kernel demands.
            let mut stopped: libc::seccomp_notif = unsafe { std::mem::zeroed() };
            // SAFETY: the structure is local and of the size that the request number states.
            let received =
                unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut stopped) };
            if received == 0 {
                return Ok(Some(Stopped {
                    id: stopped.id,
                    thread: stopped.pid,
                    architecture: stopped.data.arch,
                    number: stopped.data.nr,
                    arguments: stopped.data.args,
                }));
            }
            match io::Error::last_os_error() {
                // The thread was killed meanwhile.
                error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {}
                error => return Err(error),
            }
        }
    }

    /// Whether the thread still waits at this call: else its number may be another's by now.
    pub(super) fn still_waits(&self, stopped: &Stopped) -> bool {
        // SAFETY: the kernel reads a local number.
        unsafe {
            libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const stopped.id) == 0
        }
    }

    /// Lets the call happen.
    pub(super) fn let_go(&self, stopped: &Stopped) {
        let answer = libc::seccomp_notif_resp {
            id: stopped.id,
            val: 0,
            error: 0,
            flags: u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1),
        };
        // SAFETY: the structure is local; the only way to fail is a thread that is gone.
        unsafe {
            libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const answer);
        }
    }
}

/// In the process to be recorded: puts itself under the filter and sends the other end away; an error number if that is refused.
///
/// Between fork and program, as all of `child`: it makes system calls on memory that is there already.
pub(in crate::sandbox) unsafe fn submit(filter: &[Instruction], socket: RawFd) -> Result<(), i32> {
    let errno = || io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    // SAFETY: `Instruction` is laid out as the kernel's, the program is local and its length is given; the message and what it
    // points to are local.
    unsafe {
        // The supervisor reads this memory; until the program starts nobody else is here who could.
        libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).unwrap_or(0),
            filter: filter.as_ptr().cast_mut().cast(),
        };
        let mut listener = -1;
        for flags in [
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
        ] {
            listener =
                libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
            if listener >= 0 {
                break;
            }
        }
        if listener < 0 {
            return Err(errno());
        }
        let listener = RawFd::try_from(listener).unwrap_or(-1);
        let mut byte = 0_u8;
        let mut piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut space = [0_u64; 4];
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = space.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(DESCRIPTOR) as usize;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(DESCRIPTOR) as usize;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(listener);
        if libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL) < 0 {
            return Err(errno());
        }
        libc::close(listener);
        libc::close(socket);
        Ok(())
    }
}
