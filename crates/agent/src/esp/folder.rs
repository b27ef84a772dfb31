//! Files of `EFI/Linux`: listed, written, renamed, removed, and kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::fat;
use super::mount::{Mount, MountError};
use crate::storage::{Device as _, Disk, ReadAt, Window};

/// The folder that the boot loader looks into. What is changed may be lost, or half done, until `sync` came back.
pub trait BootFolder: Send + Sync {
    /// Names and sizes of the plain files.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// Bytes that can still be written.
    fn free(&self) -> io::Result<u64>;
    /// A file, to read from.
    fn open(&self, name: &str) -> io::Result<Box<dyn ReadAt>>;
    /// An empty file of this name in place of whatever had it, to write to.
    fn create(&self, name: &str) -> io::Result<Box<dyn Write>>;
    /// A file to read and write anywhere; what had the name keeps its bytes, and is made if there was none.
    fn edit(&self, name: &str) -> io::Result<Box<dyn BootFile>>;
    /// Gives a file another name that no file has.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Whether two names are of the same blocks, as a power cut within a rename leaves them.
    fn is_same_file(&self, one: &str, other: &str) -> io::Result<bool>;
    /// Takes one of a file's two names away and leaves its blocks.
    fn forget_name(&self, name: &str) -> io::Result<()>;
    /// Removes a file; one that is not there is removed.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Comes back when everything done before is kept.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is written at any place; it grows with what is written behind its end.
pub trait BootFile: ReadAt {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Comes back when everything written before is kept.
    fn sync(&self) -> io::Result<()>;
}

/// `EFI/Linux` of a mounted EFI system partition.
#[derive(Debug)]
pub struct MountedBoot {
    folder: PathBuf,
    /// The partition, where it is mounted for this value alone.
    own: Option<OwnMount>,
}

#[derive(Debug)]
struct OwnMount {
    device: PathBuf,
    at: PathBuf,
    /// Absent only while the partition's bytes are changed, or if it could not be mounted afterwards.
    mount: Mutex<Option<Mount>>,
}

/// The folders that `EFI/Linux` is.
const FOLDERS: [&str; 2] = ["EFI", "Linux"];

impl MountedBoot {
    /// The folder of the partition that is mounted at `mount`; made if it is missing.
    pub fn at(mount: &Path) -> io::Result<Self> {
        let folder = FOLDERS.iter().fold(mount.to_owned(), |folder, name| folder.join(name));
        fs::create_dir_all(&folder)?;
        Ok(MountedBoot { folder, own: None })
    }

    /// The folder of a partition, which is mounted at `at` for as long as this value lives.
    pub fn mount(device: &Path, at: &Path) -> Result<Self, MountError> {
        let mount = Mount::new(device, at)?;
        let failed = |source| MountError::new(device, at, source);
        let mut mounted = MountedBoot::at(at).map_err(failed)?;
        let (device, at) = (device.to_owned(), at.to_owned());
        mounted.own = Some(OwnMount { device, at, mount: Mutex::new(Some(mount)) });
        Ok(mounted)
    }

    /// Gives the partition's device to `action` while it is not mounted.
    fn unmounted<T>(&self, own: &OwnMount, action: impl FnOnce(&Disk) -> io::Result<T>) -> io::Result<T> {
        self.sync()?;
        let mut mount = own.mount.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(mount) = mount.take() {
            mount.end()?;
        }
        let done = Disk::open_to_write(&own.device).and_then(|device| {
            let done = action(&device)?;
            device.flush()?;
            Ok(done)
        });
        *mount = Some(Mount::new(&own.device, &own.at).map_err(io::Error::other)?);
        done
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        // Names come from `EntryName`, which has no separators; this is the last look before the disk.
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is no file name")));
        }
        Ok(self.folder.join(name))
    }
}

impl BootFolder for MountedBoot {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                files.push((name, metadata.len()));
            }
        }
        files.sort();
        Ok(files)
    }

    fn free(&self) -> io::Result<u64> {
        let status = rustix::fs::statvfs(&self.folder)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ReadAt>> {
        let file = File::open(self.path(name)?)?;
        let size = file.metadata()?.len();
        Ok(Box::new(OpenedFile { file, size }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Write>> {
        Ok(Box::new(File::create(self.path(name)?)?))
    }

    fn edit(&self, name: &str) -> io::Result<Box<dyn BootFile>> {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(self.path(name)?)?;
        Ok(Box::new(EditedFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        // Renaming over a file would free its blocks, which may be the other's as well after a power cut.
        Ok(rustix::fs::renameat_with(
            rustix::fs::CWD,
            from,
            rustix::fs::CWD,
            to,
            rustix::fs::RenameFlags::NOREPLACE,
        )?)
    }

    fn is_same_file(&self, one: &str, other: &str) -> io::Result<bool> {
        let Some(own) = &self.own else {
            // A folder that only stands for the partition: two names of a file are links.
            let (one, other) = (fs::metadata(self.path(one)?)?, fs::metadata(self.path(other)?)?);
            return Ok((one.dev(), one.ino()) == (other.dev(), other.ino()));
        };
        self.unmounted(own, |device| {
            let device = Window::new(device, 0, device.size())?;
            let cluster =
                |name| Ok::<_, io::Error>(fat::find(&device, &FOLDERS, name)?.map(|found| found.cluster));
            let (one, other) = (cluster(one)?, cluster(other)?);
            Ok(one == other && one.is_some_and(|cluster| cluster >= 2))
        })
    }

    fn forget_name(&self, name: &str) -> io::Result<()> {
        let Some(own) = &self.own else { return fs::remove_file(self.path(name)?) };
        self.unmounted(own, |device| {
            match fat::find(&Window::new(device, 0, device.size())?, &FOLDERS, name)? {
                Some(found) => fat::forget(device, &found),
                None => Ok(()),
            }
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.folder)?)?)
    }
}

struct EditedFile(File);

impl ReadAt for EditedFile {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

impl BootFile for EditedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

struct OpenedFile {
    file: File,
    size: u64,
}

impl ReadAt for OpenedFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_to_itself_and_never_renames_over_a_file() {
        let mount = tempfile::tempdir().unwrap();
        let boot = MountedBoot::at(mount.path()).unwrap();
        boot.create("a_1.efi").unwrap().write_all(b"one").unwrap();
        boot.create("a_2.efi.part").unwrap().write_all(b"three").unwrap();
        boot.sync().unwrap();
        assert_eq!(boot.rename("a_2.efi.part", "a_1.efi").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        boot.rename("a_2.efi.part", "a_2+3.efi").unwrap();
        assert_eq!(boot.list().unwrap(), [("a_1.efi".to_owned(), 3), ("a_2+3.efi".to_owned(), 5)]);
        boot.remove("a_1.efi").unwrap();
        boot.remove("a_1.efi").unwrap();
        for name in ["../x", "", ".", "a/b", "a\\b"] {
            assert_eq!(boot.create(name).err().map(|error| error.kind()), Some(io::ErrorKind::InvalidInput));
        }
        let mut text = [0; 2];
        boot.open("a_2+3.efi").unwrap().read_at(1, &mut text).unwrap();
        assert_eq!(&text, b"hr");
        assert!(boot.free().unwrap() > 0);
    }
}
