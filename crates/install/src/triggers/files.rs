//! Triggers on paths: of installed packages on the files that just came, of a new package on all files that are there.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Firing, Installed, InstalledPackage};
use crate::package::{FileEntry, FileTrigger, PackageContents, ScriptletKind};
use crate::rpmdb::FileState;
use rpm_model::header::dependency_flags;

/// rpm's `TRIGGER_PRIORITY_BOUND`: from here on a file trigger runs before %post, below it after.
const PRIORITY_BOUND: u32 = 10_000;

/// Which side of %post a file trigger runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityClass {
    /// Priority 10000 and more, which unstated ones have.
    BeforePost,
    /// Less than 10000.
    AfterPost,
}

impl PriorityClass {
    fn holds(self, priority: u32) -> bool {
        (priority >= PRIORITY_BOUND) == (self == Self::BeforePost)
    }
}

impl<'a> Installed<'a> {
    /// %filetriggerin around the %post of the package installed last: all packages' on its files, then its own on the others'.
    pub fn file_triggers(&self, class: PriorityClass) -> Vec<Firing<'a>> {
        let Some(last) = self.packages().last() else { return Vec::new() };
        let count = self.count(&last.contents.nevra.name);
        // By priority, then by the owner's place, then by the trigger's place: a stable sort keeps the latter two.
        let owners = self.packages().iter().map(|package| package.contents);
        let mut on_its_files: Vec<(&PackageContents, &FileTrigger)> = owners
            .flat_map(|owner| owner.file_triggers.iter().map(move |trigger| (owner, trigger)))
            .collect();
        on_its_files.sort_by_key(|(_, trigger)| std::cmp::Reverse(trigger.priority));
        let mut firings: Vec<Firing<'a>> = on_its_files
            .into_iter()
            .filter(|(_, trigger)| class.holds(trigger.priority) && is_install(trigger))
            .filter_map(|(owner, trigger)| {
                let paths = new_paths(last, trigger);
                (!paths.is_empty()).then(|| Firing {
                    owner,
                    kind: ScriptletKind::FileTriggerIn,
                    script: &trigger.script,
                    first_argument: self.count(&owner.nevra.name),
                    second_argument: Some(count),
                    paths,
                })
            })
            .collect();
        for trigger in
            by_priority(&last.contents.file_triggers).filter(|trigger| class.holds(trigger.priority))
        {
            // rpm does not see the new files here: it looks at its database, where their states are still missing.
            let before = &self.packages()[..self.packages().len() - 1];
            if let Some((first, paths)) = all_paths(before, trigger) {
                firings.push(Firing {
                    owner: last.contents,
                    kind: ScriptletKind::FileTriggerIn,
                    script: &trigger.script,
                    first_argument: count,
                    second_argument: Some(self.count(&first.nevra.name)),
                    paths,
                });
            }
        }
        firings
    }
}

/// Every path of these packages that the trigger is for, with the package of the first one: by prefix, then by package.
fn all_paths<'a>(
    packages: &[InstalledPackage<'a>],
    trigger: &FileTrigger,
) -> Option<(&'a PackageContents, Vec<&'a Path>)> {
    let mut first = None;
    let mut paths = Vec::new();
    for prefix in &trigger.prefixes {
        // rpm looks the prefix up among the directories of its database.
        let with_directory = packages
            .iter()
            .filter(|package| package.contents.files.iter().any(|file| has_directory_prefix(file, prefix)));
        for package in with_directory {
            for (file, action) in package.contents.files.iter().zip(package.actions) {
                if has_prefix(file, prefix) && action.state() == FileState::Normal {
                    first.get_or_insert(package.contents);
                    paths.push(file.path.as_path());
                }
            }
        }
    }
    first.map(|first| (first, paths))
}

/// %transfiletriggerin of all packages of the transaction: in the order of installation, within a package by priority.
pub fn transaction_file_triggers<'a>(installed: &Installed<'a>) -> Vec<Firing<'a>> {
    let owners = installed.packages().iter().map(|package| package.contents);
    owners
        .flat_map(|owner| by_priority(&owner.transaction_file_triggers).map(move |trigger| (owner, trigger)))
        .filter_map(|(owner, trigger)| {
            let (_, paths) = all_paths(installed.packages(), trigger)?;
            Some(Firing {
                owner,
                kind: ScriptletKind::TransactionFileTriggerIn,
                script: &trigger.script,
                first_argument: installed.count(&owner.nevra.name),
                second_argument: None,
                paths,
            })
        })
        .collect()
}

/// Those for installation, the highest first, equal ones in the order of the header.
fn by_priority(triggers: &[FileTrigger]) -> impl Iterator<Item = &FileTrigger> {
    let mut sorted: Vec<&FileTrigger> = triggers.iter().filter(|trigger| is_install(trigger)).collect();
    sorted.sort_by_key(|trigger| std::cmp::Reverse(trigger.priority));
    sorted.into_iter()
}

fn is_install(trigger: &FileTrigger) -> bool {
    trigger.flags & dependency_flags::TRIGGERIN != 0
}

fn new_paths<'a>(package: &InstalledPackage<'a>, trigger: &FileTrigger) -> Vec<&'a Path> {
    let files = || package.contents.files.iter().zip(package.actions);
    trigger
        .prefixes
        .iter()
        .flat_map(|prefix| {
            files().filter(move |(file, action)| has_prefix(file, prefix) && !action.is_skip())
        })
        .map(|(file, _)| file.path.as_path())
        .collect()
}

fn has_prefix(file: &FileEntry, prefix: &str) -> bool {
    file.path.as_os_str().as_bytes().starts_with(prefix.as_bytes())
}

/// Whether the file's directory, with its final slash, starts with the prefix.
fn has_directory_prefix(file: &FileEntry, prefix: &str) -> bool {
    let directory = file.directory().as_os_str().as_bytes();
    let prefix = prefix.as_bytes();
    directory.starts_with(prefix)
        || (prefix.split_last() == Some((&b'/', directory)))
        || (directory == b"/" && prefix == b"/")
}
