//! A `.deb` in; its control fields, the scripts that conversion looks at, and its files out.
//!
//! Refuses what no honest package has: members that leave the root, twice the same path, links to nothing.

mod archive;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::spool::Spool;
use archive::{damaged, each_entry, read_small};

/// Bytes of the control file, of the list of configuration files, or of a script.
const LARGEST_CONTROL_FILE: u64 = 8 << 20;

/// A `.deb`, read.
#[derive(Debug)]
pub struct DebFile {
    /// The control file: one stanza.
    pub control: String,
    /// Configuration files that the package declares, as absolute paths.
    pub conffiles: Vec<String>,
    /// The script run after unpacking, if there is one.
    pub postinst: Option<String>,
    /// Files by absolute path, without `/` itself.
    pub members: BTreeMap<String, Member>,
    /// Newest modification time of a member, seconds since 1970 UTC.
    pub newest: u32,
    pub(crate) contents: Spool,
}

/// A file of a `.deb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it is.
    pub kind: MemberKind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u16,
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
    /// Modification time, seconds since 1970 UTC.
    pub modified: u32,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A directory.
    Directory,
    /// A file; where its bytes are among the contents.
    Regular {
        /// First byte.
        offset: u64,
        /// Size in bytes.
        size: u64,
        /// SHA-256 of the bytes.
        sha256: [u8; 32],
    },
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: String,
    },
    /// Another name of a regular member.
    HardLink {
        /// Absolute path of the regular member.
        to: String,
    },
    /// A character or block device.
    Device {
        /// Whether it is a block device.
        block: bool,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// Why a `.deb` cannot be read.
#[derive(Debug, Error)]
pub enum DebError {
    /// The file cannot be opened.
    #[error("cannot open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive inside is damaged or cut.
    #[error("{part} of the package is damaged or truncated")]
    Damaged {
        /// `the ar archive`, `control.tar.xz`, …
        part: String,
        /// Why.
        source: io::Error,
    },
    /// More of something than any package has.
    #[error("{part} of the package has more than {limit} {what}: no honest package does")]
    Excess {
        /// The part.
        part: String,
        /// `bytes`, `files`, …
        what: &'static str,
        /// The most of it.
        limit: u64,
    },
    /// A part that every package has is missing.
    #[error("the package has no {0}")]
    Missing(&'static str),
    /// A member format this reader does not know.
    #[error("{part} of the package is of a kind that is not supported: {found}")]
    Unsupported {
        /// The part.
        part: String,
        /// What it is.
        found: String,
    },
    /// A path that would leave the root, or is no text.
    #[error("member {path:?} {reason}")]
    Path {
        /// The path as written.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Reads the package at `path` wholly.
pub fn read(path: &Path) -> Result<DebFile, DebError> {
    let file = File::open(path).map_err(|source| DebError::Open { path: path.to_owned(), source })?;
    read_from(io::BufReader::with_capacity(256 << 10, file))
}

/// Reads a package wholly.
pub fn read_from(source: impl Read) -> Result<DebFile, DebError> {
    let mut archive = ar::Archive::new(source);
    let ar_damaged = |source| DebError::Damaged { part: "the ar archive".to_owned(), source };
    let mut deb = DebFile {
        control: String::new(),
        conffiles: Vec::new(),
        postinst: None,
        members: BTreeMap::new(),
        newest: 0,
        contents: Spool::default(),
    };
    let (mut version, mut data) = (false, false);
    while let Some(entry) = archive.next_entry() {
        let mut entry = entry.map_err(ar_damaged)?;
        let name = String::from_utf8_lossy(entry.header().identifier()).trim_end_matches('/').to_owned();
        let size = entry.header().size();
        if name == "debian-binary" {
            check_version(&mut entry)?;
            version = true;
        } else if let Some(suffix) = name.strip_prefix("control.tar") {
            let mut counted = Counted { inner: &mut entry, left: size };
            read_control(&mut deb, &mut counted, (&name, suffix, size))?;
        } else if let Some(suffix) = name.strip_prefix("data.tar") {
            let mut counted = Counted { inner: &mut entry, left: size };
            read_data(&mut deb, &mut counted, (&name, suffix, size))?;
            data = true;
        } else if !name.starts_with('_') {
            return Err(DebError::Unsupported { part: "a member".to_owned(), found: name });
        }
    }
    if !version {
        return Err(DebError::Missing("debian-binary"));
    }
    if deb.control.is_empty() {
        return Err(DebError::Missing("control file"));
    }
    if !data {
        return Err(DebError::Missing("data.tar"));
    }
    check_links(&deb)?;
    Ok(deb)
}

fn check_version(entry: &mut impl Read) -> Result<(), DebError> {
    let part = "debian-binary";
    let bytes = read_small(entry, 64).map_err(|source| damaged(part, source))?;
    let text = String::from_utf8_lossy(&bytes);
    if text.starts_with("2.") {
        Ok(())
    } else {
        Err(DebError::Unsupported { part: "debian-binary".to_owned(), found: text.trim().to_owned() })
    }
}

/// Turns the silent end of a cut archive into an error.
struct Counted<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

fn read_control(
    deb: &mut DebFile,
    compressed: &mut dyn Read,
    archive: (&str, &str, u64),
) -> Result<(), DebError> {
    let damaged = |source| damaged(archive.0, source);
    each_entry(compressed, archive, &mut |mut entry| {
        let mut content = || read_small(&mut entry.inner, LARGEST_CONTROL_FILE).map_err(damaged);
        let text = |bytes| String::from_utf8(bytes).map_err(io::Error::other).map_err(damaged);
        match String::from_utf8_lossy(&entry.path).trim_start_matches("./") {
            "control" => deb.control = text(content()?)?,
            "conffiles" => deb.conffiles = conffiles(&text(content()?)?),
            // A compiled script is no text, and says nothing here.
            "postinst" => deb.postinst = String::from_utf8(content()?).ok(),
            _ => {}
        }
        Ok(())
    })
}

/// One path a line; flagged lines (`remove-on-upgrade /path`) name files that the package does not ship.
fn conffiles(text: &str) -> Vec<String> {
    text.lines().map(str::trim_end).filter(|line| line.starts_with('/')).map(ToOwned::to_owned).collect()
}

fn read_data(
    deb: &mut DebFile,
    compressed: &mut dyn Read,
    archive: (&str, &str, u64),
) -> Result<(), DebError> {
    let part = archive.0;
    let damaged = |source| damaged(part, source);
    each_entry(compressed, archive, &mut |mut entry| {
        let path = member_path(&entry.path)?;
        let header = entry.inner.header();
        let modified = seconds(header.mtime().map_err(damaged)?);
        if path == "/" {
            deb.newest = deb.newest.max(modified);
            return Ok(());
        }
        let mode = header.mode().map_err(damaged)? & 0o7777;
        let owner = owner_name(header.username_bytes(), header.uid().map_err(damaged)?, &path)?;
        let group = owner_name(header.groupname_bytes(), header.gid().map_err(damaged)?, &path)?;
        let kind = member_kind(&mut entry, &path, &mut deb.contents, part)?;
        deb.newest = deb.newest.max(modified);
        let mode = u16::try_from(mode).unwrap_or(0o7777);
        let member = Member { kind, mode, owner, group, modified };
        match (deb.members.get(&path).map(|present| &present.kind), &member.kind) {
            // Twice the same directory is harmless, and happens.
            (None, _) | (Some(MemberKind::Directory), MemberKind::Directory) => {
                deb.members.insert(path, member);
                Ok(())
            }
            _ => Err(DebError::Path { path, reason: "is in the package twice" }),
        }
    })
}

fn seconds(time: u64) -> u32 {
    u32::try_from(time).unwrap_or(u32::MAX)
}

fn owner_name(name: Option<&[u8]>, id: u64, path: &str) -> Result<String, DebError> {
    let name = name.unwrap_or_default();
    let text = std::str::from_utf8(name).unwrap_or_default();
    match (text, id) {
        ("", 0) => Ok("root".to_owned()),
        ("", _) => {
            Err(DebError::Path { path: path.to_owned(), reason: "belongs to a number without a name" })
        }
        _ => Ok(text.to_owned()),
    }
}

fn member_kind(
    entry: &mut archive::Entry<'_, '_>,
    path: &str,
    contents: &mut Spool,
    part: &str,
) -> Result<MemberKind, DebError> {
    let damaged = |source| damaged(part, source);
    let link = |target: &[u8]| {
        let target = std::str::from_utf8(target).ok();
        target
            .filter(|target| !target.is_empty() && !target.contains('\0'))
            .map(ToOwned::to_owned)
            .ok_or_else(|| DebError::Path {
                path: path.to_owned(),
                reason: "is a link to nothing, or to no UTF-8 text",
            })
    };
    let header = entry.inner.header();
    Ok(match header.entry_type() {
        tar::EntryType::Directory => MemberKind::Directory,
        tar::EntryType::Regular | tar::EntryType::Continuous => {
            let offset = contents.length();
            let mut hashing = Hashing { inner: contents, hash: Sha256::new() };
            let size = io::copy(&mut entry.inner, &mut hashing).map_err(damaged)?;
            MemberKind::Regular { offset, size, sha256: hashing.hash.finalize().into() }
        }
        tar::EntryType::Symlink => MemberKind::Symlink { target: link(&entry.target)? },
        tar::EntryType::Link => MemberKind::HardLink { to: member_path(link(&entry.target)?.as_bytes())? },
        kind @ (tar::EntryType::Char | tar::EntryType::Block) => {
            let number =
                |number: io::Result<Option<u32>>| number.map_err(damaged).map(Option::unwrap_or_default);
            MemberKind::Device {
                block: kind == tar::EntryType::Block,
                major: number(header.device_major())?,
                minor: number(header.device_minor())?,
            }
        }
        tar::EntryType::Fifo => MemberKind::Fifo,
        other => {
            return Err(DebError::Unsupported {
                part: format!("member {path}"),
                found: format!("{other:?}"),
            });
        }
    })
}

struct Hashing<'a> {
    inner: &'a mut Spool,
    hash: Sha256,
}

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `./usr/bin/x` → `/usr/bin/x`; everything that is not below the root is refused.
fn member_path(bytes: &[u8]) -> Result<String, DebError> {
    let error = |reason| DebError::Path { path: String::from_utf8_lossy(bytes).into_owned(), reason };
    let text = std::str::from_utf8(bytes).map_err(|_| error("is no UTF-8 text: an RPM cannot name it"))?;
    if text.starts_with('/') {
        return Err(error("is absolute"));
    }
    if text.chars().any(char::is_control) {
        return Err(error("has a control character in its name"));
    }
    let mut path = String::new();
    for part in text.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return Err(error("leaves the root by `..`"));
        }
        path.push('/');
        path.push_str(part);
    }
    Ok(if path.is_empty() { "/".to_owned() } else { path })
}

/// A hard link must lead to a file of this package, and nothing may be below a link or file.
fn check_links(deb: &DebFile) -> Result<(), DebError> {
    for (path, member) in &deb.members {
        if let MemberKind::HardLink { to } = &member.kind
            && !matches!(deb.members.get(to).map(|target| &target.kind), Some(MemberKind::Regular { .. }))
        {
            return Err(DebError::Path {
                path: path.clone(),
                reason: "is a hard link to no file of the package",
            });
        }
        let mut parent = path.as_str();
        while let Some((above, _)) = parent.rsplit_once('/') {
            let through = deb.members.get(above).is_some_and(|member| member.kind != MemberKind::Directory);
            if through {
                return Err(DebError::Path {
                    path: path.clone(),
                    reason: "lies below a member that is no directory",
                });
            }
            parent = above;
        }
    }
    Ok(())
}
