//! The number and arguments of a system call, in; what it asks of files, out.

use super::numbers::{FILE_GETATTR, FILE_SETATTR, GETXATTRAT, LISTXATTRAT, REMOVEXATTRAT, SETXATTRAT};

/// A file as a call names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// By a path in the caller's memory, from a directory's descriptor (or `AT_FDCWD`).
    Path { directory: i32, text: u64 },
    /// By an open descriptor.
    Descriptor(i32),
}

/// What a call asks of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Open {
        at: At,
        flags: u64,
    },
    /// As `Open`, with the flags in the caller's memory.
    OpenAs {
        at: At,
        how: u64,
    },
    /// Its type, mode and owner; with `detail`, its size and time as well.
    Look {
        at: At,
        follow: bool,
        detail: bool,
    },
    Attributes {
        at: At,
        follow: bool,
    },
    Names(i32),
    Execute {
        at: At,
        follow: bool,
    },
    /// A new entry: directory, link, node.
    Make(At),
    Remove(At),
    Link {
        from: At,
        follow: bool,
        to: At,
    },
    Rename {
        from: At,
        to: At,
        exchange: bool,
    },
    /// Mode, owner, attributes.
    ChangeOwner {
        at: At,
        follow: bool,
    },
    ChangeTimes {
        at: At,
        follow: bool,
    },
    Truncate(At),
    /// A socket's address in the caller's memory, and its length in bytes; `new` where it makes an entry.
    Socket {
        address: u64,
        length: u64,
        new: bool,
    },
    Root(At),
    /// The flags are the first eight bytes there.
    NewProcess {
        flags: u64,
    },
    /// Nothing that could be understood.
    Unknown(&'static str),
}

/// What a call asks for.
pub(super) fn request(number: i64, a: &[u64; 6]) -> Request {
    old(number, a).or_else(|| common(number, a)).unwrap_or_else(|| Request::Unknown(foreign(number)))
}

fn path(text: u64) -> At {
    At::Path { directory: libc::AT_FDCWD, text }
}

fn at(directory: u64, text: u64) -> At {
    At::Path { directory: descriptor(directory), text }
}

/// The kernel looks at the low half of a descriptor's register.
fn descriptor(register: u64) -> i32 {
    low(register).cast_signed()
}

fn low(register: u64) -> u32 {
    u32::try_from(register & u64::from(u32::MAX)).unwrap_or_default()
}

fn has(register: u64, flag: i32) -> bool {
    low(register) & flag.cast_unsigned() != 0
}

fn follows(flags: u64) -> bool {
    !has(flags, libc::AT_SYMLINK_NOFOLLOW)
}

#[cfg(target_arch = "x86_64")]
fn old(number: i64, a: &[u64; 6]) -> Option<Request> {
    let look = |follow, detail| Request::Look { at: path(a[0]), follow, detail };
    Some(match number {
        libc::SYS_open => Request::Open { at: path(a[0]), flags: a[1] },
        libc::SYS_creat => {
            let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
            Request::Open { at: path(a[0]), flags: u64::from(flags.cast_unsigned()) }
        }
        libc::SYS_stat => look(true, true),
        libc::SYS_access => look(true, false),
        libc::SYS_lstat => look(false, true),
        libc::SYS_readlink => look(false, false),
        libc::SYS_getdents => Request::Names(descriptor(a[0])),
        libc::SYS_unlink | libc::SYS_rmdir => Request::Remove(path(a[0])),
        libc::SYS_mkdir | libc::SYS_mknod => Request::Make(path(a[0])),
        libc::SYS_symlink => Request::Make(path(a[1])),
        libc::SYS_link => Request::Link { from: path(a[0]), follow: false, to: path(a[1]) },
        libc::SYS_rename => Request::Rename { from: path(a[0]), to: path(a[1]), exchange: false },
        libc::SYS_renameat => Request::Rename { from: at(a[0], a[1]), to: at(a[2], a[3]), exchange: false },
        libc::SYS_chmod | libc::SYS_chown => Request::ChangeOwner { at: path(a[0]), follow: true },
        libc::SYS_lchown => Request::ChangeOwner { at: path(a[0]), follow: false },
        libc::SYS_utime | libc::SYS_utimes => Request::ChangeTimes { at: path(a[0]), follow: true },
        libc::SYS_futimesat => Request::ChangeTimes { at: at_or_itself(a[0], a[1]), follow: true },
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn old(_number: i64, _a: &[u64; 6]) -> Option<Request> {
    None
}

/// Where no path is given, the descriptor itself is meant.
fn at_or_itself(directory: u64, text: u64) -> At {
    if text == 0 { At::Descriptor(descriptor(directory)) } else { at(directory, text) }
}

fn common(number: i64, a: &[u64; 6]) -> Option<Request> {
    let look = |at, follow, detail| Request::Look { at, follow, detail };
    Some(match number {
        libc::SYS_openat => Request::Open { at: at(a[0], a[1]), flags: a[2] },
        libc::SYS_openat2 => Request::OpenAs { at: at(a[0], a[1]), how: a[2] },
        libc::SYS_newfstatat => look(at_or_itself(a[0], a[1]), follows(a[3]), true),
        libc::SYS_statx => look(at_or_itself(a[0], a[1]), follows(a[2]), true),
        libc::SYS_faccessat => look(at(a[0], a[1]), true, false),
        libc::SYS_faccessat2 => look(at_or_itself(a[0], a[1]), follows(a[3]), false),
        libc::SYS_readlinkat => look(at_or_itself(a[0], a[1]), false, false),
        libc::SYS_getdents64 => Request::Names(descriptor(a[0])),
        libc::SYS_execve => Request::Execute { at: path(a[0]), follow: true },
        libc::SYS_execveat => Request::Execute { at: at(a[0], a[1]), follow: follows(a[4]) },
        libc::SYS_chdir | libc::SYS_statfs => look(path(a[0]), true, false),
        libc::SYS_name_to_handle_at => {
            look(at_or_itself(a[0], a[1]), has(a[4], libc::AT_SYMLINK_FOLLOW), false)
        }
        libc::SYS_inotify_add_watch => look(path(a[1]), true, false),
        FILE_GETATTR => look(at_or_itself(a[0], a[1]), follows(a[4]), false),
        libc::SYS_getxattr | libc::SYS_listxattr => Request::Attributes { at: path(a[0]), follow: true },
        libc::SYS_lgetxattr | libc::SYS_llistxattr => Request::Attributes { at: path(a[0]), follow: false },
        libc::SYS_fgetxattr | libc::SYS_flistxattr => {
            Request::Attributes { at: At::Descriptor(descriptor(a[0])), follow: true }
        }
        GETXATTRAT | LISTXATTRAT => {
            Request::Attributes { at: at_or_itself(a[0], a[1]), follow: follows(a[2]) }
        }
        libc::SYS_unlinkat => Request::Remove(at(a[0], a[1])),
        libc::SYS_mkdirat | libc::SYS_mknodat => Request::Make(at(a[0], a[1])),
        libc::SYS_symlinkat => Request::Make(at(a[1], a[2])),
        libc::SYS_linkat => Request::Link {
            from: at(a[0], a[1]),
            follow: has(a[4], libc::AT_SYMLINK_FOLLOW),
            to: at(a[2], a[3]),
        },
        libc::SYS_renameat2 => Request::Rename {
            from: at(a[0], a[1]),
            to: at(a[2], a[3]),
            exchange: low(a[4]) & libc::RENAME_EXCHANGE != 0,
        },
        _ => return changes(number, a),
    })
}

fn changes(number: i64, a: &[u64; 6]) -> Option<Request> {
    let owner = |at, follow| Request::ChangeOwner { at, follow };
    Some(match number {
        libc::SYS_fchmod | libc::SYS_fchown | libc::SYS_fsetxattr | libc::SYS_fremovexattr => {
            owner(At::Descriptor(descriptor(a[0])), true)
        }
        libc::SYS_fchmodat => owner(at(a[0], a[1]), true),
        libc::SYS_fchmodat2 => owner(at_or_itself(a[0], a[1]), follows(a[3])),
        libc::SYS_fchownat => owner(at_or_itself(a[0], a[1]), follows(a[4])),
        libc::SYS_setxattr | libc::SYS_removexattr => owner(path(a[0]), true),
        libc::SYS_lsetxattr | libc::SYS_lremovexattr => owner(path(a[0]), false),
        SETXATTRAT | REMOVEXATTRAT => owner(at_or_itself(a[0], a[1]), follows(a[2])),
        libc::SYS_utimensat => Request::ChangeTimes { at: at_or_itself(a[0], a[1]), follow: follows(a[3]) },
        libc::SYS_truncate => Request::Truncate(path(a[0])),
        libc::SYS_bind => Request::Socket { address: a[1], length: a[2], new: true },
        libc::SYS_connect => Request::Socket { address: a[1], length: a[2], new: false },
        libc::SYS_chroot => Request::Root(path(a[0])),
        libc::SYS_clone3 => Request::NewProcess { flags: a[0] },
        _ => return None,
    })
}

/// Why a call makes a run one that cannot be understood.
fn foreign(number: i64) -> &'static str {
    match number {
        libc::SYS_clone | libc::SYS_unshare | libc::SYS_setns => "it made namespaces",
        libc::SYS_getrandom => "it drew random numbers for a secret",
        libc::SYS_ioctl | FILE_SETATTR => "it set flags of a file",
        libc::SYS_ptrace | libc::SYS_process_vm_writev | libc::SYS_pidfd_getfd => {
            "it reached into another process"
        }
        libc::SYS_add_key | libc::SYS_request_key | libc::SYS_keyctl => "it used the kernel's keys",
        libc::SYS_open_by_handle_at => "it opened a file without its path",
        libc::SYS_settimeofday
        | libc::SYS_clock_settime
        | libc::SYS_sethostname
        | libc::SYS_setdomainname
        | libc::SYS_swapon
        | libc::SYS_swapoff
        | libc::SYS_quotactl
        | libc::SYS_init_module
        | libc::SYS_finit_module => "it changed the machine",
        libc::SYS_fanotify_init
        | libc::SYS_mount
        | libc::SYS_umount2
        | libc::SYS_pivot_root
        | libc::SYS_open_tree
        | libc::SYS_move_mount
        | libc::SYS_fsopen
        | libc::SYS_fspick
        | libc::SYS_mount_setattr => "it used mounts",
        _ => "it made a call that is not known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::recording::numbers::WATCHED;

    #[test]
    fn every_watched_call_is_understood_or_refused_by_name() {
        let refused: Vec<&str> = WATCHED
            .iter()
            .filter_map(|number| match request(*number, &[0; 6]) {
                Request::Unknown(reason) => Some(reason),
                _ => None,
            })
            .collect();
        let unnamed = refused.iter().filter(|reason| reason.contains("not known")).count();
        // `uselib`, which no kernel of today has, and `open_tree_attr`.
        assert!(unnamed <= 2, "{unnamed} watched calls have no meaning");
    }

    #[test]
    fn a_descriptor_alone_is_meant_where_no_path_is_given() {
        let changed = request(libc::SYS_utimensat, &[7, 0, 0, 0, 0, 0]);
        assert_eq!(changed, Request::ChangeTimes { at: At::Descriptor(7), follow: true });
        let moved = request(libc::SYS_renameat2, &[1, 10, 2, 20, 2, 0]);
        let Request::Rename { exchange, .. } = moved else { panic!("{moved:?}") };
        assert!(exchange);
    }
}
