//! What goes into a part of an image, as a digest, in; the part as an earlier build made it, out.
//!
//! A part is named by everything it is made from, written beside and renamed, and compared with its own SHA-256 when it is read:
//! a damaged one is none.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// Where parts of images are kept for the next build.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// The folder, made where it is missing.
    pub folder: &'a Path,
    /// What changes with the programs that make the parts: this one and those of the tools tree.
    pub programs: &'a str,
}

/// So many parts of one kind stay: those of some images, before and after a change.
const MOST: usize = 8;
const DIGEST: usize = 32;

impl Kept<'_> {
    /// The part of that kind and digest, if it is there and sound.
    pub(crate) fn find(&self, kind: &str, inputs: &[u8; DIGEST]) -> Option<Vec<u8>> {
        let mut bytes = std::fs::read(self.place(kind, inputs)).ok()?;
        let content = bytes.split_off(bytes.len().min(DIGEST));
        (Sha256::digest(&content)[..] == bytes[..]).then_some(content)
    }

    /// Keeps a part. Where that is not possible, the next build makes it again, so it is no error.
    pub(crate) fn keep(&self, kind: &str, inputs: &[u8; DIGEST], content: &[u8]) {
        let written = std::fs::create_dir_all(self.folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(self.folder))
            .and_then(|mut beside| {
                beside.write_all(&Sha256::digest(content))?;
                beside.write_all(content)?;
                beside.persist(self.place(kind, inputs)).map_err(|error| error.error)
            });
        if written.is_ok() {
            self.clean(kind);
        }
    }

    /// Starts a digest of inputs with the programs.
    pub(crate) fn inputs(&self) -> Sha256 {
        Sha256::new().chain_update(self.programs).chain_update([0])
    }

    fn place(&self, kind: &str, inputs: &[u8]) -> PathBuf {
        self.folder.join(format!("{kind}-{}", hex::encode(inputs)))
    }

    fn clean(&self, kind: &str) {
        let Ok(entries) = std::fs::read_dir(self.folder) else { return };
        let prefix = format!("{kind}-");
        let mut parts: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        parts.sort();
        for (_, path) in parts.iter().rev().skip(MOST) {
            // Another build may have removed it already.
            let _gone = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, MOST};

    #[test]
    fn a_part_is_found_by_its_inputs_while_it_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { folder: &folder.path().join("parts"), programs: "one" };
        kept.keep("initrd", &[1; 32], b"content");
        assert_eq!(kept.find("initrd", &[1; 32]).unwrap(), b"content");
        assert!(kept.find("initrd", &[2; 32]).is_none() && kept.find("other", &[1; 32]).is_none());
        let mut bytes = std::fs::read(kept.place("initrd", &[1; 32])).unwrap();
        bytes[35] ^= 1;
        std::fs::write(kept.place("initrd", &[1; 32]), bytes).unwrap();
        assert!(kept.find("initrd", &[1; 32]).is_none());
        std::fs::write(kept.place("initrd", &[1; 32]), b"cut").unwrap();
        assert!(kept.find("initrd", &[1; 32]).is_none());
    }

    #[test]
    fn only_the_newest_parts_stay() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept { folder: folder.path(), programs: "one" };
        for number in 0..12 {
            kept.keep("initrd", &[number; 32], b"content");
            let file = std::fs::File::open(kept.place("initrd", &[number; 32])).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(number) + 1);
            file.set_modified(time).unwrap();
        }
        // The oldest goes when a new one comes, so the one that came last may be one too many by time.
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, MOST);
        assert!(kept.find("initrd", &[11; 32]).is_some());
        assert!(kept.find("initrd", &[0; 32]).is_none());
    }
}
