//! An upstream, in; the packages that each of its repositories offers now, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use debian_import::import::ImportedPackage;
use definition::lock::{LockedRepository, LockedSource};
use definition::{Distro, Repository, Upstream};
use rpm_model::{Checksum, ChecksumAlgorithm, PackageRecord};
use solver::{IndexedRepository, Universe};

use super::packages::Packages;
use super::{debian, rpm};
use crate::failure::{Context as _, Failure};
use crate::session::Session;

/// What one repository offers.
pub struct Offer {
    /// Name of the repository.
    pub id: String,
    /// Rank, lower first.
    pub priority: u32,
    /// What the lock records of its state.
    pub state: LockedRepository,
    /// Its packages.
    pub packages: Offered,
    /// By location: what a converted package came from.
    pub sources: BTreeMap<String, LockedSource>,
    /// The folder of converted packages.
    pub folder: Option<PathBuf>,
}

/// Packages as they are known.
pub enum Offered {
    /// By the headers of converted packages.
    Scanned(Vec<PackageRecord>),
    /// By a repository's metadata.
    Indexed(Box<Packages>),
}

impl Offer {
    /// The offer as the solver sees it.
    fn for_solver(&self) -> Result<IndexedRepository<'_>, Failure> {
        let priority = i32::try_from(self.priority).unwrap_or(i32::MAX);
        match &self.packages {
            Offered::Scanned(records) => Ok(IndexedRepository::from(&solver::Repository {
                id: &self.id,
                priority,
                cost: 1000,
                packages: records,
            })),
            Offered::Indexed(packages) => {
                Ok(IndexedRepository { id: &self.id, priority, ..packages.for_solver()? })
            }
        }
    }
}

/// All packages that are offered, for the machine of the definition.
pub fn universe<'o>(distro: &Distro, offers: &'o [Offer]) -> Result<Universe<'o>, Failure> {
    let repositories = offers.iter().map(Offer::for_solver).collect::<Result<Vec<_>, _>>()?;
    Ok(Universe::of_indexes(&distro.project.architecture, repositories, None))
}

/// Everything that the upstream offers for the images of the definition; converted packages lie below `folder`.
pub fn of(session: &Session, upstream: &Upstream, folder: &Path) -> Result<Vec<Offer>, Failure> {
    let seeds = seeds(&session.distro, upstream);
    upstream
        .repositories
        .iter()
        .map(|repository| match repository {
            Repository::Deb(deb) => {
                let folder = folder.join(&deb.name.value);
                let (suite, imported) = debian::import(session, deb, &seeds, &folder)?;
                let state = LockedRepository::Deb {
                    suite: deb.suite.clone(),
                    date: suite.date,
                    in_release: suite.in_release,
                };
                Ok(Offer {
                    id: deb.name.value.clone(),
                    priority: deb.priority,
                    state,
                    packages: Offered::Scanned(rpm::scan(session, &folder)?),
                    sources: sources(&imported.packages)?,
                    folder: Some(folder),
                })
            }
            Repository::Rpm(repository) => rpm::open(session, upstream, repository),
        })
        .collect()
}

/// What all native images ask for.
fn seeds(distro: &Distro, upstream: &Upstream) -> BTreeSet<String> {
    let images = distro.images.values().filter_map(definition::Image::native);
    images.flat_map(|image| image.packages_for(upstream).install).map(|name| name.value).collect()
}

fn sources(packages: &[ImportedPackage]) -> Result<BTreeMap<String, LockedSource>, Failure> {
    packages
        .iter()
        .map(|package| {
            let checksum = Checksum::new(ChecksumAlgorithm::Sha256, &package.deb_sha256)
                .context(|| format!("the import of {} is damaged", package.name))?;
            let source = LockedSource {
                path: package.deb.clone(),
                checksum,
                size: package.deb_size,
                facts: package.facts.clone(),
            };
            Ok((package.rpm.clone(), source))
        })
        .collect()
}
