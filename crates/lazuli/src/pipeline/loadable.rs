//! An ELF program in; what the kernel and the loader read of it, without symbols and debug information, out.
//!
//! Everything that is loaded is told by the program headers; the section headers tell of the rest, and are dropped with it.

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader as _, ProgramHeader as _};

/// Why bytes are no program of this kind.
#[derive(Debug, thiserror::Error)]
pub enum NotLoadable {
    /// The headers cannot be read.
    #[error("it is no 64-bit ELF program")]
    Elf(#[from] object::Error),
    /// A header points past the end.
    #[error("it is cut: {needed} bytes are loaded, and it has {length}")]
    Cut {
        /// Where the last loaded byte would be.
        needed: u64,
        /// Length in bytes.
        length: u64,
    },
}

/// Offsets of ELF-64: e_shoff (8 bytes), e_shnum and e_shstrndx (2 bytes each).
const SECTION_HEADERS: [std::ops::Range<usize>; 3] = [40..48, 60..62, 62..64];

/// The part of a program that is needed to run it.
pub fn loadable(program: &[u8]) -> Result<Vec<u8>, NotLoadable> {
    let header = FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, program)?;
    let header_end = header.e_phoff.get(endian).saturating_add(std::mem::size_of_val(segments) as u64);
    let ends = segments.iter().map(|segment| {
        let (start, length) = segment.file_range(endian);
        start.saturating_add(length)
    });
    let needed = ends.fold(header_end, u64::max);
    let length = program.len() as u64;
    let cut = || NotLoadable::Cut { needed, length };
    let end = usize::try_from(needed).map_err(|_| cut())?;
    let mut kept = program.get(..end).ok_or_else(cut)?.to_vec();
    for field in SECTION_HEADERS {
        kept[field].fill(0);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use host_tools::{Call, program};

    use super::{NotLoadable, loadable};

    #[test]
    fn what_is_left_of_a_program_runs_and_is_smaller() {
        use std::os::unix::fs::PermissionsExt;
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let kept = loadable(&whole).unwrap();
        assert!(kept.len() < whole.len() / 2, "{} of {} bytes", kept.len(), whole.len());
        assert_eq!(loadable(&kept).unwrap(), kept);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, kept).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = program::run(&Call::new(&path).args(["--list", "loadable"])).unwrap();
        assert!(output.stdout_text().contains("what_is_left_of_a_program_runs_and_is_smaller"));
    }

    #[test]
    fn scripts_and_cut_programs_are_refused() {
        assert!(matches!(loadable(b"#!/bin/sh\n"), Err(NotLoadable::Elf(_))));
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let kept = loadable(&whole).unwrap();
        assert!(matches!(loadable(&kept[..kept.len() - 1]), Err(NotLoadable::Cut { .. })));
    }
}
