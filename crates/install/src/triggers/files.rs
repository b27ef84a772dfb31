//! Triggers on paths: of packages that are there on the files that come or go, of a package that comes or goes on all files
//! that are there, and the same once for a whole transaction.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Firing, Installed, InstalledPackage, Part};
use crate::package::{FileEntry, FileTrigger, PackageContents, ScriptletKind};
use crate::rpmdb::FileState;
use rpm_model::header::dependency_flags;

/// rpm's `TRIGGER_PRIORITY_BOUND`: from here on a file trigger runs before %post or %preun, below it after.
const PRIORITY_BOUND: u32 = 10_000;

/// Which side of %post, %preun or %postun a file trigger runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityClass {
    /// Priority 10000 and more, which unstated ones have.
    Before,
    /// Less than 10000.
    After,
}

/// When triggers on paths run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMoment {
    /// %filetriggerin, %transfiletriggerin.
    In,
    /// %filetriggerun, %transfiletriggerun.
    Un,
    /// %filetriggerpostun, %transfiletriggerpostun.
    PostUn,
}

/// A package that comes or goes.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// What it has.
    pub contents: &'a PackageContents,
    /// For each of its files whether it is made or removed.
    pub touched: &'a [bool],
    /// `$1` of its own scriptlets: packages of its name when it is done.
    pub count: usize,
}

/// %transfiletriggerpostun triggers that removals set off, to be run when the transaction is done.
#[derive(Clone, Debug, Default)]
pub struct LaterTriggers {
    /// The highest priority first, then number of the package, then place of the trigger.
    found: BTreeSet<(std::cmp::Reverse<u32>, u32, usize)>,
}

impl PriorityClass {
    fn holds(self, trigger: &FileTrigger) -> bool {
        (trigger.priority >= PRIORITY_BOUND) == (self == Self::Before)
    }
}

impl FileMoment {
    fn fires(self, trigger: &FileTrigger) -> bool {
        let sense = match self {
            Self::In => dependency_flags::TRIGGERIN,
            Self::Un => dependency_flags::TRIGGERUN,
            Self::PostUn => dependency_flags::TRIGGERPOSTUN,
        };
        trigger.flags & sense != 0
    }

    fn kind(self) -> ScriptletKind {
        match self {
            Self::In => ScriptletKind::FileTriggerIn,
            Self::Un => ScriptletKind::FileTriggerUn,
            Self::PostUn => ScriptletKind::FileTriggerPostUn,
        }
    }

    fn transaction_kind(self) -> ScriptletKind {
        match self {
            Self::In => ScriptletKind::TransactionFileTriggerIn,
            Self::Un => ScriptletKind::TransactionFileTriggerUn,
            Self::PostUn => ScriptletKind::TransactionFileTriggerPostUn,
        }
    }

    /// On an upgrade the new package's triggers see files come and the old one's see them go, not both (`skipFileTrigger`).
    fn hears(self, part: Part) -> bool {
        match self {
            Self::In | Self::PostUn => part != Part::Goes,
            Self::Un => part != Part::Comes,
        }
    }
}

impl<'a> Installed<'a> {
    /// File triggers in packages that are there (the one that comes or goes included), set off by an element's files.
    pub fn file_triggers_set_off_by(
        &self,
        element: &Element<'a>,
        moment: FileMoment,
        class: PriorityClass,
    ) -> Vec<Firing<'a>> {
        let owners = self.packages().iter().filter(|owner| moment.hears(owner.part));
        let triggers = owners.flat_map(|owner| owner.contents.file_triggers.iter().map(move |t| (owner, t)));
        let mut triggers: Vec<(&InstalledPackage<'a>, &'a FileTrigger)> =
            triggers.filter(|(_, trigger)| class.holds(trigger) && moment.fires(trigger)).collect();
        // By priority, then by the owner's number, then by the trigger's place: a stable sort keeps the latter two.
        triggers.sort_by_key(|(_, trigger)| std::cmp::Reverse(trigger.priority));
        let fired = |(owner, trigger): (&InstalledPackage<'a>, &'a FileTrigger)| {
            let paths = element_paths(element, trigger);
            (!paths.is_empty()).then(|| Firing {
                owner: owner.contents,
                number: owner.number,
                kind: moment.kind(),
                script: &trigger.script,
                first_argument: self.count(&owner.contents.nevra.name),
                second_argument: Some(element.count),
                paths,
            })
        };
        triggers.into_iter().filter_map(fired).collect()
    }

    /// The file triggers of the package that comes or goes itself, set off by all files that are there.
    pub fn file_triggers_of(
        &self,
        number: u32,
        element: &Element<'a>,
        moment: FileMoment,
        class: PriorityClass,
    ) -> Vec<Firing<'a>> {
        let mut firings = Vec::new();
        for trigger in by_priority(&element.contents.file_triggers, moment).filter(|t| class.holds(t)) {
            // rpm does not see the new files of a package that comes: their states are in the database, and it looks at the package.
            let seen = self.packages().iter().filter(|p| p.number != number || p.part != Part::Comes);
            if let Some((first, paths)) = all_paths(seen, trigger) {
                firings.push(Firing {
                    owner: element.contents,
                    number,
                    kind: moment.kind(),
                    script: &trigger.script,
                    first_argument: element.count,
                    second_argument: Some(self.count(&first.nevra.name)),
                    paths,
                });
            }
        }
        firings
    }

    /// Transaction file triggers in packages that stay, set off by the files of all that come, or of all that go.
    pub fn transaction_file_triggers_of_staying(&self, moment: FileMoment) -> Vec<Firing<'a>> {
        let part = if moment == FileMoment::In { Part::Comes } else { Part::Goes };
        let owners = self.packages().iter().filter(|owner| owner.part == Part::Stays);
        let mut triggers: Vec<(&InstalledPackage<'a>, &'a FileTrigger)> = owners
            .flat_map(|owner| owner.contents.transaction_file_triggers.iter().map(move |t| (owner, t)))
            .filter(|(_, trigger)| moment.fires(trigger))
            .collect();
        triggers.sort_by_key(|(_, trigger)| std::cmp::Reverse(trigger.priority));
        let fired = |(owner, trigger): (&InstalledPackage<'a>, &'a FileTrigger)| {
            let (_, paths) = all_paths(self.packages().iter().filter(|p| p.part == part), trigger)?;
            let count = self.count(&owner.contents.nevra.name);
            Some(transaction_firing((owner.number, owner.contents), trigger, moment, count, paths))
        };
        triggers.into_iter().filter_map(fired).collect()
    }

    /// The transaction file triggers of a package that comes or goes, set off by all files that are there.
    pub fn transaction_file_triggers_of(
        &self,
        number: u32,
        own: &'a PackageContents,
        moment: FileMoment,
        count: usize,
    ) -> Vec<Firing<'a>> {
        by_priority(&own.transaction_file_triggers, moment)
            .filter_map(|trigger| {
                let (_, paths) = all_paths(self.packages().iter(), trigger)?;
                Some(transaction_firing((number, own), trigger, moment, count, paths))
            })
            .collect()
    }

    /// Notes which triggers the removal of a package's files sets off after the transaction; it is still in the database.
    pub fn note_later_triggers(
        &self,
        going: &PackageContents,
        states: &[FileState],
        later: &mut LaterTriggers,
    ) {
        for owner in self.packages() {
            for (place, trigger) in owner.contents.transaction_file_triggers.iter().enumerate() {
                let gone = |prefix: &String| {
                    let mut files = going.files.iter().zip(states);
                    files.any(|(file, state)| state.is_installed() && has_prefix(file, prefix))
                };
                if FileMoment::PostUn.fires(trigger) && trigger.prefixes.iter().any(gone) {
                    later.found.insert((std::cmp::Reverse(trigger.priority), owner.number, place));
                }
            }
        }
    }

    /// The noted triggers of packages that are still there. They get no paths: the files are gone.
    pub fn later_triggers(&self, later: &LaterTriggers) -> Vec<Firing<'a>> {
        let fired = |(_, number, place): &(std::cmp::Reverse<u32>, u32, usize)| {
            let owner = self.packages().iter().find(|package| package.number == *number)?;
            let trigger = owner.contents.transaction_file_triggers.get(*place)?;
            let count = self.count(&owner.contents.nevra.name);
            let owner = (owner.number, owner.contents);
            Some(transaction_firing(owner, trigger, FileMoment::PostUn, count, Vec::new()))
        };
        later.found.iter().filter_map(fired).collect()
    }
}

fn transaction_firing<'a>(
    (number, owner): (u32, &'a PackageContents),
    trigger: &'a FileTrigger,
    moment: FileMoment,
    count: usize,
    paths: Vec<&'a Path>,
) -> Firing<'a> {
    Firing {
        owner,
        number,
        kind: moment.transaction_kind(),
        script: &trigger.script,
        first_argument: count,
        second_argument: None,
        paths,
    }
}

/// Every path of these packages that the trigger is for, with the package of the first one: by prefix, then by package.
fn all_paths<'a, 'b>(
    packages: impl Iterator<Item = &'b InstalledPackage<'a>> + Clone,
    trigger: &FileTrigger,
) -> Option<(&'a PackageContents, Vec<&'a Path>)>
where
    'a: 'b,
{
    let mut first = None;
    let mut paths = Vec::new();
    for prefix in &trigger.prefixes {
        // rpm looks the prefix up among the directories of its database.
        let with_directory = packages
            .clone()
            .filter(|package| package.contents.files.iter().any(|file| has_directory_prefix(file, prefix)));
        for package in with_directory {
            for (file, state) in package.contents.files.iter().zip(package.states) {
                if has_prefix(file, prefix) && state.is_installed() {
                    first.get_or_insert(package.contents);
                    paths.push(file.path.as_path());
                }
            }
        }
    }
    first.map(|first| (first, paths))
}

/// Those of one moment, the highest first, equal ones in the order of the header.
fn by_priority(triggers: &[FileTrigger], moment: FileMoment) -> impl Iterator<Item = &FileTrigger> {
    let mut sorted: Vec<&FileTrigger> = triggers.iter().filter(|trigger| moment.fires(trigger)).collect();
    sorted.sort_by_key(|trigger| std::cmp::Reverse(trigger.priority));
    sorted.into_iter()
}

fn element_paths<'a>(element: &Element<'a>, trigger: &FileTrigger) -> Vec<&'a Path> {
    let files = || element.contents.files.iter().zip(element.touched);
    let of_prefix = |prefix: &'_ str| {
        let touched = files().filter(|(file, touched)| **touched && has_prefix(file, prefix));
        touched.map(|(file, _)| file.path.as_path()).collect::<Vec<_>>()
    };
    trigger.prefixes.iter().flat_map(|prefix| of_prefix(prefix)).collect()
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
