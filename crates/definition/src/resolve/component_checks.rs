//! One component table as it is written, before anything is inherited: what contradicts itself is reported.

use super::Resolver;
use super::text::{check_one_line, is_plain_name, is_rfc3339, says};
use crate::decode::Text;
use crate::place::{Located, Place};
use crate::tables::{
    BuildTable, ComponentPublishTable, ComponentTable, PackagePublishTable, SpecSourceTable, SpecSourceType,
};

/// Whose table it is.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    /// A component's own.
    Component(&'a str),
    /// What several components start from; only such may name a snapshot.
    Defaults(&'a str),
}

impl std::fmt::Display for Owner<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Component(name) => write!(formatter, "component `{name}`"),
            Self::Defaults(whose) => write!(formatter, "the defaults of {whose}"),
        }
    }
}

impl Resolver<'_> {
    pub(crate) fn check_component_table(&mut self, owner: Owner<'_>, place: Place, table: &ComponentTable) {
        if let Some(spec) = &table.spec {
            self.check_spec_source(owner, place, spec);
        }
        if let Some(build) = &table.build {
            self.check_build(build);
        }
        for pattern in table.overlay_files.iter().flatten() {
            check_one_line(pattern, "a pattern of `overlay-files`", self.collector);
        }
        self.check_source_files(table.source_files.as_deref().unwrap_or_default());
        for config in table.packages.values() {
            self.check_package_publish(config.publish.as_ref());
        }
        if let Some(ComponentPublishTable { rpm_channel, srpm_channel, debuginfo_channel }) = &table.publish {
            for channel in [rpm_channel, srpm_channel, debuginfo_channel].into_iter().flatten() {
                self.check_channel(channel);
            }
        }
    }

    fn check_spec_source(&mut self, owner: Owner<'_>, place: Place, spec: &SpecSourceTable) {
        let kind = spec.kind.map(|kind| kind.value);
        if kind == Some(SpecSourceType::Local) && !says(spec.path.as_ref()) {
            let place = spec.kind.map_or(place, |kind| kind.place);
            let message = match owner {
                Owner::Component(name) => format!("local component `{name}` names no spec file"),
                Owner::Defaults(_) => format!("{owner} are local and name no spec file"),
            };
            self.collector.report_hinted(place, message, "add `path`");
        }
        self.check_beside_type(owner, spec, SpecSourceType::Local, "path", spec.path.as_ref());
        let upstream = SpecSourceType::Upstream;
        self.check_beside_type(owner, spec, upstream, "upstream-name", spec.upstream_name.as_ref());
        self.check_beside_type(owner, spec, upstream, "upstream-commit", spec.upstream_commit.as_ref());
        if let Some(name) = spec.upstream_name.as_ref().filter(|name| !name.is_empty())
            && !is_plain_name(name)
        {
            self.collector.report(name.place, format!("`{name}` is no name of a source package"));
        }
        if let Some(commit) = spec.upstream_commit.as_ref().filter(|commit| !commit.is_empty())
            && !((7..=40).contains(&commit.len()) && commit.chars().all(|c| c.is_ascii_hexdigit()))
        {
            let message = format!("`{commit}` is no commit");
            self.collector.report_hinted(commit.place, message, "write 7 to 40 hexadecimal digits");
        }
        let snapshot = spec.upstream_distro.as_ref().and_then(|distro| distro.snapshot.as_ref());
        let Some(snapshot) = snapshot.filter(|snapshot| !snapshot.is_empty()) else { return };
        if let Owner::Component(name) = owner {
            let hint =
                "only distributions, groups and the project choose a snapshot; pin `upstream-commit` instead";
            let message = format!("component `{name}` names a snapshot");
            self.collector.report_hinted(snapshot.place, message, hint);
        }
        self.check_snapshot(snapshot);
    }

    /// Some keys stand beside the type they belong to, also where the type is inherited.
    fn check_beside_type(
        &mut self,
        owner: Owner<'_>,
        spec: &SpecSourceTable,
        wanted: SpecSourceType,
        key: &str,
        field: Option<&Text>,
    ) {
        let Some(field) = field.filter(|field| !field.is_empty()) else { return };
        if spec.kind.is_none_or(|kind| kind.value != wanted) {
            let message = format!("`{key}` of {owner} needs `type = \"{wanted}\"` beside it");
            let hint = format!("add `type = \"{wanted}\"` or delete `{key}`");
            self.collector.report_hinted(field.place, message, hint);
        }
    }

    pub(crate) fn check_snapshot(&mut self, snapshot: &Text) {
        if !is_rfc3339(snapshot) {
            let hint = "write it like `2026-02-24T00:00:00Z`";
            self.collector.report_hinted(
                snapshot.place,
                format!("`{snapshot}` is no moment as RFC 3339 writes it"),
                hint,
            );
        }
    }

    fn check_build(&mut self, build: &BuildTable) {
        if let Some(check) = &build.check {
            self.check_reason(check.skip, check.skip_reason.as_ref(), "skip_reason");
            if let Some(reason) = check.skip_reason.as_ref().filter(|reason| reason.contains(['\n', '\r'])) {
                let hint = "it becomes one comment line of the spec file";
                self.collector.report_hinted(reason.place, "the reason has several lines", hint);
            }
        }
        if let Some(failure) = &build.failure {
            self.check_reason(failure.expected, failure.expected_reason.as_ref(), "expected-reason");
        }
        for name in build.with.iter().chain(&build.without).chain(&build.undefines).flatten() {
            self.check_macro_word(name, name.place);
        }
        for (name, value) in &*build.defines {
            self.check_macro_word(name, value.place);
            let ends_early = value.value.split('\n').rev().skip(1).any(|line| !line.ends_with('\\'));
            if ends_early || value.value.contains('\r') {
                let hint = "end every line but the last with `\\\\`";
                self.collector.report_hinted(
                    value.place,
                    format!("the macro `{name}` ends at a line break in its value"),
                    hint,
                );
            }
        }
    }

    /// What becomes a macro's name must stay one word of its line.
    fn check_macro_word(&mut self, word: &str, place: Place) {
        if word.is_empty() || word.chars().any(|c| c.is_whitespace() || c.is_control()) {
            self.collector.report(place, format!("`{word}` is no name of a macro"));
        }
    }

    /// A switch that is on needs a reason beside it.
    fn check_reason(&mut self, on: Option<Located<bool>>, reason: Option<&Text>, key: &str) {
        let Some(Located { value: true, place }) = on else { return };
        if !says(reason) {
            let place = reason.map_or(place, |reason| reason.place);
            self.collector.report_hinted(place, "no reason is given", format!("add `{key} = \"…\"`"));
        }
    }

    pub(crate) fn check_package_publish(&mut self, publish: Option<&PackagePublishTable>) {
        let Some(PackagePublishTable { rpm_channel, debuginfo_channel, channel }) = publish else { return };
        for channel in [rpm_channel, debuginfo_channel, channel].into_iter().flatten() {
            self.check_channel(channel);
        }
    }

    pub(crate) fn check_channel(&mut self, channel: &Text) {
        if matches!(channel.as_str(), "." | "..") || channel.contains(['/', '\\', '\n', '\r', '\0']) {
            let hint = "it becomes a folder: use no `/` and `\\`";
            self.collector.report_hinted(channel.place, format!("`{channel}` is no name of a channel"), hint);
        }
    }
}
