//! A program that is about to start, in; everything that the kernel reads for that, recorded, out: the file, the interpreter
//! that its first line or its ELF header names, and that one's.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::ledger::Ledger;
use super::walk::{Place, outside};

/// The kernel's own limit on interpreters of interpreters.
const MOST_INTERPRETERS: usize = 5;
const HEAD: usize = 4096;
/// ELF: the kind of a program header that names an interpreter.
const INTERPRETER: u32 = 3;
const LONGEST_INTERPRETER: u64 = 4096;

impl Ledger {
    /// Records the start of a program.
    pub(super) fn execute(&mut self, thread: u32, place: Place) {
        let mut place = place;
        for _ in 0..=MOST_INTERPRETERS {
            let file = match &place {
                Place::Nowhere => return,
                Place::Own(None) => return self.give_up("it started a program that has no path"),
                Place::Own(Some(path)) => File::open(outside(thread, path)),
                Place::Recorded(path) => {
                    let (path, (stat, _)) = (path.clone(), self.now(path));
                    if stat.is_none_or(|stat| !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file()) {
                        return;
                    }
                    self.need_content(&path);
                    self.view.open(&path)
                }
            };
            let file = match file {
                Ok(file) => file,
                // Not in memory either: the start fails.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
                Err(error) => return self.give_up(format!("a program cannot be read: {error}")),
            };
            match interpreter(&file) {
                Ok(Some(interpreter)) => {
                    let Some(next) = self.interpreter_place(thread, &interpreter) else { return };
                    place = next;
                }
                Ok(None) => return,
                Err(error) => return self.give_up(format!("a program cannot be read: {error}")),
            }
        }
    }

    fn interpreter_place(&mut self, thread: u32, path: &[u8]) -> Option<Place> {
        if !path.starts_with(b"/") {
            self.give_up("a program's interpreter has a relative path");
            return None;
        }
        self.walk(thread, b"/".to_vec(), path, true)
    }
}

/// The path of the interpreter that a program's file names.
fn interpreter(file: &File) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = vec![0; HEAD];
    let length = file.read_at(&mut head, 0)?;
    head.truncate(length);
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let name = line.trim_ascii().split(|byte| byte.is_ascii_whitespace() || *byte == 0).next();
        return Ok(name.filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
    }
    let Some((at, size)) = elf_interpreter(&head, file)? else { return Ok(None) };
    let mut path = vec![0; usize::try_from(size.min(LONGEST_INTERPRETER)).unwrap_or(0)];
    file.read_exact_at(&mut path, at)?;
    Ok(path.split(|byte| *byte == 0).next().map(<[u8]>::to_vec))
}

/// Where in an ELF file the interpreter's path is, and how long it is; of 64 bits, least significant byte first.
fn elf_interpreter(head: &[u8], file: &File) -> std::io::Result<Option<(u64, u64)>> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return Ok(None);
    }
    let number = |bytes: &[u8], at: usize, size: usize| -> u64 {
        let bytes = bytes.get(at..at + size).unwrap_or_default();
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let (table, entry, count) = (number(head, 32, 8), number(head, 54, 2), number(head, 56, 2));
    for index in 0..count {
        let mut header = [0; 56];
        if file.read_at(&mut header, table.saturating_add(index * entry))? < header.len() {
            return Ok(None);
        }
        if number(&header, 0, 4) == u64::from(INTERPRETER) {
            return Ok(Some((number(&header, 8, 8), number(&header, 32, 8))));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_first_line_names_an_interpreter() {
        let named = |text: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text).unwrap();
            interpreter(&file).unwrap()
        };
        assert_eq!(named(b"#! /bin/sh -e\necho").as_deref(), Some(&b"/bin/sh"[..]));
        assert_eq!(named(b"#!/usr/bin/perl").as_deref(), Some(&b"/usr/bin/perl"[..]));
        assert_eq!(named(b"echo"), None);
        assert_eq!(named(b""), None);
    }

    #[test]
    fn an_elf_header_names_an_interpreter() {
        let own = File::open("/proc/self/exe").unwrap();
        let named = interpreter(&own).unwrap().unwrap();
        assert!(std::path::Path::new(std::str::from_utf8(&named).unwrap()).exists());
    }
}
