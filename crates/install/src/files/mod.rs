//! The file lists of all packages in their order, in; what happens to each file, or every conflict between packages, out.
//!
//! rpm's rules (`lib/transaction.cc: skipInstallFiles, handleOverlappedFiles`). Nothing here looks at a disk, except `changes`
//! and `configuration`: what happens in a root where packages are installed already depends on what is there.

mod changes;
mod compare;
mod configuration;
mod links;
mod policy;

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub use changes::{Change, Decided, EraseAction, Present, Recoloured, decide_changes};
pub use configuration::stands_in_the_way;
pub use links::DirectoryLinks;
pub use policy::FilePolicy;

use crate::order::{PREFERRED_COLOR, TRANSACTION_COLOR};
use crate::package::PackageContents;
use crate::rpmdb::FileState;

/// What happens to a file of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// It is made (a %ghost only belongs to its package).
    Create,
    /// It is made beside an existing configuration file, as `.rpmnew`.
    CreateBeside,
    /// It is made after an existing file was moved to `.rpmorig`.
    CreateAndKeepOld,
    /// It is made after the changed file of the replaced package was moved to `.rpmsave`.
    CreateAndSaveOld,
    /// What is there has the right content: only owner, mode and time are set.
    Touch,
    /// What is there stays as it is: the configuration did not change from package to package, or is not missed.
    SkipKept,
    /// Another package made the same file.
    SkipShared,
    /// Documentation or a language that was not asked for.
    SkipUnwanted,
    /// The other word size's file has the place.
    SkipColor,
}

impl FileAction {
    /// Whether nothing is made.
    pub fn is_skip(self) -> bool {
        matches!(self, Self::SkipShared | Self::SkipUnwanted | Self::SkipColor | Self::SkipKept)
    }

    /// What the rpm database says of such a file.
    pub fn state(self) -> FileState {
        match self {
            Self::SkipUnwanted => FileState::NotInstalled,
            Self::SkipColor => FileState::WrongColour,
            _ => FileState::Normal,
        }
    }
}

/// Two packages that want different things at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConflict {
    /// As the later package names it.
    pub path: PathBuf,
    /// The package that has it first.
    pub first: String,
    /// The package that comes later.
    pub second: String,
    /// What differs.
    pub difference: &'static str,
}

impl fmt::Display for FileConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.second {
            write!(
                f,
                "{} in {} meets itself through a directory symlink: {} differs",
                self.path.display(),
                self.first,
                self.difference
            )
        } else {
            write!(
                f,
                "{} from {} and {}: {} differs",
                self.path.display(),
                self.first,
                self.second,
                self.difference
            )
        }
    }
}

/// An action for each file of each package, in their order; or all conflicts.
pub fn decide(
    packages: &[&PackageContents],
    policy: &FilePolicy,
) -> Result<Vec<Vec<FileAction>>, Vec<FileConflict>> {
    let mut decided: Vec<Vec<Option<FileAction>>> =
        packages.iter().map(|package| policy::unwanted(&package.files, policy)).collect();
    let claims = claims(packages, &decided);
    let mut conflicts = Vec::new();
    for claim in claims.values() {
        // The claims of one path are in the order of installation: each is judged by the one before.
        for (position, (package, file)) in claim.iter().enumerate() {
            let action = match position.checked_sub(1).map(|before| claim[before]) {
                None => FileAction::Create,
                Some(before) => meet(packages, &mut decided, before, (*package, *file), &mut conflicts),
            };
            decided[*package][*file] = Some(action);
        }
    }
    if conflicts.is_empty() {
        let known = |actions: Vec<Option<FileAction>>| {
            actions.into_iter().map(|action| action.unwrap_or(FileAction::Create)).collect()
        };
        Ok(decided.into_iter().map(known).collect())
    } else {
        conflicts.sort_by(|a, b| (&a.path, &a.first, &a.second).cmp(&(&b.path, &b.first, &b.second)));
        Err(conflicts)
    }
}

type Claims = BTreeMap<Vec<u8>, Vec<(usize, usize)>>;

/// Every path, seen through the directory symlinks that the packages bring, with the files that want it.
fn claims(packages: &[&PackageContents], decided: &[Vec<Option<FileAction>>]) -> Claims {
    let wanted = || {
        packages.iter().zip(decided).enumerate().flat_map(|(position, (package, actions))| {
            let files = package.files.iter().zip(actions).enumerate();
            files.filter(|(_, (_, action))| action.is_none()).map(move |(i, (file, _))| (position, i, file))
        })
    };
    let links = DirectoryLinks::of(wanted().map(|(_, _, file)| file));
    let mut claims = Claims::new();
    for (package, index, file) in wanted() {
        claims.entry(links.resolve(file.path.as_os_str().as_bytes())).or_default().push((package, index));
    }
    claims
}

fn meet(
    packages: &[&PackageContents],
    decided: &mut [Vec<Option<FileAction>>],
    before: (usize, usize),
    now: (usize, usize),
    conflicts: &mut Vec<FileConflict>,
) -> FileAction {
    let (other, file) = (&packages[before.0].files[before.1], &packages[now.0].files[now.1]);
    let earlier = decided[before.0][before.1];
    match compare::difference(other, file) {
        None => match earlier {
            // A ghost is not made by its package, so this one makes it.
            Some(action) if !action.is_skip() && !other.is_ghost() => FileAction::SkipShared,
            Some(FileAction::SkipColor) => FileAction::SkipColor,
            _ => FileAction::Create,
        },
        Some(difference) => {
            let (mine, theirs) = (file.color & TRANSACTION_COLOR, other.color & TRANSACTION_COLOR);
            let decidable = mine != 0 && theirs != 0 && mine != theirs;
            if decidable && mine & PREFERRED_COLOR != 0 {
                decided[before.0][before.1] = Some(FileAction::SkipColor);
                return FileAction::Create;
            }
            if decidable && theirs & PREFERRED_COLOR != 0 {
                return FileAction::SkipColor;
            }
            conflicts.push(FileConflict {
                path: file.path.clone(),
                first: packages[before.0].nevra.to_string(),
                second: packages[now.0].nevra.to_string(),
                difference,
            });
            FileAction::Create
        }
    }
}

#[cfg(test)]
mod tests;
