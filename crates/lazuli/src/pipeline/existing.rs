//! A root that exists and repositories, in; what a change of it would do, and the change done, out.

use std::path::{Path, PathBuf};

use host_tools::Progress as _;
use install::{
    Addition, Changes, Existing, InstallOptions, PackageRequest, PlanOptions, Replacing, SignaturePolicy,
    Transaction,
};
use repository::Repository;
use repository::download::Downloader;
use rpm_model::{Nevra, PackageRecord};
use solver::{Change, Request, Solution, Universe};

use super::named;
use super::rpm::refused;
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

/// Repositories of the command line, each with its id.
pub struct Offers {
    downloader: Downloader,
    repositories: Vec<(String, Repository)>,
}

impl Offers {
    /// Opens `ID=DIR|URL` and plain `DIR|URL`, with the files that `asked` names.
    pub fn open(global: &Global, named: &[String], asked: &[&str]) -> Result<Self, Failure> {
        let named: Vec<(String, String)> = named.iter().map(|text| split(text)).collect();
        let addresses: Vec<String> = named.iter().map(|(_, address)| address.clone()).collect();
        let opened = named::open(global, &addresses, asked)?;
        let repositories = named.into_iter().map(|(id, _)| id).zip(opened).collect();
        let downloader = session::downloader(global, &session::cache_dir(global)?)?;
        Ok(Offers { downloader, repositories })
    }

    fn fetch(&self, id: &str, record: &PackageRecord, bars: &Bars) -> Result<PathBuf, Failure> {
        let repository = self.repositories.iter().find(|(known, _)| known == id).map(|(_, found)| found);
        let repository = repository.ok_or_else(|| Failure::new(format!("there is no repository {id}")))?;
        let files = repository.fetch_packages(&[record], &self.downloader, &|_| {});
        bars.advance(1, &record.nevra.to_string());
        files
            .map_err(|error| refused(id, &error))?
            .pop()
            .ok_or_else(|| Failure::new(format!("{} was not fetched", record.nevra)))
    }
}

/// The id and the address of a repository; an address alone is its own id.
fn split(text: &str) -> (String, String) {
    let is_id = |id: &str| {
        !id.is_empty()
            && id.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
    };
    match text.split_once('=') {
        Some((id, address)) if is_id(id) => (id.to_owned(), address.to_owned()),
        _ => (text.to_owned(), text.to_owned()),
    }
}

/// Solves, fetches what comes, and plans; shows the plan or carries it out.
pub fn plan(
    global: &Global,
    root: &Root,
    offers: &Offers,
    request: &Request,
) -> Result<Transaction, Failure> {
    let mut repositories: Vec<solver::Repository<'_>> = offers
        .repositories
        .iter()
        .map(|(id, repository)| solver::Repository { id, ..named::for_solver(repository) })
        .collect();
    let installed = repositories.len();
    repositories.push(solver::Repository {
        id: SYSTEM,
        priority: PRIORITY,
        cost: 1000,
        packages: &root.records,
    });
    let universe = Universe::with_installed(std::env::consts::ARCH, &repositories, Some(installed));
    let solution = solver::solve(&universe, request).map_err(|conflict| {
        Failure::caused("the packages cannot be had together", &conflict).code(ExitCode::Unsatisfiable)
    })?;
    let bars = Bars::new(global.quiet);
    let changes = changes(root, offers, &solution, &bars)?;
    // Every file was compared with the checksum of its repository, which the installation does once more.
    let options = PlanOptions {
        signatures: SignaturePolicy::DigestsOnly,
        files: install::files::FilePolicy::default(),
    };
    install::plan_changes(&root.path, &changes, &options)
        .context(|| format!("{} was not changed", root.path.display()))
}

fn changes(root: &Root, offers: &Offers, solution: &Solution<'_>, bars: &Bars) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    if !solution.packages().is_empty() {
        bars.begin("fetch", Some(solution.packages().len() as u64));
    }
    let mut add = |new: &usize, replacing: Replacing, kept: Option<install::Reason>| {
        let chosen = &solution.packages()[*new];
        let file = offers.fetch(chosen.repository, chosen.record, bars)?;
        let reason = match (chosen.reason, kept) {
            (_, Some(kept)) if chosen.requested_as.is_empty() => kept,
            (solver::Reason::User, _) => install::Reason::User,
            (solver::Reason::Dependency, _) => install::Reason::Dependency,
            (solver::Reason::Weak, _) => install::Reason::WeakDependency,
        };
        let package = PackageRequest {
            file,
            checksum: Some(chosen.record.checksum.clone()),
            reason,
            repository: chosen.repository.to_owned(),
        };
        changes.add.push(Addition { package, replacing });
        Ok::<(), Failure>(())
    };
    let reason = |old: &PackageRecord| Some(root.existing.reason(&old.nevra));
    for change in solution.changes() {
        match change {
            Change::Install { new } => {
                let beside = root.records.iter().any(|old| {
                    let chosen = solution.packages()[*new].nevra();
                    old.nevra.name == chosen.name && old.nevra.arch == chosen.arch
                });
                add(new, if beside { Replacing::Nothing } else { Replacing::Older }, None)?;
            }
            Change::Upgrade { old, new } => add(new, Replacing::Older, reason(old))?,
            Change::Downgrade { old, new } => add(new, Replacing::Any, reason(old))?,
            Change::Reinstall { old, new } => add(new, Replacing::Same, reason(old))?,
            Change::Replace { old, new } => {
                add(new, Replacing::Any, old.first().and_then(|old| reason(old)))?;
            }
            Change::Erase { .. } => {}
        }
    }
    for change in solution.changes() {
        if let Change::Erase { old, .. } = change {
            changes.erase.push(old.nevra.clone());
        }
    }
    if !solution.packages().is_empty() {
        bars.finish(&format!("{} packages", solution.packages().len()));
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

/// Where packages come from and which may not, for the solver.
pub fn request(options: &RootChange) -> Request {
    Request { exclude: options.exclude.clone(), weak: !options.no_weak, ..Request::default() }
}
