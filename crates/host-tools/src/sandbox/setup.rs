//! A plan, in the first process of new namespaces; the root entered, everything mounted, privileges dropped.
//!
//! As in `child`: system calls on memory prepared before the fork, nothing else.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::RawFd;
use std::ptr;

use super::plan::{Plan, Step, Tree};

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
    Record,
    Execute,
}

impl Stage {
    /// The stage a child's report names.
    pub(super) fn from_report(number: i32) -> Option<Stage> {
        use Stage::{
            Directory, Enter, Execute, Fork, Hostname, Loopback, Private, Privileges, Record, Root, Tree,
        };
        [
            Root,
            Tree,
            Private,
            Enter,
            Stage::Step,
            Hostname,
            Loopback,
            Privileges,
            Fork,
            Directory,
            Record,
            Execute,
        ]
        .into_iter()
        .find(|stage| *stage as i32 == number)
    }
}

/// What stopped the child: the stage, which tree or step of it, and the error number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal(pub(super) Stage, pub(super) usize, pub(super) i32);

/// The first descriptor that is no stream and no contact with the outside.
pub(super) const FIRST_UNUSED: RawFd = 7;

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

/// Sets up everything but the program itself; `trees` has a place for each tree of the plan.
pub(super) unsafe fn set_up(plan: &Plan, trees: &mut [RawFd]) -> Result<(), Refusal> {
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
        libc::syscall(libc::SYS_close_range, FIRST_UNUSED, u32::MAX, 0);
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

unsafe fn check(result: i64, stage: Stage, index: usize) -> Result<(), Refusal> {
    // SAFETY: reads this thread's error number.
    if result < 0 { Err(unsafe { refusal(stage, index) }) } else { Ok(()) }
}

pub(super) unsafe fn refusal(stage: Stage, index: usize) -> Refusal {
    // SAFETY: reads this thread's error number.
    Refusal(stage, index, unsafe { *libc::__errno_location() })
}
