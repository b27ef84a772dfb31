//! A transaction and where to put it, in; the root tree with its databases, and a report, out.
//!
//! The order of things is that of `rpmtsRun` and `rpmPackageInstall` (see `docs/design/0710-installing.md`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host_tools::{Progress, Stopwatch};

use super::finish::set_times;
use super::target::{PartialTarget, TargetError};
use super::{Step, Transaction};
use crate::dnf_state::{self, PackageState};
use crate::lua::Interpreter;
use crate::order::TRANSACTION_COLOR;
use crate::package::{FileType, Package, PackageProblem, Scriptlet, ScriptletKind};
use crate::payload::{FeedError, Feeder, PackageDigests};
use crate::report::{Phase, Report, Warning, WarningKind};
use crate::root::{RootDirectory, RootError};
use crate::rpmdb::{self, FileState};
use crate::scriptlets::{Arguments, ScriptletError, Scriptlets};
use crate::triggers::{Firing, Installed, InstalledPackage, PriorityClass, transaction_file_triggers};
use crate::unpack::{UnpackError, unpack};
use crate::users::{Accounts, AccountsError, add_accounts};

/// How to install, beyond what the transaction says.
#[derive(Clone, Debug)]
pub struct InstallOptions {
    /// The time that the tree claims to be made at, in seconds since 1970.
    pub epoch: u32,
    /// Threads that decompress ahead.
    pub threads: usize,
    /// Bytes of decompressed payload that may wait in memory.
    pub memory: usize,
    /// What runs Lua scriptlets; without it they cannot run, which is an error when one comes.
    pub lua: Option<Interpreter>,
    /// Files of OpenPGP certificates that rpm in the tree shall trust, armored or not.
    pub trusted_keys: Vec<Vec<u8>>,
}

impl InstallOptions {
    /// For a tree of that time: a thread a processor, at most 256 MiB waiting.
    pub fn new(epoch: u32, lua: Option<Interpreter>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        InstallOptions { epoch, threads, memory: 256 << 20, lua, trusted_keys: Vec::new() }
    }
}

/// A whole root tree.
#[derive(Debug)]
pub struct InstalledRoot {
    /// Where it is.
    pub path: PathBuf,
    /// What happened.
    pub report: Report,
}

/// Why there is no root tree.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A payload is damaged.
    #[error("package {}", file.display())]
    Package {
        /// The package file.
        file: PathBuf,
        /// What is wrong.
        source: PackageProblem,
    },
    /// A file could not be made.
    #[error("cannot unpack {package}")]
    Unpack {
        /// The package.
        package: String,
        /// What is wrong.
        source: UnpackError,
    },
    /// The package file is not the one that was pinned.
    #[error("{} has the {algorithm} {found}, but {stated} is pinned; fetch it again", file.display())]
    Checksum {
        /// The package file.
        file: PathBuf,
        /// Name of the algorithm.
        algorithm: String,
        /// What is pinned.
        stated: String,
        /// What its bytes give.
        found: String,
    },
    /// Accounts of a package could not be made.
    #[error("cannot make the accounts of {package}")]
    Accounts {
        /// The package.
        package: String,
        /// What is wrong.
        source: AccountsError,
    },
    /// A script that must not fail did.
    #[error("%{} of {package} {ending}{}", kind.name(), quoted(output))]
    Scriptlet {
        /// The package.
        package: String,
        /// Which script.
        kind: ScriptletKind,
        /// How it ended, in words.
        ending: String,
        /// What it said.
        output: String,
    },
    /// A script could not be tried.
    #[error("cannot run %{} of {package}", kind.name())]
    Sandbox {
        /// The package.
        package: String,
        /// Which script.
        kind: ScriptletKind,
        /// What is wrong.
        source: ScriptletError,
    },
    /// The rpm database could not be written.
    #[error("cannot write the rpm database")]
    Database(#[from] rpmdb::WriteError),
    /// The rpm database could not be read back.
    #[error("cannot read the rpm database back")]
    Cookie(#[source] rpmdb::DatabaseError),
    /// dnf5's state could not be written.
    #[error("cannot write the state of dnf5")]
    DnfState(#[from] dnf_state::WriteError),
    /// The tree cannot be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A decompressing thread ended without a word.
    #[error("the thread that decompresses {0} ended early")]
    Lost(String),
}

/// Where Fedora's rpm, and ours, keeps its database.
const DATABASE: &str = "/usr/lib/sysimage/rpm";
/// Where dnf5 keeps its state.
const DNF_STATE: &str = "/usr/lib/sysimage/libdnf5";

/// Makes the tree at `target`, which must not exist or be empty; it appears only when it is whole.
pub fn execute(
    transaction: &Transaction,
    target: &Path,
    options: &InstallOptions,
    progress: &dyn Progress,
) -> Result<InstalledRoot, InstallError> {
    let partial = PartialTarget::create(target)?;
    let root = RootDirectory::open(partial.path())?;
    rustix::fs::fchmod(root.fd(), rustix::fs::Mode::from_raw_mode(0o755))
        .map_err(|source| RootError::new("change the mode of", "/", source))?;
    let steps = transaction.steps.len() as u64;
    progress.begin("install", Some(steps));
    let mut run = Run {
        root: &root,
        options,
        progress,
        scriptlets: Scriptlets::new(&root, u64::from(options.epoch), options.lua.as_ref()),
        packages: transaction
            .steps
            .iter()
            .map(|step| (step.package.nevra().to_string(), &step.package))
            .collect(),
        report: Report::default(),
    };
    let mut transaction = transaction.clone();
    run.before_all(&transaction)?;
    keep_existing_configuration(&root, &mut transaction)?;
    run.all(&transaction)?;
    let phase = Stopwatch::start();
    set_times(partial.path(), &transaction, u64::from(options.epoch))?;
    run.spent(Phase::Finish, phase);
    let mut report = run.report;
    report.scriptlets = run.scriptlets.count();
    report.deferred.sort_by(|a, b| a.path.cmp(&b.path));
    progress.finish(&format!("{} packages, {} files", report.packages, report.files));
    Ok(InstalledRoot { path: partial.finish()?, report })
}

struct Run<'a> {
    root: &'a RootDirectory,
    options: &'a InstallOptions,
    progress: &'a dyn Progress,
    scriptlets: Scriptlets<'a>,
    packages: BTreeMap<String, &'a Package>,
    report: Report,
}

impl<'a> Run<'a> {
    /// %pretrans of every package, when nothing is there yet.
    fn before_all(&mut self, transaction: &Transaction) -> Result<(), InstallError> {
        for step in &transaction.steps {
            self.scriptlet(&step.package, ScriptletKind::PreTransaction, 1)?;
        }
        Ok(())
    }

    fn all(&mut self, transaction: &Transaction) -> Result<(), InstallError> {
        let packages: Vec<&Package> = transaction.steps.iter().map(|step| &step.package).collect();
        let mut installed = Installed::default();
        let mut digests = Vec::with_capacity(packages.len());
        std::thread::scope(|scope| {
            let mut feeder = Feeder::start(scope, &packages, self.options.threads, self.options.memory);
            for step in &transaction.steps {
                digests.push(self.one(step, &mut installed, &mut feeder)?);
                self.progress.advance(1, &step.package.nevra().to_string());
            }
            Ok::<(), InstallError>(())
        })?;
        let phase = Stopwatch::start();
        self.write_databases(transaction, &digests)?;
        self.spent(Phase::Database, phase);
        for step in &transaction.steps {
            let count = installed.count(&step.package.nevra().name);
            self.scriptlet(&step.package, ScriptletKind::PostTransaction, count)?;
        }
        self.fire(transaction_file_triggers(&installed))
    }

    /// One package, from its accounts to its last file triggers.
    fn one<'t>(
        &mut self,
        step: &'t Step,
        installed: &mut Installed<'t>,
        feeder: &mut Feeder,
    ) -> Result<PackageDigests, InstallError> {
        let package = &step.package;
        let count = installed.count(&package.nevra().name) + 1;
        self.accounts(package)?;
        self.fire(installed.triggers_before(&package.contents))?;
        self.scriptlet(package, ScriptletKind::Pre, count)?;
        let digests = self.unpack(step, feeder)?;
        installed.push(InstalledPackage { contents: &package.contents, actions: &step.actions });
        self.fire(installed.file_triggers(PriorityClass::BeforePost))?;
        self.scriptlet(package, ScriptletKind::Post, count)?;
        self.fire(installed.triggers_after(&package.contents))?;
        self.fire(installed.file_triggers(PriorityClass::AfterPost))?;
        self.report.packages += 1;
        Ok(digests)
    }

    fn accounts(&mut self, package: &Package) -> Result<(), InstallError> {
        let phase = Stopwatch::start();
        let added = add_accounts(self.root, &package.contents.accounts, u64::from(self.options.epoch));
        self.spent(Phase::Accounts, phase);
        added.map_err(|source| InstallError::Accounts { package: package.nevra().to_string(), source })
    }

    fn unpack(&mut self, step: &Step, feeder: &mut Feeder) -> Result<PackageDigests, InstallError> {
        let phase = Stopwatch::start();
        let package = &step.package;
        let name = package.nevra().to_string();
        let mut feed = feeder.next_feed().ok_or_else(|| InstallError::Lost(name.clone()))?;
        let accounts = Accounts::read(self.root)?;
        let files = &package.contents.files;
        let unpacked = if files.is_empty() {
            Ok(crate::unpack::Unpacked::default())
        } else {
            unpack(self.root, &accounts, files, &step.actions, &mut feed)
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
        self.report.files += unpacked.files;
        self.report.bytes += unpacked.bytes;
        self.report.deferred.extend(unpacked.deferred);
        let owners = unpacked
            .unknown_owners
            .into_iter()
            .map(|(owner, path)| WarningKind::UnknownOwner { owner, path });
        let aside = unpacked.set_aside.into_iter().map(WarningKind::SetAside);
        self.report.warnings.extend(owners.chain(aside).map(|what| Warning { package: name.clone(), what }));
        self.spent(Phase::Unpack, phase);
        Ok(digests)
    }

    fn scriptlet(
        &mut self,
        package: &Package,
        kind: ScriptletKind,
        count: usize,
    ) -> Result<(), InstallError> {
        let Some(scriptlet) = package.contents.scriptlets.get(&kind) else { return Ok(()) };
        let phase = Stopwatch::start();
        let arguments = Arguments { first: Some(count), ..Arguments::default() };
        let ran = self.run(package, scriptlet, kind, &arguments);
        self.spent(Phase::Scriptlets, phase);
        ran
    }

    fn fire(&mut self, firings: Vec<Firing<'_>>) -> Result<(), InstallError> {
        for firing in firings {
            let phase = Stopwatch::start();
            let owner = firing.owner.nevra.to_string();
            let Some(package) = self.packages.get(&owner).copied() else { continue };
            let arguments = Arguments {
                first: Some(firing.first_argument),
                second: firing.second_argument,
                paths: firing.paths,
            };
            self.run(package, firing.script, firing.kind, &arguments)?;
            self.spent(Phase::Triggers, phase);
        }
        Ok(())
    }

    fn run(
        &mut self,
        package: &Package,
        scriptlet: &Scriptlet,
        kind: ScriptletKind,
        arguments: &Arguments<'_>,
    ) -> Result<(), InstallError> {
        let name = package.nevra().to_string();
        let ending = self
            .scriptlets
            .run(package.owner(), scriptlet, kind, arguments)
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
    fn write_databases(
        &self,
        transaction: &Transaction,
        digests: &[PackageDigests],
    ) -> Result<(), InstallError> {
        let states: Vec<Vec<FileState>> = transaction
            .steps
            .iter()
            .map(|step| step.actions.iter().map(|action| action.state()).collect())
            .collect();
        let epoch = self.options.epoch;
        let records = transaction.steps.iter().zip(&states).zip(digests).zip(0..);
        let records = records.map(|(((step, states), digests), place)| rpmdb::InstalledPackage {
            headers: &step.package.headers,
            file_states: states,
            install_time: epoch.saturating_add(place),
            transaction_id: epoch,
            colour: TRANSACTION_COLOR,
            digests: rpmdb::PackageDigests { sha256: digests.sha256, sha512: digests.sha512 },
        });
        let (_database, database_path) = self.directory(DATABASE)?;
        let keys: Vec<rpmdb::TrustedKeys<'_>> = self
            .options
            .trusted_keys
            .iter()
            .map(|file| rpmdb::TrustedKeys { file, transaction_id: epoch })
            .collect();
        rpmdb::write_with_keys(&database_path, &keys, records)?;
        let cookie =
            rpmdb::cookie(&database_path.join(rpmdb::DATABASE_FILE)).map_err(InstallError::Cookie)?;
        let states: Vec<PackageState> = transaction
            .steps
            .iter()
            .map(|step| PackageState {
                nevra: step.package.nevra().clone(),
                reason: step.reason,
                repository: step.repository.clone(),
            })
            .collect();
        let (_state, state_path) = self.directory(DNF_STATE)?;
        dnf_state::write(&state_path, &states, &cookie)?;
        Ok(())
    }

    /// A directory of the root, with a path to it that no link of the root can bend while it is open.
    fn directory(&self, path: &str) -> Result<(std::os::fd::OwnedFd, PathBuf), RootError> {
        use std::os::fd::AsRawFd;
        let fd = self.root.open_directory(Path::new(path), true)?;
        let outside = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        Ok((fd, outside))
    }

    fn spent(&mut self, phase: Phase, since: Stopwatch) {
        *self.report.phases.entry(phase).or_default() += since.elapsed();
    }
}

/// A %config file whose place is taken (by %pretrans, as nothing else ran) stays beside what is there.
fn keep_existing_configuration(root: &RootDirectory, transaction: &mut Transaction) -> Result<(), RootError> {
    use rpm_model::header::file_flags::NOREPLACE;
    for step in &mut transaction.steps {
        for (file, action) in step.package.contents.files.iter().zip(&mut step.actions) {
            let can_be = matches!(file.file_type(), FileType::Regular | FileType::Symlink);
            if *action == crate::files::FileAction::Create
                && can_be
                && file.is_config()
                && !file.is_ghost()
                && crate::unpack::differs(root, file)?
            {
                *action = if file.flags & NOREPLACE != 0 {
                    crate::files::FileAction::CreateBeside
                } else {
                    crate::files::FileAction::CreateAndKeepOld
                };
            }
        }
    }
    Ok(())
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

fn quoted(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(":\n    {}", output.replace('\n', "\n    ")) }
}
