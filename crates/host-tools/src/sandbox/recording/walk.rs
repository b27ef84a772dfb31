//! A path as a program names it, in; the place that it leads to, out: every link followed as the kernel would, inside the root,
//! and everything on the way recorded.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, FileType, readlinkat, statat};

use super::calls::At;
use super::ledger::Ledger;
use super::memory;
use super::view::{Area, join, parent};

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To an entry of the root, or of the host's `/sys` or `/proc`; there or not.
    Recorded(Vec<u8>),
    /// To what is made for each run, or to the run itself; the path where it has one.
    Own(Option<Vec<u8>>),
    /// Through something that is not there, or not readable: the call fails, and the reason is recorded.
    Nowhere,
}

/// The kernel's own limit.
const MOST_LINKS: usize = 40;
/// What `/proc/PID` has that leads out of it.
const MAGIC: [&[u8]; 5] = [b"fd", b"cwd", b"root", b"exe", b"map_files"];
/// What `/proc` says of this moment, like the time of day; no two runs agree about it.
const MOMENTARY: [&[u8]; 24] = [
    b"buddyinfo",
    b"consoles",
    b"cpuinfo",
    b"diskstats",
    b"interrupts",
    b"key-users",
    b"keys",
    b"kmsg",
    b"loadavg",
    b"locks",
    b"meminfo",
    b"mounts",
    b"net",
    b"pagetypeinfo",
    b"pressure",
    b"schedstat",
    b"slabinfo",
    b"softirqs",
    b"stat",
    b"swaps",
    b"timer_list",
    b"uptime",
    b"vmallocinfo",
    b"vmstat",
];
/// How much of the machine a process may use, under a name that differs from one session to the next.
const CONTROL_GROUPS: &[u8] = b"/sys/fs/cgroup";
/// Settings that belong to the sandbox, or that are drawn anew at each reading.
const OWN_SETTINGS: [&[u8]; 5] = [
    b"/proc/sys/kernel/hostname",
    b"/proc/sys/kernel/domainname",
    b"/proc/sys/kernel/ns_last_pid",
    b"/proc/sys/kernel/random",
    b"/proc/sys/net",
];

impl Ledger {
    /// Where a thread's path leads; nothing where that cannot be known, which ends the recording.
    pub(super) fn place(&mut self, thread: u32, at: At, follow: bool) -> Option<Place> {
        let (directory, text) = match at {
            At::Descriptor(descriptor) => return self.descriptor(thread, descriptor),
            At::Path { directory, text } => (directory, text),
        };
        // The call fails as well, whatever is on the disk.
        let text = match memory::path(thread, text) {
            Ok(Some(text)) => text,
            Ok(None) => return Some(Place::Nowhere),
            Err(error) => {
                self.give_up(format!("its memory cannot be read: {error}"));
                return None;
            }
        };
        if text.is_empty() {
            return if directory == libc::AT_FDCWD {
                self.magic(thread, "cwd")
            } else {
                self.descriptor(thread, directory)
            };
        }
        // A slash at the end asks for the directory behind a link.
        let follow = follow || text.ends_with(b"/") || text.ends_with(b"/.");
        let start = if text.starts_with(b"/") {
            b"/".to_vec()
        } else {
            let base = if directory == libc::AT_FDCWD {
                self.magic(thread, "cwd")?
            } else {
                self.descriptor(thread, directory)?
            };
            match base {
                Place::Recorded(path) | Place::Own(Some(path)) => path,
                Place::Own(None) | Place::Nowhere => return Some(Place::Nowhere),
            }
        };
        self.walk(thread, start, &text, follow)
    }

    /// What an open descriptor of a thread leads to.
    pub(super) fn descriptor(&mut self, thread: u32, descriptor: i32) -> Option<Place> {
        self.magic(thread, &format!("fd/{descriptor}"))
    }

    /// A link below `/proc/THREAD` that the kernel follows without reading it.
    fn magic(&mut self, thread: u32, name: &str) -> Option<Place> {
        let Ok(target) = readlinkat(CWD, format!("/proc/{thread}/{name}"), Vec::new()) else {
            return Some(Place::Nowhere);
        };
        let target = target.into_bytes();
        // Pipes, sockets, memory.
        if !target.starts_with(b"/") || target.starts_with(b"/memfd:") {
            if target.starts_with(b"(unreachable)") {
                self.give_up("it held a directory outside of the root");
                return None;
            }
            return Some(Place::Own(None));
        }
        if target.ends_with(b" (deleted)") {
            // Only a file with no name left is called so by the kernel; others may be called so by people.
            if statat(CWD, format!("/proc/{thread}/{name}"), AtFlags::empty())
                .is_ok_and(|stat| stat.st_nlink > 0)
            {
                self.give_up("a file's name looks like that of a deleted one");
                return None;
            }
            return Some(Place::Own(None));
        }
        Some(self.at_path(target))
    }

    fn at_path(&self, path: Vec<u8>) -> Place {
        match self.view.area(&path) {
            _ if self.view.is_own(&path) => Place::Own(Some(path)),
            _ if is_of_control_groups(&path) => Place::Own(None),
            Area::Tree | Area::Host => Place::Recorded(path),
            Area::Memory | Area::Processes => Place::Own(Some(path)),
        }
    }

    /// Walks from a directory that is known to be one.
    pub(super) fn walk(&mut self, thread: u32, start: Vec<u8>, text: &[u8], follow: bool) -> Option<Place> {
        let mut at = start;
        let mut left: Vec<Vec<u8>> = components(text);
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == b".." {
                at = parent(&at).unwrap_or(b"/").to_vec();
                continue;
            }
            let next = join(&at, &name);
            if self.view.is_own(&next) {
                return Some(Place::Own(Some(next)));
            }
            if is_of_control_groups(&next) {
                return Some(Place::Own(None));
            }
            let area = self.view.area(&next);
            let is_last = left.is_empty();
            if area == Area::Processes {
                match self.process_path(thread, &next, &left, follow)? {
                    Step::Into => {
                        at = next;
                        continue;
                    }
                    Step::Jump(path) => {
                        at = path;
                        if left.is_empty() {
                            return Some(self.at_path(at));
                        }
                        continue;
                    }
                    Step::End(place) => return Some(place),
                    Step::AsHost => {}
                }
            }
            let (kind, target) = match area {
                Area::Memory => in_memory(thread, &next),
                Area::Tree | Area::Host | Area::Processes => {
                    let (stat, target) = self.now(&next);
                    (stat.map(|stat| FileType::from_raw_mode(stat.st_mode)), target)
                }
            };
            match kind {
                Some(FileType::Symlink) if !is_last || follow => {
                    links += 1;
                    let Some(target) = target.filter(|_| links <= MOST_LINKS) else {
                        return Some(Place::Nowhere);
                    };
                    if target.starts_with(b"/") {
                        at = b"/".to_vec();
                    }
                    left.extend(components(&target));
                }
                _ if is_last => {
                    return Some(match area {
                        Area::Memory => Place::Own(Some(next)),
                        Area::Tree | Area::Host | Area::Processes => Place::Recorded(next),
                    });
                }
                Some(FileType::Directory) => at = next,
                Some(_) | None => return Some(Place::Nowhere),
            }
        }
        if self.view.area(&at) == Area::Tree {
            self.touch(&at);
        }
        Some(self.at_path(at))
    }

    /// What a component below `/proc` means: much of it tells of the process that asks.
    fn process_path(&mut self, thread: u32, path: &[u8], left: &[Vec<u8>], follow: bool) -> Option<Step> {
        let below: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(2).collect();
        Some(match below.as_slice() {
            [] => Step::Into,
            [b"self" | b"thread-self"] => Step::Into,
            [b"self" | b"thread-self", b"fd"] if !left.is_empty() => Step::Into,
            [b"self" | b"thread-self", magic @ (b"cwd" | b"root" | b"exe")] if follow || !left.is_empty() => {
                self.follow_magic(thread, &String::from_utf8_lossy(magic))?
            }
            [b"self" | b"thread-self", b"fd", number] if follow || !left.is_empty() => {
                match std::str::from_utf8(number).ok().and_then(|number| number.parse::<u32>().ok()) {
                    Some(number) => self.follow_magic(thread, &format!("fd/{number}"))?,
                    None => Step::End(Place::Nowhere),
                }
            }
            [b"self" | b"thread-self", ..] => Step::End(Place::Own(None)),
            [first, ..] if first.iter().all(u8::is_ascii_digit) => {
                let rest = left.iter().map(Vec::as_slice);
                let outward = below[1..].iter().copied().chain(rest).any(|name| MAGIC.contains(&name));
                // Process 1 of the sandbox lets nobody look.
                if outward && *first != b"1" {
                    if self.is_own_number(thread, first) {
                        return self.own_number(thread, left, follow);
                    }
                    self.give_up("it looked at the files of another process");
                    return None;
                }
                Step::End(Place::Own(None))
            }
            [first] if MOMENTARY.contains(first) => Step::End(Place::Own(None)),
            _ if OWN_SETTINGS.iter().any(|own| path.starts_with(own)) => Step::End(Place::Own(None)),
            _ => Step::AsHost,
        })
    }

    fn follow_magic(&mut self, thread: u32, name: &str) -> Option<Step> {
        Some(match self.magic(thread, name)? {
            Place::Recorded(path) | Place::Own(Some(path)) => Step::Jump(path),
            end @ (Place::Own(None) | Place::Nowhere) => Step::End(end),
        })
    }

    /// `/proc/NUMBER` with the caller's own number is `/proc/self`.
    fn own_number(&mut self, thread: u32, left: &[Vec<u8>], follow: bool) -> Option<Step> {
        let rest: Vec<u8> =
            left.iter().rev().flat_map(|name| [b"/".as_slice(), name]).flatten().copied().collect();
        let place = self.walk(thread, b"/proc/self".to_vec(), &rest, follow)?;
        Some(Step::End(place))
    }

    fn is_own_number(&self, thread: u32, number: &[u8]) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
        let inside = status.lines().find_map(|line| line.strip_prefix("NStgid:")?.split_whitespace().last());
        inside.is_some_and(|inside| inside.as_bytes() == number)
    }
}

fn is_of_control_groups(path: &[u8]) -> bool {
    path.strip_prefix(CONTROL_GROUPS).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

enum Step {
    Into,
    Jump(Vec<u8>),
    End(Place),
    /// Like a file of the host.
    AsHost,
}

/// The components of a path, the first one last, without empty ones and single dots.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .rev()
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
        .collect()
}

/// How this process reaches a path of the sandbox that is not on the disk.
pub(super) fn outside(thread: u32, path: &[u8]) -> PathBuf {
    let mut outside = PathBuf::from(format!("/proc/{thread}/root"));
    outside.push(std::ffi::OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)));
    outside
}

fn in_memory(thread: u32, path: &[u8]) -> (Option<FileType>, Option<Vec<u8>>) {
    let outside = outside(thread, path);
    let Ok(stat) = statat(CWD, &outside, AtFlags::SYMLINK_NOFOLLOW) else { return (None, None) };
    let kind = FileType::from_raw_mode(stat.st_mode);
    let target = kind.is_symlink().then(|| readlinkat(CWD, &outside, Vec::new()).ok()).flatten();
    (Some(kind), target.map(|target| target.into_bytes()))
}
