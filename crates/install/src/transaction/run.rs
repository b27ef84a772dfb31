//! A transaction with every file decided, in; the packages gone from and come into the root, its databases, out.
//!
//! The order of things is that of `rpmtsRun`, `rpmPackageInstall` and `rpmPackageErase` (see `docs/design/0710-installing.md`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host_tools::{Progress, Stopwatch};

use super::erase::erase;
use super::existing::{DATABASE, DNF_STATE};
use super::set_aside::{set_aside, touch};
use super::{Erasure, InstallError, InstallOptions, Step, Transaction};
use crate::dnf_state::{self, PackageState};
use crate::files::{self, EraseAction, FileAction, Recoloured};
use crate::order::TRANSACTION_COLOR;
use crate::package::{PackageContents, Scriptlet, ScriptletKind, ScriptletOwner};
use crate::payload::{FeedError, Feeder, PackageDigests, Wanted};
use crate::report::{Phase, Report, Warning, WarningKind};
use crate::root::{RootDirectory, RootError};
use crate::rpmdb::{self, FileState};
use crate::scriptlets::{Arguments, Scriptlets};
use crate::triggers::{
    Element, FileMoment, Firing, Installed, InstalledPackage, LaterTriggers, Moment, Part, PriorityClass,
};
use crate::unpack::{UnpackError, unpack};
use crate::users::{Accounts, add_accounts};

/// What happens to every file, and what the database and file triggers will say of it.
pub(super) struct Decided {
    /// For each step.
    pub(super) coming: Vec<Coming>,
    /// For each erasure.
    pub(super) going: Vec<Going>,
    recoloured: Vec<Recoloured>,
}

pub(super) struct Coming {
    pub(super) actions: Vec<FileAction>,
    states: Vec<FileState>,
    touched: Vec<bool>,
}

pub(super) struct Going {
    pub(super) actions: Vec<EraseAction>,
    touched: Vec<bool>,
}

impl Decided {
    pub(super) fn of_new_root(transaction: &Transaction, actions: Vec<Vec<FileAction>>) -> Self {
        let decided = files::Decided { coming: actions, ..files::Decided::default() };
        Decided::of_existing_root(transaction, decided)
    }

    pub(super) fn of_existing_root(transaction: &Transaction, decided: files::Decided) -> Self {
        debug_assert_eq!(decided.coming.len(), transaction.steps.len());
        let coming = |actions: Vec<FileAction>| Coming {
            states: actions.iter().map(|action| action.state()).collect(),
            touched: actions.iter().map(|action| !action.is_skip()).collect(),
            actions,
        };
        let going = |actions: Vec<EraseAction>| Going {
            touched: actions.iter().map(|action| *action != EraseAction::Keep).collect(),
            actions,
        };
        Decided {
            coming: decided.coming.into_iter().map(coming).collect(),
            going: decided.going.into_iter().map(going).collect(),
            recoloured: decided.recoloured,
        }
    }
}

pub(super) struct Run<'a> {
    root: &'a RootDirectory,
    transaction: &'a Transaction,
    options: &'a InstallOptions,
    progress: &'a dyn Progress,
    scriptlets: Scriptlets<'a>,
    /// By the number that a package has, or will have, in the database.
    owners: BTreeMap<u32, ScriptletOwner<'a>>,
    /// What the database holds now, or would if it were written at each step.
    counts: BTreeMap<&'a str, usize>,
    pub(super) report: Report,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        root: &'a RootDirectory,
        transaction: &'a Transaction,
        options: &'a InstallOptions,
        progress: &'a dyn Progress,
    ) -> Self {
        let before = &transaction.before.system;
        let there = before.packages.iter().map(|record| {
            (record.number, ScriptletOwner { nevra: &record.contents.nevra, header: &record.header })
        });
        let coming = transaction.steps.iter().zip(first_number(transaction)..);
        let coming = coming.map(|(step, number)| (number, step.package.owner()));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &before.packages {
            *counts.entry(&record.contents.nevra.name).or_default() += 1;
        }
        Run {
            root,
            transaction,
            options,
            progress,
            scriptlets: Scriptlets::new(
                root,
                u64::from(options.epoch),
                options.lua.as_ref(),
                options.scriptlet_cache.as_ref(),
            ),
            owners: there.chain(coming).collect(),
            counts,
            report: Report::default(),
        }
    }

    /// %pretrans of every package that comes.
    pub(super) fn before_all(&mut self) -> Result<(), InstallError> {
        let transaction = self.transaction;
        for step in &transaction.steps {
            let count = self.counts.get(&step.package.nevra().name[..]).copied().unwrap_or(0);
            self.scriptlet_of_step(step, ScriptletKind::PreTransaction, count + 1)?;
        }
        Ok(())
    }

    /// Everything after %pretrans.
    pub(super) fn all(&mut self, decided: &Decided) -> Result<(), InstallError> {
        let mut installed = self.installed();
        self.before_erasures(&installed)?;
        let digests = self.install_all(decided, &mut installed)?;
        let later = self.erase_all(decided, &mut installed)?;
        let phase = Stopwatch::start();
        self.write_databases(decided, &digests)?;
        self.spent(Phase::Database, phase);
        self.after_all(&installed, &later)
    }

    /// The outcome.
    pub(super) fn finish(self) -> Report {
        let mut report = self.report;
        report.scriptlets = self.scriptlets.count();
        report.deferred.sort_by(|a, b| a.path.cmp(&b.path));
        let erased = match report.erased {
            0 => String::new(),
            erased => format!(", {erased} erased"),
        };
        self.progress.finish(&format!("{} packages, {} files{erased}", report.packages, report.files));
        report
    }

    fn installed<'d>(&self) -> Installed<'d>
    where
        'a: 'd,
    {
        let mut installed = Installed::default();
        for (position, record) in self.transaction.before.system.packages.iter().enumerate() {
            let goes = self.transaction.erasures.iter().any(|erasure| erasure.package == position);
            installed.push(InstalledPackage {
                number: record.number,
                contents: &record.contents,
                states: &record.states,
                part: if goes { Part::Goes } else { Part::Stays },
            });
        }
        installed
    }

    /// %preuntrans of what goes, then transaction file triggers on its files while they are there.
    fn before_erasures(&mut self, installed: &Installed<'_>) -> Result<(), InstallError> {
        let transaction = self.transaction;
        let left = |erasure: &Erasure, name: &str| {
            installed.count(name).saturating_sub(usize::from(erasure.replaced_by.is_none()))
        };
        for erasure in &transaction.erasures {
            let (number, contents) = self.going(erasure);
            let count = left(erasure, &contents.nevra.name);
            self.scriptlet(number, contents, ScriptletKind::PreUnTransaction, count)?;
        }
        if transaction.erasures.is_empty() {
            return Ok(());
        }
        self.fire(installed.transaction_file_triggers_of_staying(FileMoment::Un))?;
        for erasure in &transaction.erasures {
            let (number, contents) = self.going(erasure);
            let count = left(erasure, &contents.nevra.name);
            self.fire(installed.transaction_file_triggers_of(number, contents, FileMoment::Un, count))?;
        }
        Ok(())
    }

    fn install_all<'d>(
        &mut self,
        decided: &'d Decided,
        installed: &mut Installed<'d>,
    ) -> Result<Vec<PackageDigests>, InstallError>
    where
        'a: 'd,
    {
        let transaction = self.transaction;
        let wanted = |step: &'a Step| Wanted { package: &step.package, checksum: step.checksum.as_ref() };
        let payloads = transaction.steps.iter().map(wanted);
        let options = self.options;
        let mut digests = Vec::with_capacity(transaction.steps.len());
        std::thread::scope(|scope| {
            let mut feeder =
                Feeder::start(scope, payloads, options.store.as_ref(), options.threads, options.memory);
            let numbers = first_number(transaction)..;
            for ((step, coming), number) in transaction.steps.iter().zip(&decided.coming).zip(numbers) {
                digests.push(self.install(step, coming, number, installed, &mut feeder)?);
                self.progress.advance(1, &step.package.nevra().to_string());
            }
            Ok::<(), InstallError>(())
        })?;
        Ok(digests)
    }

    /// One package, from its accounts to its last file triggers.
    fn install<'d>(
        &mut self,
        step: &'d Step,
        coming: &'d Coming,
        number: u32,
        installed: &mut Installed<'d>,
        feeder: &mut Feeder,
    ) -> Result<PackageDigests, InstallError> {
        let contents = &step.package.contents;
        let count = installed.count(&contents.nevra.name) + 1;
        self.accounts(step)?;
        self.fire(installed.triggers_set_off_by(contents, Moment::BeforeInstall))?;
        self.fire(installed.triggers_of(number, contents, Moment::BeforeInstall))?;
        self.scriptlet(number, contents, ScriptletKind::Pre, count)?;
        let digests = self.unpack(step, coming, feeder)?;
        let states = &coming.states;
        installed.push(InstalledPackage { number, contents, states, part: Part::Comes });
        let element = Element { contents, touched: &coming.touched, count };
        self.file_triggers_after_files(installed, number, &element, PriorityClass::Before)?;
        self.scriptlet(number, contents, ScriptletKind::Post, count)?;
        self.fire(installed.triggers_set_off_by(contents, Moment::AfterInstall))?;
        self.fire(installed.triggers_of(number, contents, Moment::AfterInstall))?;
        self.file_triggers_after_files(installed, number, &element, PriorityClass::After)?;
        self.report.packages += 1;
        Ok(digests)
    }

    /// %filetriggerin in others (and in this package), then this package's on what was there.
    fn file_triggers_after_files<'d>(
        &mut self,
        installed: &Installed<'d>,
        number: u32,
        element: &Element<'d>,
        class: PriorityClass,
    ) -> Result<(), InstallError> {
        self.fire(installed.file_triggers_set_off_by(element, FileMoment::In, class))?;
        self.fire(installed.file_triggers_of(number, element, FileMoment::In, class))
    }

    fn erase_all<'d>(
        &mut self,
        decided: &'d Decided,
        installed: &mut Installed<'d>,
    ) -> Result<LaterTriggers, InstallError>
    where
        'a: 'd,
    {
        let mut later = LaterTriggers::default();
        let transaction = self.transaction;
        for (erasure, going) in transaction.erasures.iter().zip(&decided.going) {
            let (number, contents) = self.going(erasure);
            self.erase(erasure, going, installed)?;
            let states = &transaction.before.system.packages[erasure.package].states;
            installed.note_later_triggers(contents, states, &mut later);
            installed.remove(number);
            self.report.erased += 1;
            self.progress.advance(1, &contents.nevra.to_string());
        }
        Ok(later)
    }

    /// One package, from its first file triggers to %postun and what follows it.
    fn erase<'d>(
        &mut self,
        erasure: &Erasure,
        going: &'d Going,
        installed: &Installed<'d>,
    ) -> Result<(), InstallError>
    where
        'a: 'd,
    {
        let (number, contents) = self.going(erasure);
        let count = installed.count(&contents.nevra.name).saturating_sub(1);
        let element = Element { contents, touched: &going.touched, count };
        self.file_triggers_before_erasure(installed, number, &element, PriorityClass::Before)?;
        self.fire(installed.triggers_of(number, contents, Moment::BeforeErase))?;
        self.fire(installed.triggers_set_off_by(contents, Moment::BeforeErase))?;
        self.scriptlet(number, contents, ScriptletKind::PreUn, count)?;
        self.file_triggers_before_erasure(installed, number, &element, PriorityClass::After)?;
        let phase = Stopwatch::start();
        let done = erase(self.root, &contents.files, &going.actions)?;
        self.spent(Phase::Erase, phase);
        let package = contents.nevra.to_string();
        self.report.warnings.extend(done.into_iter().map(|what| Warning { package: package.clone(), what }));
        let postun = |class| installed.file_triggers_set_off_by(&element, FileMoment::PostUn, class);
        self.fire(postun(PriorityClass::Before))?;
        self.scriptlet(number, contents, ScriptletKind::PostUn, count)?;
        self.fire(installed.triggers_set_off_by(contents, Moment::AfterErase))?;
        self.fire(postun(PriorityClass::After))
    }

    /// %filetriggerun in this package, then in others (and in this package again).
    fn file_triggers_before_erasure<'d>(
        &mut self,
        installed: &Installed<'d>,
        number: u32,
        element: &Element<'d>,
        class: PriorityClass,
    ) -> Result<(), InstallError> {
        self.fire(installed.file_triggers_of(number, element, FileMoment::Un, class))?;
        self.fire(installed.file_triggers_set_off_by(element, FileMoment::Un, class))
    }

    /// %posttrans, %postuntrans, and the transaction's file triggers.
    fn after_all(&mut self, installed: &Installed<'_>, later: &LaterTriggers) -> Result<(), InstallError> {
        let transaction = self.transaction;
        let count = |position: usize, step: &Step| {
            // On an upgrade rpm counts the package that went, too.
            let replaces = transaction.erasures.iter().any(|erasure| erasure.replaced_by == Some(position));
            installed.count(&step.package.nevra().name) + usize::from(replaces)
        };
        for (position, step) in transaction.steps.iter().enumerate() {
            self.scriptlet_of_step(step, ScriptletKind::PostTransaction, count(position, step))?;
        }
        for erasure in &transaction.erasures {
            let (number, contents) = self.going(erasure);
            let left = installed.count(&contents.nevra.name);
            self.scriptlet(number, contents, ScriptletKind::PostUnTransaction, left)?;
        }
        self.fire(installed.transaction_file_triggers_of_staying(FileMoment::In))?;
        self.fire(installed.later_triggers(later))?;
        let numbers = first_number(transaction)..;
        for ((position, step), number) in transaction.steps.iter().enumerate().zip(numbers) {
            let count = count(position, step);
            let contents = &step.package.contents;
            self.fire(installed.transaction_file_triggers_of(number, contents, FileMoment::In, count))?;
        }
        Ok(())
    }

    fn going(&self, erasure: &Erasure) -> (u32, &'a PackageContents) {
        let record = &self.transaction.before.system.packages[erasure.package];
        (record.number, &record.contents)
    }

    fn accounts(&mut self, step: &Step) -> Result<(), InstallError> {
        let phase = Stopwatch::start();
        let contents = &step.package.contents;
        let added = add_accounts(self.root, &contents.accounts, u64::from(self.options.epoch));
        self.spent(Phase::Accounts, phase);
        added.map_err(|source| InstallError::Accounts { package: contents.nevra.to_string(), source })
    }

    fn unpack(
        &mut self,
        step: &Step,
        coming: &Coming,
        feeder: &mut Feeder,
    ) -> Result<PackageDigests, InstallError> {
        let phase = Stopwatch::start();
        let package = &step.package;
        let name = package.nevra().to_string();
        let mut feed = feeder.next_feed().ok_or_else(|| InstallError::Lost(name.clone()))?;
        let accounts = Accounts::read(self.root)?;
        let files = &package.contents.files;
        let prepared = set_aside(self.root, files, &coming.actions)?;
        let unpacked = if files.is_empty() {
            Ok(crate::unpack::Unpacked::default())
        } else {
            unpack(self.root, &accounts, files, &prepared.actions, &mut feed)
        };
        // A damaged payload shows as a broken archive too: the damage is the reason to tell. But a failed write ends at once.
        if let Err(source @ (UnpackError::File { .. } | UnpackError::Root(_))) = unpacked {
            return Err(InstallError::Unpack { package: name, source });
        }
        let digests = feed.finish().map_err(|error| match error {
            FeedError::Package(source) => InstallError::Package { file: package.file.clone(), source },
            FeedError::Lost => InstallError::Lost(name.clone()),
        })?;
        let unpacked = unpacked.map_err(|source| InstallError::Unpack { package: name.clone(), source })?;
        compare_checksum(step, &digests)?;
        touch(self.root, &accounts, files, &prepared)
            .map_err(|source| InstallError::Unpack { package: name.clone(), source })?;
        self.report.files += unpacked.files;
        self.report.bytes += unpacked.bytes;
        self.report.deferred.extend(unpacked.deferred);
        let owners = unpacked
            .unknown_owners
            .into_iter()
            .map(|(owner, path)| WarningKind::UnknownOwner { owner, path });
        let aside = prepared.told.into_iter().chain(unpacked.set_aside).map(WarningKind::SetAside);
        self.report.warnings.extend(owners.chain(aside).map(|what| Warning { package: name.clone(), what }));
        self.spent(Phase::Unpack, phase);
        Ok(digests)
    }

    fn scriptlet_of_step(
        &mut self,
        step: &Step,
        kind: ScriptletKind,
        count: usize,
    ) -> Result<(), InstallError> {
        let Some(scriptlet) = step.package.contents.scriptlets.get(&kind) else { return Ok(()) };
        self.run_scriptlet(step.package.owner(), scriptlet, kind, count)
    }

    fn scriptlet(
        &mut self,
        number: u32,
        contents: &PackageContents,
        kind: ScriptletKind,
        count: usize,
    ) -> Result<(), InstallError> {
        let Some(scriptlet) = contents.scriptlets.get(&kind) else { return Ok(()) };
        let Some(owner) = self.owners.get(&number).copied() else { return Ok(()) };
        self.run_scriptlet(owner, scriptlet, kind, count)
    }

    fn run_scriptlet(
        &mut self,
        owner: ScriptletOwner<'_>,
        scriptlet: &Scriptlet,
        kind: ScriptletKind,
        count: usize,
    ) -> Result<(), InstallError> {
        let phase = Stopwatch::start();
        let arguments = Arguments { first: Some(count), ..Arguments::default() };
        let ran = self.run(owner, scriptlet, kind, &arguments);
        self.spent(Phase::Scriptlets, phase);
        ran
    }

    fn fire(&mut self, firings: Vec<Firing<'_>>) -> Result<(), InstallError> {
        for firing in firings {
            let phase = Stopwatch::start();
            let Some(owner) = self.owners.get(&firing.number).copied() else { continue };
            let arguments = Arguments {
                first: Some(firing.first_argument),
                second: firing.second_argument,
                paths: firing.paths,
            };
            self.run(owner, firing.script, firing.kind, &arguments)?;
            self.spent(Phase::Triggers, phase);
        }
        Ok(())
    }

    fn run(
        &mut self,
        owner: ScriptletOwner<'_>,
        scriptlet: &Scriptlet,
        kind: ScriptletKind,
        arguments: &Arguments<'_>,
    ) -> Result<(), InstallError> {
        let name = owner.nevra.to_string();
        let ending = self
            .scriptlets
            .run(owner, scriptlet, kind, arguments)
            .map_err(|source| InstallError::Sandbox { package: name.clone(), kind, source })?;
        match ending.failure {
            None => Ok(()),
            Some(failure) if kind.is_critical() => {
                Err(InstallError::Scriptlet { package: name, kind, ending: failure, output: ending.output })
            }
            Some(failure) => {
                let what = WarningKind::Scriptlet { kind, ending: failure, output: ending.output };
                self.report.warnings.push(Warning { package: name, what });
                Ok(())
            }
        }
    }

    /// Written once, before %posttrans, which is the first to find it: scriptlets before that are no place to ask rpm.
    fn write_databases(&self, decided: &Decided, digests: &[PackageDigests]) -> Result<(), InstallError> {
        let transaction = self.transaction;
        let epoch = self.options.epoch;
        let added = transaction.steps.iter().zip(&decided.coming).zip(digests).zip(0..);
        let added = added.map(|(((step, coming), digests), place)| rpmdb::InstalledPackage {
            headers: &step.package.headers,
            file_states: &coming.states,
            install_time: epoch.saturating_add(place),
            transaction_id: epoch,
            colour: TRANSACTION_COLOR,
            digests: rpmdb::PackageDigests { sha256: digests.sha256, sha512: digests.sha512 },
        });
        let (_database, database_path) = self.directory(DATABASE)?;
        if transaction.before.system.last_number == 0 {
            let keys: Vec<rpmdb::TrustedKeys<'_>> = self
                .options
                .trusted_keys
                .iter()
                .map(|file| rpmdb::TrustedKeys { file, transaction_id: epoch })
                .collect();
            rpmdb::write_with_keys(&database_path, &keys, added)?;
        } else {
            let changed = rpmdb::Changed {
                kept: self.kept(decided),
                added: added.collect(),
                last_number: transaction.before.system.last_number,
            };
            rpmdb::write_changed(&database_path, changed)?;
        }
        let cookie =
            rpmdb::cookie(&database_path.join(rpmdb::DATABASE_FILE)).map_err(InstallError::Cookie)?;
        let (_state, state_path) = self.directory(DNF_STATE)?;
        dnf_state::write_changed(&state_path, &self.states(), &cookie)?;
        Ok(())
    }

    /// Headers of packages that stay; a file that lost its place to the other word size says so.
    fn kept(&self, decided: &Decided) -> Vec<(u32, Vec<u8>)> {
        let transaction = self.transaction;
        let goes = |position| transaction.erasures.iter().any(|erasure| erasure.package == position);
        let staying = transaction.before.system.packages.iter().enumerate();
        let staying = staying.filter(|(position, _)| !goes(*position));
        staying
            .map(|(position, record)| {
                let files = decided.recoloured.iter().filter(|file| file.package == position);
                let files: Vec<usize> = files.map(|file| file.file).collect();
                (record.number, rpmdb::with_states(&record.header, &files, FileState::WrongColour))
            })
            .collect()
    }

    /// What dnf5 is told of everything that is installed now.
    fn states(&self) -> Vec<PackageState> {
        let transaction = self.transaction;
        let before = &transaction.before;
        let goes = |position| transaction.erasures.iter().any(|erasure| erasure.package == position);
        let staying = before.system.packages.iter().enumerate().filter(|(position, _)| !goes(*position));
        // What dnf5 never heard of stays unheard of: it takes that for what was there before it.
        let staying = staying.filter_map(|(_, record)| {
            let nevra = &record.contents.nevra;
            let repository = before.origin(nevra).unwrap_or_default().to_owned();
            Some(PackageState { reason: before.known_reason(nevra)?, nevra: nevra.clone(), repository })
        });
        let coming = transaction.steps.iter().map(|step| PackageState {
            nevra: step.package.nevra().clone(),
            reason: step.reason,
            repository: step.repository.clone(),
        });
        staying.chain(coming).collect()
    }

    /// A directory of the root, with a path to it that no link of the root can bend while it is open.
    fn directory(&self, path: &str) -> Result<(std::os::fd::OwnedFd, PathBuf), RootError> {
        use std::os::fd::AsRawFd;
        let fd = self.root.open_directory(Path::new(path), true)?;
        let outside = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        Ok((fd, outside))
    }

    pub(super) fn spent(&mut self, phase: Phase, since: Stopwatch) {
        *self.report.phases.entry(phase).or_default() += since.elapsed();
    }
}

/// The number that the first package that comes gets in the database.
fn first_number(transaction: &Transaction) -> u32 {
    transaction.before.system.last_number.saturating_add(1)
}

fn compare_checksum(step: &Step, digests: &PackageDigests) -> Result<(), InstallError> {
    use rpm_model::ChecksumAlgorithm::{Sha256, Sha512};
    let Some(pinned) = &step.checksum else { return Ok(()) };
    let found = match pinned.algorithm() {
        Sha256 => hex::encode(digests.sha256),
        Sha512 => hex::encode(digests.sha512),
        // Weaker or rarer pins are compared where the file is fetched.
        _ => return Ok(()),
    };
    if found == pinned.hex() {
        return Ok(());
    }
    Err(InstallError::Checksum {
        file: step.package.file.clone(),
        algorithm: pinned.algorithm().to_string(),
        stated: pinned.hex().to_owned(),
        found,
    })
}
