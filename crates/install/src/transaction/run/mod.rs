//! A transaction with every file decided, in; the packages gone from and come into the root, its databases, out.
//!
//! The order of things is that of `rpmtsRun`, `rpmPackageInstall` and `rpmPackageErase` (see `docs/design/0710-installing.md`).

mod databases;
mod decided;
mod package;
mod scripts;

use std::collections::BTreeMap;

use host_tools::{Progress, Stopwatch};

use super::{Erasure, InstallError, InstallOptions, Step, Transaction};
use crate::package::{PackageContents, ScriptletKind, ScriptletOwner};
use crate::payload::{Feeder, PackageDigests, Wanted};
use crate::report::{Phase, Report};
use crate::root::RootDirectory;
use crate::scriptlets::Scriptlets;
use crate::triggers::{FileMoment, Installed, InstalledPackage, LaterTriggers, Part};

pub(super) use decided::{Coming, Decided, Going};

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

    pub(super) fn spent(&mut self, phase: Phase, since: Stopwatch) {
        *self.report.phases.entry(phase).or_default() += since.elapsed();
    }
}

/// The number that the first package that comes gets in the database.
fn first_number(transaction: &Transaction) -> u32 {
    transaction.before.system.last_number.saturating_add(1)
}
