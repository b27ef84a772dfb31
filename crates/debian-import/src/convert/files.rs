//! Members of a `.deb` in; the RPM's file list out.

use std::collections::BTreeSet;

use rpm::{DependencyFlags, FileFlags};

use super::{CONFIG_FLAGS, ConvertError};
use crate::deb::{DebFile, Member, MemberKind};
use crate::rpm_file::{RpmEntry, RpmEntryKind, RpmPackage, RpmRelation};

/// Where documentation lies; an installation may leave it out.
const DOCUMENTATION: [&str; 4] =
    ["/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/gtk-doc/html/"];

/// Puts the members of `deb` into `package`.
pub(super) fn convert(deb: &DebFile, package: &mut RpmPackage) -> Result<(), ConvertError> {
    let conffiles = deb.conffiles.iter().map(String::as_str).collect::<BTreeSet<_>>();
    let parents =
        deb.members.keys().filter_map(|path| path.rsplit_once('/')).map(|(parent, _)| parent).collect();
    for (path, member) in &deb.members {
        if member.kind == MemberKind::Directory && is_shared(path, member, &package.name, &parents) {
            continue;
        }
        let entry = RpmEntry {
            kind: kind(path, member)?,
            mode: if matches!(member.kind, MemberKind::Symlink { .. }) { 0o777 } else { member.mode },
            owner: member.owner.clone(),
            group: member.group.clone(),
            modified: member.modified,
            flags: flags(path, member, &conffiles, &package.name),
        };
        package.files.insert(path.clone(), entry);
    }
    // All names of one file must agree in what RPM keeps by name.
    let links = deb.members.iter().filter_map(|(path, member)| match &member.kind {
        MemberKind::HardLink { to } => Some((path, &deb.members[to])),
        _ => None,
    });
    for (path, target) in links {
        if let Some(entry) = package.files.get_mut(path) {
            entry.mode = target.mode;
            entry.owner.clone_from(&target.owner);
            entry.group.clone_from(&target.group);
            entry.modified = target.modified;
        }
    }
    Ok(())
}

/// Directories that many packages ship are base-files' business; a package keeps the leaves, those with special mode or owner,
/// and those deep enough to be its own.
fn is_shared(path: &str, member: &Member, package: &str, parents: &BTreeSet<&str>) -> bool {
    let ordinary = member.mode == 0o755 && member.owner == "root" && member.group == "root";
    package != "base-files" && parents.contains(path) && ordinary && path.matches('/').count() < 4
}

fn kind(path: &str, member: &Member) -> Result<RpmEntryKind, ConvertError> {
    Ok(match &member.kind {
        MemberKind::Directory => RpmEntryKind::Directory,
        MemberKind::Regular { offset, size, sha256 } => {
            RpmEntryKind::Stored { offset: *offset, size: *size, sha256: *sha256 }
        }
        MemberKind::Symlink { target } => RpmEntryKind::Symlink(target.clone()),
        MemberKind::HardLink { to } => RpmEntryKind::HardLink(to.clone()),
        MemberKind::Device { block, major, minor } => {
            let small = |number: u32| {
                u8::try_from(number).map_err(|_| ConvertError::Device { path: path.to_owned() })
            };
            RpmEntryKind::Device { block: *block, major: small(*major)?, minor: small(*minor)? }
        }
        MemberKind::Fifo => RpmEntryKind::Fifo,
    })
}

fn flags(path: &str, member: &Member, conffiles: &BTreeSet<&str>, package: &str) -> FileFlags {
    if member.kind == MemberKind::Directory {
        FileFlags::empty()
    } else if conffiles.contains(path) {
        CONFIG_FLAGS
    } else if path.strip_prefix("/usr/share/doc/").and_then(|path| path.strip_prefix(package))
        == Some("/copyright")
    {
        FileFlags::LICENSE
    } else if DOCUMENTATION.iter().any(|folder| path.starts_with(folder)) {
        FileFlags::DOC
    } else {
        FileFlags::empty()
    }
}

/// Owners must exist before the files do.
pub(super) fn require_owners(package: &mut RpmPackage) {
    let mut accounts = BTreeSet::new();
    for entry in package.files.values() {
        if entry.owner != "root" {
            accounts.insert(format!("user({})", entry.owner));
        }
        if entry.group != "root" {
            accounts.insert(format!("group({})", entry.group));
        }
    }
    let phase = DependencyFlags::SCRIPT_PRE | DependencyFlags::SCRIPT_POSTUN;
    package.requires.extend(accounts.into_iter().map(|account| RpmRelation::any(account).with(phase)));
}
