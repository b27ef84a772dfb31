//! Records in, the text of the documents out, an element a package. The layout is createrepo_c's, blank by blank.

use std::fmt::Write as _;

use rpm_model::{
    Capability, Changelog, Checksum, Dependency, FileKind, PackageFile, PackageRecord, Requirement,
    is_primary_file,
};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// One file of the table of contents.
pub(super) struct RepomdEntry {
    pub(super) kind: &'static str,
    pub(super) location: String,
    pub(super) checksum: Checksum,
    pub(super) open_checksum: Checksum,
    pub(super) size: usize,
    pub(super) open_size: usize,
}

pub(super) fn repomd(revision: u64, entries: &[RepomdEntry]) -> String {
    let mut text = Text(DECLARATION.to_owned());
    text.raw("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n");
    text.format(format_args!("  <revision>{revision}</revision>\n"));
    for entry in entries {
        let RepomdEntry { kind, location, checksum, open_checksum, size, open_size } = entry;
        text.format(format_args!("  <data type=\"{kind}\">\n"));
        text.format(format_args!(
            "    <checksum type=\"{}\">{}</checksum>\n",
            checksum.algorithm(),
            checksum.hex()
        ));
        text.format(format_args!(
            "    <open-checksum type=\"{}\">{}</open-checksum>\n",
            open_checksum.algorithm(),
            open_checksum.hex()
        ));
        text.format(format_args!(
            "    <location href=\"{location}\"/>\n    <timestamp>{revision}</timestamp>\n"
        ));
        text.format(format_args!(
            "    <size>{size}</size>\n    <open-size>{open_size}</open-size>\n  </data>\n"
        ));
    }
    text.raw("</repomd>\n");
    text.0
}

/// The three documents that list packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    Primary,
    Filelists,
    Other,
}

impl Document {
    pub(super) const ALL: [Document; 3] = [Document::Primary, Document::Filelists, Document::Other];

    /// Its name in the table of contents and in file names.
    pub(super) fn name(self) -> &'static str {
        match self {
            Document::Primary => "primary",
            Document::Filelists => "filelists",
            Document::Other => "other",
        }
    }

    /// What stands before the packages.
    pub(super) fn head(self, packages: usize) -> String {
        let root = match self {
            Document::Primary => {
                "metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\""
            }
            Document::Filelists => "filelists xmlns=\"http://linux.duke.edu/metadata/filelists\"",
            Document::Other => "otherdata xmlns=\"http://linux.duke.edu/metadata/other\"",
        };
        format!("{DECLARATION}<{root} packages=\"{packages}\">\n")
    }

    /// What stands after them.
    pub(super) fn foot(self) -> &'static str {
        match self {
            Document::Primary => "</metadata>\n",
            Document::Filelists => "</filelists>\n",
            Document::Other => "</otherdata>\n",
        }
    }

    /// The element of one package; of its changelog, the newest `changelog_limit` entries.
    pub(super) fn element(self, record: &PackageRecord, changelog_limit: usize) -> String {
        let mut text = Text(String::new());
        match self {
            Document::Primary => primary(&mut text, record),
            Document::Filelists => filelists(&mut text, record),
            Document::Other => other(&mut text, record, changelog_limit),
        }
        text.0
    }
}

fn filelists(text: &mut Text, record: &PackageRecord) {
    package_reference(text, record);
    record.files.iter().for_each(|entry| file(text, "  ", entry));
    text.raw("</package>\n");
}

fn other(text: &mut Text, record: &PackageRecord, limit: usize) {
    package_reference(text, record);
    // Newest last: the limit drops the oldest.
    for Changelog { author, time, text: entry } in
        &record.changelogs[record.changelogs.len().saturating_sub(limit)..]
    {
        text.raw("  <changelog author=\"");
        text.attribute(author);
        text.format(format_args!("\" date=\"{time}\">"));
        text.content(entry);
        text.raw("</changelog>\n");
    }
    text.raw("</package>\n");
}

fn package_reference(text: &mut Text, record: &PackageRecord) {
    text.raw("<package pkgid=\"");
    text.attribute(record.checksum.hex());
    text.raw("\" name=\"");
    text.attribute(&record.nevra.name);
    text.raw("\" arch=\"");
    text.attribute(&record.nevra.arch);
    text.raw("\">\n");
    version(text, record);
}

fn version(text: &mut Text, record: &PackageRecord) {
    let evr = &record.nevra.evr;
    text.format(format_args!("  <version epoch=\"{}\" ver=\"", evr.epoch));
    text.attribute(&evr.version);
    text.raw("\" rel=\"");
    text.attribute(&evr.release);
    text.raw("\"/>\n");
}

fn primary(text: &mut Text, record: &PackageRecord) {
    text.raw("<package type=\"rpm\">\n");
    text.element("  ", "name", &record.nevra.name);
    text.element("  ", "arch", &record.nevra.arch);
    version(text, record);
    let checksum = &record.checksum;
    text.format(format_args!(
        "  <checksum type=\"{}\" pkgid=\"YES\">{}</checksum>\n",
        checksum.algorithm(),
        checksum.hex()
    ));
    text.element("  ", "summary", &record.summary);
    text.element("  ", "description", &record.description);
    text.element("  ", "packager", &record.packager);
    text.element("  ", "url", &record.url);
    text.format(format_args!("  <time file=\"{}\" build=\"{}\"/>\n", record.file_time, record.build_time));
    let (package, installed, archive) = (record.package_size, record.installed_size, record.archive_size);
    text.format(format_args!(
        "  <size package=\"{package}\" installed=\"{installed}\" archive=\"{archive}\"/>\n"
    ));
    text.raw("  <location");
    if let Some(base) = &record.location_base {
        text.raw(" xml:base=\"");
        text.attribute(base);
        text.raw("\"");
    }
    text.raw(" href=\"");
    text.attribute(&record.location);
    text.raw("\"/>\n  <format>\n");
    text.element("    ", "rpm:license", &record.license);
    text.element("    ", "rpm:vendor", &record.vendor);
    text.element("    ", "rpm:group", &record.group);
    text.element("    ", "rpm:buildhost", &record.build_host);
    text.element("    ", "rpm:sourcerpm", &record.source_rpm);
    let (start, end) = record.header_range;
    text.format(format_args!("    <rpm:header-range start=\"{start}\" end=\"{end}\"/>\n"));
    relations(text, "provides", record.provides.iter().map(Relation::of));
    relations(text, "requires", record.requires.iter().map(Relation::required));
    relations(text, "conflicts", record.conflicts.iter().map(Relation::depended));
    relations(text, "obsoletes", record.obsoletes.iter().map(Relation::of));
    relations(text, "suggests", record.suggests.iter().map(Relation::depended));
    relations(text, "enhances", record.enhances.iter().map(Relation::depended));
    relations(text, "recommends", record.recommends.iter().map(Relation::depended));
    relations(text, "supplements", record.supplements.iter().map(Relation::depended));
    record
        .files
        .iter()
        .filter(|file| is_primary_file(&file.path))
        .for_each(|entry| file(text, "    ", entry));
    text.raw("  </format>\n</package>\n");
}

fn file(text: &mut Text, indent: &str, file: &PackageFile) {
    text.raw(indent);
    text.raw(match file.kind {
        FileKind::File => "<file>",
        FileKind::Directory => "<file type=\"dir\">",
        FileKind::Ghost => "<file type=\"ghost\">",
    });
    text.content(&file.path);
    text.raw("</file>\n");
}

enum Relation<'a> {
    Simple(&'a Capability, bool),
    Rich(String, bool),
}

impl<'a> Relation<'a> {
    fn of(capability: &'a Capability) -> Self {
        Relation::Simple(capability, false)
    }

    fn depended(dependency: &'a Dependency) -> Self {
        Relation::with(dependency, false)
    }

    fn required(requirement: &'a Requirement) -> Self {
        Relation::with(&requirement.dependency, requirement.pre)
    }

    fn with(dependency: &'a Dependency, pre: bool) -> Self {
        match dependency {
            Dependency::Simple(capability) => Relation::Simple(capability, pre),
            Dependency::Rich(rich) => Relation::Rich(rich.to_string(), pre),
        }
    }
}

fn relations<'a>(text: &mut Text, name: &str, relations: impl Iterator<Item = Relation<'a>>) {
    let mut relations = relations.peekable();
    if relations.peek().is_none() {
        return;
    }
    text.format(format_args!("    <rpm:{name}>\n"));
    for relation in relations {
        text.raw("      <rpm:entry name=\"");
        let pre = match &relation {
            Relation::Simple(capability, pre) => {
                text.attribute(&capability.name);
                text.raw("\"");
                if let Some(constraint) = &capability.constraint {
                    let (flags, evr) = (constraint.comparison.metadata_name(), &constraint.evr);
                    text.format(format_args!(
                        " flags=\"{flags}\" epoch=\"{}\" ver=\"",
                        evr.epoch.unwrap_or(0)
                    ));
                    text.attribute(&evr.version);
                    text.raw("\"");
                    if let Some(release) = &evr.release {
                        text.raw(" rel=\"");
                        text.attribute(release);
                        text.raw("\"");
                    }
                }
                *pre
            }
            Relation::Rich(rich, pre) => {
                text.attribute(rich);
                text.raw("\"");
                *pre
            }
        };
        text.raw(if pre { " pre=\"1\"/>\n" } else { "/>\n" });
    }
    text.format(format_args!("    </rpm:{name}>\n"));
}

struct Text(String);

impl Text {
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn element(&mut self, indent: &str, name: &str, content: &str) {
        self.format(format_args!("{indent}<{name}>"));
        self.content(content);
        self.format(format_args!("</{name}>\n"));
    }

    fn content(&mut self, text: &str) {
        self.escaped(text, false);
    }

    fn attribute(&mut self, text: &str) {
        self.escaped(text, true);
    }

    fn format(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes every text");
    }

    fn escaped(&mut self, text: &str, in_attribute: bool) {
        // Most text needs nothing: the first bytes of all letters below are among these.
        let special = |byte: u8| byte < b' ' || matches!(byte, b'&' | b'<' | b'>' | b'"' | 0xef);
        if !text.bytes().any(special) {
            self.0.push_str(text);
            return;
        }
        let mut plain = 0;
        for (at, letter) in text.char_indices() {
            let escape = match letter {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' if in_attribute => "&quot;",
                // XML readers turn these into blanks or line feeds unless they are written as numbers.
                '\r' => "&#13;",
                '\n' if in_attribute => "&#10;",
                '\t' if in_attribute => "&#9;",
                // XML 1.0 2.2 has no place for other control characters, not even as numbers.
                '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => "",
                _ => continue,
            };
            self.0.push_str(&text[plain..at]);
            self.0.push_str(escape);
            plain = at + letter.len_utf8();
        }
        self.0.push_str(&text[plain..]);
    }
}
