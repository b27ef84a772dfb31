//! A payload's plain bytes and the header's file list, in; the header's files in the order of the archive, with their
//! bytes, out.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use super::cpio::{CpioError, CpioReader, Head};
use crate::package::{FileEntry, FileType};

/// Reads the files of one package.
pub struct Archive<'a, R> {
    reader: CpioReader<R>,
    files: &'a [FileEntry],
    by_path: BTreeMap<&'a [u8], usize>,
    links: HardLinks,
    found: Vec<bool>,
    unread: u64,
}

/// A file of the header that comes next in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Position in the header's file list.
    pub file: usize,
    /// Bytes to read; `None` for anything but regular files, and for hard links whose bytes come with a later one.
    pub content: Option<u64>,
}

/// Why a payload does not fit its header.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The archive itself is broken.
    #[error(transparent)]
    Cpio(#[from] CpioError),
    /// A file that the header does not list.
    #[error("the payload has a file `{0}` that the header does not list")]
    UnknownFile(String),
    /// A file that came before.
    #[error("the payload has the file {0} twice")]
    Twice(String),
    /// A file of the header that never came.
    #[error("the payload lacks the file {0}")]
    Missing(String),
}

impl<'a, R: BufRead> Archive<'a, R> {
    /// Starts reading at the archive's first byte.
    pub fn new(plain: R, files: &'a [FileEntry]) -> Self {
        let by_path =
            files.iter().enumerate().map(|(i, file)| (file.path.as_os_str().as_bytes(), i)).collect();
        Archive {
            reader: CpioReader::new(plain),
            files,
            by_path,
            links: HardLinks::of(files),
            found: vec![false; files.len()],
            unread: 0,
        }
    }

    /// The next file; what was not read of the one before is skipped. `None` when all came.
    pub fn next_member(&mut self) -> Result<Option<Member>, ArchiveError> {
        self.skip()?;
        let file = match self.reader.head()? {
            Head::End => return self.complete().map(|()| None),
            Head::Named(name) => self.index_of(&name)?,
            Head::Indexed(index) => usize::try_from(index)
                .ok()
                .filter(|index| *index < self.files.len())
                .ok_or_else(|| ArchiveError::UnknownFile(format!("number {index}")))?,
        };
        if std::mem::replace(&mut self.found[file], true) {
            return Err(ArchiveError::Twice(self.files[file].path.display().to_string()));
        }
        let entry = &self.files[file];
        let content = match entry.file_type() {
            FileType::Regular if self.links.comes_later(file) => None,
            FileType::Regular => Some(entry.size),
            _ => None,
        };
        // A symbolic link's bytes are its target, which the header has too.
        self.unread = if entry.file_type() == FileType::Symlink { entry.size } else { content.unwrap_or(0) };
        Ok(Some(Member { file, content }))
    }

    /// Gives the bytes of the current file that were not given yet, piece by piece.
    pub fn content<E: From<ArchiveError>>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.unread > 0 {
            let bytes = self.reader.buffered(self.unread).map_err(ArchiveError::from)?;
            take(bytes)?;
            let count = bytes.len();
            self.reader.consume(count);
            self.unread -= count as u64;
        }
        Ok(())
    }

    /// The hard link sets of the package.
    pub fn links(&self) -> &HardLinks {
        &self.links
    }

    fn skip(&mut self) -> Result<(), ArchiveError> {
        self.content(|_| Ok(()))
    }

    fn index_of(&self, name: &[u8]) -> Result<usize, ArchiveError> {
        let relative = name.strip_prefix(b".").filter(|rest| rest.first() == Some(&b'/')).unwrap_or(name);
        let relative = relative.strip_prefix(b"/").unwrap_or(relative);
        let absolute = [&b"/"[..], if relative == b"." { b"" } else { relative }].concat();
        self.by_path
            .get(&absolute[..])
            .copied()
            .ok_or_else(|| ArchiveError::UnknownFile(String::from_utf8_lossy(name).into_owned()))
    }

    fn complete(&self) -> Result<(), ArchiveError> {
        let missing = self.files.iter().zip(&self.found).find(|(file, found)| !**found && !file.is_ghost());
        match missing {
            Some((file, _)) => Err(ArchiveError::Missing(file.path.display().to_string())),
            None => Ok(()),
        }
    }
}

/// The most bytes that an archive of these files can have: heads, names, contents, padding.
pub fn most_bytes(files: &[FileEntry]) -> u64 {
    // 110 bytes of head, `./` and NUL around the name, two paddings to multiples of four.
    const HEAD: u64 = 128;
    // Trailer, padding to whole blocks of a tape.
    const END: u64 = 1 << 16;
    files.iter().filter(|file| !file.is_ghost()).fold(END, |sum, file| {
        sum.saturating_add(HEAD).saturating_add(file.path.as_os_str().len() as u64).saturating_add(file.size)
    })
}

/// Which files of a package are one file under several names.
#[derive(Clone, Debug, Default)]
pub struct HardLinks {
    sets: BTreeMap<usize, Rc<[usize]>>,
}

impl HardLinks {
    /// The sets of a file list: regular files that share device and inode of the build host.
    pub fn of(files: &[FileEntry]) -> Self {
        let mut by_identity: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
        for (i, file) in files.iter().enumerate() {
            if file.file_type() == FileType::Regular && !file.is_ghost() && file.identity.1 > 0 {
                by_identity.entry(file.identity).or_default().push(i);
            }
        }
        let mut sets = BTreeMap::new();
        for set in by_identity.into_values().filter(|set| set.len() > 1) {
            let set: Rc<[usize]> = set.into();
            sets.extend(set.iter().map(|file| (*file, Rc::clone(&set))));
        }
        HardLinks { sets }
    }

    /// The set that a file belongs to, in the order of the header; `None` for a file with one name.
    pub fn set(&self, file: usize) -> Option<&[usize]> {
        self.sets.get(&file).map(|set| &set[..])
    }

    /// Whether the bytes come with another file of the set: the last one has them.
    pub fn comes_later(&self, file: usize) -> bool {
        self.set(file).is_some_and(|set| set.last() != Some(&file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::test_contents::{directory, file, symlink};
    use rpm_model::header::file_flags;

    /// A newc archive of names and contents, with its trailer.
    fn newc(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries.iter().chain(&[("TRAILER!!!", "")]) {
            let fields = [0, 0, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
            bytes.extend_from_slice(b"070701");
            bytes.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend_from_slice(content.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    /// What an archive gives: path and content of each member.
    fn read(bytes: &[u8], files: &[FileEntry]) -> Result<Vec<(String, Option<String>)>, ArchiveError> {
        let mut archive = Archive::new(bytes, files);
        let mut members = Vec::new();
        while let Some(member) = archive.next_member()? {
            let mut content = Vec::new();
            if member.content.is_some() {
                archive.content(|bytes| {
                    content.extend_from_slice(bytes);
                    Ok::<(), ArchiveError>(())
                })?;
            }
            let content = member.content.map(|_| String::from_utf8(content).unwrap());
            members.push((files[member.file].path.display().to_string(), content));
        }
        Ok(members)
    }

    #[test]
    fn members_are_the_header_s_files_in_the_order_of_the_archive() {
        let files = [directory("/d"), file("/d/a", "one"), symlink("/d/l", "a")];
        let bytes = newc(&[("./d/l", "a"), ("./d", ""), ("./d/a", "one")]);
        let some = |path: &str, content: Option<&str>| (path.to_owned(), content.map(str::to_owned));
        assert_eq!(
            read(&bytes, &files).unwrap(),
            [some("/d/l", None), some("/d", None), some("/d/a", Some("one"))]
        );
    }

    #[test]
    fn hard_links_get_their_bytes_with_the_last_of_the_header() {
        let linked = |path: &str| FileEntry { identity: (1, 7), ..file(path, "shared") };
        let files = [linked("/a"), linked("/b")];
        let members = read(&newc(&[("./a", ""), ("./b", "shared")]), &files).unwrap();
        assert_eq!(members, [("/a".to_owned(), None), ("/b".to_owned(), Some("shared".to_owned()))]);
    }

    #[test]
    fn files_that_the_header_does_not_list_are_refused() {
        let files = [file("/a", "one")];
        for name in ["./b", "../a", "./../a", "/etc/passwd", "./a/../../etc/passwd", ""] {
            let refused = read(&newc(&[(name, "")]), &files);
            assert!(matches!(refused, Err(ArchiveError::UnknownFile(_))), "{name}: {refused:?}");
        }
        let beyond = b"07070X000000ff\0\0";
        assert!(matches!(read(beyond, &files), Err(ArchiveError::UnknownFile(_))));
    }

    #[test]
    fn an_archive_of_files_has_no_more_bytes_than_foreseen() {
        let ghost = FileEntry { flags: file_flags::GHOST, size: u64::MAX, ..file("/ghost", "") };
        let files = [directory("/d"), file("/d/one", "content"), symlink("/d/link", "one"), ghost];
        let whole = newc(&[("./d", ""), ("./d/one", "content"), ("./d/link", "one")]);
        let most = most_bytes(&files);
        assert!(whole.len() as u64 <= most && most < (1 << 17), "{} bytes, {most} foreseen", whole.len());
        let endless = FileEntry { size: u64::MAX, ..file("/endless", "") };
        assert_eq!(most_bytes(&[endless.clone(), endless]), u64::MAX);
    }

    #[test]
    fn a_file_that_comes_twice_or_never_is_an_error() {
        let mut ghost = file("/ghost", "");
        ghost.flags = file_flags::GHOST;
        let files = [file("/a", "one"), ghost];
        assert!(read(&newc(&[("./a", "one")]), &files).is_ok());
        assert!(matches!(
            read(&newc(&[("./a", "one"), ("./a", "one")]), &files),
            Err(ArchiveError::Twice(_))
        ));
        assert!(matches!(read(&newc(&[]), &files), Err(ArchiveError::Missing(path)) if path == "/a"));
    }
}
