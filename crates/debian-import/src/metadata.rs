//! The text of a suite's index in; a repository record of every package, out, without a single `.deb`. Pure.
//!
//! Names, versions and relations are those that the real conversion gives. What only a package's contents tell is absent:
//! files, accounts, scriptlets, the relations that these cause, build times and the size of the payload. The checksum, size
//! and location are those of the `.deb`, as there is no RPM yet: good for solving, not for installing.

use std::thread;

use rpm_model::{
    Capability, Checksum, ChecksumAlgorithm, ChecksumError, Dependency, Evr, Nevra, PackageRecord,
    RecordError, Requirement,
};
use thiserror::Error;

use crate::apt::deb822::{self, Deb822Error, Stanza};
use crate::apt::{BinaryPackage, IndexError, PackageIndex};
use crate::convert::{ConvertError, Facts, outline};
use crate::overrides::Overrides;
use crate::rpm_file::{RpmRelation, sorted};

/// Why an index gives no records.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// The text is not in control syntax.
    #[error("the package index is damaged")]
    Syntax(#[from] Deb822Error),
    /// The text is no package index.
    #[error("the package index cannot be used")]
    Index(#[from] IndexError),
    /// A package cannot be described.
    #[error("package {package} of the index cannot be described as an RPM")]
    Convert {
        /// The package.
        package: String,
        /// Why.
        #[source]
        source: Box<ConvertError>,
    },
    /// A relation of a package has no meaning in RPM.
    #[error("package {package} of the index has a relation that RPM cannot express")]
    Relation {
        /// The package.
        package: String,
        /// Why.
        source: RecordError,
    },
    /// A package's checksum is none.
    #[error("package {package} of the index has no usable checksum")]
    Checksum {
        /// The package.
        package: String,
        /// Why.
        source: ChecksumError,
    },
}

/// The records of all packages in the `Packages` texts of a suite, the highest version of each name, sorted by name.
pub fn records(packages: &[String], overrides: &Overrides) -> Result<Vec<PackageRecord>, MetadataError> {
    let mut stanzas = Vec::new();
    let mut indexes = Vec::new();
    for text in packages {
        stanzas.extend(deb822::parse(text)?);
        indexes.push(PackageIndex::parse(text)?);
    }
    let index = PackageIndex::join(indexes);
    // The index decides which stanza of a name counts; its checksum tells the stanza.
    let mut chosen: Vec<(&BinaryPackage, &Stanza<'_>)> = stanzas
        .iter()
        .filter_map(|stanza| {
            let package = index.package(stanza.field("Package")?)?;
            let same = stanza.field("SHA256").is_some_and(|sum| sum.eq_ignore_ascii_case(&package.sha256));
            same.then_some((package, stanza))
        })
        .collect();
    chosen.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    chosen.dedup_by(|(a, _), (b, _)| a.name == b.name);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = chosen.len().div_ceil(threads).max(1);
    let mut records = Vec::with_capacity(chosen.len());
    thread::scope(|scope| {
        let describe = |part: &[(&BinaryPackage, &Stanza<'_>)]| -> Result<Vec<PackageRecord>, MetadataError> {
            part.iter().map(|(package, stanza)| record(package, stanza, &index, overrides)).collect()
        };
        let workers: Vec<_> = chosen.chunks(part).map(|part| scope.spawn(move || describe(part))).collect();
        for worker in workers {
            records.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(records)
    })
}

fn record(
    package: &BinaryPackage,
    stanza: &Stanza<'_>,
    index: &PackageIndex,
    overrides: &Overrides,
) -> Result<PackageRecord, MetadataError> {
    let name = || package.name.clone();
    let outline = outline(stanza, &Facts::of(package, index), overrides)
        .map_err(|source| MetadataError::Convert { package: name(), source: Box::new(source) })?;
    let wrong = |source| MetadataError::Relation { package: name(), source };
    let checksum = Checksum::new(ChecksumAlgorithm::Sha256, &package.sha256)
        .map_err(|source| MetadataError::Checksum { package: name(), source })?;
    let evr = Evr::new(outline.epoch, outline.version, outline.release);
    let kibibytes: u64 =
        stanza.field("Installed-Size").and_then(|size| size.trim().parse().ok()).unwrap_or(0);
    let mut record = PackageRecord::new(Nevra::new(outline.name, evr, outline.architecture), checksum);
    record.location.clone_from(&package.path);
    record.package_size = package.size;
    record.installed_size = kibibytes.saturating_mul(1024);
    record.summary = outline.summary;
    record.description = outline.description;
    record.packager = outline.packager.unwrap_or_default();
    record.url = outline.url.unwrap_or_default();
    record.license = outline.license;
    record.vendor = outline.vendor;
    record.group = outline.group;
    record.source_rpm = outline.source_rpm;
    record.provides = capabilities(outline.provides).map_err(wrong)?;
    record.requires = requirements(outline.requires).map_err(wrong)?;
    record.conflicts = dependencies(outline.conflicts).map_err(wrong)?;
    record.obsoletes = capabilities(outline.obsoletes).map_err(wrong)?;
    record.recommends = dependencies(outline.recommends).map_err(wrong)?;
    record.suggests = dependencies(outline.suggests).map_err(wrong)?;
    record.enhances = dependencies(outline.enhances).map_err(wrong)?;
    Ok(record)
}

fn dependencies(relations: Vec<RpmRelation>) -> Result<Vec<Dependency>, RecordError> {
    let relations = sorted(relations).into_iter();
    relations.map(|one| Dependency::from_header(one.name, &one.version, one.flags.bits())).collect()
}

fn capabilities(relations: Vec<RpmRelation>) -> Result<Vec<Capability>, RecordError> {
    let dependencies = dependencies(relations)?.into_iter();
    let simple = dependencies.filter_map(|dependency| match dependency {
        Dependency::Simple(capability) => Some(capability),
        Dependency::Rich(_) => None,
    });
    Ok(simple.collect())
}

/// Accounts come from package contents, so that nothing here could provide them.
fn requirements(relations: Vec<RpmRelation>) -> Result<Vec<Requirement>, RecordError> {
    let of_contents = |name: &str| name.starts_with("user(") || name.starts_with("group(");
    let relations = sorted(relations).into_iter().filter(|one| !of_contents(&one.name));
    relations.map(|one| Requirement::from_header(one.name, &one.version, one.flags.bits())).collect()
}
