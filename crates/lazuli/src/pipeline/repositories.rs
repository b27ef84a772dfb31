//! Repositories and keys that the command line names, in; what they offer to a root, and the files of what is taken, proven, out.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use host_tools::Progress as _;
use repository::Repository;
use repository::download::Downloader;
use repository::openpgp::{Keyring, verify_package};
use rpm_model::header::PackageHeaders;
use rpm_model::{Nevra, PackageRecord};
use solver::Chosen;

use super::named;
use super::rpm::refused;
use crate::cli::{Global, RootChange};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::progress::Bars;
use crate::session;

/// Repositories of the command line, each with its id.
pub struct Offers {
    downloader: Downloader,
    repositories: Vec<Offer>,
    keyring: Option<Keyring>,
}

struct Offer {
    id: String,
    address: String,
    repository: Repository,
}

impl Offers {
    /// Opens `ID=DIR|URL` and plain `DIR|URL`, with the files that `asked` names.
    pub fn open(global: &Global, options: &RootChange, asked: &[&str]) -> Result<Self, Failure> {
        let named: Vec<(String, String)> = options.repositories.iter().map(|text| split(text)).collect();
        let keyring = keyring(&options.keys)?;
        refuse_unclear(&named, keyring.as_ref())?;
        let addresses: Vec<String> = named.iter().map(|(_, address)| address.clone()).collect();
        let opened = named::open(global, &addresses, asked, keyring.as_ref())?;
        let offer = |((id, address), repository)| Offer { id, address, repository };
        let repositories = named.into_iter().zip(opened).map(offer).collect();
        let downloader = session::downloader(global, &session::cache_dir(global)?)?;
        Ok(Offers { downloader, repositories, keyring })
    }

    /// The repositories as the solver sees them.
    pub fn for_solver(&self) -> impl Iterator<Item = solver::Repository<'_>> {
        self.repositories
            .iter()
            .map(|offer| solver::Repository { id: &offer.id, ..named::for_solver(&offer.repository) })
    }

    /// The files of packages that the solver chose, in their order; each is what its repository says it is, and signed where a key
    /// was given.
    pub fn fetch(&self, packages: &[Chosen<'_>], bars: &Bars) -> Result<Vec<PathBuf>, Failure> {
        if packages.is_empty() {
            return Ok(Vec::new());
        }
        bars.begin("fetch", Some(packages.len() as u64));
        let mut files = vec![PathBuf::new(); packages.len()];
        for offer in &self.repositories {
            let of_this = packages.iter().enumerate().filter(|(_, chosen)| chosen.repository == offer.id);
            let (places, records): (Vec<usize>, Vec<&PackageRecord>) =
                of_this.map(|(place, chosen)| (place, chosen.record)).unzip();
            let fetched = offer.repository.fetch_packages(&records, &self.downloader, &|_| {});
            let fetched = fetched.map_err(|error| refused(&offer.id, &error))?;
            for ((place, record), file) in places.into_iter().zip(records).zip(fetched) {
                match &self.keyring {
                    Some(keyring) if named::is_address(&offer.address) => {
                        prove(keyring, &record.nevra, &file)?;
                    }
                    _ => {}
                }
                files[place] = file;
                bars.advance(1, &record.nevra.to_string());
            }
        }
        bars.finish(&format!("{} packages", packages.len()));
        Ok(files)
    }
}

/// The keys of all files; `None` where no file is named.
fn keyring(files: &[PathBuf]) -> Result<Option<Keyring>, Failure> {
    let mut all: Option<Keyring> = None;
    for file in files {
        let keys = Keyring::load(file).context(|| format!("the key in {} cannot be used", file.display()));
        let keys = keys.map_err(|failure| failure.code(ExitCode::Verification))?;
        all = Some(match all.take() {
            None => keys,
            Some(others) => others.merged(keys),
        });
    }
    Ok(all)
}

/// Ids tell repositories apart, and nobody on the way may choose what is installed.
fn refuse_unclear(named: &[(String, String)], keyring: Option<&Keyring>) -> Result<(), Failure> {
    let wrong = |message: String| Failure::new(message).code(ExitCode::Usage);
    for (position, (id, address)) in named.iter().enumerate() {
        if named[..position].iter().any(|(known, _)| known == id) {
            return Err(
                wrong(format!("two repositories are called `{id}`")).hint("give each an id of its own")
            );
        }
        if keyring.is_none() && named::is_unprotected(address) {
            return Err(wrong(format!("what comes from {address} could be changed on the way"))
                .hint("name the key that its packages and metadata are signed with by --key, or use https"));
        }
    }
    Ok(())
}

fn prove(keyring: &Keyring, nevra: &Nevra, file: &Path) -> Result<(), Failure> {
    let failed = || format!("{nevra} is not what its repository signed");
    let refused = |failure: Failure| failure.code(ExitCode::Verification);
    let opened = File::open(file).context(failed)?;
    let headers = PackageHeaders::read(&mut BufReader::new(opened)).context(failed).map_err(refused)?;
    let now = host_tools::Clock::System.now();
    verify_package(keyring, &headers, &nevra.to_string(), now).map(drop).context(failed).map_err(refused)
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
