//! rpm-md repositories and folders of RPMs, in; their packages, out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use definition::lock::{LockedPackage, LockedRepository};
use definition::{RpmLocation, RpmRepository, RpmTrust, Upstream};
use host_tools::Progress as _;
use rayon::prelude::*;
use repository::download::{Expected, NamedRequest};
use repository::openpgp::{Keyring, verify_package};
use repository::{Location, Mirrors, OpenError, Proof, Repository, Source};
use rpm_model::header::PackageHeaders;
use rpm_model::{Nevra, PackageRecord};

use super::offer::{Offer, Offered};
use super::packages::{self, Packages};
use super::unfetched;
use crate::failure::{Context as _, ExitCode, Failure};
use crate::session::Session;

/// A key file larger than this is none, in bytes.
const KEY_LIMIT: u64 = 1 << 20;

/// The records of all RPMs in a folder.
pub fn scan(session: &Session, folder: &Path) -> Result<Vec<PackageRecord>, Failure> {
    session.bars.begin("read", None);
    let records = repository::write::scan(folder)
        .context(|| format!("the packages in {} cannot be read", folder.display()))?;
    session.bars.finish(&format!("{} package headers", records.len()));
    Ok(records)
}

/// Opens a repository of the definition and reads its packages.
pub fn open(session: &Session, upstream: &Upstream, repository: &RpmRepository) -> Result<Offer, Failure> {
    let name = &repository.name.value;
    session.bars.begin("metadata", None);
    let found = Repository::find(&source(session, repository)?, &session.downloader, session.clock.now())
        .map_err(|error| refused(name, &error))?;
    let state =
        LockedRepository::RpmMd { revision: found.revision.clone(), repomd: found.repomd_checksum.clone() };
    let indexes = packages::cache(&session.cache_dir);
    let mut opened = [Packages::open(found, &session.downloader, &indexes)?];
    // Paths that no primary metadata lists are looked up in the full file lists, which are large.
    let asked: Vec<String> = session
        .distro
        .images
        .values()
        .filter_map(definition::Image::native)
        .flat_map(|image| image.packages_for(upstream).install)
        .map(|want| want.value)
        .filter(|want| want.starts_with('/'))
        .collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let machine = &session.distro.project.architecture;
    packages::find_files(&mut opened, machine, &asked, &session.downloader, &indexes)?;
    let [packages] = opened;
    session.bars.finish(&format!("{} packages of {name}", packages.count()));
    Ok(Offer {
        id: name.clone(),
        priority: repository.priority,
        state,
        packages: Offered::Indexed(Box::new(packages)),
        sources: BTreeMap::new(),
        folder: None,
    })
}

/// Fetches locked packages by location and checksum alone, and verifies their signatures.
pub fn fetch(
    session: &Session,
    repository: &RpmRepository,
    packages: &[(&Nevra, &LockedPackage)],
) -> Result<Vec<(Nevra, PathBuf)>, Failure> {
    let name = &repository.name.value;
    let mirrors = Mirrors::find(&source(session, repository)?, &session.downloader, session.clock.now())
        .map_err(|error| refused(name, &error))?;
    let requests = packages.iter().map(|(nevra, package)| {
        let expected = Expected::new(package.checksum.clone(), Some(package.size));
        mirrors.request(&nevra.to_string(), &package.location, expected)
    });
    let requests = requests.collect::<Result<Vec<_>, _>>().map_err(|error| refused(name, &error))?;
    session.bars.begin("download", Some(requests.len() as u64));
    let fetched = session.downloader.fetch_all(&requests, &|_| {});
    let paths = fetched.map_err(|error| {
        Failure::caused(format!("packages of {name} cannot be fetched"), &error)
            .code(unfetched::exit_code(&error))
            .hint(unfetched::hint(&error))
    })?;
    session.bars.finish(&format!("{} packages of {name}", paths.len()));
    verify_signatures(session, repository, packages, &paths)?;
    Ok(packages.iter().map(|(nevra, _)| (*nevra).clone()).zip(paths).collect())
}

/// Verifies the signatures of package files, where the repository has a key.
pub fn verify_signatures(
    session: &Session,
    repository: &RpmRepository,
    packages: &[(&Nevra, &LockedPackage)],
    paths: &[PathBuf],
) -> Result<(), Failure> {
    let Some(keyring) = keyring(session, repository)? else { return Ok(()) };
    let now = session.clock.now();
    let verify = |((nevra, _), path): (&(&Nevra, &LockedPackage), &PathBuf)| {
        let failed = || format!("{nevra} is not what its repository signed");
        let file = File::open(path).context(failed)?;
        let headers = PackageHeaders::read(&mut BufReader::new(file)).context(failed)?;
        verify_package(&keyring, &headers, &nevra.to_string(), now)
            .map(drop)
            .map_err(|error| Failure::caused(failed(), &error).code(ExitCode::Verification))
    };
    // All are looked at, so that the first in the order of names is the one to be told of.
    let verified: Vec<Result<(), Failure>> = packages.par_iter().zip(paths).map(verify).collect();
    verified.into_iter().collect()
}

fn source(session: &Session, repository: &RpmRepository) -> Result<Source, Failure> {
    let (location, encrypted) = match &repository.location {
        RpmLocation::BaseUri(url) => (Location::Base(vec![url.to_string()]), url.scheme() != "http"),
        RpmLocation::Metalink(url) => (Location::Metalink(url.to_string()), url.scheme() != "http"),
    };
    let proof = match keyring(session, repository)? {
        // What comes by HTTPS is the publisher's; the packages themselves are signed in any case.
        _ if encrypted => Proof::Transport,
        Some(keyring) => Proof::Signature(keyring),
        None => Proof::Nothing,
    };
    // The definition has replaced every variable.
    let variables = BTreeMap::new();
    Ok(Source {
        id: repository.name.value.clone(),
        location,
        proof,
        priority: repository.priority,
        variables,
    })
}

fn keyring(session: &Session, repository: &RpmRepository) -> Result<Option<Keyring>, Failure> {
    let failed = || format!("the key of {} cannot be used", repository.name.value);
    let unusable = |failure: Failure| failure.code(ExitCode::Verification);
    match &repository.trust {
        RpmTrust::Unchecked => Ok(None),
        RpmTrust::KeyFile(path) => Keyring::load(path).context(failed).map(Some).map_err(unusable),
        RpmTrust::KeyUrl(url) => {
            if url.scheme() != "https" {
                return Err(unusable(Failure::new(failed()).hint(format!(
                    "{url} is not encrypted: keep the key in a file beside the definition, or name an https address"
                ))));
            }
            let request = NamedRequest {
                name: format!("key of {}", repository.name.value),
                key: url.to_string(),
                urls: vec![url.to_string()],
                limit: KEY_LIMIT,
                bypass_caches: false,
            };
            let fetched = session.downloader.fetch_named(&request).context(failed)?;
            let bytes = std::fs::read(&fetched.path).context(failed)?;
            Keyring::parse(&bytes, url.as_str()).context(failed).map(Some).map_err(unusable)
        }
    }
}

/// An opening that failed, with the exit code of its kind.
pub fn refused(name: &str, error: &OpenError) -> Failure {
    let code = match error {
        OpenError::Download { source, .. } => unfetched::exit_code(source),
        OpenError::NoMirrors { .. } => ExitCode::Network,
        OpenError::Read { .. } => ExitCode::Failed,
        OpenError::Address { .. } => ExitCode::Definition,
        _ => ExitCode::Verification,
    };
    // Some of these errors say in their first line only which repository they are about.
    let cause =
        std::error::Error::source(error).filter(|_| error.to_string() == format!("repository {name}"));
    let failure = Failure::caused(format!("{name} cannot be used"), cause.unwrap_or(error)).code(code);
    match error {
        OpenError::Download { source, .. } if code == ExitCode::Verification => {
            failure.hint(unfetched::hint(source))
        }
        _ => failure,
    }
}
