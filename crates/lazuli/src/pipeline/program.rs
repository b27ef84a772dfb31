//! This program's file and the running system, in; stamps that another program and another start of the machine do not have, out.

use std::fs::File;
use std::path::Path;

use object::elf::{ELF_NOTE_GNU, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, ReadCache};
use sha2::{Digest as _, Sha256};

use crate::failure::{Context as _, Failure};

/// The linker's build ID, which is a digest of what it linked; SHA-256 of the whole file where the linker left none.
///
/// What a program makes is kept under this stamp, so that another version of it makes it anew.
pub fn stamp() -> Result<String, Failure> {
    stamp_of(Path::new("/proc/self/exe")).context(|| "this program cannot be read".to_owned())
}

/// The kernel's name for the time since the machine started; empty where /proc does not say it.
pub fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn stamp_of(program: &Path) -> std::io::Result<String> {
    let mut file = File::open(program)?;
    // A file that is no sound ELF file has no build ID; it still has bytes.
    if let Ok(Some(build_id)) = build_id(&file) {
        return Ok(format!("build-id {build_id}"));
    }
    let mut hasher = Sha256::new();
    std::io::Seek::rewind(&mut file)?;
    std::io::copy(&mut file, &mut hasher)?;
    Ok(format!("sha256 {}", hex::encode(hasher.finalize())))
}

fn build_id(file: &File) -> object::Result<Option<String>> {
    let data = &ReadCache::new(file);
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, data)? {
        let Some(mut notes) = segment.notes(endian, data)? else { continue };
        while let Some(note) = notes.next()? {
            if note.name() == ELF_NOTE_GNU && note.n_type(endian) == NT_GNU_BUILD_ID {
                return Ok(Some(hex::encode(note.desc())));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{stamp, stamp_of};

    #[test]
    fn a_program_has_its_build_id_and_any_other_file_its_digest() {
        assert_eq!(stamp().unwrap(), stamp_of(&std::env::current_exe().unwrap()).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        std::fs::write(&script, "abc").unwrap();
        let digest = "sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(stamp_of(&script).unwrap(), digest);
        std::fs::write(&script, b"\x7fELF\x02\x01\x01\0 broken").unwrap();
        assert!(stamp_of(&script).unwrap().starts_with("sha256 "));
    }
}
