//! A program, in; the same program killed after a number of stops at system calls, or run to its end, out.
//!
//! The kernel counts: every thread and child of the program stops before and after each of its system calls.
#![allow(unsafe_code, reason = "ptrace has no safe form")]
#![allow(clippy::disallowed_methods, reason = "the program that is killed is started here")]

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With success, after so many stops.
    Itself(u64),
    /// By its own failure.
    Failed,
    /// Killed here.
    Killed,
}

const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_EXITKILL;

/// Runs the program until it stopped `stops` times.
#[allow(clippy::zombie_processes, reason = "waitpid below waits for all of its threads")]
pub(crate) fn run(mut command: Command, stops: u64) -> Ended {
    // SAFETY: between fork and exec only this system call is made.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let child = command.spawn().expect("the program starts");
    let main = i32::try_from(child.id()).expect("a process id");
    let mut traced = BTreeSet::new();
    let mut count = 0;
    let mut ended = None;
    loop {
        let mut status = 0;
        // SAFETY: waits for children of this thread alone, and writes one number.
        let stopped = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        if stopped < 0 {
            return ended.unwrap_or(Ended::Killed);
        }
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            traced.remove(&stopped);
            if stopped == main && libc::WIFEXITED(status) {
                let success = libc::WEXITSTATUS(status) == 0;
                ended = Some(if success { Ended::Itself(count) } else { Ended::Failed });
            }
            continue;
        }
        if traced.insert(stopped) {
            // SAFETY: the thread is stopped and traced by this one.
            unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, stopped, 0, OPTIONS) };
        }
        let signal = libc::WSTOPSIG(status);
        let at_call = signal == libc::SIGTRAP | 0x80;
        count += u64::from(at_call);
        if count == stops {
            for process in &traced {
                // SAFETY: these are the threads of the program started here.
                unsafe { libc::kill(*process, libc::SIGKILL) };
            }
            ended = Some(Ended::Killed);
        }
        let own = at_call || signal == libc::SIGTRAP || signal == libc::SIGSTOP;
        let deliver = if own { 0 } else { signal };
        // SAFETY: the thread is stopped and traced by this one.
        unsafe { libc::ptrace(libc::PTRACE_SYSCALL, stopped, 0, deliver) };
    }
}
