//! The text of a lock, in; the lock, or every problem with its place, out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rpm_model::{Checksum, Nevra};

use super::{Lock, LockedImage, LockedPackage, LockedRepository, LockedSource, LockedUpstream, Reason};
use crate::decode::{Entries, Text, choice, decode_file, table};
use crate::place::{Located, Place};
use crate::problem::{Collector, Problems};

table! {
    /// A lock file.
    pub(crate) struct LockFile {
        /// Version of the format.
        "version" => version: Located<u32>,
        /// By upstream.
        "upstreams" => upstreams: Entries<UpstreamTable>,
    }
}

table! {
    /// What was taken from one upstream.
    pub(crate) struct UpstreamTable {
        /// Version of the converter.
        "converter" => converter: Option<Text>,
        /// States of repositories.
        "repositories" => repositories: Entries<RepositoryTable>,
        /// Images.
        "images" => images: Entries<ImageTable>,
        /// Packages.
        "packages" => packages: Entries<PackageTable>,
    }
}

choice! {
    /// Kind of a repository.
    pub(crate) enum RepositoryType {
        /// RPM packages.
        "rpm-md" => RpmMd,
        /// Debian packages.
        "deb" => Deb,
    }
}

table! {
    /// The state of a repository.
    pub(crate) struct RepositoryTable {
        /// Its kind.
        "type" => kind: Located<RepositoryType>,
        /// Revision of repomd.xml.
        "revision" => revision: Option<Text>,
        /// Checksum of repomd.xml.
        "repomd" => repomd: Option<Text>,
        /// Suite.
        "suite" => suite: Option<Text>,
        /// Date of the suite.
        "date" => date: Option<Text>,
        /// Checksum of InRelease.
        "in-release" => in_release: Option<Text>,
    }
}

table! {
    /// An image.
    pub(crate) struct ImageTable {
        /// Digest of all below.
        "digest" => digest: Text,
        /// What was asked for.
        "install" => install: Vec<Text>,
        /// What was excluded.
        "exclude" => exclude: Vec<Text>,
        /// Whether recommended packages were taken along.
        "weak-dependencies" => weak_dependencies: bool,
        /// Packages asked for.
        "user" => user: Vec<Text>,
        /// Packages needed.
        "dependency" => dependency: Vec<Text>,
        /// Packages recommended.
        "weak" => weak: Vec<Text>,
    }
}

table! {
    /// A package.
    pub(crate) struct PackageTable {
        /// Its repository.
        "repository" => repository: Text,
        /// Its checksum.
        "checksum" => checksum: Text,
        /// Its size.
        "size" => size: u64,
        /// Its build time.
        "build-time" => build_time: u64,
        /// Where it lies.
        "location" => location: Text,
        /// What it was converted from.
        "source" => source: Option<SourceTable>,
    }
}

table! {
    /// A package that another was converted from.
    pub(crate) struct SourceTable {
        /// Where it lies.
        "path" => path: Text,
        /// Its checksum.
        "checksum" => checksum: Text,
        /// Its size.
        "size" => size: u64,
        /// What its conversion had to know.
        "facts" => facts: Option<String>,
    }
}

/// What to do about a lock that does not hold together.
const REMEDY: &str = "take the lock back from version control, or run `lazuli lock update`";

impl Lock {
    /// The lock that a text states; problems call the file `shown`.
    pub fn parse(text: &str, shown: &str) -> Result<Self, Problems> {
        let mut collector = Collector::default();
        let file = collector.sources.add(PathBuf::from(shown), shown.to_owned(), text.to_owned());
        let tables = decode_file::<LockFile>(file, &mut collector);
        let lock =
            tables.map(|tables| Checker { collector: &mut collector }.lock(&tables)).unwrap_or_default();
        collector.finish()?;
        Ok(lock)
    }
}

struct Checker<'a> {
    collector: &'a mut Collector,
}

impl Checker<'_> {
    fn lock(&mut self, file: &LockFile) -> Lock {
        if file.version.value != 1 {
            let message = format!("this lock has version {}, and 1 is the only one known here", file.version);
            self.collector.report_hinted(
                file.version.place,
                message,
                "a newer lazuli wrote it: use that one",
            );
            return Lock::default();
        }
        let upstreams = file.upstreams.iter();
        Lock { upstreams: upstreams.map(|(id, table)| (id.clone(), self.upstream(table))).collect() }
    }

    fn upstream(&mut self, table: &UpstreamTable) -> LockedUpstream {
        let mut upstream = LockedUpstream {
            converter: table.converter.as_ref().map(|text| text.value.clone()),
            ..LockedUpstream::default()
        };
        for (name, repository) in &*table.repositories {
            if let Some(repository) = self.repository(repository) {
                upstream.repositories.insert(name.clone(), repository);
            }
        }
        for (nevra, package) in &*table.packages {
            let known = table.repositories.contains_key(&package.repository.value);
            if !known {
                let place = package.repository.place;
                let message = format!("the lock has no repository `{}`", package.repository);
                self.collector.report_hinted(place, message, REMEDY);
            }
            let nevra = self.nevra(nevra, package.place);
            if let (Some(nevra), Some(package)) = (nevra, self.package(package)) {
                upstream.packages.insert(nevra, package);
            }
        }
        self.collector.end_of_reading();
        for (name, image) in &*table.images {
            let locked = self.image(image, &upstream.packages);
            upstream.images.insert(name.clone(), locked);
            let digest = upstream.image_digest(name);
            if self.checksum(&image.digest).is_some_and(|stated| stated != digest) {
                let message = format!("the packages of image `{name}` are not those its digest was made of");
                self.collector.report_if_complete(image.digest.place, message, REMEDY.to_owned());
            }
        }
        upstream
    }

    fn repository(&mut self, table: &Located<RepositoryTable>) -> Option<LockedRepository> {
        let place = table.place;
        match table.kind.value {
            RepositoryType::RpmMd => {
                self.absent(table.suite.as_ref());
                self.absent(table.date.as_ref());
                self.absent(table.in_release.as_ref());
                let revision = self.present(table.revision.as_ref(), "revision", place);
                let repomd = self.present(table.repomd.as_ref(), "repomd", place);
                let repomd = repomd.and_then(|text| self.checksum(text));
                Some(LockedRepository::RpmMd { revision: revision?.value.clone(), repomd: repomd? })
            }
            RepositoryType::Deb => {
                self.absent(table.revision.as_ref());
                self.absent(table.repomd.as_ref());
                let suite = self.present(table.suite.as_ref(), "suite", place);
                let date = self.present(table.date.as_ref(), "date", place);
                if let Some(date) = date
                    && date.parse::<jiff::Timestamp>().is_err()
                {
                    let message = format!("`{date}` is no moment as RFC 3339 writes it");
                    self.collector.report_hinted(date.place, message, REMEDY);
                }
                let in_release = self.present(table.in_release.as_ref(), "in-release", place);
                let in_release = in_release.and_then(|text| self.checksum(text));
                let (suite, date) = (suite?.value.clone(), date?.value.clone());
                Some(LockedRepository::Deb { suite, date, in_release: in_release? })
            }
        }
    }

    fn present<'t>(&mut self, text: Option<&'t Text>, key: &str, place: Place) -> Option<&'t Text> {
        if text.is_none() {
            self.collector.report_hinted(place, format!("key `{key}` of this repository is missing"), REMEDY);
        }
        text
    }

    fn absent(&mut self, text: Option<&Text>) {
        if let Some(text) = text {
            self.collector.report_hinted(
                text.place,
                "a repository of this type does not have this key",
                REMEDY,
            );
        }
    }

    fn package(&mut self, table: &PackageTable) -> Option<LockedPackage> {
        let checksum = self.checksum(&table.checksum);
        self.check_location(&table.location);
        let source = match &table.source {
            None => None,
            Some(source) => {
                self.check_location(&source.path);
                let checksum = self.checksum(&source.checksum)?;
                Some(LockedSource {
                    path: source.path.value.clone(),
                    checksum,
                    size: source.size,
                    facts: source.facts.clone().unwrap_or_default(),
                })
            }
        };
        Some(LockedPackage {
            repository: table.repository.value.clone(),
            checksum: checksum?,
            size: table.size,
            build_time: table.build_time,
            location: table.location.value.clone(),
            source,
        })
    }

    /// A location is joined to the repository's address: it must not climb out of it.
    fn check_location(&mut self, location: &Text) {
        let climbs = location.split('/').any(|element| matches!(element, "" | "." | ".."));
        if climbs || location.chars().any(char::is_control) {
            let message = format!("`{location}` is no place in a repository");
            self.collector.report_hinted(location.place, message, REMEDY);
        }
    }

    fn image(&mut self, table: &ImageTable, known: &BTreeMap<Nevra, LockedPackage>) -> LockedImage {
        let mut packages = BTreeMap::new();
        let lists = [
            (&table.user, Reason::User),
            (&table.dependency, Reason::Dependency),
            (&table.weak, Reason::Weak),
        ];
        for (list, reason) in lists {
            for text in list {
                let Some(nevra) = self.nevra(text, text.place) else { continue };
                if !known.contains_key(&nevra) {
                    let message = format!("the lock has no package `{nevra}`");
                    self.collector.report_if_complete(text.place, message, REMEDY.to_owned());
                }
                if packages.insert(nevra, reason).is_some() {
                    self.collector.report_hinted(
                        text.place,
                        format!("package `{text}` is listed twice"),
                        REMEDY,
                    );
                }
            }
        }
        let values = |list: &[Text]| list.iter().map(|text| text.value.clone()).collect();
        LockedImage {
            install: values(&table.install),
            exclude: values(&table.exclude),
            weak_dependencies: table.weak_dependencies,
            packages,
        }
    }

    fn nevra(&mut self, text: &str, place: Place) -> Option<Nevra> {
        let nevra = Nevra::parse(text);
        if let Err(error) = &nevra {
            self.collector.report_hinted(place, error.to_string(), REMEDY);
        }
        nevra.ok()
    }

    fn checksum(&mut self, text: &Text) -> Option<Checksum> {
        let checksum = Checksum::parse(text);
        if let Err(error) = &checksum {
            self.collector.report_hinted(text.place, error.to_string(), REMEDY);
        }
        checksum.ok()
    }
}
