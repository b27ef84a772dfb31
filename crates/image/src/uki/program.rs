//! An EFI program and further sections in; the program with those sections out.
//!
//! The format is Microsoft's "PE Format" (PE32+ images), of which an EFI stub uses little: headers, and sections one after the
//! other. What has no place in it is refused, not repaired.

mod signature;

use std::borrow::Cow;

/// Why bytes are no EFI program that sections can be added to.
#[derive(Debug, thiserror::Error)]
pub enum PeError {
    /// The headers are not there or cut off.
    #[error("is no 64-bit EFI program")]
    NotAProgram,
    /// The headers contradict each other or the file.
    #[error("has a header that says something impossible of its {0}")]
    Impossible(&'static str),
    /// A signature covers the bytes that would change.
    #[error("is signed already, and what is signed cannot change")]
    Signed,
    /// The section table has no room.
    #[error("has no room in its headers for the section {0}")]
    NoRoom(String),
    /// Sections have names of up to eight bytes.
    #[error("cannot have a section {0}: names have at most eight bytes")]
    LongName(String),
    /// The section that is there is too small for the new content.
    #[error("has a section {name} of {room} bytes, and {needed} are needed")]
    TooSmall {
        /// Its name.
        name: String,
        /// Bytes that are there.
        room: usize,
        /// Bytes of the new content.
        needed: usize,
    },
}

/// Bytes of a block of the file systems whose files go in.
const BLOCK: usize = 4096;
const SECTION: usize = 40;
const CODE: u32 = 0x20;
const INITIALIZED_DATA: u32 = 0x40;
const READABLE: u32 = 0x4000_0000;
const NX_COMPATIBLE: u16 = 0x100;
/// Number of the data directory that tells of signatures.
const SECURITY: usize = 4;

/// A program in memory.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where the COFF header, the optional header and the section table begin.
    coff: usize,
    optional: usize,
    sections: usize,
    count: usize,
}

/// One line of the section table.
#[derive(Debug, Clone, Copy)]
struct Section {
    /// Where the line is.
    line: usize,
    virtual_size: u32,
    virtual_address: u32,
    raw_size: usize,
    raw_start: usize,
}

impl<'a> Program<'a> {
    /// Reads the headers.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, PeError> {
        if !bytes.starts_with(b"MZ") {
            return Err(PeError::NotAProgram);
        }
        let mut program =
            Program { bytes: Cow::Borrowed(bytes), coff: 0, optional: 0, sections: 0, count: 0 };
        let signature = usize::try_from(program.number(60)?).map_err(|_| PeError::NotAProgram)?;
        program.coff = signature.checked_add(4).ok_or(PeError::NotAProgram)?;
        program.optional = program.coff.checked_add(20).ok_or(PeError::NotAProgram)?;
        if bytes.get(signature..program.coff) != Some(b"PE\0\0") || program.short(program.optional)? != 0x20b
        {
            return Err(PeError::NotAProgram);
        }
        program.count = usize::from(program.short(program.coff + 2)?);
        program.sections = program.optional + usize::from(program.short(program.coff + 16)?);
        for number in 0..program.count {
            program.section(number)?;
        }
        Ok(program)
    }

    /// The content of a section, without the zeros that fill it up.
    pub(super) fn content(&self, name: &str) -> Option<&[u8]> {
        let section = self.find(name)?;
        let length = section.raw_size.min(usize::try_from(section.virtual_size).ok()?);
        self.bytes.get(section.raw_start..section.raw_start + length)
    }

    /// Whether the program says that it can run where data is not executable.
    pub(super) fn is_nx_compatible(&self) -> Result<bool, PeError> {
        Ok(self.short(self.optional + 70)? & NX_COMPATIBLE != 0)
    }

    /// Takes back that claim.
    pub(super) fn clear_nx_compatible(&mut self) -> Result<(), PeError> {
        let flags = self.short(self.optional + 70)? & !NX_COMPATIBLE;
        let place = self.optional + 70;
        self.bytes.to_mut()[place..place + 2].copy_from_slice(&flags.to_le_bytes());
        Ok(())
    }

    /// Adds a section after the others, or fills the one of that name anew.
    pub(super) fn put(&mut self, name: &str, content: &[u8], is_code: bool) -> Result<(), PeError> {
        match self.find(name) {
            Some(section) => self.refill(name, section, content),
            None => self.append(name, content, is_code),
        }
    }

    /// The whole program, with the sums in its headers.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, PeError> {
        let alignment = self.number(self.optional + 32)?;
        let end = self.end_in_memory(alignment)?;
        self.set_number(self.optional + 56, end);
        // Firmware does not look at the checksum of EFI programs.
        self.set_number(self.optional + 64, 0);
        Ok(self.bytes.into_owned())
    }

    fn refill(&mut self, name: &str, section: Section, content: &[u8]) -> Result<(), PeError> {
        let (room, needed) = (section.raw_size, content.len());
        if needed > room {
            return Err(PeError::TooSmall { name: name.to_owned(), room, needed });
        }
        let place = &mut self.bytes.to_mut()[section.raw_start..section.raw_start + room];
        place[..needed].copy_from_slice(content);
        place[needed..].fill(0);
        self.set_number(section.line + 8, length(needed)?);
        Ok(())
    }

    fn append(&mut self, name: &str, content: &[u8], is_code: bool) -> Result<(), PeError> {
        if name.len() > 8 {
            return Err(PeError::LongName(name.to_owned()));
        }
        let directories = self.number(self.optional + 108)?;
        if directories > 4 && self.number(self.optional + 112 + SECURITY * 8)? != 0 {
            return Err(PeError::Signed);
        }
        let section_alignment = self.number(self.optional + 32)?;
        let file_alignment = usize::try_from(self.number(self.optional + 36)?)
            .ok()
            .filter(|alignment| alignment.is_power_of_two())
            .ok_or(PeError::Impossible("alignment"))?;
        // What lies between the headers and the first section is unused.
        let headers = self.headers_end(file_alignment)?;
        let line = self.sections + self.count * SECTION;
        if line + SECTION > headers {
            return Err(PeError::NoRoom(name.to_owned()));
        }
        let address = self.end_in_memory(section_alignment)?;
        // The section begins a block, so that its blocks are those of the file that it was made from. The one before reaches up
        // to it: bytes that belong to no section would be hashed by some programs and skipped by others.
        let block = file_alignment.max(BLOCK);
        let start = self.bytes.len().next_multiple_of(block);
        let raw = content.len().next_multiple_of(block);
        self.lengthen_last(start)?;
        let bytes = self.bytes.to_mut();
        bytes.reserve(start - bytes.len() + raw);
        bytes.resize(start, 0);
        bytes.extend_from_slice(content);
        bytes.resize(start + raw, 0);
        let mut entry = [0; SECTION];
        entry[..name.len()].copy_from_slice(name.as_bytes());
        let kind = if is_code { CODE } else { INITIALIZED_DATA };
        for (place, value) in [
            (8, length(content.len())?),
            (12, address),
            (16, length(raw)?),
            (20, length(start)?),
            (36, kind | READABLE),
        ] {
            entry[place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes[line..line + SECTION].copy_from_slice(&entry);
        self.count += 1;
        let count = u16::try_from(self.count).map_err(|_| PeError::Impossible("sections"))?;
        let place = self.coff + 2;
        self.bytes.to_mut()[place..place + 2].copy_from_slice(&count.to_le_bytes());
        self.set_number(self.optional + 60, length(headers)?);
        let data = self.number(self.optional + 8)?.wrapping_add(length(content.len())?);
        self.set_number(self.optional + 8, data);
        Ok(())
    }

    /// Fills the section that lies last in the file up to `end`.
    fn lengthen_last(&mut self, end: usize) -> Result<(), PeError> {
        let sections = (0..self.count).map(|number| self.section(number));
        let sections = sections.collect::<Result<Vec<_>, _>>()?;
        let last = sections.iter().max_by_key(|section| section.raw_start + section.raw_size);
        // Bytes behind all sections are no padding: they stay where they are.
        let last =
            last.filter(|last| last.raw_size > 0 && last.raw_start + last.raw_size == self.bytes.len());
        if let Some(last) = last {
            let size = length(end - last.raw_start)?;
            self.bytes.to_mut().resize(end, 0);
            self.set_number(last.line + 16, size);
        }
        Ok(())
    }

    /// Where the headers end once they are filled up; the first section must not begin before.
    fn headers_end(&self, file_alignment: usize) -> Result<usize, PeError> {
        let stated = usize::try_from(self.number(self.optional + 60)?).unwrap_or(usize::MAX);
        let end = stated.checked_next_multiple_of(file_alignment).ok_or(PeError::Impossible("headers"))?;
        for number in 0..self.count {
            let section = self.section(number)?;
            if section.raw_size > 0 && section.raw_start < end {
                return Err(PeError::Impossible("headers"));
            }
        }
        Ok(end)
    }

    /// The first free address behind all sections.
    fn end_in_memory(&self, alignment: u32) -> Result<u32, PeError> {
        let impossible = || PeError::Impossible("addresses");
        let last = self.section(self.count.checked_sub(1).ok_or(PeError::Impossible("sections"))?)?;
        let end = last.virtual_address.checked_add(last.virtual_size).ok_or_else(impossible)?;
        let alignment =
            Some(alignment).filter(|alignment| alignment.is_power_of_two()).ok_or_else(impossible)?;
        end.checked_next_multiple_of(alignment).ok_or_else(impossible)
    }

    fn find(&self, name: &str) -> Option<Section> {
        let mut padded = [0; 8];
        padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        let lines = (0..self.count).map(|number| self.sections + number * SECTION);
        let number = lines.clone().position(|line| self.bytes[line..line + 8] == padded)?;
        self.section(number).ok()
    }

    fn section(&self, number: usize) -> Result<Section, PeError> {
        let line = self.sections + number * SECTION;
        let size = |place| Ok(usize::try_from(self.number(place)?).unwrap_or(usize::MAX));
        let section = Section {
            line,
            virtual_size: self.number(line + 8)?,
            virtual_address: self.number(line + 12)?,
            raw_size: size(line + 16)?,
            raw_start: size(line + 20)?,
        };
        let end = section.raw_start.checked_add(section.raw_size);
        if self.number(line + 36).is_err() || end.is_none_or(|end| end > self.bytes.len()) {
            return Err(PeError::Impossible("sections"));
        }
        Ok(section)
    }

    fn number(&self, place: usize) -> Result<u32, PeError> {
        let bytes =
            self.bytes.get(place..).and_then(|rest| rest.first_chunk()).ok_or(PeError::NotAProgram)?;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn short(&self, place: usize) -> Result<u16, PeError> {
        let bytes =
            self.bytes.get(place..).and_then(|rest| rest.first_chunk()).ok_or(PeError::NotAProgram)?;
        Ok(u16::from_le_bytes(*bytes))
    }

    /// At a place that was read before.
    fn set_number(&mut self, place: usize, value: u32) {
        self.bytes.to_mut()[place..place + 4].copy_from_slice(&value.to_le_bytes());
    }
}

fn length(bytes: usize) -> Result<u32, PeError> {
    u32::try_from(bytes).map_err(|_| PeError::Impossible("size, which is over 4 GiB"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::{PeError, Program};

    /// The least EFI program: headers of 0x400 bytes and one section `.sbat` of 512.
    pub(crate) fn stub() -> Vec<u8> {
        let mut bytes = vec![0; 0x600];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[60] = 0x80;
        bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
        bytes[0x86] = 1;
        bytes[0x94] = 240;
        let optional = 0x98;
        for (place, value) in
            [(0, 0x20b_u32), (32, 4096), (36, 512), (56, 8192), (60, 0x400), (108, 16), (68, 0x0100_0000)]
        {
            bytes[optional + place..optional + place + 4].copy_from_slice(&value.to_le_bytes());
        }
        let line = optional + 240;
        bytes[line..line + 5].copy_from_slice(b".sbat");
        for (place, value) in [(8, 4_u32), (12, 4096), (16, 512), (20, 0x400), (36, 0x4000_0040)] {
            bytes[line + place..line + place + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes[0x400..0x404].copy_from_slice(b"sbat");
        bytes
    }

    #[test]
    fn sections_are_added_refilled_and_found_again() {
        let stub = stub();
        let mut program = Program::parse(&stub).unwrap();
        assert_eq!(program.content(".sbat"), Some(&b"sbat"[..]));
        program.put(".linux", &[7; 700], true).unwrap();
        program.put(".sbat", b"longer", false).unwrap();
        let bytes = program.finish().unwrap();
        assert_eq!(bytes.len(), 4096 + 4096);
        let again = Program::parse(&bytes).unwrap();
        assert_eq!(again.content(".linux"), Some(&[7; 700][..]));
        assert_eq!(again.content(".sbat"), Some(&b"longer"[..]));
        // 4096 for the first section, 8192 for the second, which ends before 12288.
        assert_eq!(again.number(again.optional + 56).unwrap(), 12_288);
        assert!(again.is_nx_compatible().unwrap());
    }

    #[test]
    fn sections_that_are_added_begin_blocks_and_leave_no_gap() {
        let stub = stub();
        let mut program = Program::parse(&stub).unwrap();
        program.put(".osrel", &[1; 10], false).unwrap();
        program.put(".linux", &[2; 5000], true).unwrap();
        program.put(".initrd", &[3; 4096], false).unwrap();
        let bytes = program.finish().unwrap();
        let program = Program::parse(&bytes).unwrap();
        let places: Vec<(usize, usize)> = (0..4)
            .map(|number| program.section(number).unwrap())
            .map(|section| (section.raw_start, section.raw_size))
            .collect();
        assert_eq!(places, [(0x400, 0xc00), (0x1000, 0x1000), (0x2000, 0x2000), (0x4000, 0x1000)]);
        assert_eq!(bytes.len(), 0x5000);
        // The content ends where it ended.
        assert_eq!(program.content(".sbat"), Some(&b"sbat"[..]));
        assert_eq!(program.content(".linux").unwrap().len(), 5000);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let bytes = stub();
        let mut program = Program::parse(&bytes).unwrap();
        assert!(matches!(program.put(".sbat", &[1; 513], false), Err(PeError::TooSmall { .. })));
        assert!(matches!(program.put(".far-too-long", b"", false), Err(PeError::LongName(_))));
        for number in 0..14 {
            program.put(&format!(".{number}"), b"x", false).unwrap();
        }
        assert!(matches!(program.put(".more", b"x", false), Err(PeError::NoRoom(_))));
        let mut signed = stub();
        signed[0x98 + 112 + 32] = 1;
        let mut program = Program::parse(&signed).unwrap();
        assert!(matches!(program.put(".linux", b"x", false), Err(PeError::Signed)));
    }

    #[test]
    fn every_cut_is_an_error_and_never_a_panic() {
        let whole = stub();
        for end in 0..whole.len() {
            if let Ok(mut program) = Program::parse(&whole[..end]) {
                drop(program.put(".linux", b"x", true));
            }
        }
        for place in 0..0x200 {
            for value in [0, 0x7f, 0xff] {
                let mut broken = stub();
                broken[place] = value;
                if let Ok(mut program) = Program::parse(&broken) {
                    drop(program.put(".linux", b"x", true));
                    drop(program.put(".sbat", b"x", true));
                    drop(program.finish());
                }
            }
        }
    }
}
