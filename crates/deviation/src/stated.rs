//! A component, in; one entry for each thing in which it asks to differ from its upstream, out.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use definition::{Component, Distro, OverlayEntry, Place, ReleaseCalculation, SpecSource};
use jiff::Timestamp;
use serde::Serialize;
use spec_overlay::{LineText, Overlay};

use crate::patch::changed_lines;

/// What a definition alone does not tell.
pub trait World {
    /// When the line of a definition file got the text that it has.
    fn since(&self, file: &Path, line: usize) -> Option<Timestamp>;

    /// The text of a file that an overlay brings in.
    fn text(&self, file: &Path) -> Option<Vec<u8>> {
        std::fs::read(file).ok()
    }
}

/// A world without history.
pub struct Unaged;

impl World for Unaged {
    fn since(&self, _file: &Path, _line: usize) -> Option<Timestamp> {
        None
    }
}

/// One thing in which a component differs from its upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deviation {
    /// What sort of difference it is.
    pub kind: Kind,
    /// What differs, in one line.
    pub what: String,
    /// Why, as the definition says.
    pub why: Option<String>,
    /// Its category.
    pub category: Option<&'static str>,
    /// How far it is on its way upstream.
    pub upstream_status: Option<&'static str>,
    /// Upstream commits that it is taken from.
    pub commits: Vec<String>,
    /// Reports that it answers.
    pub bugs: Vec<String>,
    /// When it came into the definition.
    pub since: Option<Timestamp>,
    /// Lines that it states: of an overlay, of the patch or file that it brings.
    pub lines: usize,
    /// Where it is stated.
    pub place: String,
    /// The file of that place, absolute.
    #[serde(skip)]
    pub file: PathBuf,
}

/// The sorts of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The spec is the project's own.
    LocalSpec,
    /// It is another commit than the snapshot's.
    Pin,
    /// It is another source package, or of another distribution or version, than the project's default.
    OtherSource,
    /// The spec is changed.
    SpecChange,
    /// A patch is added or taken away.
    Patch,
    /// A file beside the spec, or in an archive, is changed.
    FileChange,
    /// A source is added or replaced.
    SourceFile,
    /// Macros or build conditions are set.
    BuildOption,
    /// Its tests do not run.
    CheckSkipped,
    /// Its release is counted otherwise than by what the spec does.
    Release,
}

impl Kind {
    /// Every kind, in the order of the reports.
    pub const ALL: [Kind; 10] = [
        Kind::LocalSpec,
        Kind::Pin,
        Kind::OtherSource,
        Kind::SpecChange,
        Kind::Patch,
        Kind::FileChange,
        Kind::SourceFile,
        Kind::BuildOption,
        Kind::CheckSkipped,
        Kind::Release,
    ];

    /// Whether it is of an overlay.
    pub fn is_overlay(self) -> bool {
        matches!(self, Kind::SpecChange | Kind::Patch | Kind::FileChange)
    }

    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::LocalSpec => "own spec",
            Kind::Pin => "pinned commit",
            Kind::OtherSource => "other source",
            Kind::SpecChange => "spec change",
            Kind::Patch => "patch",
            Kind::FileChange => "file change",
            Kind::SourceFile => "source file",
            Kind::BuildOption => "build option",
            Kind::CheckSkipped => "tests skipped",
            Kind::Release => "release",
        }
    }
}

/// Every deviation of a component, in the order in which a build meets them.
pub fn stated(distro: &Distro, component: &Component, world: &dyn World) -> Vec<Deviation> {
    let stating = Stating { distro, component, world };
    let mut deviations = Vec::new();
    deviations.extend(stating.spec());
    deviations.extend(component.overlays.iter().map(|entry| stating.overlay(entry)));
    deviations.extend(stating.source_files());
    deviations.extend(stating.build());
    deviations.extend(stating.check());
    deviations.extend(stating.release());
    deviations
}

struct Stating<'a> {
    distro: &'a Distro,
    component: &'a Component,
    world: &'a dyn World,
}

impl Stating<'_> {
    fn at(&self, place: Place, kind: Kind, what: String, lines: usize) -> Deviation {
        let sources = &self.distro.sources;
        Deviation {
            kind,
            what,
            why: None,
            category: None,
            upstream_status: None,
            commits: Vec::new(),
            bugs: Vec::new(),
            since: self.world.since(sources.path(place), sources.line_column(place).line),
            lines,
            place: sources.describe(place),
            file: sources.path(place).to_owned(),
        }
    }

    fn spec(&self) -> Vec<Deviation> {
        let place = self.component.name.place;
        let upstream = match &self.component.spec {
            SpecSource::Unstated => return Vec::new(),
            SpecSource::Local { path } => {
                let lines = self.world.text(path).map_or(0, |text| line_count(&text));
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                return vec![self.at(
                    place,
                    Kind::LocalSpec,
                    format!("the spec is {name} of the project"),
                    lines,
                )];
            }
            SpecSource::Upstream(upstream) => upstream,
        };
        let mut deviations = Vec::new();
        if let Some(commit) = &upstream.commit {
            let what =
                format!("commit {commit} of {} {} whatever the snapshot", upstream.distro, upstream.version);
            deviations.push(self.at(commit.place, Kind::Pin, what, 1));
        }
        if let Some(name) = upstream.stated_name.as_ref().filter(|name| **name != self.component.name.value) {
            deviations.push(self.at(
                place,
                Kind::OtherSource,
                format!("made of the source package {name}"),
                1,
            ));
        }
        if !self.distro.is_usual_source(upstream) {
            let what = format!("taken from {} {}", upstream.distro, upstream.version);
            deviations.push(self.at(place, Kind::OtherSource, what, 1));
        }
        deviations
    }

    fn overlay(&self, entry: &OverlayEntry) -> Deviation {
        let kind = match entry.overlay {
            Overlay::AddPatch { .. } | Overlay::RemovePatch { .. } => Kind::Patch,
            ref overlay if overlay.changes_spec() => Kind::SpecChange,
            _ => Kind::FileChange,
        };
        let metadata = entry.metadata.as_ref();
        Deviation {
            why: entry.description.clone(),
            category: metadata.map(|metadata| metadata.category.as_str()),
            upstream_status: metadata.map(|metadata| metadata.upstream_status.as_str()),
            commits: metadata.map(|metadata| metadata.commits.clone()).unwrap_or_default(),
            bugs: metadata.map(|metadata| metadata.bugs.clone()).unwrap_or_default(),
            ..self.at(entry.place, kind, summary(&entry.overlay), self.size(entry))
        }
    }

    fn size(&self, entry: &OverlayEntry) -> usize {
        let brought = || entry.overlay.source().and_then(|source| self.world.text(source));
        match &entry.overlay {
            Overlay::AddPatch { .. } => brought().map_or(1, |text| patch_size(&text)),
            Overlay::AddFile { .. } => brought().map_or(1, |text| line_count(&text)),
            Overlay::PrependLines { lines, .. }
            | Overlay::AppendLines { lines, .. }
            | Overlay::PrependFileLines { lines, .. }
            | Overlay::ReplaceLine { lines, .. } => lines.len().max(1),
            Overlay::SearchReplace { replacement, .. } | Overlay::ReplaceInFile { replacement, .. } => {
                replacement.lines().count().max(1)
            }
            _ => 1,
        }
    }

    fn source_files(&self) -> Vec<Deviation> {
        let files = self.component.source_files.iter();
        files
            .map(|file| {
                let what = match file.replaces_upstream {
                    Some(_) => format!("the source {} takes the place of the upstream's", file.name),
                    None => format!("the source {} is added", file.name),
                };
                Deviation {
                    why: file.replaces_upstream.clone(),
                    ..self.at(file.name.place, Kind::SourceFile, what, 1)
                }
            })
            .collect()
    }

    fn build(&self) -> Option<Deviation> {
        let build = &self.component.build;
        let mut options: Vec<String> = Vec::new();
        options.extend(build.with.iter().map(|name| format!("with {name}")));
        options.extend(build.without.iter().map(|name| format!("without {name}")));
        options.extend(build.defines.iter().map(|(name, value)| format!("%{name} is {value}")));
        options.extend(build.undefines.iter().map(|name| format!("%{name} is not defined")));
        if options.is_empty() {
            return None;
        }
        Some(self.at(self.component.name.place, Kind::BuildOption, options.join(", "), options.len()))
    }

    fn check(&self) -> Option<Deviation> {
        let reason = self.component.build.check_skipped.as_ref()?;
        let what = "%check does nothing".to_owned();
        Some(Deviation {
            why: Some(reason.value.clone()),
            ..self.at(reason.place, Kind::CheckSkipped, what, 1)
        })
    }

    fn release(&self) -> Option<Deviation> {
        let how = match self.component.release {
            ReleaseCalculation::Auto => return None,
            ReleaseCalculation::Autorelease => "by %autorelease",
            ReleaseCalculation::Static => "by adding to the spec's number",
            ReleaseCalculation::Manual => "by hand",
        };
        Some(self.at(self.component.name.place, Kind::Release, format!("its release is counted {how}"), 1))
    }
}

/// An overlay in one line.
pub(crate) fn summary(overlay: &Overlay) -> String {
    let of = |package: &str| if package.is_empty() { String::new() } else { format!(" of {package}") };
    let place = |section: Option<&str>, package: &str| match section {
        Some(section) => format!("{section}{}", of(package)),
        None => "the spec".to_owned(),
    };
    let within = |archive: Option<&str>| archive.map(|archive| format!(" in {archive}")).unwrap_or_default();
    match overlay {
        Overlay::AddTag { package, tag, value } | Overlay::InsertTag { package, tag, value } => {
            format!("add `{tag}: {value}`{}", of(package))
        }
        Overlay::SetTag { package, tag, value } | Overlay::UpdateTag { package, tag, value } => {
            format!("set `{tag}: {value}`{}", of(package))
        }
        Overlay::RemoveTag { package, tag, value } => {
            let value = value.as_ref().map(|value| format!(": {value}")).unwrap_or_default();
            format!("remove `{tag}{value}`{}", of(package))
        }
        Overlay::PrependLines { section, package, lines } => {
            format!("{} at the top of {}", counted(lines.len(), "line"), place(section.as_deref(), package))
        }
        Overlay::AppendLines { section, package, lines } => {
            format!("{} at the end of {}", counted(lines.len(), "line"), place(section.as_deref(), package))
        }
        Overlay::SearchReplace { section, package, regex, replacement } => {
            let place = place(section.as_deref(), package.as_deref().unwrap_or_default());
            format!("replace `{}` by `{}` in {place}", regex.as_str(), one_line(replacement))
        }
        Overlay::RemoveSection { section, package } => format!("remove {section}{}", of(package)),
        Overlay::RemoveSubpackage { package } => format!("remove the package {package}"),
        Overlay::AddPatch { package, .. } => {
            format!("add the patch {}{}", overlay.source_name().unwrap_or_default(), of(package))
        }
        Overlay::RemovePatch { file } => format!("remove the patch {}", file.as_str()),
        Overlay::PrependFileLines { file, lines } => {
            format!("{} at the top of {}", counted(lines.len(), "line"), file.as_str())
        }
        Overlay::ReplaceInFile { file, archive, regex, replacement } => {
            let place = format!("{}{}", file.as_str(), within(archive.as_deref()));
            format!("replace `{}` by `{}` in {place}", regex.as_str(), one_line(replacement))
        }
        Overlay::AddFile { file, .. } => format!("add the file {file}"),
        Overlay::RemoveFile { file, archive } => {
            format!("remove the file {}{}", file.as_str(), within(archive.as_deref()))
        }
        Overlay::RenameFile { file, replacement } => format!("rename {} to {replacement}", file.as_str()),
        Overlay::SetMacro { name, value, .. } => format!("set %{name} to `{}`", one_line(value)),
        Overlay::SetBuildCondition { name, enabled, .. } => {
            format!("switch the build condition {name} {}", if *enabled { "on" } else { "off" })
        }
        Overlay::AddArgument { section, package, command, argument, .. } => {
            format!("add `{argument}` to `{command}` in {section}{}", of(package))
        }
        Overlay::DropArgument { section, package, command, argument, .. } => {
            format!("drop `{argument}` of `{command}` in {section}{}", of(package))
        }
        Overlay::DropLine { section, package, line, .. } => {
            let package = package.as_deref().unwrap_or_default();
            format!("drop {} in {}", line_text(line), place(section.as_deref(), package))
        }
        Overlay::ReplaceLine { section, package, line, .. } => {
            let package = package.as_deref().unwrap_or_default();
            format!("replace {} in {}", line_text(line), place(section.as_deref(), package))
        }
    }
}

fn line_text(line: &LineText) -> String {
    match line {
        LineText::Whole(text) => format!("the line `{text}`"),
        LineText::Containing(text) => format!("lines with `{text}`"),
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

/// A number of things, in words that fit it.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, thing: &str) -> String {
    if count == N::from(1) { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

fn line_count(text: &[u8]) -> usize {
    text.split_inclusive(|byte| *byte == b'\n').count()
}

/// Lines that a patch adds and removes; the whole file's where it is none.
fn patch_size(text: &[u8]) -> usize {
    match changed_lines(text).len() {
        0 => line_count(text),
        changes => changes,
    }
}
