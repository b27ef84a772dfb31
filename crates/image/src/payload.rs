//! A sealed root, its kernel image and its signature in; the folder that a version is published and updated from, out.
//!
//! The files lie in a folder without a name that anything would look for until all of them are whole.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use release::manifest::{Files, MANIFEST_FILE, MANIFEST_SCHEMA, ManifestError, PayloadFile, Verity};
use release::partition::label;
use release::{FileName, Manifest, Sha256Digest};
use tempfile::TempDir;

use crate::sealed::Sealed;
use crate::slots::ARCHITECTURE;
use crate::specification::Slots;

const ROOT: &str = "root.erofs";
const TREE: &str = "root.verity";
const SIGNATURE: &str = "root.verity-sig";
const KERNEL: &str = "linux.efi";

/// A finished update payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltPayload {
    /// The folder.
    pub folder: PathBuf,
    /// Its files with their sizes and digests, the manifest among them, by name.
    pub files: Vec<PayloadFile>,
    /// What the manifest says.
    pub manifest: Manifest,
}

/// Why there is no payload.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// A file or folder cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why: a full disk, for example.
        source: io::Error,
    },
    /// The version cannot be described.
    #[error("the update payload cannot be described")]
    Manifest(#[source] ManifestError),
}

/// A payload that is being made.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: TempDir,
    /// The name that it will get.
    place: PathBuf,
}

/// All files of a payload, in a folder that has not got its name yet.
#[derive(Debug)]
pub(crate) struct Whole {
    draft: Draft,
    built: BuiltPayload,
}

/// The name of the folder: `IMAGE_VERSION.payload`.
pub(crate) fn folder_name(slots: &Slots) -> String {
    format!("{}.payload", label(&slots.image, &slots.version))
}

/// The names of the files, but for a signature, which is there only if somebody signs.
pub(crate) const FILES: [&str; 4] = [KERNEL, MANIFEST_FILE, ROOT, TREE];

impl Draft {
    /// Begins a payload in a folder of results.
    pub(crate) fn begin(output: &Path, slots: &Slots) -> Result<Self, PayloadError> {
        let failed = |source| PayloadError::Write { path: output.to_owned(), source };
        fs::create_dir_all(output).map_err(failed)?;
        let folder = tempfile::Builder::new()
            .prefix(".payload-")
            .suffix(".partial")
            .tempdir_in(output)
            .map_err(failed)?;
        Ok(Self { folder, place: output.join(folder_name(slots)) })
    }

    /// Where the root file system is to be made.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join(ROOT)
    }

    /// Writes what belongs beside the root.
    pub(crate) fn complete(
        self,
        slots: &Slots,
        sealed: &Sealed,
        signature: Option<&[u8]>,
        kernel_image: &[u8],
        source_date_epoch: u64,
    ) -> Result<Whole, PayloadError> {
        let write = |name: &str, bytes: &[u8]| {
            self.write(name, bytes)?;
            Ok(file(name, bytes.len() as u64, Sha256Digest::of(bytes)))
        };
        let root_bytes = sealed.data_blocks * release::manifest::BLOCK_SIZE;
        let manifest = Manifest {
            schema: MANIFEST_SCHEMA,
            image: slots.image.clone(),
            version: slots.version.clone(),
            architecture: ARCHITECTURE,
            source_date_epoch,
            verity: Verity {
                root_hash: sealed.root_hash,
                salt: slots.salt.clone(),
                data_blocks: sealed.data_blocks,
            },
            files: Files {
                root: file(ROOT, root_bytes, sealed.root_digest),
                verity: write(TREE, &sealed.tree)?,
                verity_signature: signature.map(|text| write(SIGNATURE, text)).transpose()?,
                kernel: write(KERNEL, kernel_image)?,
            },
        };
        manifest.check().map_err(PayloadError::Manifest)?;
        let mut files: Vec<PayloadFile> = manifest.files.all().cloned().collect();
        files.push(write(MANIFEST_FILE, manifest.to_json().as_bytes())?);
        files.sort_by(|one, other| one.name.cmp(&other.name));
        for path in files.iter().map(|file| self.folder.path().join(file.name.as_str())) {
            // Not what the umask makes of it: the same for whoever builds.
            fs::set_permissions(&path, Permissions::from_mode(0o644)).map_err(self.failed())?;
        }
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755)).map_err(self.failed())?;
        let built = BuiltPayload { folder: self.place.clone(), files, manifest };
        Ok(Whole { draft: self, built })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), PayloadError> {
        fs::write(self.folder.path().join(name), bytes)
            .map_err(|source| PayloadError::Write { path: self.place.join(name), source })
    }

    fn failed(&self) -> impl Fn(io::Error) -> PayloadError + '_ {
        |source| PayloadError::Write { path: self.place.clone(), source }
    }
}

impl Whole {
    /// Gives the folder its name, in one step; an older payload of that name is gone after it.
    pub(crate) fn publish(self) -> Result<BuiltPayload, PayloadError> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let Self { draft, built } = self;
        let failed = |source| PayloadError::Write { path: draft.place.clone(), source };
        match renameat_with(CWD, draft.folder.path(), CWD, &draft.place, RenameFlags::EXCHANGE) {
            // What had the name is deleted with the draft; the draft would not delete a file.
            Ok(()) => match fs::remove_file(draft.folder.path()) {
                Ok(()) => drop(draft.folder.keep()),
                Err(_) => drop(draft),
            },
            Err(rustix::io::Errno::NOENT) => {
                fs::rename(draft.folder.path(), &draft.place).map_err(failed)?;
                let _moved = draft.folder.keep();
            }
            // Not on every file system.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                match fs::remove_dir_all(&draft.place) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                    _ => {}
                }
                fs::rename(draft.folder.path(), &draft.place).map_err(failed)?;
                let _moved = draft.folder.keep();
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        Ok(built)
    }
}

fn file(name: &str, size: u64, sha256: Sha256Digest) -> PayloadFile {
    let name = FileName::parse(name).expect("the names of payload files are constants of this module");
    PayloadFile { name, size, sha256 }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use release::manifest::Salt;
    use release::{ImageName, Manifest, Sha256Digest, Version};

    use super::{BuiltPayload, Draft};
    use crate::sealed::seal;
    use crate::specification::Slots;

    fn make(output: &Path, root: &[u8], signature: Option<&[u8]>) -> BuiltPayload {
        let slots = Slots {
            image: ImageName::parse("host").unwrap(),
            version: Version::parse("2").unwrap(),
            count: 2,
            salt: Salt::new(vec![1]).unwrap(),
            tree_mebibytes: 1,
            signature_mebibytes: None,
        };
        let draft = Draft::begin(output, &slots).unwrap();
        std::fs::write(draft.root(), root).unwrap();
        let sealed = seal(&draft.root(), &slots.salt).unwrap();
        draft.complete(&slots, &sealed, signature, b"kernel", 9).unwrap().publish().unwrap()
    }

    #[test]
    fn the_manifest_tells_of_every_file_beside_it() {
        let output = tempfile::tempdir().unwrap();
        let built = make(output.path(), &[5; 8192], Some(b"{}"));
        assert_eq!(built.folder, output.path().join("host_2.payload"));
        let names: Vec<&str> = built.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["linux.efi", "manifest.json", "root.erofs", "root.verity", "root.verity-sig"]);
        for file in &built.files {
            let bytes = std::fs::read(built.folder.join(file.name.as_str())).unwrap();
            assert_eq!((file.size, file.sha256), (bytes.len() as u64, Sha256Digest::of(&bytes)));
        }
        let text = std::fs::read(built.folder.join("manifest.json")).unwrap();
        assert_eq!(Manifest::parse(&text).unwrap(), built.manifest);
    }

    #[test]
    fn a_payload_takes_the_place_of_an_older_one_as_a_whole() {
        let output = tempfile::tempdir().unwrap();
        make(output.path(), &[5; 8192], Some(b"{}"));
        let built = make(output.path(), &[6; 4096], None);
        assert!(!built.folder.join("root.verity-sig").exists());
        assert_eq!(std::fs::read(built.folder.join("root.erofs")).unwrap(), [6; 4096]);
        std::fs::remove_dir_all(&built.folder).unwrap();
        std::fs::write(&built.folder, "a file has the name").unwrap();
        assert_eq!(make(output.path(), &[6; 4096], None), built);
        assert!(built.folder.join("manifest.json").is_file());
        assert_eq!(std::fs::read_dir(output.path()).unwrap().count(), 1, "nothing else is left");
    }
}
