//! What stands at a configuration file's path, in; whether it is something else than the package ships, out.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use md5::Md5;
use rustix::fs::FileType as KernelType;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::package::{FileEntry, FileType};
use crate::root::{RootDirectory, RootError};

/// `lib/rpmfi.cc: rpmfilesConfigConflict`: type, size, then content or link target.
pub fn differs(root: &RootDirectory, file: &FileEntry) -> Result<bool, RootError> {
    let Some(stat) = root.stat(&file.path)? else { return Ok(false) };
    match (KernelType::from_raw_mode(stat.st_mode), file.file_type()) {
        (KernelType::RegularFile, FileType::Regular) => {
            if u64::try_from(stat.st_size) != Ok(file.size) {
                return Ok(true);
            }
            let Some((algorithm, stated)) = &file.digest else { return Ok(true) };
            let found = digest_of(root, &file.path, *algorithm)?;
            Ok(found.is_none_or(|found| !found.eq_ignore_ascii_case(stated)))
        }
        (KernelType::Symlink, FileType::Symlink) => {
            let directory = root.open_directory(file.directory(), false)?;
            let name = file.path.file_name().unwrap_or_default();
            let target = rustix::fs::readlinkat(&directory, name, Vec::new())
                .map_err(|source| RootError::new("read the link", &file.path, source))?;
            Ok(target.as_bytes() != file.link_target.as_os_str().as_bytes())
        }
        _ => Ok(true),
    }
}

/// The digest of the file at a path, in hexadecimal; `None` for an unknown algorithm or where nothing is.
pub fn digest_of(root: &RootDirectory, path: &Path, algorithm: u32) -> Result<Option<String>, RootError> {
    let Some(bytes) = root.read(path)? else { return Ok(None) };
    Ok(digest(algorithm, &bytes))
}

/// Hexadecimal, by the OpenPGP number of the algorithm.
fn digest(algorithm: u32, bytes: &[u8]) -> Option<String> {
    Some(match algorithm {
        1 => hex::encode(Md5::digest(bytes)),
        2 => hex::encode(Sha1::digest(bytes)),
        8 => hex::encode(Sha256::digest(bytes)),
        9 => hex::encode(Sha384::digest(bytes)),
        10 => hex::encode(Sha512::digest(bytes)),
        11 => hex::encode(Sha224::digest(bytes)),
        _ => return None,
    })
}
