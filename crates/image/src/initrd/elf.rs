//! The bytes of a program or library in; the names of the libraries it needs and would like out.

use object::elf;
use object::read::elf::{Dyn, ElfFile64, ProgramHeader, SectionHeader};
use object::{Endianness, Object};

/// What a program or library asks of the dynamic linker.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Linkage {
    /// Names of libraries it cannot start without.
    pub(super) needed: Vec<String>,
    /// Groups of names of libraries it loads when it wants them; the first name that is there is taken.
    pub(super) loaded: Vec<Vec<String>>,
    /// Directories to look in first; `$ORIGIN` stands for its own.
    pub(super) search: Vec<String>,
    /// The dynamic linker.
    pub(super) interpreter: Option<String>,
}

/// The note type of the specification "ELF Dlopen Metadata".
const DLOPEN_NOTE: elf::NoteType = elf::NoteType(0x407c_0c0a);

#[derive(serde::Deserialize)]
struct DlopenNote {
    soname: Vec<String>,
    #[serde(default)]
    priority: String,
}

/// Reads the dynamic section and the dlopen notes; nothing when the bytes are no 64-bit ELF file.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Linkage>, object::read::Error> {
    if !bytes.starts_with(b"\x7fELF") || bytes.get(4) != Some(&elf::ELFCLASS64.0) {
        return Ok(None);
    }
    let file = ElfFile64::<Endianness>::parse(bytes)?;
    let endian = file.endian();
    let mut linkage = Linkage::default();
    for header in file.elf_program_headers() {
        if let Some(path) = header.interpreter(endian, bytes)? {
            linkage.interpreter = Some(text(path));
        }
    }
    let sections = file.elf_section_table();
    if let Some((entries, link)) = sections.dynamic(endian, bytes)? {
        let strings = sections.strings(endian, bytes, link)?;
        for entry in entries {
            match entry.tag(endian) {
                elf::DT_NEEDED => linkage.needed.push(text(entry.string(endian, strings)?)),
                elf::DT_RUNPATH | elf::DT_RPATH => {
                    linkage.search.extend(text(entry.string(endian, strings)?).split(':').map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    if let Some(section) = file.section_by_name(".note.dlopen")
        && let Some(mut notes) = section.elf_section_header().notes(endian, bytes)?
    {
        while let Some(note) = notes.next()? {
            if note.n_type(endian) == DLOPEN_NOTE && note.name() == b"FDO" {
                linkage.loaded.extend(wanted(note.desc()));
            }
        }
    }
    Ok(Some(linkage))
}

/// Libraries of one note that are more than suggestions; a note that cannot be understood asks for nothing.
fn wanted(description: &[u8]) -> Vec<Vec<String>> {
    let json = description.split(|byte| *byte == 0).next().unwrap_or_default();
    let notes: Vec<DlopenNote> = serde_json::from_slice(json).unwrap_or_default();
    notes.into_iter().filter(|note| note.priority != "suggested").map(|note| note.soname).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{read, wanted};

    #[test]
    fn suggestions_are_left_out() {
        let note = br#"[{"feature":"a","priority":"recommended","soname":["liba.so.2","liba.so.1"]},{"feature":"b","priority":"suggested","soname":["libb.so.1"]}]"#;
        assert_eq!(wanted(&[note.as_slice(), b"\0\0"].concat()), [["liba.so.2", "liba.so.1"]]);
        assert!(wanted(b"not json").is_empty());
    }

    #[test]
    fn this_very_program_needs_libc() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let linkage = read(&bytes).unwrap().unwrap();
        assert!(linkage.needed.iter().any(|name| name.starts_with("libc.so")), "{linkage:?}");
        assert!(linkage.interpreter.is_some());
    }

    #[test]
    fn a_script_is_no_program_of_the_linker_and_a_broken_one_is_an_error() {
        assert!(read(b"#!/bin/sh\n").unwrap().is_none());
        assert!(read(b"\x7fELF\x02\x01\x01\0 broken").is_err());
    }
}
