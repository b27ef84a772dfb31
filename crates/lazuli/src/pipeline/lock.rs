//! What an upstream offers, in; the packages of every image, out: read from the lock, or solved anew for it.

use std::collections::BTreeMap;
use std::fs;

use definition::lock::{Lock, LockedImage, LockedPackage, LockedUpstream, Reason};
use definition::{Distro, NativeImage, Upstream};
use solver::{Request, Solution, Universe, Want};

use super::offer::{self, Offer};
use crate::failure::{Context as _, ExitCode, Failure};

/// Reads the definition's lock; a definition without one has an empty lock.
pub fn load(distro: &Distro) -> Result<Lock, Failure> {
    let path = &distro.project.lock_file;
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lock::default()),
        text => text.context(|| format!("{} cannot be read", path.display()))?,
    };
    Lock::parse(&text, &path.display().to_string()).map_err(|problems| {
        Failure::caused("the lock is damaged", &problems)
            .code(ExitCode::Definition)
            .hint("restore it from version control, or make it anew with `lazuli lock update`")
    })
}

/// Writes the lock beside itself and renames it over.
pub fn save(distro: &Distro, lock: &Lock) -> Result<(), Failure> {
    let path = &distro.project.lock_file;
    let failed = || format!("{} cannot be written", path.display());
    host_tools::whole_file::write(path, lock.to_text().as_bytes()).context(failed)
}

/// The locked packages of an image, which must still answer what the definition asks.
pub fn locked<'l>(
    lock: &'l Lock,
    upstream: &Upstream,
    image: &NativeImage,
) -> Result<&'l LockedUpstream, Failure> {
    let id = upstream.id();
    let missing = |what: String| {
        Failure::new(what)
            .code(ExitCode::Definition)
            .hint(format!("run `lazuli lock update --upstream {id}`"))
    };
    let locked = lock.upstreams.get(&id).ok_or_else(|| missing(format!("the lock has nothing of {id}")))?;
    let entry = locked
        .images
        .get(&image.name)
        .ok_or_else(|| missing(format!("the lock has no packages for image `{}` on {id}", image.name)))?;
    if !entry.answers(&image.packages_for(upstream), image.weak_dependencies) {
        return Err(missing(format!(
            "image `{}` asks for other packages than the lock was made for",
            image.name
        )));
    }
    Ok(locked)
}

/// Solves every native image on what the upstream offers.
pub fn solve_all(distro: &Distro, upstream: &Upstream, offers: &[Offer]) -> Result<LockedUpstream, Failure> {
    let universe = offer::universe(distro, offers)?;
    let converted = offers.iter().any(|offer| !offer.sources.is_empty());
    let mut locked = LockedUpstream {
        converter: converted.then(|| debian_import::convert::CONVERTER.to_owned()),
        repositories: offers.iter().map(|offer| (offer.id.clone(), offer.state.clone())).collect(),
        packages: BTreeMap::new(),
        images: BTreeMap::new(),
    };
    for image in distro.images.values().filter_map(definition::Image::native) {
        let solution = solve(&universe, upstream, image)?;
        record(image, upstream, &solution, offers, &mut locked);
    }
    Ok(locked)
}

/// Solves one image.
pub fn solve<'u>(
    universe: &'u Universe<'_>,
    upstream: &Upstream,
    image: &NativeImage,
) -> Result<Solution<'u>, Failure> {
    let asked = image.packages_for(upstream);
    let wants = asked.install.iter().map(|want| Want::parse(&want.value)).collect::<Result<Vec<_>, _>>();
    let install = wants.map_err(|error| {
        Failure::caused(format!("image `{}` asks for what cannot be read", image.name), &error)
            .code(ExitCode::Definition)
    })?;
    let request = Request {
        install,
        exclude: asked.exclude.iter().map(|name| name.value.clone()).collect(),
        weak: image.weak_dependencies,
        ..Request::default()
    };
    solver::solve(universe, &request).map_err(|conflict| {
        Failure::caused(format!("the packages of image `{}` cannot be had together", image.name), &conflict)
            .code(ExitCode::Unsatisfiable)
    })
}

fn record(
    image: &NativeImage,
    upstream: &Upstream,
    solution: &Solution<'_>,
    offers: &[Offer],
    locked: &mut LockedUpstream,
) {
    let asked = image.packages_for(upstream);
    let mut entry = LockedImage {
        install: asked.install.into_iter().map(|name| name.value).collect(),
        exclude: asked.exclude.into_iter().map(|name| name.value).collect(),
        weak_dependencies: image.weak_dependencies,
        packages: BTreeMap::new(),
    };
    for chosen in solution.packages() {
        let (record, nevra) = (chosen.record, chosen.nevra().clone());
        let reason = match chosen.reason {
            solver::Reason::User => Reason::User,
            solver::Reason::Dependency => Reason::Dependency,
            solver::Reason::Weak => Reason::Weak,
        };
        let source = offers
            .iter()
            .find(|offer| offer.id == chosen.repository)
            .and_then(|offer| offer.sources.get(&record.location))
            .cloned();
        entry.packages.insert(nevra.clone(), reason);
        locked.packages.insert(
            nevra,
            LockedPackage {
                repository: chosen.repository.to_owned(),
                checksum: record.checksum.clone(),
                size: record.package_size,
                build_time: record.build_time,
                location: record.location.clone(),
                source,
            },
        );
    }
    locked.images.insert(image.name.clone(), entry);
}
