//! A plan and file descriptors, in; a running program in its own namespaces, out.
//!
//! Forking a process that may have threads and setting up namespaces by hand is what the standard library cannot do, hence the
//! `unsafe`. Between the fork and the program's start the child makes system calls on memory prepared before: it never
//! allocates, locks, or unwinds, for another thread may have held the allocator's lock at the fork.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::plan::{Plan, Step, Tree};

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
}

/// The first process of the namespaces, as this process sees it.
pub(super) struct Init {
    pub(super) pid: i32,
    pub(super) pidfd: OwnedFd,
}

/// What the child was at when the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Stage {
    Root = 1,
    Tree,
    Private,
    Enter,
    Step,
    Hostname,
    Loopback,
    Privileges,
    Fork,
    Directory,
    Execute,
}

impl Stage {
    /// The stage a child's report names.
    pub(super) fn from_report(number: i32) -> Option<Stage> {
        use Stage::{Directory, Enter, Execute, Fork, Hostname, Loopback, Private, Privileges, Root, Tree};
        [Root, Tree, Private, Enter, Stage::Step, Hostname, Loopback, Privileges, Fork, Directory, Execute]
            .into_iter()
            .find(|stage| *stage as i32 == number)
    }
}

/// What stopped the child: the stage, which tree or step of it, and the error number.
#[derive(Debug, Clone, Copy)]
struct Refusal(Stage, usize, i32);

/// Where descriptors lie in the child, whatever their numbers are here.
const STARTED: RawFd = 3;
const LIFELINE: RawFd = 4;
const ENDED: RawFd = 5;
/// Above every descriptor the child uses, so that moving one never overwrites another.
const FIRST_FREE: RawFd = 16;

/// What programs that build an image need; everything else is dropped for good. By number, as in linux/capability.h.
const KEPT_CAPABILITIES: [u8; 13] = [
    0,  // CHOWN
    1,  // DAC_OVERRIDE
    2,  // DAC_READ_SEARCH
    3,  // FOWNER
    4,  // FSETID
    5,  // KILL
    6,  // SETGID
    7,  // SETUID
    8,  // SETPCAP
    18, // SYS_CHROOT
    27, // MKNOD; the root is mounted nodev, so a node can be made and not used
    29, // AUDIT_WRITE
    31, // SETFCAP
];

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
        libc::syscall(libc::SYS_close_range, 6, u32::MAX, 0);
        libc::fcntl(STARTED, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(LIFELINE, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(ENDED, libc::F_SETFD, libc::FD_CLOEXEC);
    }
}

unsafe fn set_up(plan: &Plan, trees: &mut [RawFd]) -> Result<(), Refusal> {
    // SAFETY: only system calls on memory that was prepared before the fork.
    unsafe {
        libc::umask(0);
        let root = open_tree(&plan.root, Stage::Root, 0)?;
        for (index, tree) in plan.trees.iter().enumerate() {
            trees[index] = open_tree(tree, Stage::Tree, index)?;
        }
        let attached_on =
            libc::open(plan.root.source.as_ptr(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC);
        check(i64::from(attached_on), Stage::Root, 0)?;
        make_private()?;
        enter(root, attached_on)?;
        for (index, step) in plan.steps.iter().enumerate() {
            take(step, trees).map_err(|errno| Refusal(Stage::Step, index, errno))?;
        }
        leave_host_tree()?;
        let name = plan.hostname.as_bytes();
        check(i64::from(libc::sethostname(name.as_ptr().cast(), name.len())), Stage::Hostname, 0)?;
        if plan.own_network {
            raise_loopback()?;
        }
        libc::syscall(libc::SYS_close_range, 6, u32::MAX, 0);
        libc::umask(0o022);
        drop_privileges()
    }
}

/// Copies a part of the host's tree, with what is mounted in it, as a mount of its own.
unsafe fn open_tree(tree: &Tree, stage: Stage, index: usize) -> Result<RawFd, Refusal> {
    // SAFETY: the path is a C string; the attribute structure is local.
    unsafe {
        let fd = clone_tree(&tree.source);
        check(fd, stage, index)?;
        let fd = RawFd::try_from(fd).unwrap_or(-1);
        let mut attributes = 0;
        if tree.read_only {
            attributes |= libc::MOUNT_ATTR_RDONLY;
        }
        if !tree.devices {
            attributes |= libc::MOUNT_ATTR_NODEV;
        }
        check(set_attributes(fd, attributes), stage, index)?;
        Ok(fd)
    }
}

unsafe fn clone_tree(path: &CStr) -> i64 {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE.cast_unsigned();
    // SAFETY: the path is a C string.
    unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) }
}

unsafe fn set_attributes(tree: RawFd, attributes: u64) -> i64 {
    // SAFETY: all-zero is a valid value of this plain structure.
    let mut wanted: libc::mount_attr = unsafe { std::mem::zeroed() };
    wanted.attr_set = attributes;
    wanted.propagation = libc::MS_PRIVATE;
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the structure is local and its size is given.
    unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree,
            c"".as_ptr(),
            flags,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    }
}

unsafe fn attach(tree: RawFd, directory: RawFd, target: &CStr) -> i64 {
    const EMPTY_PATHS: libc::c_uint = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    let flags = if target.is_empty() {
        EMPTY_PATHS
    } else {
        libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_SYMLINKS
    };
    // SAFETY: both paths are C strings.
    unsafe { libc::syscall(libc::SYS_move_mount, tree, c"".as_ptr(), directory, target.as_ptr(), flags) }
}

/// Cuts these namespaces' mounts off from the host's, both ways.
unsafe fn make_private() -> Result<(), Refusal> {
    // SAFETY: plain system calls.
    unsafe {
        let private = || {
            let flags = libc::MS_REC | libc::MS_PRIVATE;
            libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), flags, ptr::null())
        };
        if private() == 0 {
            return Ok(());
        }
        if *libc::__errno_location() != libc::EINVAL {
            return Err(refusal(Stage::Private, 0));
        }
        // This process lives in a chroot, whose `/` is no mount point. The trees are taken already: go up to the real `/`.
        check(i64::from(libc::chdir(c"/".as_ptr())), Stage::Private, 0)?;
        check(i64::from(libc::chroot(c"/proc".as_ptr())), Stage::Private, 0)?;
        for _ in 0..libc::PATH_MAX {
            if libc::chdir(c"..".as_ptr()) != 0 {
                break;
            }
        }
        check(i64::from(libc::chroot(c".".as_ptr())), Stage::Private, 0)?;
        check(i64::from(private()), Stage::Private, 0)
    }
}

/// Makes the root tree `/`, with the host's tree still mounted over it: absolute paths lead into the root, `.` to the host.
/// The host's tree has to stay until `/proc` is mounted, for in a user namespace the kernel wants to see another one.
unsafe fn enter(root: RawFd, attached_on: RawFd) -> Result<(), Refusal> {
    // SAFETY: plain system calls.
    unsafe {
        check(attach(root, attached_on, c""), Stage::Enter, 0)?;
        check(i64::from(libc::fchdir(root)), Stage::Enter, 0)?;
        check(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()), Stage::Enter, 0)
    }
}

unsafe fn leave_host_tree() -> Result<(), Refusal> {
    // SAFETY: plain system calls.
    unsafe {
        check(i64::from(libc::umount2(c".".as_ptr(), libc::MNT_DETACH)), Stage::Enter, 0)?;
        check(i64::from(libc::chdir(c"/".as_ptr())), Stage::Enter, 0)
    }
}

unsafe fn take(step: &Step, trees: &[RawFd]) -> Result<(), i32> {
    // SAFETY: all strings are C strings prepared before the fork.
    unsafe {
        let done = match step {
            Step::Filesystem { kind, target, options, noexec } => {
                let devices = if kind.as_c_str() == c"devpts" { 0 } else { libc::MS_NODEV };
                let flags = libc::MS_NOSUID | devices | if *noexec { libc::MS_NOEXEC } else { 0 };
                libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast())
            }
            Step::Directory(path) => already(libc::mkdir(path.as_ptr(), 0o755)),
            Step::File(path) => {
                let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CREAT | libc::O_CLOEXEC, 0o644);
                if fd < 0 { fd } else { libc::close(fd) }
            }
            Step::Link { target, name } => libc::symlink(target.as_ptr(), name.as_ptr()),
            Step::Attach { tree, target } => truth(attach(trees[*tree], libc::AT_FDCWD, target)),
            Step::ReadOnly(path) => return make_read_only(path),
        };
        if done == 0 { Ok(()) } else { Err(*libc::__errno_location()) }
    }
}

unsafe fn make_read_only(path: &CStr) -> Result<(), i32> {
    // SAFETY: the path is a C string.
    unsafe {
        let tree = clone_tree(path);
        let errno = *libc::__errno_location();
        if tree < 0 {
            // Which of these there are depends on the kernel's configuration.
            return if errno == libc::ENOENT { Ok(()) } else { Err(errno) };
        }
        let tree = RawFd::try_from(tree).unwrap_or(-1);
        if set_attributes(tree, libc::MOUNT_ATTR_RDONLY) != 0 || attach(tree, libc::AT_FDCWD, path) != 0 {
            return Err(*libc::__errno_location());
        }
        libc::close(tree);
        Ok(())
    }
}

unsafe fn already(made: i32) -> i32 {
    // SAFETY: reads this thread's error number.
    if made != 0 && unsafe { *libc::__errno_location() } == libc::EEXIST { 0 } else { made }
}

fn truth(result: i64) -> i32 {
    if result == 0 { 0 } else { -1 }
}

unsafe fn raise_loopback() -> Result<(), Refusal> {
    // SAFETY: the request structure is local and all-zero is a valid value of it.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        check(i64::from(socket), Stage::Loopback, 0)?;
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_flags = 1; // IFF_UP
        check(i64::from(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request)), Stage::Loopback, 0)?;
        libc::close(socket);
        Ok(())
    }
}

unsafe fn drop_privileges() -> Result<(), Refusal> {
    // SAFETY: plain system calls.
    unsafe {
        for capability in 0..64 {
            let kept = KEPT_CAPABILITIES.iter().any(|kept| u64::from(*kept) == capability);
            if !kept && libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 {
                // Past the last capability this kernel knows.
                if *libc::__errno_location() == libc::EINVAL {
                    break;
                }
                return Err(refusal(Stage::Privileges, 0));
            }
        }
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        check(i64::from(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), Stage::Privileges, 0)
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
        for fd in [0, 1, 2, STARTED] {
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
                    libc::write(ENDED, (&raw const status).cast(), size_of::<i32>());
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

unsafe fn check(result: i64, stage: Stage, index: usize) -> Result<(), Refusal> {
    // SAFETY: reads this thread's error number.
    if result < 0 { Err(unsafe { refusal(stage, index) }) } else { Ok(()) }
}

unsafe fn refusal(stage: Stage, index: usize) -> Refusal {
    // SAFETY: reads this thread's error number.
    Refusal(stage, index, unsafe { *libc::__errno_location() })
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
