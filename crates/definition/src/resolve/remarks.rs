//! What is allowed in overlays, components and groups, and hardly meant. It is looked for when somebody asks.

use std::collections::{BTreeMap, BTreeSet};

use spec_overlay::{GoRegex, Overlay, SpecFile};

use super::Resolver;
use super::never::{Subject, line_begins_with, why_never};
use crate::component::{Component, OverlayEntry, UpstreamStatus};
use crate::decode::Text;
use crate::place::{Located, Place};
use crate::remark::RemarkKind;
use crate::statements::Statement;
use crate::tables::{ComponentTable, ImageDefinitionType, OverlayTable, OverlayType, PackagePublishTable};

impl Resolver<'_> {
    /// Looks at one overlay.
    pub(crate) fn remark_overlay(&mut self, table: &OverlayTable, entry: &OverlayEntry) {
        if !self.collector.wants_remarks() {
            return;
        }
        let read = keys_read(table.kind.value);
        for (key, place) in stated_keys(table) {
            if !read.contains(&key) {
                let message = format!("`{key}` means nothing to an overlay of type `{}`", table.kind);
                self.collector.remark(RemarkKind::NoEffect, place, message, "delete it".to_owned());
            }
        }
        if let Some(section) = table.section.as_ref().filter(|section| !section.is_empty())
            && read.contains(&"section")
        {
            self.remark_section(section);
        }
        if table.kind.value.is_addition() {
            self.remark_addition(table.kind.place, &format!("overlays of type `{}`", table.kind));
        }
        match &entry.overlay {
            Overlay::SearchReplace { regex, replacement, .. } => {
                self.remark_pattern(table, regex, replacement, Subject::Line);
            }
            Overlay::ReplaceInFile { regex, replacement, .. } => {
                self.remark_pattern(table, regex, replacement, Subject::File);
            }
            _ => {}
        }
    }

    fn remark_section(&mut self, section: &Text) {
        if is_section(section) {
            return;
        }
        let near = [format!("%{section}"), section.split_whitespace().next().unwrap_or_default().to_owned()];
        let hint = near.iter().find(|name| is_section(name)).map_or_else(
            || "write the first word of its first line, such as `%build`".to_owned(),
            |name| format!("did you mean `{name}`?"),
        );
        let message = format!("no section is called `{section}`");
        self.collector.remark(RemarkKind::NeverMatches, section.place, message, hint);
    }

    fn remark_pattern(&mut self, table: &OverlayTable, regex: &GoRegex, replacement: &str, subject: Subject) {
        let Some(text) = &table.regex else { return };
        let why = why_never(regex.translated(), subject);
        let why = why.or_else(|| {
            (subject == Subject::Line && matches_headers_alone(regex.translated()))
                .then_some("the first line of a section is never changed")
        });
        if let Some(why) = why {
            let message = format!("this pattern never matches: {why}");
            let hint = match subject {
                Subject::Line => "a pattern is matched against one line after the other",
                Subject::File => {
                    "a pattern is matched against the whole file; `(?m)` lets `^` and `$` match at lines"
                }
            };
            self.collector.remark(RemarkKind::NeverMatches, text.place, message, hint.to_owned());
        }
        let refers = replacement.match_indices('$').any(|(at, _)| {
            replacement[at + 1..].starts_with(|c: char| c.is_ascii_digit() && c != '0' || c == '{')
        });
        // Shell scripts hold `${variable}` and `$1`, too: only a pattern with groups can have meant them.
        if let Some(replacement) = table.replacement.as_ref().filter(|_| refers && text.contains('(')) {
            let message = "a replacement is written as it stands: `$` stands for no group";
            self.collector.remark(RemarkKind::LiteralReplacement, replacement.place, message, None);
        }
        if regex.as_str() == replacement {
            let message = "the replacement is what the pattern matches";
            self.collector.remark(RemarkKind::NoEffect, text.place, message, None);
        }
    }

    /// Looks at overlays that are all there is of a change: inline ones one by one, those of a file together.
    pub(crate) fn remark_reasons(&mut self, entries: &[OverlayEntry], one_change: bool) {
        if !self.collector.wants_remarks() {
            return;
        }
        let described = one_change && entries.iter().any(|entry| entry.description.is_some());
        for entry in entries.iter().take(if one_change { 1 } else { entries.len() }) {
            if !described && entry.description.is_none() {
                let message = "an overlay does not say why it is there";
                let hint = "add `description = \"…\"`".to_owned();
                self.collector.remark(RemarkKind::NoDescription, entry.place, message, hint);
            }
            let status = entry.metadata.as_ref().map(|metadata| metadata.upstream_status);
            let (message, hint) = match status {
                None => (
                    "nobody said how far this change is on its way upstream",
                    "add `metadata = { category = \"…\", upstream-status = \"…\" }`",
                ),
                Some(UpstreamStatus::Unknown) => (
                    "nobody looked how far this change is on its way upstream",
                    "look, and state another `upstream-status`",
                ),
                Some(_) => continue,
            };
            self.collector.remark(RemarkKind::NoUpstreamStatus, entry.place, message, hint.to_owned());
        }
    }

    /// Looks at a component beside what it inherits: `layers` are the tables below its own, with the names of those that are groups'.
    pub(crate) fn remark_component(
        &mut self,
        component: &Component,
        own: &ComponentTable,
        layers: &[(Option<&str>, &ComponentTable)],
    ) {
        if !self.collector.wants_remarks() {
            return;
        }
        self.remark_taken_back(own, layers);
        self.remark_groups_at_odds(component, layers);
        self.remark_macros(own, component);
        self.remark_deprecated(own.packages.values().filter_map(|config| config.publish.as_ref()));
        for (archive, place) in
            component.overlays.iter().filter_map(|e| Some((e.overlay.archive()?, e.place)))
        {
            if !component.source_files.iter().any(|file| file.name.as_str() == archive) {
                let message =
                    format!("the hash of `{archive}` changes, and no source file states the new one");
                let hint = "add a source file with `origin = { type = \"overlay\" }`".to_owned();
                self.collector.remark(RemarkKind::Incomplete, place, message, hint);
            }
        }
    }

    /// `false` and empty text take nothing back of what is inherited.
    fn remark_taken_back(&mut self, own: &ComponentTable, layers: &[(Option<&str>, &ComponentTable)]) {
        for statement in own.statements() {
            if statement.says_something() || statement.key.starts_with("build.defines.") {
                continue;
            }
            let mut inherited = layers
                .iter()
                .flat_map(|(_, layer)| layer.statements())
                .filter(|other| other.key == statement.key && other.says_something())
                .map(|other| other.place);
            if let Some(inherited) = inherited.next_back() {
                let value = if statement.value.is_empty() { "\"\"" } else { statement.value };
                let message = format!("`{value}` does not take back an inherited `{}`", statement.key);
                let hint = format!("it is stated at {}", self.collector.sources.describe(inherited));
                self.collector.remark(RemarkKind::NoEffect, statement.place, message, hint);
            }
        }
    }

    /// Of groups that say different things the one whose name comes last counts, which nobody means.
    fn remark_groups_at_odds(&mut self, component: &Component, layers: &[(Option<&str>, &ComponentTable)]) {
        let mut stated: BTreeMap<String, (&str, Statement<'_>)> = BTreeMap::new();
        for (group, layer) in layers {
            let Some(group) = group else { continue };
            for statement in layer.statements().into_iter().filter(Statement::says_something) {
                let (key, value, place) = (statement.key.clone(), statement.value, statement.place);
                if let Some((other, earlier)) = stated.insert(key.clone(), (group, statement))
                    && earlier.value != value
                {
                    let message = format!(
                        "groups `{other}` and `{group}` say different things of `{key}` for component `{}`",
                        component.name
                    );
                    let hint = format!(
                        "`{group}` counts because its name comes later: see {}",
                        self.collector.sources.describe(place)
                    );
                    self.collector.remark(RemarkKind::Shadowed, earlier.place, message, hint);
                }
            }
        }
    }

    fn remark_macros(&mut self, own: &ComponentTable, component: &Component) {
        let Some(build) = &own.build else { return };
        let conditional = |prefix: &'static str, names: &[String]| -> Vec<String> {
            names.iter().map(|name| format!("{prefix}{name}")).collect()
        };
        let mut defined: BTreeSet<String> = component.build.defines.keys().cloned().collect();
        defined.extend(conditional("_with_", &component.build.with));
        defined.extend(conditional("_without_", &component.build.without));
        for name in build.undefines.iter().flatten() {
            if !defined.contains(&name.value) {
                let message = format!("nothing of the definition defines the macro `{name}`");
                let hint = "`undefines` leaves out what `with`, `without` and `defines` say".to_owned();
                self.collector.remark(RemarkKind::NoEffect, name.place, message, hint);
            }
        }
        for name in build.without.iter().flatten().filter(|name| component.build.with.contains(&name.value)) {
            let message = format!("`{name}` stands in `with` and in `without`");
            self.collector.remark(RemarkKind::NoEffect, name.place, message, None);
        }
    }

    pub(crate) fn remark_deprecated<'t>(&mut self, tables: impl Iterator<Item = &'t PackagePublishTable>) {
        for channel in tables.filter_map(|table| table.channel.as_ref()) {
            let hint = "write `rpm-channel`".to_owned();
            self.collector.remark(RemarkKind::Deprecated, channel.place, "`channel` is an old name", hint);
        }
    }

    /// Looks at groups and at what is said for every component and package.
    pub(crate) fn remark_groups(&mut self, members: &dyn Fn(&str) -> usize) {
        if !self.collector.wants_remarks() {
            return;
        }
        let file = self.file;
        for (name, group) in &*file.component_groups {
            if members(name) == 0 {
                let message = format!("component group `{name}` has no component");
                let hint = "delete it, or list some".to_owned();
                self.collector.remark(RemarkKind::SelectsNothing, group.place, message, hint);
            }
            let unsaid =
                group.metadata.as_ref().is_none_or(|data| data.upstream_status == UpstreamStatus::Unknown);
            let deviation = group.default_component_config.as_ref().and_then(deviation);
            if let Some(place) = deviation.filter(|_| unsaid) {
                let message =
                    format!("nobody said how far what group `{name}` changes is on its way upstream");
                let hint =
                    "add `metadata = { category = \"…\", upstream-status = \"…\" }` to the group".to_owned();
                self.collector.remark(RemarkKind::NoUpstreamStatus, place, message, hint);
            }
        }
        for (name, group) in &*file.package_groups {
            if group.packages.iter().flatten().next().is_none() {
                let message = format!("package group `{name}` has no package");
                let hint = "delete it, or list some".to_owned();
                self.collector.remark(RemarkKind::SelectsNothing, group.place, message, hint);
            }
        }
        let defaults = file.package_groups.values().map(|group| group.default_package_config.as_ref());
        let defaults = defaults.chain([file.default_package_config.as_ref()]);
        self.remark_deprecated(defaults.flatten().filter_map(|config| config.publish.as_ref()));
    }

    /// Looks at what azldev would refuse of a definition that has its name.
    pub(crate) fn remark_additions(&mut self) {
        if !self.collector.wants_remarks() {
            return;
        }
        let file = self.file;
        if let Some(project) = &file.project {
            if let Some(architecture) = &project.architecture {
                self.remark_addition(architecture.place, "`architecture`");
            }
            if let Some(first) = project.upstreams.iter().flatten().next() {
                self.remark_addition(first.name.place, "`upstreams`");
            }
        }
        if let Some(resources) = &file.resources {
            for repository in resources.deb_repos.values() {
                self.remark_addition(repository.place, "`deb-repos`");
            }
            for priority in resources.rpm_repos.values().filter_map(|repository| repository.priority) {
                self.remark_addition(priority.place, "`priority`");
            }
        }
        for image in file.images.values() {
            let kind = image.definition.as_ref().and_then(|definition| definition.kind);
            if let Some(Located { value: ImageDefinitionType::Native, place }) = kind {
                self.remark_addition(place, "images of type `native`");
            }
        }
    }

    fn remark_addition(&mut self, place: Place, what: &str) {
        if self.root_file.file_name().is_some_and(|name| name == "azldev.toml") {
            let message = format!("azldev knows no {what}");
            let hint = "a definition with additions begins in `lazuli.toml`".to_owned();
            self.collector.remark(RemarkKind::Addition, place, message, hint);
        }
    }

    /// Looks at a pattern of overlay files that matched nothing.
    pub(crate) fn remark_no_overlay_file(&mut self, component: &Located<String>, pattern: &Text) {
        // An inherited pattern is meant for those components that have such files.
        if self.collector.sources.path(component.place) == self.collector.sources.path(pattern.place) {
            let message = format!("`{pattern}` matches no file");
            self.collector.remark(RemarkKind::SelectsNothing, pattern.place, message, None);
        }
    }
}

/// Whether a spec file can have a section of this name.
fn is_section(name: &str) -> bool {
    let line = format!("{name}\n");
    SpecFile::parse(line.as_bytes()).sections().last().is_some_and(|section| section.name == name)
}

/// Whether every line that a pattern matches begins a section.
fn matches_headers_alone(pattern: &str) -> bool {
    let Some((text, is_whole)) = line_begins_with(pattern) else { return false };
    let word: &[u8] = text.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
    let is_word = is_whole || word.len() < text.len();
    is_word && std::str::from_utf8(word).is_ok_and(|word| word.starts_with('%') && is_section(word))
}

/// Where a group's defaults change how components are built, apart from overlays: those speak for themselves.
fn deviation(defaults: &ComponentTable) -> Option<Place> {
    let build = defaults.build.as_ref()?;
    let skips = build.check.as_ref().and_then(|check| check.skip).filter(|skip| skip.value);
    let words = [&build.with, &build.without].into_iter().flatten().flatten();
    let defines = build.defines.values().map(|value| value.place);
    skips.map(|skip| skip.place).into_iter().chain(words.map(|word| word.place)).chain(defines).next()
}

impl OverlayType {
    /// Whether azldev does not know it.
    fn is_addition(self) -> bool {
        use OverlayType as T;
        matches!(
            self,
            T::SpecSetMacro
                | T::SpecSetBcond
                | T::SpecAddArgument
                | T::SpecDropArgument
                | T::SpecDropLine
                | T::SpecReplaceLine
        )
    }
}

/// The keys that an overlay of a type reads, beside `type`, `description` and `metadata`.
fn keys_read(kind: OverlayType) -> &'static [&'static str] {
    use OverlayType as T;
    match kind {
        T::SpecAddTag | T::SpecInsertTag | T::SpecSetTag | T::SpecUpdateTag | T::SpecRemoveTag => {
            &["package", "tag", "value"]
        }
        T::SpecPrependLines | T::SpecAppendLines => &["section", "package", "lines"],
        T::SpecSearchReplace => &["section", "package", "regex", "replacement"],
        T::SpecRemoveSection => &["section", "package"],
        T::SpecRemoveSubpackage => &["package"],
        T::PatchAdd => &["package", "source", "file"],
        T::PatchRemove => &["file"],
        T::FilePrependLines => &["file", "lines"],
        T::FileSearchReplace => &["file", "archive", "regex", "replacement"],
        T::FileAdd => &["file", "source"],
        T::FileRemove => &["file", "archive"],
        T::FileRename => &["file", "replacement"],
        T::SpecSetMacro => &["name", "value", "count"],
        T::SpecSetBcond => &["name", "enabled", "count"],
        T::SpecAddArgument | T::SpecDropArgument => &["section", "package", "command", "argument", "count"],
        T::SpecDropLine => &["section", "package", "line", "containing", "count"],
        T::SpecReplaceLine => &["section", "package", "line", "containing", "lines", "count"],
    }
}

/// The keys an overlay states, each with the place of its value.
fn stated_keys(table: &OverlayTable) -> Vec<(&'static str, Place)> {
    let texts = [
        ("file", &table.file),
        ("archive", &table.archive),
        ("section", &table.section),
        ("package", &table.package),
        ("tag", &table.tag),
        ("value", &table.value),
        ("regex", &table.regex),
        ("replacement", &table.replacement),
        ("source", &table.source),
        ("name", &table.name),
        ("command", &table.command),
        ("argument", &table.argument),
        ("line", &table.line),
        ("containing", &table.containing),
    ];
    let mut keys: Vec<(&'static str, Place)> =
        texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?.place))).collect();
    keys.extend(table.lines.iter().flatten().next().map(|line| ("lines", line.place)));
    keys.extend(table.enabled.map(|enabled| ("enabled", enabled.place)));
    keys.extend(table.count.map(|count| ("count", count.place)));
    keys
}
