//! An existing root, and packages to add and to erase, in; the transaction that does it, out, or every reason why there is none.
//!
//! As `rpm -U`, `-i` and `-e` put a transaction together (`lib/depends.cc`). Whether packages fit together is the solver's matter.

use std::collections::BTreeSet;
use std::path::Path;

use rpm_model::{Capability, Nevra};

use super::existing::{Existing, ExistingError};
use super::plan::open_all;
use super::{Erasure, PackageRequest, PlanError, PlanOptions, Step, Transaction};
use crate::dnf_state::Reason;
use crate::files::{self, Change, Present};
use crate::order::{TRANSACTION_COLOR, order, order_of_erasures};
use crate::package::{Package, PackageContents};
use crate::root::{RootDirectory, RootError};
use crate::rpmdb::{InstalledRecord, InstalledSystem};

/// What to do to an existing root.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Packages that come.
    pub add: Vec<Addition>,
    /// Packages that go without anything in their place.
    pub erase: Vec<Nevra>,
}

/// A package that comes, and what it may put aside.
#[derive(Clone, Debug)]
pub struct Addition {
    /// The package.
    pub package: PackageRequest,
    /// Which installed packages of its name go.
    pub replacing: Replacing,
}

/// Which installed packages of the same name go when a package comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacing {
    /// All older ones, and what it obsoletes; a newer one is an error (`rpm -U`).
    Older,
    /// All others, newer ones too, and what it obsoletes (`rpm -U --oldpackage`).
    Any,
    /// The very same package (`rpm --reinstall`).
    Same,
    /// None: several versions live side by side, whichever came first (`rpm -i --oldpackage`).
    Nothing,
}

/// Why an existing root cannot be changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Packages or their files.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The root itself.
    #[error(transparent)]
    Root(#[from] RootError),
    /// What is installed cannot be told.
    #[error(transparent)]
    Existing(#[from] ExistingError),
    /// Requests that the installed packages contradict.
    #[error("the installed packages stand against it{}", .0.iter().map(|problem| format!("\n    {problem}")).collect::<String>())]
    Problems(Vec<Problem>),
}

/// What an installed package says against a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A newer one is there.
    #[error("{wanted} is older than {installed}, which is installed: ask for a downgrade")]
    Newer {
        /// What is asked for.
        wanted: Nevra,
        /// What is there.
        installed: Nevra,
    },
    /// The very same is there.
    #[error("{0} is installed already: ask for it to be installed again")]
    There(Nevra),
    /// Nothing of that identity is there.
    #[error("{0} is not installed")]
    NotThere(Nevra),
    /// It is asked for twice, or to come and to go.
    #[error("{0} is asked for twice")]
    Twice(Nevra),
    /// A key is no package.
    #[error("{0} is a key, not a package: keys are removed with `rpmkeys --delete`")]
    Key(Nevra),
}

/// Reads what is installed, opens and verifies the packages, orders everything, and decides what happens to each file.
pub fn plan_changes(
    root: &Path,
    changes: &Changes,
    options: &PlanOptions,
) -> Result<Transaction, ChangeError> {
    let directory = RootDirectory::open(root)?;
    let before = Existing::read_open(&directory)?;
    let requests: Vec<PackageRequest> = changes.add.iter().map(|addition| addition.package.clone()).collect();
    let packages = open_all(&requests, options)?;
    let problems = problems(&before.system, &packages, changes);
    if !problems.is_empty() {
        return Err(ChangeError::Problems(problems));
    }
    let contents: Vec<&PackageContents> = packages.iter().map(|package| &package.contents).collect();
    let installation = order(&contents);
    let going = going(&before.system, &packages, changes);
    let mut packages: Vec<Option<Package>> = packages.into_iter().map(Some).collect();
    let steps = installation.iter().filter_map(|position| {
        let request = &requests[*position];
        let package = packages[*position].take()?;
        Some(Step {
            reason: reason(&before, package.nevra(), request.reason),
            package,
            actions: Vec::new(),
            repository: request.repository.clone(),
            checksum: request.checksum.clone(),
        })
    });
    let steps: Vec<Step> = steps.collect();
    let leaving: Vec<&PackageContents> =
        going.iter().map(|(package, _)| &before.system.packages[*package].contents).collect();
    let erasures = order_of_erasures(&leaving).into_iter().map(|place| {
        let (package, request) = going[place];
        let replaced_by =
            request.and_then(|request| installation.iter().position(|position| *position == request));
        Erasure { package, replaced_by }
    });
    let erasures = erasures.collect();
    let mut transaction = Transaction { steps, erasures, before, policy: options.files.clone() };
    let decided = decide(&directory, &transaction)?.map_err(PlanError::Conflicts)?;
    for (step, actions) in transaction.steps.iter_mut().zip(decided.coming) {
        step.actions = actions;
    }
    Ok(transaction)
}

/// What happens to each file of a change, by what is on disk now.
pub(super) fn decide(
    root: &RootDirectory,
    transaction: &Transaction,
) -> Result<Result<files::Decided, Vec<files::FileConflict>>, RootError> {
    let coming: Vec<&PackageContents> = transaction.steps.iter().map(|step| &step.package.contents).collect();
    let present: Vec<Present<'_>> = transaction
        .before
        .system
        .packages
        .iter()
        .map(|record| Present { contents: &record.contents, states: &record.states })
        .collect();
    let going: Vec<usize> = transaction.erasures.iter().map(|erasure| erasure.package).collect();
    let change = Change { coming: &coming, present: &present, going: &going };
    files::decide_changes(root, &change, &transaction.policy)
}

fn problems(system: &InstalledSystem, packages: &[Package], changes: &Changes) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (package, addition) in packages.iter().zip(&changes.add) {
        let wanted = package.nevra();
        if !seen.insert(wanted) {
            problems.push(Problem::Twice(wanted.clone()));
        }
        let named = system.packages.iter().map(|record| &record.contents.nevra);
        let named: Vec<&Nevra> = named.filter(|nevra| nevra.name == wanted.name).collect();
        if addition.replacing == Replacing::Older {
            let newer = named.iter().filter(|nevra| nevra.evr.compare(&wanted.evr).is_gt());
            problems.extend(
                newer.map(|installed| Problem::Newer {
                    wanted: wanted.clone(),
                    installed: (*installed).clone(),
                }),
            );
        }
        match (addition.replacing == Replacing::Same, named.contains(&wanted)) {
            (true, false) => problems.push(Problem::NotThere(wanted.clone())),
            (false, true) => problems.push(Problem::There(wanted.clone())),
            _ => {}
        }
    }
    for gone in &changes.erase {
        if !seen.insert(gone) {
            problems.push(Problem::Twice(gone.clone()));
        } else if !system.packages.iter().any(|record| record.contents.nevra == *gone) {
            problems.push(Problem::NotThere(gone.clone()));
        } else if gone.name == "gpg-pubkey" {
            problems.push(Problem::Key(gone.clone()));
        }
    }
    problems
}

/// Installed packages that go, with the request whose package takes their place, in rpm's order: by what comes, then the rest.
fn going(system: &InstalledSystem, packages: &[Package], changes: &Changes) -> Vec<(usize, Option<usize>)> {
    let mut requests: Vec<usize> = (0..packages.len()).collect();
    requests.sort_by_key(|request| packages[*request].nevra());
    let mut going: Vec<(usize, Option<usize>)> = Vec::new();
    let mut add = |position: usize, request: Option<usize>| {
        if !going.iter().any(|(known, _)| *known == position) {
            going.push((position, request));
        }
    };
    for request in requests {
        let (package, replacing) = (&packages[request].contents, changes.add[request].replacing);
        for (position, record) in system.packages.iter().enumerate() {
            if replaces(package, record, replacing) {
                add(position, Some(request));
            }
        }
        if matches!(replacing, Replacing::Older | Replacing::Any) {
            for obsolete in &package.obsoletes {
                for (position, record) in system.packages.iter().enumerate() {
                    if obsoletes(obsolete, &record.contents.nevra) {
                        add(position, Some(request));
                    }
                }
            }
        }
    }
    let mut erase: Vec<&Nevra> = changes.erase.iter().collect();
    erase.sort();
    for gone in erase {
        for (position, record) in system.packages.iter().enumerate() {
            if record.contents.nevra == *gone {
                add(position, None);
            }
        }
    }
    going
}

/// `addSelfErasures`: of one name, and not of another word size.
fn replaces(package: &PackageContents, record: &InstalledRecord, replacing: Replacing) -> bool {
    let old = &record.contents;
    if old.nevra.name != package.nevra.name {
        return false;
    }
    let color = old.files.iter().fold(0, |color, file| color | file.color) & 0x0f;
    if package.color & TRANSACTION_COLOR != 0 && color != 0 && package.color & color == 0 {
        return false;
    }
    match replacing {
        Replacing::Older | Replacing::Any => true,
        Replacing::Same => old.nevra == package.nevra,
        Replacing::Nothing => false,
    }
}

/// Obsoletes are on name and version of a package, not on what it provides.
fn obsoletes(obsolete: &Capability, installed: &Nevra) -> bool {
    Capability::exactly(&installed.name, &installed.evr).overlaps(obsolete)
}

/// What was asked for stays asked for, also when something else brings its new version.
fn reason(before: &Existing, nevra: &Nevra, requested: Reason) -> Reason {
    match (requested, before.known_reason(nevra)) {
        (Reason::User, _) | (_, None) => requested,
        (_, Some(known)) => known,
    }
}
