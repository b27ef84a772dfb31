//! The files of a commit, in; the same files in a folder, out.
//! Writes only below that folder: names and links that lead out of it are left out.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use host_tools::git::{TreeEntry, TreeEntryKind};

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct ExportError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// The path of an entry, if a file may have it.
pub(super) fn safe_path(entry: &TreeEntry) -> Option<&str> {
    let path = std::str::from_utf8(&entry.path).ok()?;
    let safe = |name: &str| {
        !matches!(name, "" | "." | "..") && !name.eq_ignore_ascii_case(".git") && !name.contains('\0')
    };
    path.split('/').all(safe).then_some(path)
}

/// Writes one file or link.
pub(super) fn write(folder: &Path, entry: &TreeEntry, bytes: &[u8]) -> Result<(), ExportError> {
    let Some(relative) = safe_path(entry) else { return Ok(()) };
    let path = folder.join(relative);
    let failed = |source| ExportError { path: path.clone(), source };
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(failed)?;
    }
    match entry.kind {
        TreeEntryKind::File => fs::write(&path, bytes).map_err(failed),
        TreeEntryKind::Program => {
            fs::write(&path, bytes).map_err(failed)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)
        }
        TreeEntryKind::Link => match std::str::from_utf8(bytes) {
            Ok(target) if stays_inside(relative, target) => symlink(target, &path).map_err(failed),
            _ => Ok(()),
        },
        TreeEntryKind::Submodule => Ok(()),
    }
}

/// Whether a link does not lead above the folder.
fn stays_inside(link: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return false;
    }
    let mut depth = link.matches('/').count();
    target.split('/').all(|name| match name {
        "" | "." => true,
        ".." => match depth.checked_sub(1) {
            Some(above) => {
                depth = above;
                true
            }
            None => false,
        },
        _ => {
            depth += 1;
            true
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_stay_inside_are_made() {
        for (link, target, inside) in [
            ("a/b", "../c", true),
            ("a", "b/../c", true),
            ("a", "../c", false),
            ("a/b", "../../c", false),
            ("a", "/etc/passwd", false),
        ] {
            assert_eq!(stays_inside(link, target), inside, "{link} -> {target}");
        }
    }
}
