//! The locked packages of images, in; their RPM files on this machine, verified against the lock, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use debian_import::import::LockedDeb;
use definition::lock::{LockedPackage, LockedUpstream};
use definition::{Repository, Upstream};
use rpm_model::Nevra;

use super::{debian, rpm};
use crate::failure::{ExitCode, Failure};
use crate::session::Session;

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
