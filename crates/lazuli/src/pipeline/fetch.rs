//! The locked packages of images, in; their RPM files on this machine, verified against the lock, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use debian_import::import::LockedDeb;
use definition::lock::{LockedPackage, LockedUpstream};
use definition::{Repository, Upstream};
use repository::download::Expected;
use rpm_model::Nevra;

use super::{debian, rpm};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::session::Session;

/// The RPM files of an image's packages where all of them are on this machine: in their full size, their signatures verified where
/// there is a key, but not compared with the lock's checksums, which the installation does while it reads them.
pub fn at_hand(
    session: &Session,
    upstream: &Upstream,
    locked: &LockedUpstream,
    image: &str,
) -> Result<Option<BTreeMap<Nevra, PathBuf>>, Failure> {
    let mut files = BTreeMap::new();
    for repository in &upstream.repositories {
        let name = &repository.name().value;
        let packages = locked.packages_of(image).filter(|(_, package, _)| package.repository == *name);
        let mut of_repository = Vec::new();
        let mut paths = Vec::new();
        for (nevra, package, _) in packages {
            let Some(path) = kept(session, repository, package)? else { return Ok(None) };
            of_repository.push((nevra, package));
            paths.push(path);
        }
        if let Repository::Rpm(repository) = repository
            && !of_repository.is_empty()
        {
            rpm::verify_signatures(session, repository, &of_repository, &paths)?;
        }
        files.extend(of_repository.iter().map(|(nevra, _)| (*nevra).clone()).zip(paths));
    }
    let complete = locked.packages_of(image).all(|(nevra, _, _)| files.contains_key(nevra));
    Ok(complete.then_some(files))
}

/// Where a package was kept; only checksums that the installation compares itself will do.
fn kept(
    session: &Session,
    repository: &Repository,
    package: &LockedPackage,
) -> Result<Option<PathBuf>, Failure> {
    use rpm_model::ChecksumAlgorithm::{Sha256, Sha512};
    match (repository, package.checksum.algorithm()) {
        (Repository::Deb(_), Sha256) => Ok(debian_import::import::converted(
            &session.cache_dir.join("converted"),
            package.checksum.hex(),
            package.size,
        )),
        (Repository::Rpm(_), Sha256 | Sha512) => {
            let expected = Expected::new(package.checksum.clone(), Some(package.size));
            let found = session.downloader.cache().present(&expected);
            found.context(|| "the cache cannot be used".to_owned())
        }
        _ => Ok(None),
    }
}

/// The RPM file of every locked package of the images.
pub fn packages(
    session: &Session,
    upstream: &Upstream,
    locked: &LockedUpstream,
    images: &[&str],
) -> Result<BTreeMap<Nevra, PathBuf>, Failure> {
    let wanted: BTreeSet<&Nevra> =
        images.iter().flat_map(|image| locked.packages_of(image)).map(|(nevra, _, _)| nevra).collect();
    let mut files = BTreeMap::new();
    for repository in &upstream.repositories {
        let name = &repository.name().value;
        let of_repository: Vec<(&Nevra, &LockedPackage)> = locked
            .packages
            .iter()
            .filter(|(nevra, package)| wanted.contains(nevra) && package.repository == *name)
            .collect();
        if of_repository.is_empty() {
            continue;
        }
        match repository {
            Repository::Deb(deb) => {
                let debs = of_repository.iter().map(|(nevra, package)| locked_deb(nevra, package));
                let debs = debs.collect::<Result<Vec<_>, _>>()?;
                let folder = session.distro.project.work_dir.join("packages").join(name);
                let imported = debian::import_exactly(session, deb, &debs, &folder)?;
                for ((nevra, _), package) in of_repository.iter().zip(&imported.packages) {
                    files.insert((*nevra).clone(), imported.folder.join(&package.rpm));
                }
            }
            Repository::Rpm(repository) => {
                files.extend(rpm::fetch(session, repository, &of_repository)?);
            }
        }
    }
    match wanted.iter().find(|nevra| !files.contains_key(**nevra)) {
        None => Ok(files),
        Some(nevra) => {
            let repository = locked.packages.get(*nevra).map_or("none", |package| &package.repository);
            Err(Failure::new(format!(
                "the lock takes {nevra} from repository `{repository}`, which {} does not have",
                upstream.id()
            ))
            .code(ExitCode::Definition)
            .hint("run `lazuli lock update`"))
        }
    }
}

fn locked_deb(nevra: &Nevra, package: &LockedPackage) -> Result<LockedDeb, Failure> {
    let source = package.source.as_ref().ok_or_else(|| {
        Failure::new(format!("the lock does not say what {nevra} was converted from"))
            .code(ExitCode::Definition)
            .hint("run `lazuli lock update`")
    })?;
    Ok(LockedDeb {
        name: nevra.name.clone(),
        path: source.path.clone(),
        sha256: source.checksum.hex().to_owned(),
        size: source.size,
        facts: source.facts.clone(),
        rpm_sha256: package.checksum.hex().to_owned(),
    })
}
