//! `[components]`, `[component-groups]` and `[package-groups]`: names checked. Inheritance is not resolved here.

use std::collections::BTreeMap;

use super::Resolver;
use super::text::is_plain_name;
use crate::decode::Text;
use crate::distro::Component;
use crate::nearest::advice;
use crate::place::{Located, Place};
use crate::tables::{ComponentTable, SpecSourceType};

impl Resolver<'_> {
    pub(crate) fn components(&mut self) -> BTreeMap<String, Component> {
        let mut components = BTreeMap::new();
        for (name, table) in &*self.file.components {
            if !is_plain_name(name) {
                self.collector.report(table.place, format!("`{name}` is no name of a component"));
            }
            self.check_component(name, table);
            let component =
                Component { name: Located::new(name.clone(), table.place), bare: table.is_bare() };
            components.insert(name.clone(), component);
        }
        self.check_groups();
        self.check_package_groups();
        components
    }

    fn check_component(&mut self, name: &str, table: &Located<ComponentTable>) {
        self.check_overlays(table.overlays.as_deref().unwrap_or_default());
        self.check_source_files(table.source_files.as_deref().unwrap_or_default());
        if let Some(build) = &table.build {
            if let Some(check) = &build.check {
                self.check_reason(check.skip, check.skip_reason.as_ref(), "skip_reason");
            }
            if let Some(failure) = &build.failure {
                self.check_reason(failure.expected, failure.expected_reason.as_ref(), "expected-reason");
            }
        }
        let Some(spec) = &table.spec else { return };
        let kind = spec.kind.map(|kind| kind.value);
        if kind == Some(SpecSourceType::Local) && spec.path.is_none() {
            let place = spec.kind.map_or(table.place, |kind| kind.place);
            self.collector.report_hinted(
                place,
                format!("local component `{name}` names no spec file"),
                "add `path`",
            );
        }
        let needs = |wanted: SpecSourceType,
                     field: Option<&Text>,
                     key: &str,
                     problems: &mut Vec<(Place, String, String)>| {
            if let Some(field) = field
                && kind != Some(wanted)
            {
                let message = format!("`{key}` of component `{name}` needs `type = \"{wanted}\"` beside it");
                problems.push((field.place, message, format!("add `type = \"{wanted}\"` or delete `{key}`")));
            }
        };
        let mut problems = Vec::new();
        needs(SpecSourceType::Local, spec.path.as_ref(), "path", &mut problems);
        needs(SpecSourceType::Upstream, spec.upstream_name.as_ref(), "upstream-name", &mut problems);
        needs(SpecSourceType::Upstream, spec.upstream_commit.as_ref(), "upstream-commit", &mut problems);
        for (place, message, hint) in problems {
            self.collector.report_hinted(place, message, hint);
        }
        if let Some(commit) = &spec.upstream_commit
            && !((7..=40).contains(&commit.len()) && commit.chars().all(|c| c.is_ascii_hexdigit()))
        {
            let message = format!("`{commit}` is no commit");
            self.collector.report_hinted(commit.place, message, "write 7 to 40 hexadecimal digits");
        }
        if let Some(distro) = &spec.upstream_distro {
            if let Some(snapshot) = &distro.snapshot {
                let hint = "only distributions, groups and the project choose a snapshot; pin `upstream-commit` instead";
                self.collector.report_hinted(
                    snapshot.place,
                    format!("component `{name}` names a snapshot"),
                    hint,
                );
            }
            self.distro_reference(distro);
        }
    }

    fn check_groups(&mut self) {
        for (group, table) in &*self.file.component_groups {
            if let Some(metadata) = &table.metadata {
                self.check_metadata(metadata);
            }
            for name in table.components.iter().flatten() {
                if !self.file.components.contains_key(&name.value) {
                    let hint = advice(name, self.file.components.keys().map(String::as_str));
                    let message = format!("there is no component `{name}`, which group `{group}` lists");
                    self.collector.report_if_complete(name.place, message, hint);
                }
            }
        }
    }

    /// A package belongs to one group at most.
    fn check_package_groups(&mut self) {
        let mut owners: BTreeMap<&str, (&str, Place)> = BTreeMap::new();
        for (group, table) in &*self.file.package_groups {
            for package in table.packages.iter().flatten() {
                if package.is_empty() {
                    self.collector
                        .report(package.place, format!("a package of group `{group}` has an empty name"));
                    continue;
                }
                if let Some((owner, place)) = owners.insert(package.as_str(), (group.as_str(), package.place))
                {
                    let hint = format!("it is first listed at {}", self.collector.sources.describe(place));
                    let message = format!("package `{package}` is in groups `{owner}` and `{group}`");
                    self.collector.report_hinted(package.place, message, hint);
                }
            }
        }
    }
}

impl ComponentTable {
    /// Whether it states nothing.
    fn is_bare(&self) -> bool {
        self.spec.is_none()
            && self.release.is_none()
            && self.overlays.is_none()
            && self.overlay_files.is_none()
            && self.build.is_none()
            && self.render.is_none()
            && self.source_files.is_none()
            && self.packages.is_empty()
            && self.publish.is_none()
    }
}
