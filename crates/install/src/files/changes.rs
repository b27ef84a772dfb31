//! Packages that come, packages that are there, which of those go, and the root, in; what happens to each file, or every
//! conflict, out.
//!
//! rpm's rules (`lib/transaction.cc: checkInstalledFiles, handleInstInstalledFile, handleOverlappedFiles`). Disk is looked at,
//! nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType as KernelType, Stat};

use super::compare::difference;
use super::configuration::{fate, stands_in_the_way};
use super::{DirectoryLinks, FileAction, FileConflict, FilePolicy, policy};
use crate::order::{PREFERRED_COLOR, TRANSACTION_COLOR};
use crate::package::{FileEntry, FileType, PackageContents};
use crate::root::{RootDirectory, RootError};
use crate::rpmdb::FileState;

/// What happens to a file of a package that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EraseAction {
    /// It is removed; a directory only if it is empty by then.
    Erase,
    /// It was changed since it came, and is moved to `.rpmsave`.
    Save,
    /// Somebody else has it, or it never was made.
    Keep,
}

/// A package that is installed.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// What it brought.
    pub contents: &'a PackageContents,
    /// What became of each of its files.
    pub states: &'a [FileState],
}

/// A transaction, as far as files are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// In the order of installation.
    pub coming: &'a [&'a PackageContents],
    /// What the database holds, in its order.
    pub present: &'a [Present<'a>],
    /// Positions in `present`, in the order of erasure.
    pub going: &'a [usize],
}

/// What happens to every file.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// For each package that comes.
    pub coming: Vec<Vec<FileAction>>,
    /// For each package that goes, in the order of erasure.
    pub going: Vec<Vec<EraseAction>>,
    /// Files of packages that stay and lose their place to the other word size.
    pub recoloured: Vec<Recoloured>,
}

/// A file of an installed package that another word size's file takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recoloured {
    /// Position of the package among those present.
    pub package: usize,
    /// Position of the file.
    pub file: usize,
}

/// An action for each file, or all conflicts.
pub fn decide_changes(
    root: &RootDirectory,
    change: &Change<'_>,
    policy: &FilePolicy,
) -> Result<Result<Decided, Vec<FileConflict>>, RootError> {
    let mut decision = Decision::new(root, change, policy);
    decision.meet_installed()?;
    for package in 0..change.coming.len() {
        for file in 0..change.coming[package].files.len() {
            decision.decide_coming(package, file)?;
        }
    }
    for place in 0..change.going.len() {
        for file in 0..decision.going_files(place).len() {
            decision.decide_going(place, file)?;
        }
    }
    Ok(decision.finish())
}

/// A file in the order of the transaction: what comes is before what goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Coming { package: usize, file: usize },
    Going { place: usize, file: usize },
}

struct Decision<'c> {
    root: &'c RootDirectory,
    change: &'c Change<'c>,
    links: DirectoryLinks<'c>,
    /// Every path that the transaction touches, directories seen through links, with the files there in their order.
    claims: BTreeMap<Vec<u8>, Vec<Claim>>,
    coming: Vec<Vec<Option<FileAction>>>,
    going: Vec<Vec<Option<EraseAction>>>,
    recoloured: Vec<Recoloured>,
    conflicts: Vec<FileConflict>,
}

impl<'c> Decision<'c> {
    fn new(root: &'c RootDirectory, change: &'c Change<'c>, policy: &FilePolicy) -> Self {
        let coming: Vec<Vec<Option<FileAction>>> =
            change.coming.iter().map(|package| policy::unwanted(&package.files, policy)).collect();
        let wanted = change.coming.iter().zip(&coming).flat_map(|(package, actions)| {
            package.files.iter().zip(actions).filter(|(_, action)| action.is_none()).map(|(file, _)| file)
        });
        let links = DirectoryLinks::over(root, wanted);
        let going = change.going.iter().map(|position| &change.present[*position].contents.files);
        let going = going.map(|files| vec![None; files.len()]).collect();
        let (recoloured, conflicts) = (Vec::new(), Vec::new());
        let mut decision =
            Decision { root, change, links, claims: BTreeMap::new(), coming, going, recoloured, conflicts };
        decision.claim();
        decision
    }

    fn claim(&mut self) {
        let mut claims: BTreeMap<Vec<u8>, Vec<Claim>> = BTreeMap::new();
        for (package, contents) in self.change.coming.iter().enumerate() {
            for (file, entry) in contents.files.iter().enumerate() {
                if self.coming[package][file].is_none() {
                    claims.entry(self.key(entry)).or_default().push(Claim::Coming { package, file });
                }
            }
        }
        for place in 0..self.going.len() {
            for (file, entry) in self.going_files(place).iter().enumerate() {
                claims.entry(self.key(entry)).or_default().push(Claim::Going { place, file });
            }
        }
        self.claims = claims;
    }

    fn key(&self, file: &FileEntry) -> Vec<u8> {
        self.links.resolve(file.path.as_os_str().as_bytes())
    }

    fn going_files(&self, place: usize) -> &'c [FileEntry] {
        &self.change.present[self.change.going[place]].contents.files
    }

    /// Files of installed packages at the same paths.
    fn meet_installed(&mut self) -> Result<(), RootError> {
        let names: BTreeSet<Vec<u8>> =
            self.claims.keys().map(|path| file_name(Path::new(OsStr::from_bytes(path))).to_vec()).collect();
        let change = self.change;
        for (position, present) in change.present.iter().enumerate() {
            let goes = change.going.contains(&position);
            for (index, installed) in present.contents.files.iter().enumerate() {
                if !names.contains(file_name(&installed.path)) {
                    continue;
                }
                let claims = self.claims.get(&self.key(installed)).cloned().unwrap_or_default();
                for claim in claims {
                    match claim {
                        Claim::Coming { package, file } => {
                            self.meet_one((package, file), (position, index), goes)?;
                        }
                        Claim::Going { place, file }
                            if !goes && present.states.get(index) == Some(&FileState::Normal) =>
                        {
                            self.going[place][file] = Some(EraseAction::Keep);
                        }
                        Claim::Going { .. } => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn meet_one(
        &mut self,
        (package, file): (usize, usize),
        (position, index): (usize, usize),
        goes: bool,
    ) -> Result<(), RootError> {
        let present = &self.change.present[position];
        let (new, old) = (&self.change.coming[package].files[file], &present.contents.files[index]);
        let skipped = self.coming[package][file].is_some_and(FileAction::is_skip);
        if skipped || present.states.get(index) == Some(&FileState::NotInstalled) {
            return Ok(());
        }
        let is_config = new.is_config() || old.is_config();
        if let Some(what) = difference(old, new)
            && (!goes || blocks_replacement(self.root, old, new)?)
        {
            match preferred(new, old) {
                Some(true) => {
                    self.coming[package][file] = Some(FileAction::Create);
                    if !goes && !is_config {
                        self.recoloured.push(Recoloured { package: position, file: index });
                    }
                }
                Some(false) => self.coming[package][file] = Some(FileAction::SkipColor),
                None => self.conflicts.push(FileConflict {
                    path: new.path.clone(),
                    first: present.contents.nevra.to_string(),
                    second: self.change.coming[package].nevra.to_string(),
                    difference: what,
                }),
            }
        }
        if is_config {
            self.coming[package][file] = Some(fate(self.root, old, new)?);
        }
        Ok(())
    }

    fn decide_coming(&mut self, package: usize, file: usize) -> Result<(), RootError> {
        if self.coming[package][file].is_some_and(FileAction::is_skip) {
            return Ok(());
        }
        let entry = &self.change.coming[package].files[file];
        let action = match self.earlier_coming((package, file), entry) {
            None if self.coming[package][file].is_some() => return Ok(()),
            None => match (stands_in_the_way(self.root, entry)?, beside(entry)) {
                (true, true) => FileAction::CreateBeside,
                (true, false) => FileAction::CreateAndKeepOld,
                (false, _) => FileAction::Create,
            },
            Some(earlier) => {
                self.share(earlier, (package, file));
                match self.coming[package][file] {
                    Some(action) if action.is_skip() => action,
                    decided => match (stands_in_the_way(self.root, entry)?, beside(entry)) {
                        (true, true) => FileAction::CreateBeside,
                        (true, false) => FileAction::SkipKept,
                        (false, _) => decided.unwrap_or(FileAction::Create),
                    },
                }
            }
        };
        self.coming[package][file] = Some(action);
        Ok(())
    }

    /// The nearest earlier file at the same path among those that come.
    fn earlier_coming(&self, (package, file): (usize, usize), entry: &FileEntry) -> Option<(usize, usize)> {
        let claims = self.claims.get(&self.key(entry))?;
        let own = claims.iter().position(|claim| *claim == Claim::Coming { package, file })?;
        claims[..own].iter().rev().find_map(|claim| match claim {
            Claim::Coming { package, file } if self.coming[*package][*file].is_some() => {
                Some((*package, *file))
            }
            _ => None,
        })
    }

    fn share(&mut self, earlier: (usize, usize), now: (usize, usize)) {
        let (other, entry) =
            (&self.change.coming[earlier.0].files[earlier.1], &self.change.coming[now.0].files[now.1]);
        let decided = self.coming[earlier.0][earlier.1];
        match difference(other, entry) {
            None => match decided {
                Some(action) if !action.is_skip() && !other.is_ghost() => {
                    self.coming[now.0][now.1] = Some(FileAction::SkipShared);
                }
                Some(FileAction::SkipColor) => self.coming[now.0][now.1] = Some(FileAction::SkipColor),
                _ => {}
            },
            Some(what) => match preferred(entry, other) {
                Some(true) => {
                    self.coming[earlier.0][earlier.1] = Some(FileAction::SkipColor);
                    self.coming[now.0][now.1] = Some(FileAction::Create);
                }
                Some(false) => self.coming[now.0][now.1] = Some(FileAction::SkipColor),
                None => self.conflicts.push(FileConflict {
                    path: entry.path.clone(),
                    first: self.change.coming[earlier.0].nevra.to_string(),
                    second: self.change.coming[now.0].nevra.to_string(),
                    difference: what,
                }),
            },
        }
    }

    fn decide_going(&mut self, place: usize, file: usize) -> Result<(), RootError> {
        if self.going[place][file] == Some(EraseAction::Keep) {
            return Ok(());
        }
        let entry = &self.going_files(place)[file];
        match self.earlier(Claim::Going { place, file }, entry) {
            // The last package that goes removes what several have.
            Some(Claim::Going { place, file }) if self.going[place][file] == Some(EraseAction::Erase) => {
                self.going[place][file] = Some(EraseAction::Keep);
            }
            Some(_) => {
                self.going[place][file] = Some(EraseAction::Keep);
                return Ok(());
            }
            None => {}
        }
        let present = &self.change.present[self.change.going[place]];
        let action = if present.states.get(file) != Some(&FileState::Normal) {
            EraseAction::Keep
        } else if stands_in_the_way(self.root, entry)? {
            EraseAction::Save
        } else {
            EraseAction::Erase
        };
        self.going[place][file] = Some(action);
        Ok(())
    }

    /// The nearest earlier claim that is decided.
    fn earlier(&self, own: Claim, entry: &FileEntry) -> Option<Claim> {
        let claims = self.claims.get(&self.key(entry))?;
        let position = claims.iter().position(|claim| *claim == own)?;
        let decided = |claim: &&Claim| match claim {
            Claim::Coming { package, file } => self.coming[*package][*file].is_some(),
            Claim::Going { place, file } => self.going[*place][*file].is_some(),
        };
        claims[..position].iter().rev().find(decided).copied()
    }

    fn finish(mut self) -> Result<Decided, Vec<FileConflict>> {
        if !self.conflicts.is_empty() {
            self.conflicts
                .sort_by(|a, b| (&a.path, &a.first, &a.second).cmp(&(&b.path, &b.first, &b.second)));
            self.conflicts.dedup();
            return Err(self.conflicts);
        }
        let coming = |actions: Vec<Option<FileAction>>| {
            actions.into_iter().map(|action| action.unwrap_or(FileAction::Create)).collect()
        };
        let going = |actions: Vec<Option<EraseAction>>| {
            actions.into_iter().map(|action| action.unwrap_or(EraseAction::Keep)).collect()
        };
        Ok(Decided {
            coming: self.coming.into_iter().map(coming).collect(),
            going: self.going.into_iter().map(going).collect(),
            recoloured: self.recoloured,
        })
    }
}

fn beside(file: &FileEntry) -> bool {
    file.flags & rpm_model::header::file_flags::NOREPLACE != 0
}

fn file_name(path: &Path) -> &[u8] {
    path.file_name().map_or(b"", OsStr::as_bytes)
}

/// Whether the first of two files has the place by its word size; nothing if that does not decide.
fn preferred(new: &FileEntry, old: &FileEntry) -> Option<bool> {
    let (mine, theirs) = (new.color & TRANSACTION_COLOR, old.color & TRANSACTION_COLOR);
    if mine == 0 || theirs == 0 || mine == theirs {
        return None;
    }
    match (mine & PREFERRED_COLOR != 0, theirs & PREFERRED_COLOR != 0) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// Whether a replaced package's file cannot become the new one: a directory something else, a link to a directory a directory
/// (`handleRemovalConflict`). What is not on disk, or is the new type already, is in nobody's way.
fn blocks_replacement(root: &RootDirectory, old: &FileEntry, new: &FileEntry) -> Result<bool, RootError> {
    let blocks = match (old.file_type(), new.file_type()) {
        (FileType::Directory, new) => new != FileType::Directory,
        (FileType::Symlink, FileType::Directory) => root.open_directory(&new.path, false).is_ok(),
        _ => false,
    };
    Ok(blocks && root.stat(&new.path)?.is_some_and(|stat| kind(&stat) != new.file_type()))
}

fn kind(stat: &Stat) -> FileType {
    match KernelType::from_raw_mode(stat.st_mode) {
        KernelType::RegularFile => FileType::Regular,
        KernelType::Directory => FileType::Directory,
        KernelType::Symlink => FileType::Symlink,
        KernelType::CharacterDevice => FileType::CharacterDevice,
        KernelType::BlockDevice => FileType::BlockDevice,
        KernelType::Fifo => FileType::Fifo,
        KernelType::Socket => FileType::Socket,
        _ => FileType::Unknown,
    }
}
