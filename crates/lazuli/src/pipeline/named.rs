//! Repositories that the command line names, folders or addresses, in; their packages, out.

use std::path::Path;

use repository::download::Downloader;
use repository::openpgp::Keyring;
use repository::{Location, Proof, Repository, Source, check};

use super::packages::{self, Packages};
use super::rpm::refused;
use crate::cli::Global;
use crate::failure::{ExitCode, Failure};
use crate::session;

/// Opens folders and addresses, with the files that dependencies and `asked` name.
///
/// What comes over plain HTTP must be signed by a key of the keyring; where there is none it is taken, as the person who typed the
/// address asks for it.
pub fn open(
    global: &Global,
    names: &[String],
    asked: &[&str],
    keyring: Option<&Keyring>,
) -> Result<Vec<Repository>, Failure> {
    let downloader = session::downloader(global, &session::cache_dir(global)?)?;
    let now = host_tools::Clock::System.now();
    let mut repositories = Vec::new();
    for name in names {
        let repository = Repository::open(&source(name, keyring)?, &downloader, now).map_err(|error| {
            refused(name, &error).hint("a folder of RPMs gets its metadata by `lazuli repo create`")
        })?;
        repositories.push(repository);
    }
    load_files(&mut repositories, &downloader, asked)?;
    Ok(repositories)
}

/// Opens folders and addresses to solve with them, with the files that dependencies and `asked` name.
pub fn find(global: &Global, names: &[String], asked: &[&str]) -> Result<Vec<Packages>, Failure> {
    let cache_dir = session::cache_dir(global)?;
    let downloader = session::downloader(global, &cache_dir)?;
    let indexes = packages::cache(&cache_dir);
    let now = host_tools::Clock::System.now();
    let mut all = Vec::new();
    for name in names {
        let repository = Repository::find(&source(name, None)?, &downloader, now).map_err(|error| {
            refused(name, &error).hint("a folder of RPMs gets its metadata by `lazuli repo create`")
        })?;
        all.push(Packages::open(repository, &downloader, &indexes)?);
    }
    packages::find_files(&mut all, std::env::consts::ARCH, asked, &downloader, &indexes)?;
    Ok(all)
}

fn load_files(
    repositories: &mut [Repository],
    downloader: &Downloader,
    asked: &[&str],
) -> Result<(), Failure> {
    check::load_required_files(repositories, downloader).map_err(|error| refused("a file list", &error))?;
    if asked.is_empty() {
        return Ok(());
    }
    for repository in repositories.iter_mut().filter(|repository| repository.has_file_lists()) {
        let loaded = repository.load_files(downloader, &|path| asked.contains(&path));
        loaded.map_err(|error| refused("a file list", &error))?;
    }
    Ok(())
}

/// The repository as the solver sees it.
pub fn for_solver(repository: &Repository) -> solver::Repository<'_> {
    let priority = i32::try_from(repository.priority).unwrap_or(i32::MAX);
    solver::Repository { id: &repository.id, priority, cost: 1000, packages: &repository.records }
}

/// Whether a repository is named by its address, not by its folder.
pub fn is_address(name: &str) -> bool {
    name.contains("://")
}

/// Whether whoever sits on the way could change what comes.
pub fn is_unprotected(name: &str) -> bool {
    name.starts_with("http://")
}

fn source(name: &str, keyring: Option<&Keyring>) -> Result<Source, Failure> {
    if is_address(name) {
        let mut source = Source::folder(name, Path::new("/"));
        source.location = Location::Base(vec![name.to_owned()]);
        source.proof = match keyring {
            _ if !is_unprotected(name) => Proof::Transport,
            Some(keyring) => Proof::Signature(keyring.clone()),
            None => Proof::Nothing,
        };
        return Ok(source);
    }
    let folder = std::fs::canonicalize(name).map_err(|error| {
        Failure::caused(format!("there is no repository at {name}"), &error).code(ExitCode::Usage)
    })?;
    Ok(Source::folder(name, &folder))
}
