//! The files of a component, in; its folder below the output folder, made to hold exactly them, out.
//! Writes the disk, nothing but the output folder.
//!
//! A component's folder is written beside and put in place in one step: whenever a run ends, it is the old one or the new one.
//! What a killed run leaves beside is removed by the next.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::layout::FAILED_MARKER;
use crate::prepare::PreparedFile;

/// Folder for components in the making, in the output folder and gone after a run.
const BESIDE: &str = ".rendering";

/// Files by path relative to a component's folder.
pub type Files = BTreeMap<String, PreparedFile>;

/// Why the output folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On this machine.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another run writes it.
    #[error("another render is writing {}: wait for its end", .0.display())]
    Busy(PathBuf),
    /// A link or a file where a folder of components should be.
    #[error("{} is no folder (links are not followed): remove it, or choose another output folder", .0.display())]
    NoFolder(PathBuf),
    /// Something else lies where a component's folder would.
    #[error("{} holds no rendered component and is not replaced: remove it, or choose another output folder", .0.display())]
    Foreign(PathBuf),
}

/// An output folder, locked against other runs.
#[derive(Debug)]
pub struct Output {
    root: PathBuf,
    beside: PathBuf,
    own: bool,
    _lock: OwnedFd,
}

impl Output {
    /// Makes the folder if it is missing, and locks it. In one that is nothing but rendered components (`own`), every folder of a
    /// component's name may be replaced; in others only what looks like a rendered component.
    pub fn open(root: &Path, own: bool) -> Result<Self, OutputError> {
        fs::create_dir_all(root).map_err(failed("make", root))?;
        let root = root.canonicalize().map_err(failed("find", root))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = rustix::fs::open(&root, flags, Mode::empty()).map_err(kernel("open", &root))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(OutputError::Busy(root)),
            result => result.map_err(kernel("lock", &root))?,
        }
        let beside = root.join(BESIDE);
        remove(&beside)?;
        Ok(Output { root, beside, own, _lock: lock })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A point in time by the clock of the folder's file system.
    pub fn now(&self) -> Result<(i64, i64), OutputError> {
        fs::create_dir_all(&self.beside).map_err(failed("make", &self.beside))?;
        let metadata = self.beside.metadata().map_err(failed("look at", &self.beside))?;
        Ok((metadata.mtime(), metadata.mtime_nsec()))
    }

    /// Makes a component's folder hold exactly these files.
    pub fn replace(&self, folder: &Path, files: &Files) -> Result<(), OutputError> {
        let place = self.root.join(folder);
        let above = place.parent().unwrap_or(&self.root).to_owned();
        make_folder(&above)?;
        let old = match kind(&place)? {
            Kind::Absent => false,
            Kind::Folder if self.own || is_rendered(&place)? => true,
            Kind::Folder | Kind::Other => return Err(OutputError::Foreign(place)),
        };
        let fresh = self.beside.join(folder.file_name().unwrap_or(folder.as_os_str()));
        fs::create_dir_all(&self.beside).map_err(failed("make", &self.beside))?;
        write_all(&fresh, files)?;
        if old {
            exchange(&fresh, &place)
        } else {
            fs::rename(&fresh, &place).map_err(failed("rename to", &place))
        }
    }

    /// Removes a component's folder.
    pub fn remove(&self, folder: &Path) -> Result<(), OutputError> {
        let place = self.root.join(folder);
        if !is_rendered(&place)? {
            return Err(OutputError::Foreign(place));
        }
        fs::create_dir_all(&self.beside).map_err(failed("make", &self.beside))?;
        let away = self.beside.join(folder.file_name().unwrap_or(folder.as_os_str()));
        remove(&away)?;
        fs::rename(&place, &away).map_err(failed("rename", &place))?;
        remove(&away)
    }

    /// Makes the link called `name` beside a component's folder point to it.
    pub fn link(&self, folder: &Path, name: &str) -> Result<(), OutputError> {
        let place = self.root.join(folder).with_file_name(name);
        let target = Path::new(folder.file_name().unwrap_or(folder.as_os_str()));
        match fs::read_link(&place) {
            Ok(old) if old == target => return Ok(()),
            Ok(_) => fs::remove_file(&place).map_err(failed("remove", &place))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return Err(OutputError::Foreign(place)),
        }
        std::os::unix::fs::symlink(target, &place).map_err(failed("make", &place))
    }

    /// Removes what lies beside; the end of a run.
    pub fn finish(self) -> Result<(), OutputError> {
        remove(&self.beside)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // After success there is nothing; after an error, that error is the one to report, and the next run removes a rest.
        drop(fs::remove_dir_all(&self.beside));
    }
}

/// Whether a component's folder holds exactly these files.
pub fn holds(place: &Path, files: &Files) -> Result<bool, OutputError> {
    if !matches!(kind(place)?, Kind::Folder) {
        return Ok(false);
    }
    let mut remaining = files.len();
    let mut buffer = Vec::new();
    for found in list(place)? {
        let Some(file) = files.get(&found.path).filter(|file| found.is_like(file)) else { return Ok(false) };
        let path = place.join(&found.path);
        buffer.clear();
        File::open(&path)
            .and_then(|mut open| open.read_to_end(&mut buffer))
            .map_err(failed("read", &path))?;
        if buffer != file.bytes {
            return Ok(false);
        }
        remaining -= 1;
    }
    Ok(remaining == 0)
}

/// Whether the link called `name` lies beside a component's folder and points to it.
pub fn is_linked(root: &Path, folder: &Path, name: &str) -> bool {
    let place = root.join(folder).with_file_name(name);
    fs::read_link(place).is_ok_and(|target| Some(target.as_os_str()) == folder.file_name())
}

/// A file or link found in a folder.
pub(super) struct Found {
    /// Relative to the folder.
    pub(super) path: String,
    pub(super) metadata: fs::Metadata,
}

impl Found {
    fn is_like(&self, file: &PreparedFile) -> bool {
        self.metadata.is_file()
            && self.metadata.len() == file.bytes.len() as u64
            && (self.metadata.permissions().mode() & 0o100 != 0) == file.executable
    }
}

/// Everything but folders below a folder, in the order of paths.
pub(super) fn list(folder: &Path) -> Result<Vec<Found>, OutputError> {
    let mut found = Vec::new();
    list_below(folder, "", &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn list_below(folder: &Path, prefix: &str, found: &mut Vec<Found>) -> Result<(), OutputError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata().map_err(failed("look at", &entry.path()))?;
        if metadata.is_dir() {
            list_below(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(Found { path, metadata });
        }
    }
    Ok(())
}

/// Whether a folder looks like a rendered component: it has a spec or the marker of a failure, or nothing at all.
pub(super) fn is_rendered(place: &Path) -> Result<bool, OutputError> {
    let mut empty = true;
    for entry in fs::read_dir(place).map_err(failed("read", place))? {
        let name = entry.map_err(failed("read", place))?.file_name();
        if name == FAILED_MARKER || Path::new(&name).extension().is_some_and(|extension| extension == "spec")
        {
            return Ok(true);
        }
        empty = false;
    }
    Ok(empty)
}

enum Kind {
    Absent,
    Folder,
    Other,
}

fn kind(path: &Path) -> Result<Kind, OutputError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Kind::Folder),
        Ok(_) => Ok(Kind::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kind::Absent),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

fn make_folder(path: &Path) -> Result<(), OutputError> {
    match fs::create_dir(path) {
        Ok(()) => open_to_all(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match kind(path)? {
            Kind::Folder => Ok(()),
            Kind::Absent | Kind::Other => Err(OutputError::NoFolder(path.to_owned())),
        },
        Err(error) => Err(failed("make", path)(error)),
    }
}

/// Modes do not depend on the umask.
fn open_to_all(folder: &Path) -> Result<(), OutputError> {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(failed("set the mode of", folder))
}

fn write_all(fresh: &Path, files: &Files) -> Result<(), OutputError> {
    fs::create_dir(fresh).map_err(failed("make", fresh))?;
    open_to_all(fresh)?;
    let mut made = String::new();
    for (path, file) in files {
        if let Some((folder, _)) = path.rsplit_once('/')
            && folder != made
        {
            let mut above = fresh.to_owned();
            for name in folder.split('/') {
                above.push(name);
                make_folder(&above)?;
            }
            folder.clone_into(&mut made);
        }
        write_file(&fresh.join(path), file)?;
    }
    Ok(())
}

fn write_file(path: &Path, file: &PreparedFile) -> Result<(), OutputError> {
    let mode = if file.executable { 0o755 } else { 0o644 };
    let mut opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(failed("create", path))?;
    opened.set_permissions(Permissions::from_mode(mode)).map_err(failed("set the mode of", path))?;
    opened.write_all(&file.bytes).map_err(failed("write", path))
}

/// Puts the fresh folder in the place of the old one.
fn exchange(fresh: &Path, place: &Path) -> Result<(), OutputError> {
    match rustix::fs::renameat_with(CWD, fresh, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        // Some file systems cannot exchange: for a moment there is no folder at all.
        Err(Errno::INVAL | Errno::NOSYS) => {
            let away = fresh.with_extension("old~");
            fs::rename(place, &away).map_err(failed("rename", place))?;
            fs::rename(fresh, place).map_err(failed("rename to", place))?;
            return remove(&away);
        }
        Err(error) => return Err(kernel("exchange", place)(error)),
    }
    remove(fresh)
}

fn remove(path: &Path) -> Result<(), OutputError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn kernel(action: &'static str, path: &Path) -> impl FnOnce(Errno) -> OutputError + use<> {
    let failed = failed(action, path);
    move |source| failed(source.into())
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutputError + use<> {
    let path = path.to_owned();
    move |source| OutputError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn files(files: &[(&str, &str, bool)]) -> Files {
        files
            .iter()
            .map(|(path, text, executable)| {
                (
                    (*path).to_owned(),
                    PreparedFile { bytes: text.as_bytes().to_vec(), executable: *executable },
                )
            })
            .collect()
    }

    #[test]
    fn a_folder_holds_what_it_was_given_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::open(folder.path(), false).unwrap();
        let place = folder.path().join("t/tool");
        let first = files(&[("tool.spec", "Name: tool\n", false), ("tests/run", "#!/bin/sh\n", true)]);
        assert!(!holds(&place, &first).unwrap());
        output.replace(Path::new("t/tool"), &first).unwrap();
        assert!(holds(&place, &first).unwrap());
        let mode = |path: &str| place.join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([mode("tool.spec"), mode("tests/run"), mode("tests")], [0o644, 0o755, 0o755]);

        let second = files(&[("tool.spec", "Name: tool\n", false)]);
        assert!(!holds(&place, &second).unwrap(), "a file too many");
        output.replace(Path::new("t/tool"), &second).unwrap();
        assert!(holds(&place, &second).unwrap());
        assert!(!holds(&place, &files(&[("tool.spec", "Name: took\n", false)])).unwrap(), "another content");
        assert!(!holds(&place, &files(&[("tool.spec", "Name: tool\n", true)])).unwrap(), "another mode");
        output.finish().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn what_no_render_wrote_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("t/tool");
        fs::create_dir_all(&mine).unwrap();
        fs::write(mine.join("thesis.tex"), "years of work").unwrap();
        let output = Output::open(folder.path(), false).unwrap();
        let new = files(&[("tool.spec", "", false)]);
        assert!(matches!(output.replace(Path::new("t/tool"), &new), Err(OutputError::Foreign(_))));
        assert!(matches!(output.remove(Path::new("t/tool")), Err(OutputError::Foreign(_))));
        assert!(mine.join("thesis.tex").exists());
    }

    #[test]
    fn links_in_the_output_folder_are_not_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), folder.path().join("t")).unwrap();
        let output = Output::open(folder.path(), false).unwrap();
        let new = files(&[("tool.spec", "", false)]);
        assert!(matches!(output.replace(Path::new("t/tool"), &new), Err(OutputError::NoFolder(_))));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_runs_do_not_write_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Output::open(folder.path(), false).unwrap();
        assert!(matches!(Output::open(folder.path(), false), Err(OutputError::Busy(_))));
        first.finish().unwrap();
        Output::open(folder.path(), false).unwrap();
    }

    #[test]
    fn rests_of_a_killed_run_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".rendering/tool")).unwrap();
        drop(Output::open(folder.path(), false).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_encoded_name_is_a_link_and_never_takes_the_place_of_another_component() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::open(folder.path(), false).unwrap();
        let place = Path::new("l/lib++");
        output.replace(place, &files(&[("lib++.spec", "", false)])).unwrap();
        output.link(place, "lib%2B%2B").unwrap();
        output.link(place, "lib%2B%2B").unwrap();
        assert_eq!(fs::read_link(folder.path().join("l/lib%2B%2B")).unwrap(), Path::new("lib++"));
        assert!(is_linked(folder.path(), place, "lib%2B%2B"));
        fs::create_dir(folder.path().join("l/taken")).unwrap();
        assert!(matches!(output.link(place, "taken"), Err(OutputError::Foreign(_))));
    }
}
