//! A plan and file descriptors, in; a running program in its own namespaces, out.
//!
//! Forking a process that may have threads and setting up namespaces by hand is what the standard library cannot do, hence the
//! `unsafe`. Between the fork and the program's start the child makes system calls on memory prepared before: it never
//! allocates, locks, or unwinds, for another thread may have held the allocator's lock at the fork.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::plan::Plan;
use super::recording::listener;
use super::setup::{FIRST_UNUSED, Refusal, Stage, refusal, set_up};

/// The child's ends of its streams.
pub(super) struct ChildEnds {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    /// Told what went wrong before the program started; closed when it starts.
    pub(super) started: OwnedFd,
    /// Told how the program ended.
    pub(super) ended: OwnedFd,
    /// Closed when this process ends, however it ends.
    pub(super) lifeline: OwnedFd,
    /// Where a recorded program's calls are heard of.
    pub(super) recorder: Option<OwnedFd>,
}

/// The first process of the namespaces, as this process sees it.
pub(super) struct Init {
    pub(super) pid: i32,
    pub(super) pidfd: OwnedFd,
}

/// Where descriptors lie in the child, whatever their numbers are here.
const STARTED: RawFd = 3;
const LIFELINE: RawFd = 4;
const ENDED: RawFd = 5;
const RECORDER: RawFd = 6;
/// Above every descriptor the child uses, so that moving one never overwrites another.
const FIRST_FREE: RawFd = 16;

/// Starts the child; what it could not do it tells through `started`.
pub(super) fn start(plan: &Plan, ends: ChildEnds) -> io::Result<Init> {
    let ends = ends.moved_up()?;
    let argv = pointers(&plan.arguments);
    let envp = pointers(&plan.variables);
    let mut trees = vec![-1; plan.trees.len()];
    let mut pidfd: RawFd = -1;
    let namespaces = libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | if plan.own_network { libc::CLONE_NEWNET } else { 0 };
    // SAFETY: all-zero is a valid value of this plain structure.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = u64::from((namespaces | libc::CLONE_PIDFD).cast_unsigned());
    arguments.pidfd = ptr::from_mut(&mut pidfd) as u64;
    arguments.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());

    // SAFETY: the signal sets are local; the child runs on a copy of this memory and never returns from `first_process`,
    // which makes only async-signal-safe calls; the pointers it uses point into `plan`, `argv`, `envp`, which outlive it.
    unsafe {
        // No handler of this process may run in the child.
        let mut every = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&raw mut every);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const every, &raw mut before);
        let pid = libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>());
        if pid == 0 {
            first_process(plan, &ends, &mut trees, &argv, &envp);
        }
        let error = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        if pid < 0 {
            return Err(error);
        }
        let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Init { pid, pidfd: OwnedFd::from_raw_fd(pidfd) })
    }
}

impl ChildEnds {
    fn moved_up(self) -> io::Result<ChildEnds> {
        let up =
            |fd: OwnedFd| -> io::Result<OwnedFd> { Ok(rustix::io::fcntl_dupfd_cloexec(&fd, FIRST_FREE)?) };
        Ok(ChildEnds {
            stdin: up(self.stdin)?,
            stdout: up(self.stdout)?,
            stderr: up(self.stderr)?,
            started: up(self.started)?,
            ended: up(self.ended)?,
            lifeline: up(self.lifeline)?,
            recorder: self.recorder.map(up).transpose()?,
        })
    }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// Process 1 of the namespaces: sets them up, starts the program, and stays until it ends.
unsafe fn first_process(
    plan: &Plan,
    ends: &ChildEnds,
    trees: &mut [RawFd],
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
) -> ! {
    // SAFETY: only system calls on memory that was prepared before the fork.
    unsafe {
        arrange_descriptors(ends);
        // Whoever started this process may ignore its children's ends; then the kernel would not tell how they ended.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        // The copy of this process's memory is not for the program to read through /proc/1.
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        let program = set_up(plan, trees).and_then(|()| {
            match libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) {
                -1 => Err(refusal(Stage::Fork, 0)),
                pid => Ok(pid),
            }
        });
        match program {
            Err(refusal) => report(refusal),
            Ok(0) => report(become_program(plan, argv, envp)),
            Ok(pid) => reap_until(pid),
        }
    }
}

unsafe fn arrange_descriptors(ends: &ChildEnds) {
    use std::os::fd::AsRawFd;
    // SAFETY: plain system calls on descriptors this process owns.
    unsafe {
        libc::dup2(ends.stdin.as_raw_fd(), 0);
        libc::dup2(ends.stdout.as_raw_fd(), 1);
        libc::dup2(ends.stderr.as_raw_fd(), 2);
        libc::dup2(ends.started.as_raw_fd(), STARTED);
        libc::dup2(ends.lifeline.as_raw_fd(), LIFELINE);
        libc::dup2(ends.ended.as_raw_fd(), ENDED);
        match &ends.recorder {
            Some(recorder) => libc::dup2(recorder.as_raw_fd(), RECORDER),
            None => libc::close(RECORDER),
        };
        libc::syscall(libc::SYS_close_range, FIRST_UNUSED, u32::MAX, 0);
        libc::fcntl(STARTED, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(LIFELINE, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(ENDED, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(RECORDER, libc::F_SETFD, libc::FD_CLOEXEC);
    }
}

unsafe fn become_program(plan: &Plan, argv: &[*const libc::c_char], envp: &[*const libc::c_char]) -> Refusal {
    // SAFETY: the vectors end in a null pointer and point to C strings that live on in this copy of memory.
    unsafe {
        libc::close(LIFELINE);
        libc::close(ENDED);
        if plan.own_session {
            libc::setsid();
        }
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        if libc::chdir(plan.directory.as_ptr()) != 0 {
            return refusal(Stage::Directory, 0);
        }
        if !plan.filter.is_empty()
            && let Err(errno) = listener::submit(&plan.filter, RECORDER)
        {
            return Refusal(Stage::Record, 0, errno);
        }
        let mut worst = libc::ENOENT;
        for candidate in &plan.candidates {
            libc::execve(candidate.as_ptr(), argv.as_ptr(), envp.as_ptr());
            let errno = *libc::__errno_location();
            if errno != libc::ENOENT && errno != libc::ENOTDIR {
                worst = errno;
            }
        }
        Refusal(Stage::Execute, 0, worst)
    }
}

/// Waits for the program, and for whatever it left behind, until the program ends or the process outside does.
unsafe fn reap_until(program: i64) -> ! {
    // SAFETY: plain system calls on local structures. Signals are blocked since before the fork, so none is missed.
    unsafe {
        for fd in [0, 1, 2, STARTED, RECORDER] {
            libc::close(fd);
        }
        let mut children = std::mem::zeroed();
        libc::sigemptyset(&raw mut children);
        libc::sigaddset(&raw mut children, libc::SIGCHLD);
        let signals = libc::signalfd(-1, &raw const children, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        loop {
            let mut status = 0;
            loop {
                let pid = libc::waitpid(-1, &raw mut status, libc::WNOHANG);
                if i64::from(pid) == program {
                    let mut other = 0;
                    let left_behind = loop {
                        match libc::waitpid(-1, &raw mut other, libc::WNOHANG) {
                            0 => break 1,
                            1.. => {}
                            _ => break 0,
                        }
                    };
                    let end = [status, left_behind];
                    libc::write(ENDED, end.as_ptr().cast(), size_of_val(&end));
                    libc::_exit(0);
                }
                if pid <= 0 {
                    break;
                }
            }
            let event = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            let mut events = [event(signals), event(LIFELINE)];
            libc::poll(events.as_mut_ptr(), 2, -1);
            if events[1].revents != 0 {
                libc::_exit(0);
            }
            let mut seen = [0_u8; size_of::<libc::signalfd_siginfo>()];
            libc::read(signals, seen.as_mut_ptr().cast(), seen.len());
        }
    }
}

unsafe fn report(Refusal(stage, index, errno): Refusal) -> ! {
    let report = [stage as i32, i32::try_from(index).unwrap_or(i32::MAX), errno];
    // SAFETY: writes a local array.
    unsafe {
        libc::write(STARTED, report.as_ptr().cast(), size_of_val(&report));
        libc::_exit(127);
    }
}

/// What the child reported before the program started, or nothing if it did start.
pub(super) fn read_report(mut started: File) -> io::Result<Option<(i32, usize, io::Error)>> {
    use std::io::Read;
    let mut report = Vec::new();
    started.read_to_end(&mut report)?;
    let mut numbers =
        report.chunks_exact(4).map(|bytes| i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    Ok(match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(stage), Some(index), Some(errno)) => {
            Some((stage, usize::try_from(index).unwrap_or(0), io::Error::from_raw_os_error(errno)))
        }
        _ => None,
    })
}
