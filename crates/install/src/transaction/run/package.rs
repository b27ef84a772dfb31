//! One package, in; its files come or gone, and every script on the way run, out.

use host_tools::Stopwatch;

use super::super::erase::erase;
use super::super::set_aside::{set_aside, touch};
use super::super::{Erasure, InstallError, Step};
use super::{Coming, Going, Run};
use crate::package::ScriptletKind;
use crate::payload::{FeedError, Feeder, PackageDigests};
use crate::report::{Phase, Warning, WarningKind};
use crate::triggers::{Element, FileMoment, Installed, InstalledPackage, Moment, Part, PriorityClass};
use crate::unpack::{UnpackError, unpack};
use crate::users::{Accounts, add_accounts};

impl<'a> Run<'a> {
    /// One package, from its accounts to its last file triggers.
    pub(super) fn install<'d>(
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
    pub(super) fn file_triggers_after_files<'d>(
        &mut self,
        installed: &Installed<'d>,
        number: u32,
        element: &Element<'d>,
        class: PriorityClass,
    ) -> Result<(), InstallError> {
        self.fire(installed.file_triggers_set_off_by(element, FileMoment::In, class))?;
        self.fire(installed.file_triggers_of(number, element, FileMoment::In, class))
    }

    /// One package, from its first file triggers to %postun and what follows it.
    pub(super) fn erase<'d>(
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
    pub(super) fn file_triggers_before_erasure<'d>(
        &mut self,
        installed: &Installed<'d>,
        number: u32,
        element: &Element<'d>,
        class: PriorityClass,
    ) -> Result<(), InstallError> {
        self.fire(installed.file_triggers_of(number, element, FileMoment::Un, class))?;
        self.fire(installed.file_triggers_set_off_by(element, FileMoment::Un, class))
    }

    pub(super) fn accounts(&mut self, step: &Step) -> Result<(), InstallError> {
        let phase = Stopwatch::start();
        let contents = &step.package.contents;
        let added = add_accounts(self.root, &contents.accounts, u64::from(self.options.epoch));
        self.spent(Phase::Accounts, phase);
        added.map_err(|source| InstallError::Accounts { package: contents.nevra.to_string(), source })
    }

    pub(super) fn unpack(
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
