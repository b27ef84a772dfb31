//! A root that exists and repositories, in; what a change of it would do, and the change done, out.

use std::path::{Path, PathBuf};

use install::{
    Addition, Changes, Existing, InstallOptions, PackageRequest, PlanOptions, Replacing, SignaturePolicy,
    Transaction,
};
use rpm_model::{Nevra, PackageRecord};
use solver::{Change, Request, Solution, Universe};

use super::repositories::Offers;
use super::surplus;
use crate::cli::{Global, RootChange};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::progress::Bars;
use crate::session;

/// What dnf calls the installed packages among repositories.
const SYSTEM: &str = "@System";
/// Repositories without a stated rank have this; what is installed takes no part in ranking.
const PRIORITY: i32 = 99;

/// A root with what is installed in it.
pub struct Root {
    /// Where it is.
    pub path: PathBuf,
    /// What its databases say.
    pub existing: Existing,
    /// The installed packages, keys left out.
    pub records: Vec<PackageRecord>,
}

impl Root {
    /// Reads the databases of a root.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = || format!("what is installed in {} cannot be told", path.display());
        let existing = Existing::read(path).context(failed)?;
        let records = existing.records().context(failed)?;
        Ok(Root { path: path.to_owned(), existing, records })
    }

    /// The identities of packages that somebody asked for.
    pub fn user_installed(&self) -> Vec<Nevra> {
        let asked = |record: &&PackageRecord| {
            matches!(
                self.existing.reason(&record.nevra),
                install::Reason::User | install::Reason::ExternalUser
            )
        };
        self.records.iter().filter(asked).map(|record| record.nevra.clone()).collect()
    }
}

/// Solves, fetches what comes, and plans.
///
/// Of packages that live side by side, as kernels do, at most `side_by_side` of a name are left, unless it is 0.
pub fn plan(
    global: &Global,
    root: &Root,
    offers: &Offers,
    request: &Request,
    side_by_side: usize,
) -> Result<Transaction, Failure> {
    let mut repositories: Vec<solver::Repository<'_>> = offers.for_solver().collect();
    let installed = repositories.len();
    repositories.push(solver::Repository {
        id: SYSTEM,
        priority: PRIORITY,
        cost: 1000,
        packages: &root.records,
    });
    let universe = Universe::with_installed(std::env::consts::ARCH, &repositories, Some(installed));
    let mut solution = solver::solve(&universe, request).map_err(|conflict| {
        Failure::caused("the packages cannot be had together", &conflict).code(ExitCode::Unsatisfiable)
    })?;
    let surplus = surplus::surplus(&root.records, &solution, request, side_by_side);
    if !surplus.is_empty() {
        let request = surplus::without(request, &surplus, &root.records, &solution);
        // Where something that stays needs an old one, all stay.
        if let Ok(fewer) = solver::solve(&universe, &request) {
            solution = fewer;
        }
    }
    let bars = Bars::new(global.quiet);
    let changes = changes(root, offers, request, &solution, &bars)?;
    // Every file was compared with the checksum of its repository, which the installation does once more.
    let options = PlanOptions {
        signatures: SignaturePolicy::DigestsOnly,
        files: install::files::FilePolicy::default(),
    };
    install::plan_changes(&root.path, &changes, &options)
        .context(|| format!("{} was not changed", root.path.display()))
}

fn changes(
    root: &Root,
    offers: &Offers,
    request: &Request,
    solution: &Solution<'_>,
    bars: &Bars,
) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    let files = offers.fetch(solution.packages(), bars)?;
    let typed: Vec<String> = request.install.iter().map(ToString::to_string).collect();
    let mut add = |new: &usize, replacing: Replacing, kept: Option<install::Reason>| {
        let chosen = &solution.packages()[*new];
        let reason = match (chosen.reason, kept) {
            (_, Some(kept)) if !chosen.requested_as.iter().any(|want| typed.contains(want)) => kept,
            (solver::Reason::User, _) => install::Reason::User,
            (solver::Reason::Dependency, _) => install::Reason::Dependency,
            (solver::Reason::Weak, _) => install::Reason::WeakDependency,
        };
        let package = PackageRequest {
            file: files[*new].clone(),
            checksum: Some(chosen.record.checksum.clone()),
            reason,
            repository: chosen.repository.to_owned(),
        };
        changes.add.push(Addition { package, replacing });
    };
    let reason = |old: &PackageRecord| Some(root.existing.reason(&old.nevra));
    for change in solution.changes() {
        match change {
            Change::Install { new } => {
                let chosen = solution.packages()[*new].nevra();
                let mut namesakes = root
                    .records
                    .iter()
                    .filter(|old| old.nevra.name == chosen.name && old.nevra.arch == chosen.arch);
                // What comes beside others of its name is there for the same reason.
                let beside = namesakes.next_back().map(reason);
                let replacing = if beside.is_some() { Replacing::Nothing } else { Replacing::Older };
                add(new, replacing, beside.flatten());
            }
            Change::Upgrade { old, new } => add(new, Replacing::Older, reason(old)),
            Change::Downgrade { old, new } => add(new, Replacing::Any, reason(old)),
            Change::Reinstall { old, new } => add(new, Replacing::Same, reason(old)),
            Change::Replace { old, new } => {
                add(new, Replacing::Any, old.first().and_then(|old| reason(old)));
            }
            Change::Erase { .. } => {}
        }
    }
    for change in solution.changes() {
        if let Change::Erase { old, .. } = change {
            changes.erase.push(old.nevra.clone());
        }
    }
    Ok(changes)
}

/// Does what the transaction says; the root is the old one or the new one at every moment.
pub fn carry_out(
    global: &Global,
    root: &Root,
    transaction: &Transaction,
) -> Result<install::Report, Failure> {
    let failed = || format!("{} was not changed", root.path.display());
    session::prepare_building()?;
    let lua = install::lua::Interpreter::this_program().context(failed)?;
    let options = InstallOptions::new(epoch(transaction)?, Some(lua));
    let bars = Bars::new(global.quiet);
    let installed = install::change(transaction, &root.path, &options, &bars).context(failed)?;
    Ok(installed.report)
}

/// The time that the change claims: SOURCE_DATE_EPOCH, else the newest build time among all packages that are there then.
fn epoch(transaction: &Transaction) -> Result<u32, Failure> {
    let wrong = |text: String| {
        Failure::new(format!("SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds before 2106"))
            .code(ExitCode::Usage)
    };
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().map_err(|_| wrong(text)),
        Err(_) => Ok(transaction.newest_build_time()),
    }
}

/// Where there is nothing to do: removes what a killed run left beside the root.
pub fn clear(root: &Root) -> Result<(), Failure> {
    install::clear_beside(&root.path)
        .context(|| format!("what an earlier run left beside {} was not removed", root.path.display()))
}

/// Without a repository, nothing can come: most likely it was forgotten.
pub fn needs_repository(options: &RootChange) -> Result<(), Failure> {
    if options.repositories.is_empty() {
        let failure = Failure::new("there is no repository to take packages from").code(ExitCode::Usage);
        return Err(failure.hint("name one, or several, by --repo ID=DIR|URL"));
    }
    Ok(())
}

/// Which packages may not come, for the solver.
pub fn request(options: &RootChange) -> Request {
    Request { exclude: options.exclude.clone(), weak: !options.no_weak, ..Request::default() }
}
