//! Two files that want one path, in; what makes them a conflict, out (`lib/rpmfi.cc: rpmfilesCompare`).

use crate::package::{FileEntry, FileType};

/// The first difference that makes a conflict; times never do, and a %ghost agrees with everything.
pub(super) fn difference(a: &FileEntry, b: &FileEntry) -> Option<&'static str> {
    if a.is_ghost() || b.is_ghost() {
        return None;
    }
    let (kind, other) = (a.file_type(), b.file_type());
    if kind != other {
        return Some("file type");
    }
    if kind != FileType::Symlink && a.mode != b.mode {
        return Some("mode");
    }
    if matches!(kind, FileType::Symlink | FileType::Regular) && a.size != b.size {
        return Some("size");
    }
    if a.user != b.user {
        return Some("owner");
    }
    if a.group != b.group {
        return Some("group");
    }
    match kind {
        FileType::Symlink if a.link_target != b.link_target => Some("link target"),
        FileType::Regular if a.digest != b.digest => Some("content"),
        FileType::CharacterDevice | FileType::BlockDevice if a.rdev != b.rdev => Some("device number"),
        _ => None,
    }
}
