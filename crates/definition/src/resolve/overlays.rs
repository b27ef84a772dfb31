//! One overlay as it is written, in; its type with its own fields, out. What an overlay does to a spec file is not known here.

use std::path::PathBuf;

use spec_overlay::{Glob, GoRegex, LineText, Overlay};

use super::Resolver;
use super::text::{is_plain_name, parse_url, stated};
use crate::component::{Metadata, OverlayCategory, OverlayEntry, UpstreamStatus};
use crate::decode::Text;
use crate::place::Located;
use crate::tables::{LinkTable, MetadataTable, OverlayTable, OverlayType};

impl Resolver<'_> {
    /// The overlays that are usable; those that are not are reported, each once however many components inherit it.
    pub(crate) fn overlays(&mut self, tables: &[OverlayTable]) -> Vec<OverlayEntry> {
        let mut entries = Vec::new();
        for table in tables {
            let place = table.kind.place;
            if !self.known_overlays.contains_key(&place) {
                let entry = self.overlay(table);
                self.known_overlays.insert(place, entry);
            }
            entries.extend(self.known_overlays.get(&place).cloned().flatten());
        }
        entries
    }

    fn overlay(&mut self, table: &OverlayTable) -> Option<OverlayEntry> {
        self.check_section(table);
        let archive = self.archive(table);
        let metadata = table.metadata.as_ref().map(|metadata| self.metadata(metadata));
        let entry = OverlayEntry {
            overlay: self.typed(table, archive)?,
            description: stated(table.description.as_ref()),
            metadata: metadata.flatten(),
            place: table.kind.place,
        };
        self.remark_overlay(table, &entry);
        Some(entry)
    }

    fn typed(&mut self, t: &OverlayTable, archive: Option<String>) -> Option<Overlay> {
        use OverlayType as T;
        let package = stated(t.package.as_ref());
        let section = stated(t.section.as_ref());
        let main = package.clone().unwrap_or_default();
        Some(match t.kind.value {
            T::SpecAddTag | T::SpecInsertTag | T::SpecSetTag | T::SpecUpdateTag => {
                let (tag, value) =
                    (self.needed(t, "tag", t.tag.as_ref()), self.needed(t, "value", t.value.as_ref()));
                let (package, tag, value) = (main, tag?, value?);
                match t.kind.value {
                    T::SpecAddTag => Overlay::AddTag { package, tag, value },
                    T::SpecInsertTag => Overlay::InsertTag { package, tag, value },
                    T::SpecSetTag => Overlay::SetTag { package, tag, value },
                    _ => Overlay::UpdateTag { package, tag, value },
                }
            }
            T::SpecRemoveTag => Overlay::RemoveTag {
                package: main,
                tag: self.needed(t, "tag", t.tag.as_ref())?,
                value: stated(t.value.as_ref()),
            },
            T::SpecPrependLines => Overlay::PrependLines { section, package: main, lines: self.lines(t)? },
            T::SpecAppendLines => Overlay::AppendLines { section, package: main, lines: self.lines(t)? },
            T::SpecSearchReplace => Overlay::SearchReplace {
                section,
                package,
                regex: self.regex(t)?,
                replacement: replacement(t),
            },
            T::SpecRemoveSection => Overlay::RemoveSection {
                section: self.needed(t, "section", t.section.as_ref())?,
                package: main,
            },
            T::SpecRemoveSubpackage => {
                Overlay::RemoveSubpackage { package: self.needed(t, "package", t.package.as_ref())? }
            }
            T::PatchAdd => {
                let source = self.source(t);
                let file = t.file.as_ref().filter(|file| !file.is_empty());
                let file = file.map(|file| self.relative(file));
                Overlay::AddPatch {
                    package: main,
                    source: source?,
                    file: match file {
                        Some(file) => Some(file?),
                        None => None,
                    },
                }
            }
            T::PatchRemove => Overlay::RemovePatch { file: self.glob(t)? },
            T::FilePrependLines => {
                let (file, lines) = (self.glob(t), self.lines(t));
                Overlay::PrependFileLines { file: file?, lines: lines? }
            }
            T::FileSearchReplace => {
                let (file, regex) = (self.glob(t), self.regex(t));
                Overlay::ReplaceInFile { file: file?, archive, regex: regex?, replacement: replacement(t) }
            }
            T::FileAdd => {
                let (file, source) = (self.needed_file(t), self.source(t));
                Overlay::AddFile { file: file?, source: source? }
            }
            T::FileRemove => Overlay::RemoveFile { file: self.glob(t)?, archive },
            T::FileRename => {
                let (file, name) = (self.glob(t), self.new_name(t));
                Overlay::RenameFile { file: file?, replacement: name? }
            }
            _ => return self.typed_addition(t, section, package),
        })
    }

    /// The types that are this project's own: each says how many places it expects.
    fn typed_addition(
        &mut self,
        t: &OverlayTable,
        section: Option<String>,
        package: Option<String>,
    ) -> Option<Overlay> {
        use OverlayType as T;
        let count = self.count(t);
        Some(match t.kind.value {
            T::SpecSetMacro => {
                let name = self.macro_name(t);
                let value = self.needed(t, "value", t.value.as_ref());
                Overlay::SetMacro { name: name?, value: value?, count: count? }
            }
            T::SpecSetBcond => {
                let name = self.macro_name(t);
                if t.enabled.is_none() {
                    self.missing(t, "enabled");
                }
                Overlay::SetBuildCondition { name: name?, enabled: t.enabled?.value, count: count? }
            }
            T::SpecAddArgument | T::SpecDropArgument => {
                let section = self.needed(t, "section", t.section.as_ref());
                let command = self.needed(t, "command", t.command.as_ref());
                let argument = self.needed(t, "argument", t.argument.as_ref());
                let package = package.unwrap_or_default();
                let (section, command, argument, count) = (section?, command?, argument?, count?);
                if t.kind.value == T::SpecAddArgument {
                    Overlay::AddArgument { section, package, command, argument, count }
                } else {
                    Overlay::DropArgument { section, package, command, argument, count }
                }
            }
            T::SpecDropLine => {
                Overlay::DropLine { section, package, line: self.line_text(t)?, count: count? }
            }
            _ => {
                let (line, lines) = (self.line_text(t), self.lines(t));
                Overlay::ReplaceLine { section, package, line: line?, lines: lines?, count: count? }
            }
        })
    }

    fn missing(&mut self, table: &OverlayTable, key: &str) {
        let message = format!("an overlay of type `{}` needs `{key}`", table.kind);
        self.collector.report_if_complete(table.kind.place, message, None);
    }

    fn needed(&mut self, table: &OverlayTable, key: &str, text: Option<&Text>) -> Option<String> {
        let text = stated(text);
        if text.is_none() {
            self.missing(table, key);
        }
        text
    }

    fn lines(&mut self, table: &OverlayTable) -> Option<Vec<String>> {
        let lines = table.lines.as_deref().unwrap_or_default();
        if lines.is_empty() {
            self.missing(table, "lines");
            return None;
        }
        Some(lines.iter().map(|line| line.value.clone()).collect())
    }

    fn regex(&mut self, table: &OverlayTable) -> Option<GoRegex> {
        self.needed(table, "regex", table.regex.as_ref())?;
        let regex = table.regex.as_ref()?;
        match GoRegex::new(regex) {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                self.collector.report(regex.place, format!("this is no regular expression: {error}"));
                None
            }
        }
    }

    /// A path among the sources.
    fn relative(&mut self, file: &Text) -> Option<String> {
        if file.starts_with('/') || file.split('/').any(|element| element == "..") {
            let hint = "it is looked for among the sources: write a relative path without `..`";
            self.collector.report_hinted(file.place, format!("`{file}` is no source file"), hint);
            return None;
        }
        Some(file.value.clone())
    }

    fn needed_file(&mut self, table: &OverlayTable) -> Option<String> {
        self.needed(table, "file", table.file.as_ref())?;
        self.relative(table.file.as_ref()?)
    }

    fn glob(&mut self, table: &OverlayTable) -> Option<Glob> {
        let pattern = self.needed_file(table)?;
        match Glob::new(&pattern) {
            Ok(glob) => Some(glob),
            Err(error) => {
                let place = table.file.as_ref().map_or(table.kind.place, |file| file.place);
                self.collector.report(place, format!("`{pattern}` is no glob pattern: {error}"));
                None
            }
        }
    }

    fn source(&mut self, table: &OverlayTable) -> Option<PathBuf> {
        self.needed(table, "source", table.source.as_ref())?;
        let source = table.source.as_ref()?;
        let path = self.collector.sources.anchor(source);
        self.existing_file(source.place, path, "source")
    }

    fn new_name(&mut self, table: &OverlayTable) -> Option<String> {
        let name = self.needed(table, "replacement", table.replacement.as_ref())?;
        if let Some(text) = &table.replacement
            && !is_plain_name(&name)
        {
            self.collector.report(text.place, format!("`{name}` is no bare file name"));
            return None;
        }
        Some(name)
    }

    fn macro_name(&mut self, table: &OverlayTable) -> Option<String> {
        let name = self.needed(table, "name", table.name.as_ref())?;
        if let Some(text) = &table.name
            && !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            let hint = "write it without `%`: letters, digits and `_`";
            self.collector.report_hinted(text.place, format!("`{name}` is no name of a macro"), hint);
            return None;
        }
        Some(name)
    }

    fn count(&mut self, table: &OverlayTable) -> Option<usize> {
        match table.count {
            None => Some(1),
            Some(Located { value: 0, place }) => {
                self.collector.report_hinted(
                    place,
                    "an overlay that changes nothing is no overlay",
                    "count from 1",
                );
                None
            }
            Some(count) => usize::try_from(count.value).ok(),
        }
    }

    fn line_text(&mut self, table: &OverlayTable) -> Option<LineText> {
        match (stated(table.line.as_ref()), stated(table.containing.as_ref())) {
            (Some(line), None) => Some(LineText::Whole(line)),
            (None, Some(text)) => Some(LineText::Containing(text)),
            (None, None) => {
                let message = format!("an overlay of type `{}` needs `line` or `containing`", table.kind);
                self.collector.report_if_complete(table.kind.place, message, None);
                None
            }
            (Some(_), Some(_)) => {
                let place = table.containing.as_ref().map_or(table.kind.place, |text| text.place);
                self.collector.report_hinted(
                    place,
                    "the line is named both by `line` and by `containing`",
                    "delete one of them",
                );
                None
            }
        }
    }

    fn check_section(&mut self, overlay: &OverlayTable) {
        use OverlayType as T;
        let section = overlay.section.as_ref().filter(|text| !text.is_empty());
        let package = overlay.package.as_ref().filter(|text| !text.is_empty());
        match (overlay.kind.value, section, package) {
            (T::SpecPrependLines | T::SpecAppendLines | T::SpecSearchReplace, None, Some(package)) => {
                let message = "`package` chooses among sections of one name, and no `section` is named";
                self.collector.report_hinted(package.place, message, "add `section` or delete `package`");
            }
            (T::SpecRemoveSubpackage, Some(section), _) => {
                let message = "all sections of the package are removed, whatever `section` says";
                self.collector.report_hinted(
                    section.place,
                    message,
                    "delete it, or use `spec-remove-section`",
                );
            }
            _ => {}
        }
    }

    fn archive(&mut self, overlay: &OverlayTable) -> Option<String> {
        let archive = overlay.archive.as_ref().filter(|text| !text.is_empty())?;
        if !matches!(overlay.kind.value, OverlayType::FileRemove | OverlayType::FileSearchReplace) {
            let message = format!("an overlay of type `{}` does not reach into archives", overlay.kind);
            self.collector.report_hinted(
                archive.place,
                message,
                "`file-remove` and `file-search-replace` do",
            );
        }
        if !spec_overlay::is_archive_name(archive) || !is_plain_name(archive) {
            let hint = "write a bare file name that ends in one of .tar, .tar.gz, .tgz, .tar.xz, .txz, .tar.zst, .tzst";
            self.collector.report_hinted(
                archive.place,
                format!("`{archive}` is no archive that can be changed"),
                hint,
            );
        }
        Some(archive.value.clone())
    }

    /// What is said of a change; it is reported where it contradicts itself.
    pub(crate) fn metadata(&mut self, metadata: &Located<MetadataTable>) -> Option<Metadata> {
        let commits = self.links(metadata.commits.as_deref());
        let bugs = self.links(metadata.bugs.as_deref());
        if metadata.category == OverlayCategory::UpstreamBackport {
            if metadata.commits.as_deref().unwrap_or_default().is_empty() {
                let message = "a backport names no commit it is taken from";
                self.collector.report_hinted(metadata.place, message, "add `commits = [{ url = \"…\" }]`");
            }
            if !matches!(metadata.upstream_status, UpstreamStatus::Upstreamed | UpstreamStatus::Upstreamable)
            {
                let message = format!("a backport cannot be `{}`", metadata.upstream_status);
                self.collector.report_hinted(metadata.place, message, "write `upstreamed` or `upstreamable`");
            }
        }
        Some(Metadata {
            category: metadata.category,
            upstream_status: metadata.upstream_status,
            commits: commits?,
            bugs: bugs?,
        })
    }

    fn links(&mut self, links: Option<&[LinkTable]>) -> Option<Vec<String>> {
        let mut good = true;
        for link in links.unwrap_or_default() {
            good &= parse_url(&link.url, &link.url, &["http", "https"], self.collector).is_some();
        }
        good.then(|| links.unwrap_or_default().iter().map(|link| link.url.value.clone()).collect())
    }
}

fn replacement(table: &OverlayTable) -> String {
    table.replacement.as_ref().map_or_else(String::new, |text| text.value.clone())
}
