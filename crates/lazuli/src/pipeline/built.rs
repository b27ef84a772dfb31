//! What an image is made from and the files it became, in; whether those files are still what would be made, out.
//!
//! Nothing is composed again when its inputs have the same digest and its outputs are as they were left. A file whose size or
//! times differ from those remembered is hashed; one that is gone or has other bytes is made again.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use image::Specification;
use image::tree::{Kind, Tree};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::program;
use crate::failure::{Context as _, Failure};
use crate::session::Session;

/// A finished file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where it is.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// What is remembered of one image in one output folder.
#[derive(Debug)]
pub struct Memory {
    file: PathBuf,
    inputs: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    inputs: String,
    /// After the machine started anew, the bytes are looked at: not all that was written may have reached the disk.
    boot: String,
    outputs: Vec<(Output, Stamp)>,
}

/// What a file's inode says when nobody touched the file since.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Memory {
    /// The memory of an image with these inputs.
    pub fn of(session: &Session, image: &str, folder: &Path, inputs: String) -> Self {
        let place = hex::encode(Sha256::digest(folder.as_os_str().as_bytes()));
        let file = format!("{image}-{}.json", &place[..16]);
        Memory { file: session.distro.project.work_dir.join("built").join(file), inputs }
    }

    /// The outputs of the build before, if it had the same inputs and left the same files that are there now.
    pub fn unchanged(&self) -> Result<Option<Vec<Output>>, Failure> {
        // A memory that cannot be read is none: the image is made again, and the memory with it.
        let Ok(text) = fs::read(&self.file) else { return Ok(None) };
        let Ok(record) = serde_json::from_slice::<Record>(&text) else { return Ok(None) };
        if record.inputs != self.inputs || record.outputs.is_empty() {
            return Ok(None);
        }
        let mut touched = Vec::new();
        for (output, stamp) in &record.outputs {
            match fs::symlink_metadata(&output.path) {
                Ok(found) if found.is_file() && found.len() == output.bytes => {
                    if Stamp::of(&found) != *stamp || record.boot != program::boot() {
                        touched.push(output);
                    }
                }
                _ => return Ok(None),
            }
        }
        let same = |output: &&Output| sha256(&output.path).is_ok_and(|sha256| sha256 == output.sha256);
        if !touched.par_iter().all(same) {
            return Ok(None);
        }
        let outputs: Vec<Output> = record.outputs.iter().map(|(output, _)| output.clone()).collect();
        if !touched.is_empty() {
            self.keep(&outputs)?;
        }
        Ok(Some(outputs))
    }

    /// Remembers what was made.
    pub fn keep(&self, outputs: &[Output]) -> Result<(), Failure> {
        let failed = || format!("{} cannot be written", self.file.display());
        let stamped = |output: &Output| {
            Ok((output.clone(), Stamp::of(&fs::symlink_metadata(&output.path).context(failed)?)))
        };
        let outputs = outputs.iter().map(stamped).collect::<Result<Vec<_>, Failure>>()?;
        let record = Record { inputs: self.inputs.clone(), boot: program::boot(), outputs };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).context(failed)?;
        let mut beside = tempfile::NamedTempFile::new_in(folder).context(failed)?;
        serde_json::to_writer(&mut beside, &record).context(failed)?;
        beside.persist(&self.file).context(failed)?;
        Ok(())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A digest of everything that decides about a disk: its specification with the files that are laid over it, `others` being the
/// digests of trees and programs.
pub fn inputs(specification: &Specification, others: &[&str]) -> Result<String, Failure> {
    let mut hasher = Sha256::new();
    for other in others {
        hasher.update(format!("{other}\n"));
    }
    let json =
        serde_json::to_vec(specification).context(|| "the specification has no JSON form".to_owned())?;
    hasher.update(&json);
    for overlay in &specification.overlays {
        if let Some(folder) = &overlay.folder {
            let failed = || format!("the files of {} cannot be read", folder.display());
            let tree = Tree::walk(folder, u64::MAX).context(failed)?;
            for (path, entry) in tree.entries() {
                let (kind, content) = match &entry.kind {
                    Kind::File(content) => ("file", content.read().context(failed)?),
                    Kind::HardLink(path) => ("link", path.as_bytes().to_vec()),
                    Kind::SymbolicLink(target) => ("symlink", target.clone()),
                    Kind::Directory => ("directory", Vec::new()),
                    _ => ("other", Vec::new()),
                };
                let executable = entry.mode & 0o111 != 0;
                hasher.update(format!("\n{path} {kind} {executable} {}\n", content.len()));
                hasher.update(&content);
            }
        }
    }
    Ok(hex::encode(hasher.finalize()))
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Memory, Output, sha256};

    fn memory(folder: &Path, inputs: &str) -> Memory {
        Memory { file: folder.join("memory/image.json"), inputs: inputs.to_owned() }
    }

    fn output(folder: &Path, text: &str) -> Output {
        let path = folder.join("image.raw");
        std::fs::write(&path, text).unwrap();
        let sha256 = sha256(&path).unwrap();
        Output { path, bytes: text.len() as u64, sha256 }
    }

    #[test]
    fn outputs_are_taken_again_while_inputs_and_bytes_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let made = [output(folder.path(), "disk")];
        let memory_of_one = memory(folder.path(), "one");
        assert_eq!(memory_of_one.unchanged().unwrap(), None);
        memory_of_one.keep(&made).unwrap();
        assert_eq!(memory_of_one.unchanged().unwrap().as_deref(), Some(&made[..]));
        assert_eq!(memory(folder.path(), "two").unchanged().unwrap(), None);
        // The same bytes, written again: other times, and the digest decides.
        output(folder.path(), "disk");
        assert_eq!(memory_of_one.unchanged().unwrap().as_deref(), Some(&made[..]));
        std::fs::write(folder.path().join("memory/image.json"), "{").unwrap();
        assert_eq!(memory_of_one.unchanged().unwrap(), None);
    }

    #[test]
    fn other_bytes_of_the_same_length_and_a_missing_file_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let made = [output(folder.path(), "disk")];
        let memory = memory(folder.path(), "one");
        memory.keep(&made).unwrap();
        output(folder.path(), "disc");
        assert_eq!(memory.unchanged().unwrap(), None);
        std::fs::remove_file(&made[0].path).unwrap();
        assert_eq!(memory.unchanged().unwrap(), None);
    }
}
