//! A package's headers in, its repository record out.

use crate::capability::{Capability, Comparison, Constraint, Dependency, PartialEvr, Requirement};
use crate::checksum::Checksum;
use crate::evr::{Evr, EvrError};
use crate::header::{Header, PackageHeaders, Tag, dependency_flags, file_flags};
use crate::nevra::Nevra;
use crate::package::{Changelog, FileKind, PackageFile, PackageRecord};
use crate::rich::{RichDependency, RichError};

/// What the headers cannot know: facts of the package file itself.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// Digest of the whole file.
    pub checksum: Checksum,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, seconds since 1970.
    pub time: u64,
    /// Path relative to the repository.
    pub location: String,
}

/// Why headers make no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A tag that every package has is absent or not UTF-8.
    #[error("header tag {0} is missing or not UTF-8")]
    Missing(&'static str),
    /// Arrays that belong together differ in length.
    #[error("header arrays {names} and {versions} differ in length")]
    Uneven {
        /// The array of names.
        names: &'static str,
        /// The array beside it.
        versions: &'static str,
    },
    /// A version cannot be read.
    #[error("dependency `{name}` has an unreadable version")]
    Version {
        /// The dependency's name.
        name: String,
        /// What is wrong.
        source: EvrError,
    },
    /// A boolean dependency cannot be read.
    #[error("boolean dependency `{text}` cannot be read")]
    Rich {
        /// The dependency.
        text: String,
        /// What is wrong.
        source: RichError,
    },
}

/// Flags that make a requirement `pre="1"` in rpm-md (createrepo_c's rule).
const PRE: u32 = dependency_flags::PREREQ
    | dependency_flags::SCRIPT_PRE
    | dependency_flags::SCRIPT_POST
    | dependency_flags::PRETRANS
    | dependency_flags::POSTTRANS;

impl PackageRecord {
    /// The record of a package, with all its files and changelogs; nothing is filtered.
    pub fn from_headers(headers: &PackageHeaders, facts: FileFacts) -> Result<Self, RecordError> {
        let main = &headers.main;
        let relations = |names, flags, versions, label| relations(main, names, flags, versions, label);
        Ok(PackageRecord {
            nevra: Nevra::from_header(headers)?,
            checksum: facts.checksum,
            location: facts.location,
            location_base: None,
            package_size: facts.size,
            installed_size: main.number(Tag::LONG_SIZE).or_else(|| main.number(Tag::SIZE)).unwrap_or(0),
            archive_size: archive_size(headers),
            file_time: facts.time,
            build_time: main.number(Tag::BUILD_TIME).unwrap_or(0),
            header_range: (headers.header_start, headers.header_end),
            summary: main.text(Tag::SUMMARY),
            description: main.text(Tag::DESCRIPTION),
            packager: main.text(Tag::PACKAGER),
            url: main.text(Tag::URL),
            license: main.text(Tag::LICENSE),
            vendor: main.text(Tag::VENDOR),
            group: main.text(Tag::GROUP),
            build_host: main.text(Tag::BUILD_HOST),
            source_rpm: main.text(Tag::SOURCE_RPM),
            provides: capabilities(relations(
                Tag::PROVIDE_NAME,
                Tag::PROVIDE_FLAGS,
                Tag::PROVIDE_VERSION,
                ["PROVIDENAME", "PROVIDEVERSION"],
            )?),
            requires: relations(
                Tag::REQUIRE_NAME,
                Tag::REQUIRE_FLAGS,
                Tag::REQUIRE_VERSION,
                ["REQUIRENAME", "REQUIREVERSION"],
            )?
            .into_iter()
            .map(|(dependency, flags)| Requirement { dependency, pre: flags & PRE != 0 })
            .collect(),
            conflicts: dependencies(relations(
                Tag::CONFLICT_NAME,
                Tag::CONFLICT_FLAGS,
                Tag::CONFLICT_VERSION,
                ["CONFLICTNAME", "CONFLICTVERSION"],
            )?),
            obsoletes: capabilities(relations(
                Tag::OBSOLETE_NAME,
                Tag::OBSOLETE_FLAGS,
                Tag::OBSOLETE_VERSION,
                ["OBSOLETENAME", "OBSOLETEVERSION"],
            )?),
            recommends: dependencies(relations(
                Tag::RECOMMEND_NAME,
                Tag::RECOMMEND_FLAGS,
                Tag::RECOMMEND_VERSION,
                ["RECOMMENDNAME", "RECOMMENDVERSION"],
            )?),
            suggests: dependencies(relations(
                Tag::SUGGEST_NAME,
                Tag::SUGGEST_FLAGS,
                Tag::SUGGEST_VERSION,
                ["SUGGESTNAME", "SUGGESTVERSION"],
            )?),
            supplements: dependencies(relations(
                Tag::SUPPLEMENT_NAME,
                Tag::SUPPLEMENT_FLAGS,
                Tag::SUPPLEMENT_VERSION,
                ["SUPPLEMENTNAME", "SUPPLEMENTVERSION"],
            )?),
            enhances: dependencies(relations(
                Tag::ENHANCE_NAME,
                Tag::ENHANCE_FLAGS,
                Tag::ENHANCE_VERSION,
                ["ENHANCENAME", "ENHANCEVERSION"],
            )?),
            files: files(main)?,
            changelogs: changelogs(main)?,
        })
    }
}

impl Nevra {
    /// The identity that a package's main header states; `src` for a source package.
    pub fn from_header(headers: &PackageHeaders) -> Result<Self, RecordError> {
        let main = &headers.main;
        let stated = |tag, label| main.string(tag).ok_or(RecordError::Missing(label));
        let epoch = u32::try_from(main.number(Tag::EPOCH).unwrap_or(0)).unwrap_or(u32::MAX);
        let evr = Evr::new(epoch, stated(Tag::VERSION, "VERSION")?, stated(Tag::RELEASE, "RELEASE")?);
        // rpm knows a source package by the absence of SOURCERPM, not by ARCH.
        let source = headers.lead.source || !main.has(Tag::SOURCE_RPM);
        let arch = if source { "src" } else { stated(Tag::ARCH, "ARCH")? };
        Ok(Nevra::new(stated(Tag::NAME, "NAME")?, evr, arch))
    }
}

/// Whether primary metadata lists the path: below `/etc/`, with `bin/` anywhere, or `/usr/lib/sendmail`.
pub fn is_primary_file(path: &str) -> bool {
    path.starts_with("/etc/") || path == "/usr/lib/sendmail" || path.contains("bin/")
}

fn archive_size(headers: &PackageHeaders) -> u64 {
    let (signature, main) = (&headers.signature, &headers.main);
    // In signature headers below 1000, PAYLOADSIZE is 1007.
    const SIGNATURE_PAYLOAD_SIZE: Tag = Tag(1007);
    signature
        .number(Tag::LONG_ARCHIVE_SIZE)
        .or_else(|| signature.number(SIGNATURE_PAYLOAD_SIZE))
        .or_else(|| main.number(Tag::PAYLOAD_SIZE_ALT))
        .or_else(|| main.number(Tag::ARCHIVE_SIZE))
        .unwrap_or(0)
}

fn relations(
    header: &Header,
    names: Tag,
    flags: Tag,
    versions: Tag,
    [names_label, versions_label]: [&'static str; 2],
) -> Result<Vec<(Dependency, u32)>, RecordError> {
    let (names, versions, flags) = (header.texts(names), header.texts(versions), header.numbers32(flags));
    if names.len() != versions.len() || names.len() != flags.len() {
        return Err(RecordError::Uneven { names: names_label, versions: versions_label });
    }
    names
        .into_iter()
        .zip(versions)
        .zip(flags)
        .map(|((name, version), flags)| Ok((dependency(name, &version, flags)?, flags)))
        .collect()
}

impl Dependency {
    /// The dependency that a name, a version and `RPMSENSE_*` flags of a header stand for.
    pub fn from_header(name: String, version: &str, flags: u32) -> Result<Self, RecordError> {
        dependency(name, version, flags)
    }
}

impl Requirement {
    /// The requirement that a name, a version and `RPMSENSE_*` flags of a header stand for.
    pub fn from_header(name: String, version: &str, flags: u32) -> Result<Self, RecordError> {
        let dependency = dependency(name, version, flags)?;
        Ok(Requirement { dependency, pre: flags & PRE != 0 })
    }
}

fn dependency(name: String, version: &str, flags: u32) -> Result<Dependency, RecordError> {
    if name.starts_with('(') {
        return match RichDependency::parse(&name) {
            Ok(rich) => Ok(Dependency::Rich(rich)),
            Err(source) => Err(RecordError::Rich { text: name, source }),
        };
    }
    let constraint = match Comparison::from_sense(flags) {
        Some(comparison) if !version.is_empty() => {
            let evr = PartialEvr::parse(version)
                .map_err(|source| RecordError::Version { name: name.clone(), source })?;
            Some(Constraint { comparison, evr })
        }
        _ => None,
    };
    Ok(Dependency::Simple(Capability { name, constraint }))
}

fn dependencies(relations: Vec<(Dependency, u32)>) -> Vec<Dependency> {
    relations.into_iter().map(|(dependency, _)| dependency).collect()
}

/// Provides and obsoletes cannot be boolean: rpm refuses to build such packages, and ignores them here.
fn capabilities(relations: Vec<(Dependency, u32)>) -> Vec<Capability> {
    relations
        .into_iter()
        .filter_map(|(dependency, _)| match dependency {
            Dependency::Simple(capability) => Some(capability),
            Dependency::Rich(_) => None,
        })
        .collect()
}

fn files(header: &Header) -> Result<Vec<PackageFile>, RecordError> {
    let directories = header.texts(Tag::DIR_NAMES);
    let indexes = header.numbers(Tag::DIR_INDEXES);
    let (modes, flags) = (header.numbers32(Tag::FILE_MODES), header.numbers32(Tag::FILE_FLAGS));
    let names = header.strings(Tag::BASE_NAMES);
    if names.len() != indexes.len() || names.len() != modes.len() || names.len() != flags.len() {
        return Err(RecordError::Uneven { names: "BASENAMES", versions: "DIRINDEXES" });
    }
    names
        .enumerate()
        .map(|(i, name)| {
            let directory = usize::try_from(indexes[i]).ok().and_then(|index| directories.get(index));
            let directory = directory.ok_or(RecordError::Missing("DIRNAMES"))?;
            let kind = if flags[i] & file_flags::GHOST != 0 {
                FileKind::Ghost
            } else if modes[i] & 0o170_000 == 0o040_000 {
                FileKind::Directory
            } else {
                FileKind::File
            };
            Ok(PackageFile { path: format!("{directory}{}", String::from_utf8_lossy(name)), kind })
        })
        .collect()
}

fn changelogs(header: &Header) -> Result<Vec<Changelog>, RecordError> {
    let times = header.numbers(Tag::CHANGELOG_TIME);
    let (authors, texts) = (header.texts(Tag::CHANGELOG_NAME), header.texts(Tag::CHANGELOG_TEXT));
    if times.len() != authors.len() || times.len() != texts.len() {
        return Err(RecordError::Uneven { names: "CHANGELOGNAME", versions: "CHANGELOGTEXT" });
    }
    // Headers hold the newest entry first.
    Ok(times
        .into_iter()
        .zip(authors)
        .zip(texts)
        .rev()
        .map(|((time, author), text)| Changelog { author, time, text })
        .collect())
}
