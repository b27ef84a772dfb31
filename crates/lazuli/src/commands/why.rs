//! `lazuli why PACKAGE`

use serde::Serialize;
use solver::Why as Reasons;

use crate::cli::{Global, Why};
use crate::failure::Failure;
use crate::output;
use crate::pipeline::{lock, offer, upstream};
use crate::session::Session;

#[derive(Serialize)]
struct InImage {
    image: String,
    packages: Vec<Reasons>,
}

/// Tells why a package is in the images.
pub fn run(global: &Global, options: &Why) -> Result<(), Failure> {
    let session = Session::open(global)?;
    let upstream = upstream::answering(&session, global)?;
    let offers = offer::of(&session, upstream, &session.distro.project.work_dir.join("import"))?;
    let universe = offer::universe(&session.distro, &offers)?;
    let mut found = Vec::new();
    let images = session.distro.images.values().filter_map(definition::Image::native);
    for image in images.filter(|image| options.image.as_ref().is_none_or(|name| *name == image.name)) {
        let packages = lock::solve(&universe, upstream, image)?.why(&options.package);
        if !packages.is_empty() {
            found.push(InImage { image: image.name.clone(), packages });
        }
    }
    if found.is_empty() {
        return Err(Failure::new(format!("no image has a package `{}`", options.package))
            .hint("`lazuli solve NAME` tells which packages provide a capability or a path"));
    }
    output::print(global.format, &found, |found| {
        found
            .iter()
            .flat_map(|image| image.packages.iter().map(|why| format!("image {}:\n{why}\n", image.image)))
            .collect()
    })
}
