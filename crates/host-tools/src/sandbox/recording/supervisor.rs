//! A recorded program's calls, in; what it read and changed, out. The program waits at each call until it is written down.

use std::os::fd::OwnedFd;

use rustix::fs::FileType;

use super::calls::{At, Request, request};
use super::ledger::Ledger;
use super::listener::{Listener, Stopped};
use super::memory;
use super::numbers::ARCHITECTURE;
use super::view::{Area, View};
use super::walk::Place;

/// Listens until the last recorded process is gone.
pub(super) fn record(socket: &OwnedFd, view: View) -> Ledger {
    let mut ledger = Ledger::new(view);
    match Listener::receive(socket) {
        Ok(Some(listener)) => listen(&listener, &mut ledger),
        Ok(None) => ledger.give_up("no program was started"),
        Err(error) => ledger.give_up(format!("the kernel does not tell what it does: {error}")),
    }
    ledger
}

fn listen(listener: &Listener, ledger: &mut Ledger) {
    loop {
        match listener.next() {
            Ok(Some(stopped)) => {
                // Once it is lost the program only has to be let go.
                if ledger.problem.is_none() {
                    note(listener, ledger, &stopped);
                }
                listener.let_go(&stopped);
            }
            Ok(None) => return,
            Err(error) => return ledger.give_up(format!("the kernel stopped telling what it does: {error}")),
        }
    }
}

fn note(listener: &Listener, ledger: &mut Ledger, stopped: &Stopped) {
    if Some(stopped.architecture) != ARCHITECTURE {
        return ledger.give_up("it made a call of another architecture");
    }
    let request = request(i64::from(stopped.number), &stopped.arguments);
    let noted = ledger.note(stopped.thread, request);
    // A thread that was killed while its memory was read has a number that may be another's now.
    if noted.is_none() && ledger.problem.is_none() && listener.still_waits(stopped) {
        ledger.give_up("it made a call that was not understood");
    }
}

impl Ledger {
    /// Writes one call down; nothing where it was not understood.
    fn note(&mut self, thread: u32, request: Request) -> Option<()> {
        match request {
            Request::Unknown(reason) => self.give_up(reason),
            Request::Open { at, flags } => self.open(thread, at, flags)?,
            Request::OpenAs { at, how } => self.open_as(thread, at, how)?,
            Request::Look { at, follow, detail } => {
                if let Place::Recorded(path) = self.looked_at(thread, at, follow)? {
                    self.touch(&path);
                    if detail {
                        self.need_detail(&path);
                    }
                }
            }
            Request::Attributes { at, follow } => {
                if let Place::Recorded(path) = self.place(thread, at, follow)? {
                    self.need_attributes(&path);
                }
            }
            Request::Names(descriptor) => {
                if let Place::Recorded(path) = self.descriptor(thread, descriptor)? {
                    self.need_names(&path);
                }
            }
            Request::Execute { at, follow } => {
                let place = self.place(thread, at, follow)?;
                self.execute(thread, place);
            }
            Request::Make(at) => self.make(thread, at)?,
            Request::Remove(at) => self.remove(thread, at)?,
            Request::Link { from, follow, to } => self.link(thread, from, follow, to)?,
            Request::Rename { from, to, exchange } => self.rename(thread, from, to, exchange)?,
            Request::ChangeOwner { at, follow } => {
                if let Some(path) = self.in_tree(thread, at, follow)? {
                    self.change_owner(&path);
                }
            }
            Request::ChangeTimes { at, follow } => {
                if let Some(path) = self.in_tree(thread, at, follow)? {
                    self.change_times(&path);
                }
            }
            Request::Truncate(at) => {
                if let Some(path) = self.in_tree(thread, at, true)? {
                    self.need_content(&path);
                    self.need_detail(&path);
                    self.change_content(&path);
                }
            }
            Request::Socket { address, length, new } => self.socket(thread, address, length, new)?,
            Request::Root(at) => match self.place(thread, at, true)? {
                Place::Recorded(path) if path == b"/" => {}
                Place::Nowhere => {}
                Place::Recorded(_) | Place::Own(_) => self.give_up("it changed its root directory"),
            },
            Request::NewProcess { flags } => {
                const NAMESPACES: u64 = 0x7e02_0080;
                let flags = self.memory::<8>(thread, flags, 8)?.map_or(0, u64::from_ne_bytes);
                if flags & NAMESPACES != 0 {
                    self.give_up("it made namespaces");
                }
            }
        }
        Some(())
    }

    /// As `place`; what is looked at by its descriptor alone was recorded when that was opened.
    fn looked_at(&mut self, thread: u32, at: At, follow: bool) -> Option<Place> {
        match at {
            At::Descriptor(_) => Some(Place::Own(None)),
            At::Path { .. } => self.place(thread, at, follow),
        }
    }

    /// The place, if it is an entry of the root directory on the disk.
    fn in_tree(&mut self, thread: u32, at: At, follow: bool) -> Option<Option<Vec<u8>>> {
        Some(match self.place(thread, at, follow)? {
            Place::Recorded(path) if self.view.area(&path) == Area::Tree => Some(path),
            Place::Recorded(_) | Place::Own(_) | Place::Nowhere => None,
        })
    }

    fn memory<const N: usize>(&mut self, thread: u32, address: u64, count: usize) -> Option<Option<[u8; N]>> {
        match memory::bytes(thread, address, count) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.give_up(format!("its memory cannot be read: {error}"));
                None
            }
        }
    }

    fn open_as(&mut self, thread: u32, at: At, how: u64) -> Option<()> {
        // `struct open_how`: flags, mode, resolve.
        let Some(how) = self.memory::<24>(thread, how, 24)? else { return Some(()) };
        let number = |at: usize| how[at..at + 8].try_into().map_or(0, u64::from_ne_bytes);
        if number(16) & libc::RESOLVE_IN_ROOT != 0 {
            self.give_up("it opened a file inside a root of its own");
            return None;
        }
        self.open(thread, at, number(0))
    }

    fn open(&mut self, thread: u32, at: At, flags: u64) -> Option<()> {
        let flags = u32::try_from(flags & u64::from(u32::MAX)).unwrap_or_default().cast_signed();
        let has = |flag: i32| flags & flag == flag;
        let creates = has(libc::O_CREAT);
        let makes = creates && has(libc::O_EXCL);
        let follow = !has(libc::O_NOFOLLOW) && !makes;
        let place = self.place(thread, at, follow)?;
        let path = match place {
            Place::Recorded(path) => path,
            Place::Own(Some(path)) => {
                if path == b"/dev/random" || path == b"/dev/urandom" {
                    self.give_up("it drew random numbers");
                }
                return Some(());
            }
            Place::Own(None) | Place::Nowhere => return Some(()),
        };
        let (stat, _) = self.now(&path);
        if has(libc::O_PATH) {
            self.need_detail(&path);
            return Some(());
        }
        let Some(stat) = stat else {
            if creates {
                self.change_entry(&path);
            }
            return Some(());
        };
        if makes {
            return Some(());
        }
        self.need_detail(&path);
        let kind = FileType::from_raw_mode(stat.st_mode);
        if has(libc::O_TMPFILE) || !kind.is_file() {
            return Some(());
        }
        let writes = flags & libc::O_ACCMODE != libc::O_RDONLY;
        if has(libc::O_TRUNC) {
            self.change_content(&path);
        } else {
            self.need_content(&path);
            if writes {
                self.change_content(&path);
            }
        }
        Some(())
    }

    fn make(&mut self, thread: u32, at: At) -> Option<()> {
        if let Some(path) = self.in_tree(thread, at, false)?
            && self.now(&path).0.is_none()
        {
            self.change_entry(&path);
        }
        Some(())
    }

    fn remove(&mut self, thread: u32, at: At) -> Option<()> {
        let Some(path) = self.in_tree(thread, at, false)? else { return Some(()) };
        let Some(stat) = self.now(&path).0 else { return Some(()) };
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            self.need_names(&path);
        }
        self.change_entry(&path);
        Some(())
    }

    fn link(&mut self, thread: u32, from: At, follow: bool, to: At) -> Option<()> {
        let from = self.in_tree(thread, from, follow)?;
        let Some(to) = self.in_tree(thread, to, false)? else { return Some(()) };
        if let Some(from) = &from {
            self.give_name(from);
        }
        if self.now(&to).0.is_none() {
            self.change_entry(&to);
        }
        Some(())
    }

    fn rename(&mut self, thread: u32, from: At, to: At, exchange: bool) -> Option<()> {
        let from = self.in_tree(thread, from, false)?;
        let to = self.in_tree(thread, to, false)?;
        match (from, to) {
            (Some(from), Some(to)) => {
                if exchange {
                    self.move_tree(&to, &from);
                }
                if self.now(&to).0.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()) {
                    self.need_names(&to);
                }
                self.move_tree(&from, &to);
            }
            // Between file systems the kernel refuses.
            (Some(path), None) | (None, Some(path)) => {
                self.touch(&path);
            }
            (None, None) => {}
        }
        Some(())
    }

    fn socket(&mut self, thread: u32, address: u64, length: u64, new: bool) -> Option<()> {
        const FAMILY: usize = 2;
        let length = usize::try_from(length & 0xff).unwrap_or(0);
        let Some(bytes) = self.memory::<110>(thread, address, length)? else { return Some(()) };
        let family = i32::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        let path: Vec<u8> = bytes[FAMILY..]
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .take(length.saturating_sub(FAMILY))
            .collect();
        // Without a path the address is none of the file system; networks lead nowhere.
        if family != libc::AF_UNIX || path.is_empty() {
            return Some(());
        }
        if !path.starts_with(b"/") {
            self.give_up("it used a socket by a relative path");
            return None;
        }
        let place = self.walk(thread, b"/".to_vec(), &path, !new)?;
        if let Place::Recorded(path) = place {
            self.touch(&path);
            if new {
                self.give_up("it made a socket in the root");
            }
        }
        Some(())
    }
}
