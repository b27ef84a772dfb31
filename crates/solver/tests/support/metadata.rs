//! A folder with repodata/, in; the packages of its primary metadata, out: for judging the solver alone, without
//! checksums or signatures.

use std::fs;
use std::io::Read;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use rpm_model::{
    Capability, Checksum, ChecksumAlgorithm, Comparison, Constraint, Dependency, Evr, FileKind, Nevra,
    PackageFile, PackageRecord, PartialEvr, Requirement,
};

/// An empty record of that identity.
pub(crate) fn record(nevra: Nevra) -> PackageRecord {
    PackageRecord {
        nevra,
        checksum: Checksum::new(ChecksumAlgorithm::Sha256, &"0".repeat(64)).unwrap(),
        location: String::new(),
        location_base: None,
        package_size: 0,
        installed_size: 0,
        archive_size: 0,
        file_time: 0,
        build_time: 0,
        header_range: (0, 0),
        summary: String::new(),
        description: String::new(),
        packager: String::new(),
        url: String::new(),
        license: String::new(),
        vendor: String::new(),
        group: String::new(),
        build_host: String::new(),
        source_rpm: String::new(),
        provides: Vec::new(),
        requires: Vec::new(),
        conflicts: Vec::new(),
        obsoletes: Vec::new(),
        recommends: Vec::new(),
        suggests: Vec::new(),
        supplements: Vec::new(),
        enhances: Vec::new(),
        files: Vec::new(),
        changelogs: Vec::new(),
    }
}

/// Reads the primary metadata that repodata/repomd.xml names.
pub(crate) fn load(folder: &Path) -> Vec<PackageRecord> {
    let repomd = fs::read_to_string(folder.join("repodata/repomd.xml")).unwrap();
    let primary = repomd.split("type=\"primary\"").nth(1).unwrap();
    let location = primary.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let bytes = fs::read(folder.join(location)).unwrap();
    let mut text = String::new();
    match Path::new(location).extension().and_then(|extension| extension.to_str()) {
        Some("gz") => drop(flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap()),
        Some("zst") => text = String::from_utf8(zstd::decode_all(bytes.as_slice()).unwrap()).unwrap(),
        _ => text = String::from_utf8(bytes).unwrap(),
    }
    parse(&text)
}

fn parse(xml: &str) -> Vec<PackageRecord> {
    let mut reader = Reader::from_str(xml);
    let mut packages = Vec::new();
    let (mut name, mut arch, mut evr) = (String::new(), String::new(), Evr::new(0, "", ""));
    let mut package = record(Nevra::new("", Evr::new(0, "", ""), ""));
    let (mut list, mut text, mut file_kind) = (String::new(), String::new(), FileKind::File);
    loop {
        let event = reader.read_event().unwrap();
        match &event {
            Event::Eof => return packages,
            Event::Start(tag) | Event::Empty(tag) => {
                text.clear();
                match tag.name().as_ref() {
                    "package" => package = record(Nevra::new("", Evr::new(0, "", ""), "")),
                    "version" => {
                        let epoch = attribute(tag, "epoch").unwrap_or_default().parse().unwrap_or(0);
                        let part = |key| attribute(tag, key).unwrap_or_default();
                        evr = Evr::new(epoch, part("ver"), part("rel"));
                    }
                    "rpm:entry" => add_entry(&mut package, &list, tag),
                    "file" => {
                        file_kind = match attribute(tag, "type").as_deref() {
                            Some("dir") => FileKind::Directory,
                            Some("ghost") => FileKind::Ghost,
                            _ => FileKind::File,
                        }
                    }
                    tag if tag.starts_with("rpm:") => list = tag.to_owned(),
                    _ => {}
                }
            }
            Event::Text(content) => text.push_str(content),
            Event::GeneralRef(entity) => text.push(match entity.as_ref() {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                _ => '\'',
            }),
            Event::End(tag) => match tag.name().as_ref() {
                "name" => name = std::mem::take(&mut text),
                "arch" => arch = std::mem::take(&mut text),
                "file" => {
                    package.files.push(PackageFile { path: std::mem::take(&mut text), kind: file_kind })
                }
                "package" => {
                    package.nevra = Nevra::new(name.clone(), evr.clone(), arch.clone());
                    packages.push(package.clone());
                }
                _ => {}
            },
            _ => {}
        }
    }
}

fn attribute(tag: &BytesStart<'_>, key: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(key).unwrap()?;
    Some(quick_xml::escape::unescape(&attribute.value).unwrap().into_owned())
}

fn add_entry(package: &mut PackageRecord, list: &str, tag: &BytesStart<'_>) {
    let name = attribute(tag, "name").unwrap();
    let constraint = attribute(tag, "flags").map(|flags| Constraint {
        comparison: Comparison::from_metadata_name(&flags).unwrap(),
        evr: PartialEvr {
            epoch: attribute(tag, "epoch").map(|epoch| epoch.parse().unwrap()),
            version: attribute(tag, "ver").unwrap_or_default(),
            release: attribute(tag, "rel"),
        },
    });
    let capability = Capability { name, constraint };
    let dependency = if capability.name.starts_with('(') {
        Dependency::parse(&capability.name).unwrap()
    } else {
        Dependency::Simple(capability.clone())
    };
    match list {
        "rpm:provides" => package.provides.push(capability),
        "rpm:obsoletes" => package.obsoletes.push(capability),
        "rpm:requires" => package.requires.push(Requirement { dependency, pre: false }),
        "rpm:conflicts" => package.conflicts.push(dependency),
        "rpm:recommends" => package.recommends.push(dependency),
        "rpm:suggests" => package.suggests.push(dependency),
        "rpm:supplements" => package.supplements.push(dependency),
        "rpm:enhances" => package.enhances.push(dependency),
        _ => {}
    }
}
