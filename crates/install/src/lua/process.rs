//! The system calls of scriptlets that Rust offers no safe form of: fork, exec, the environment, limits and times of the process.
//!
//! They are sound here for one reason: the interpreter is a process of its own with a single thread (`interpreter_main`), so a
//! fork leaves no lock held and nobody else reads the environment while it changes.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;

/// Forks: 0 in the child, its number in the parent.
pub(super) fn fork() -> io::Result<i32> {
    // SAFETY: single thread (see above), so the child may do whatever the parent could.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

/// Becomes another program, looked for in `PATH`; returns only with the reason why not.
pub(super) fn execute(arguments: &[Vec<u8>]) -> io::Error {
    let arguments: Result<Vec<CString>, _> =
        arguments.iter().map(|argument| CString::new(argument.clone())).collect();
    let Ok(arguments) = arguments else { return io::ErrorKind::InvalidInput.into() };
    let pointers: Vec<_> =
        arguments.iter().map(|argument| argument.as_ptr()).chain([std::ptr::null()]).collect();
    // A program started from here must not inherit files that the script has open (rpmSetCloseOnExec).
    // SAFETY: the pointers are to NUL-terminated strings that live until the call ends, and the list ends with null.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        // Rust ignores this signal, and what is ignored stays so in the new program.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::execvp(pointers[0], pointers.as_ptr());
    }
    io::Error::last_os_error()
}

/// Ends the process at once.
pub(super) fn end(status: i32) -> ! {
    // SAFETY: nothing is left to clean up that the kernel does not.
    unsafe { libc::_exit(status) }
}

/// Sets an environment variable.
pub(super) fn set_variable(name: &OsStr, value: &OsStr) -> io::Result<()> {
    if name.is_empty()
        || name.as_bytes().contains(&b'=')
        || [name, value].iter().any(|text| text.as_bytes().contains(&0))
    {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: single thread; name and value were checked.
    unsafe { std::env::set_var(name, value) };
    Ok(())
}

/// Removes an environment variable.
pub(super) fn remove_variable(name: &OsStr) {
    if !name.is_empty() && !name.as_bytes().iter().any(|byte| matches!(byte, b'=' | 0)) {
        // SAFETY: single thread; the name was checked.
        unsafe { std::env::remove_var(name) };
    }
}

/// A limit of the system by its `_SC_` number; -1 where there is none.
pub(super) fn system_limit(name: i32) -> i64 {
    // SAFETY: sysconf takes any number.
    unsafe { libc::sysconf(name) }
}

/// A limit of a path by its `_PC_` number; -1 where there is none or the path is not there.
pub(super) fn path_limit(path: &[u8], name: i32) -> i64 {
    let Ok(path) = CString::new(path) else { return -1 };
    // SAFETY: the path is a C string.
    unsafe { libc::pathconf(path.as_ptr(), name) }
}

/// User, system, children's user and system time, and time since some moment, in ticks of the system clock.
pub(super) fn times() -> [i64; 5] {
    let mut times = libc::tms { tms_utime: 0, tms_stime: 0, tms_cutime: 0, tms_cstime: 0 };
    // SAFETY: the structure is local.
    let elapsed = unsafe { libc::times(&raw mut times) };
    [times.tms_utime, times.tms_stime, times.tms_cutime, times.tms_cstime, elapsed]
}

/// Waits for a child (-1: any) and tells its number and status.
pub(super) fn wait(pid: i32) -> io::Result<(i32, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: the status is local.
        match unsafe { libc::waitpid(pid, &raw mut status, 0) } {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            -1 => return Err(io::Error::last_os_error()),
            ended => return Ok((ended, status)),
        }
    }
}

/// Makes `target` another name of an open descriptor, such as 1 for standard output.
pub(super) fn redirect(from: i32, target: i32) -> io::Result<()> {
    // SAFETY: dup2 takes any numbers; the interpreter keeps no owner of the descriptors 0 to 2 that this could upset.
    match unsafe { libc::dup2(from, target) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Sends a signal.
pub(super) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes any numbers.
    match unsafe { libc::kill(pid, signal) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes on a user (`-1` is refused by the kernel).
pub(super) fn set_user(uid: u32) -> io::Result<()> {
    // SAFETY: setuid takes any number.
    match unsafe { libc::setuid(uid) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes on a group (`-1` is refused by the kernel).
pub(super) fn set_group(gid: u32) -> io::Result<()> {
    // SAFETY: setgid takes any number.
    match unsafe { libc::setgid(gid) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
