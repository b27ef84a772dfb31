//! An image's specification, its lock and its root tree in; what the image is made of out, for its SBOM and its list of packages.

use std::collections::BTreeMap;
use std::path::Path;

use definition::lock::{LockedPackage, LockedSource, LockedUpstream};
use image::Specification;
use image::sbom::{BillOfMaterials, Origin, Package, Program, encoded};
use rpm_model::{Nevra, PackageRecord};
use sha2::{Digest as _, Sha256};

use super::existing;
use crate::failure::Failure;

/// What the packages of an image's root tree say of themselves, and what the lock knows of their files.
pub fn of_tree(
    specification: &Specification,
    locked: &LockedUpstream,
    tree: &Path,
    source_date_epoch: u64,
) -> Result<BillOfMaterials, Failure> {
    let field = |name: &str| specification.identity.field(name);
    let files: BTreeMap<&Nevra, &LockedPackage> =
        locked.packages_of(&specification.name).map(|(nevra, package, _)| (nevra, package)).collect();
    let records = existing::Root::open(tree)?.records;
    let mut packages: Vec<Package> =
        records.iter().map(|record| package(record, files.get(&record.nevra).copied())).collect();
    packages.sort();
    Ok(BillOfMaterials {
        image: specification.name.clone(),
        version: field("IMAGE_VERSION").or_else(|| field("VERSION_ID")).unwrap_or_default().to_owned(),
        distribution: field("ID").unwrap_or("linux").to_owned(),
        tool: concat!("lazuli-", env!("CARGO_PKG_VERSION")).to_owned(),
        source_date_epoch,
        packages,
        programs: programs(specification),
    })
}

/// Lazuli's own programs among the files that the image gets.
fn programs(specification: &Specification) -> Vec<Program> {
    let mut programs: Vec<Program> = specification
        .additions
        .iter()
        .filter_map(|addition| {
            Some(Program {
                name: addition.path.strip_prefix("/usr/bin/")?.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                sha256: hex::encode(Sha256::digest(&addition.content)),
            })
        })
        .collect();
    programs.sort();
    programs
}

fn package(record: &PackageRecord, locked: Option<&LockedPackage>) -> Package {
    let nevra = &record.nevra;
    Package {
        name: nevra.name.clone(),
        epoch: (nevra.evr.epoch > 0).then_some(u64::from(nevra.evr.epoch)),
        version: nevra.evr.version.clone(),
        release: nevra.evr.release.clone(),
        architecture: nevra.arch.clone(),
        license: record.license.clone(),
        summary: record.summary.clone(),
        url: record.url.clone(),
        source_package: record.source_rpm.clone(),
        sha256: locked.map(|package| package.checksum.hex().to_owned()),
        converted_from: locked
            .and_then(|package| package.source.as_ref())
            .and_then(|file| origin(nevra, file)),
    }
}

/// The Debian package by the name of its file, `name_version_architecture.deb`, which lacks the epoch.
fn origin(nevra: &Nevra, file: &LockedSource) -> Option<Origin> {
    let name = file.path.rsplit('/').next()?.strip_suffix(".deb")?;
    let (name, rest) = name.split_once('_')?;
    let (version, architecture) = rest.rsplit_once('_')?;
    let version = match nevra.evr.epoch {
        0 => version.to_owned(),
        epoch => format!("{epoch}:{version}"),
    };
    Some(Origin {
        purl: format!("pkg:deb/debian/{}@{}?arch={architecture}", encoded(name), encoded(&version)),
        sha256: file.checksum.hex().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use definition::lock::LockedSource;
    use rpm_model::{Checksum, Nevra};

    use super::origin;

    #[test]
    fn a_converted_package_is_known_by_the_package_it_was() {
        let nevra: Nevra = Nevra::parse("libstdc++6-2:16.1~rc1-4.x86_64").unwrap();
        let file = |path: &str| LockedSource {
            path: path.into(),
            checksum: Checksum::sha256(&[7; 32]),
            size: 1,
            facts: String::new(),
        };
        let known = origin(&nevra, &file("pool/main/g/gcc/libstdc++6_16.1~rc1-4_amd64.deb")).unwrap();
        assert_eq!(known.purl, "pkg:deb/debian/libstdc%2B%2B6@2:16.1~rc1-4?arch=amd64");
        assert_eq!(known.sha256, "07".repeat(32));
        assert_eq!(origin(&nevra, &file("pool/odd.deb")), None);
    }
}
