//! A call and a sandbox, in; the program's end and output, and all that it read and wrote, out.
//!
//! Every system call of the program, and of what it starts, that names a file is stopped by a filter in the kernel until a
//! thread of this process has written down what is there (seccomp's user notification); then the kernel goes on with the
//! call as if nobody had asked. See `docs/design/0105-recorded-runs.md`.

mod calls;
mod digests;
mod execute;
pub(in crate::sandbox) mod filter;
mod identity;
mod ledger;
pub(in crate::sandbox) mod listener;
mod memory;
mod numbers;
mod seen;
mod supervisor;
mod view;
mod walk;
mod written;

use std::io;
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

pub use digests::{Digest, Digests};
pub use identity::identity;
pub use seen::{Changed, Detail, Kind, Seen, There};
pub use view::{Attributes, View, counts};
pub use written::{Entry, EntryKind, Owner, Time, Written};

use self::filter::{Instruction, filter};
use self::ledger::Ledger;

/// All that a run read and wrote in its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What it found before it changed anything, sorted by path.
    pub seen: Vec<(Vec<u8>, Seen)>,
    /// What it left, sorted by path.
    pub written: Vec<(Vec<u8>, Written)>,
}

/// A recording that is going on.
#[derive(Debug)]
pub(in crate::sandbox) struct Recorder {
    thread: JoinHandle<Ledger>,
}

impl Recorder {
    /// Starts to listen; the filter and the socket are for the process that shall be recorded.
    pub(in crate::sandbox) fn start(view: View) -> io::Result<(Recorder, Vec<Instruction>, OwnedFd)> {
        let filter = filter().ok_or(io::ErrorKind::Unsupported)?;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || supervisor::record(&ours, view))?;
        Ok((Recorder { thread }, filter, theirs))
    }

    /// What was recorded, or why that is of no use; to be called when the run has ended.
    pub(in crate::sandbox) fn finish(self, left_behind: bool) -> Result<Recording, String> {
        let mut ledger = match self.thread.join() {
            Ok(ledger) => ledger,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        if left_behind {
            ledger.give_up("it left processes running");
        }
        let written = if ledger.problem.is_none() { ledger.written() } else { Vec::new() };
        let seen = if ledger.problem.is_none() { ledger.seen() } else { Vec::new() };
        match ledger.problem {
            None => Ok(Recording { seen, written }),
            Some(problem) => Err(problem),
        }
    }
}
