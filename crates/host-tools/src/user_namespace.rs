//! An ordinary user's process, in; the same process as root of a user namespace, out: there it may own files of any user and
//! make mounts, while the host still sees an ordinary user.
//!
//! User 0 inside is the user outside; users 1 to 65535 inside are the subordinate ids that `/etc/subuid` and `/etc/subgid` grant.
#![allow(unsafe_code)] // fork and unshare: what the process does between them has to happen before any thread starts

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::call::{Call, CallError};
use crate::program;

/// What this process is, once it may do the work of root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Root of the machine (or of the container or namespace that it was started in).
    Root,
    /// Root of an own user namespace: device nodes and security attributes cannot be made on disk.
    MappedRoot,
}

/// Ids that a user may map, from `start` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first id on the host.
    pub start: u32,
    /// How many.
    pub count: u32,
}

/// Why an ordinary user cannot be root of a namespace here.
#[derive(Debug, thiserror::Error)]
pub enum UserNamespaceError {
    /// `/etc/subuid` or `/etc/subgid` grants the user too little.
    #[error(
        "{file} grants user {user} {granted} subordinate ids where {NEEDED_IDS} are needed: as root, run `usermod \
         --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`, or run this command as root"
    )]
    TooFewIds {
        /// The file that grants.
        file: &'static str,
        /// By name if there is one, else by number.
        user: String,
        /// How many ids it does grant.
        granted: u64,
    },
    /// `newuidmap` or `newgidmap` is not installed.
    #[error(
        "{program} is not installed: install the package `uidmap` (Debian) or `shadow-utils` (Fedora), or run this command as root"
    )]
    NoMappingProgram {
        /// Which.
        program: String,
    },
    /// `newuidmap` or `newgidmap` refused.
    #[error("cannot map the ids of user {user}: {refusal}")]
    Mapping {
        /// By name if there is one, else by number.
        user: String,
        /// What the program said.
        refusal: String,
    },
    /// The kernel refused the namespace.
    #[error(
        "this machine does not let ordinary users make user namespaces{}; run this command as root",
        named(switch)
    )]
    Forbidden {
        /// The kernel setting that forbids it, if it is known.
        switch: Option<String>,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process has threads already.
    #[error("a user namespace can be entered only before the first thread starts")]
    Threads,
    /// A file of the system cannot be read, or a process not be started.
    #[error("cannot prepare a user namespace: {doing}")]
    System {
        /// What was being done.
        doing: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Users 1 to 65535.
const NEEDED_IDS: u32 = 65_535;

/// Makes this process root of a user namespace unless it is root already; to be called first in `main`, before any thread.
pub fn ensure_mapped_root() -> Result<Identity, UserNamespaceError> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    if uid == 0 {
        return Ok(Identity::Root);
    }
    let threads =
        fs::read_dir("/proc/self/task").map_err(system("count the threads in /proc/self/task"))?.count();
    if threads != 1 {
        return Err(UserNamespaceError::Threads);
    }
    let name = user_name(&read("/etc/passwd")?, uid);
    let user = name.clone().unwrap_or_else(|| uid.to_string());
    let granted = |file: &'static str| -> Result<Vec<IdRange>, UserNamespaceError> {
        let ranges = parse_ranges(&read(file)?, name.as_deref(), uid);
        let granted = ranges.iter().map(|range| u64::from(range.count)).sum();
        if granted < u64::from(NEEDED_IDS) {
            return Err(UserNamespaceError::TooFewIds { file, user: user.clone(), granted });
        }
        Ok(ranges)
    };
    let uids = map_arguments(uid, &granted("/etc/subuid")?);
    let gids = map_arguments(gid, &granted("/etc/subgid")?);
    enter(&user, &uids, &gids)?;
    Ok(Identity::MappedRoot)
}

/// The name of a user, from the text of `/etc/passwd`.
fn user_name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// The ranges that `/etc/subuid` or `/etc/subgid` grants a user by name or number.
pub fn parse_ranges(text: &str, name: Option<&str>, uid: u32) -> Vec<IdRange> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let range = IdRange { start: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
            (Some(owner) == name || owner.parse() == Ok(uid)).then_some(range)
        })
        .collect()
}

/// What `newuidmap` is told after the process id: triples of inside, outside, count.
fn map_arguments(own: u32, ranges: &[IdRange]) -> Vec<String> {
    let mut arguments = vec!["0".to_owned(), own.to_string(), "1".to_owned()];
    let mut inside = 1;
    for range in ranges {
        let count = range.count.min(NEEDED_IDS + 1 - inside);
        if count > 0 {
            arguments.extend([inside.to_string(), range.start.to_string(), count.to_string()]);
            inside += count;
        }
    }
    arguments
}

/// Unshares this process; a child outside of the new namespace maps its ids meanwhile.
fn enter(user: &str, uids: &[String], gids: &[String]) -> Result<(), UserNamespaceError> {
    let pipe = || io::pipe().map_err(system("make a pipe"));
    let (mut wait_for_namespace, mut namespace_made) = pipe()?;
    let (wait_for_mapping, mapping_said) = pipe()?;
    let process = std::process::id().to_string();
    // SAFETY: this process has one thread, so the child may do whatever this process may.
    let mapper = unsafe { libc::fork() };
    match mapper {
        -1 => Err(system("start a process")(io::Error::last_os_error())),
        0 => {
            drop(namespace_made);
            drop(wait_for_mapping);
            let mut go = [0];
            let status = match wait_for_namespace.read_exact(&mut go) {
                Ok(()) => map(&process, uids, gids, File::from(OwnedFd::from(mapping_said))),
                Err(_) => 0,
            };
            // SAFETY: ends the child without running what this process registered for its own end.
            unsafe { libc::_exit(status) }
        }
        mapper => {
            drop(mapping_said);
            drop(wait_for_namespace);
            // SAFETY: plain system call; this process has one thread.
            let unshared = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
            let refused = io::Error::last_os_error();
            let told = if unshared == 0 { namespace_made.write_all(b"m") } else { Ok(()) };
            drop(namespace_made);
            let mut said = String::new();
            let heard = File::from(OwnedFd::from(wait_for_mapping)).read_to_string(&mut said);
            // SAFETY: waits for the child made above.
            unsafe { libc::waitpid(mapper, std::ptr::null_mut(), 0) };
            if unshared != 0 {
                return Err(UserNamespaceError::Forbidden { switch: forbidding_switch(), source: refused });
            }
            told.and(heard.map(drop)).map_err(system("talk to the process that maps ids"))?;
            judge(user, &said)?;
            become_root()
        }
    }
}

const MAPPED: &str = "mapped";
const MISSING: &str = "missing ";

/// In the child: maps the ids of its parent, and says how that went.
fn map(process: &str, uids: &[String], gids: &[String], mut said: File) -> i32 {
    let outcome = [("newuidmap", uids), ("newgidmap", gids)]
        .into_iter()
        .try_for_each(|(mapper, map)| program::run(&Call::new(mapper).arg(process).args(map)).map(drop));
    let words = match outcome {
        Ok(()) => MAPPED.to_owned(),
        Err(CallError::NotFound { program, .. }) => format!("{MISSING}{program}"),
        Err(error) => error.to_string(),
    };
    i32::from(said.write_all(words.as_bytes()).is_err())
}

fn judge(user: &str, said: &str) -> Result<(), UserNamespaceError> {
    match said.strip_prefix(MISSING) {
        _ if said == MAPPED => Ok(()),
        Some(program) => Err(UserNamespaceError::NoMappingProgram { program: program.to_owned() }),
        None => Err(UserNamespaceError::Mapping { user: user.to_owned(), refusal: said.to_owned() }),
    }
}

/// Takes on user and group 0 of the namespace; further groups stay, for one of them may open `/dev/kvm`.
fn become_root() -> Result<(), UserNamespaceError> {
    // SAFETY: plain system calls; this process has one thread.
    let done = unsafe { libc::setresgid(0, 0, 0) == 0 && libc::setresuid(0, 0, 0) == 0 };
    if done { Ok(()) } else { Err(system("become root of the namespace")(io::Error::last_os_error())) }
}

/// The kernel setting of this machine that keeps ordinary users from making user namespaces.
fn forbidding_switch() -> Option<String> {
    let settings = [
        ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("/proc/sys/user/max_user_namespaces", "0"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    settings.into_iter().find_map(|(path, forbidding)| {
        let value = fs::read_to_string(path).ok()?;
        let name = Path::new(path).strip_prefix("/proc/sys").ok()?.to_string_lossy().replace('/', ".");
        (value.trim() == forbidding).then(|| format!("{name} is {forbidding}"))
    })
}

fn named(switch: &Option<String>) -> String {
    switch.as_ref().map(|switch| format!(" (the kernel setting {switch})")).unwrap_or_default()
}

/// The text of a file, empty if there is none.
fn read(path: &str) -> Result<String, UserNamespaceError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(system(&format!("read {path}"))),
    }
}

fn system(doing: &str) -> impl FnOnce(io::Error) -> UserNamespaceError {
    move |source| UserNamespaceError::System { doing: doing.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBUID: &str = "alice:100000:65536\n# a comment\n4711:300000:1000\nbob:200000\nalice:400000:10\n";

    #[test]
    fn ranges_are_granted_by_name_and_by_number() {
        let alice = parse_ranges(SUBUID, Some("alice"), 1000);
        assert_eq!(alice, [IdRange { start: 100_000, count: 65_536 }, IdRange { start: 400_000, count: 10 }]);
        assert_eq!(parse_ranges(SUBUID, None, 4711), [IdRange { start: 300_000, count: 1000 }]);
        assert_eq!(parse_ranges(SUBUID, Some("bob"), 1001), [], "a line without a count grants nothing");
    }

    #[test]
    fn the_map_covers_65536_ids_and_no_more() {
        let ranges = [IdRange { start: 100_000, count: 60_000 }, IdRange { start: 300_000, count: 60_000 }];
        assert_eq!(map_arguments(1000, &ranges).join(" "), "0 1000 1 1 100000 60000 60001 300000 5535");
    }

    #[test]
    fn a_user_is_named_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(user_name(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(user_name(passwd, 1001), None);
    }
}
