//! Records made by hand, for tests that need no package behind them.

use repository::checksum::sha256;
use rpm_model::{Capability, Dependency, Evr, FileKind, Nevra, PackageFile, PackageRecord, Requirement};

/// A package that provides itself and these, and requires those.
pub(crate) fn record(nevra: &str, provides: &[&str], requires: &[&str]) -> PackageRecord {
    let nevra = Nevra::parse(nevra).unwrap();
    let own = Capability::exactly(nevra.name.clone(), &nevra.evr);
    let provides = std::iter::once(own).chain(provides.iter().map(|text| capability(text))).collect();
    let requires =
        requires.iter().map(|text| Requirement { dependency: dependency(text), pre: false }).collect();
    PackageRecord {
        checksum: sha256(nevra.to_string().as_bytes()),
        location: format!("{nevra}.rpm"),
        location_base: None,
        package_size: 0,
        installed_size: 20,
        archive_size: 30,
        file_time: 40,
        build_time: 1_600_000_000,
        header_range: (50, 60),
        summary: "a summary".into(),
        description: "a <description> & more\nlines".into(),
        packager: String::new(),
        url: "https://example.org/?a=1&b=2".into(),
        license: "MIT".into(),
        vendor: String::new(),
        group: String::new(),
        build_host: "host".into(),
        source_rpm: "a.src.rpm".into(),
        provides,
        requires,
        conflicts: vec![],
        obsoletes: vec![],
        recommends: vec![],
        suggests: vec![],
        supplements: vec![],
        enhances: vec![],
        files: vec![],
        changelogs: vec![],
        nevra,
    }
}

/// With the epoch that metadata always states.
pub(crate) fn capability(text: &str) -> Capability {
    let mut capability = Capability::parse(text).unwrap();
    if let Some(constraint) = &mut capability.constraint {
        constraint.evr.epoch = constraint.evr.epoch.or(Some(0));
    }
    capability
}

pub(crate) fn dependency(text: &str) -> Dependency {
    if text.starts_with('(') { Dependency::parse(text).unwrap() } else { capability(text).into() }
}

pub(crate) fn file(path: &str) -> PackageFile {
    PackageFile { path: path.into(), kind: FileKind::File }
}

pub(crate) fn evr(text: &str) -> Evr {
    Evr::parse(text).unwrap()
}
