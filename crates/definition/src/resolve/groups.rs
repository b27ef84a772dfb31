//! `[component-groups]` and `[package-groups]`: members checked, spec files found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Resolver;
use super::text::is_plain_name;
use crate::component::{ComponentGroup, PackageGroup};
use crate::decode::Text;
use crate::files::{self, GlobError, Unreadable};
use crate::nearest::advice;
use crate::place::{Located, Place};
use crate::tables::ComponentGroupTable;

/// What groups say of components.
#[derive(Default)]
pub(crate) struct Membership {
    /// Groups of each component that has any, sorted.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
    /// Spec files found by the groups' patterns, by component.
    pub(crate) found: BTreeMap<String, FoundSpec>,
}

/// A spec file that a group's pattern matches.
pub(crate) struct FoundSpec {
    pub(crate) path: PathBuf,
    /// The pattern.
    pub(crate) place: Place,
}

impl Resolver<'_> {
    pub(crate) fn membership(&mut self) -> Membership {
        let mut membership = Membership::default();
        let file = self.file;
        for (group, table) in &*file.component_groups {
            for name in table.components.iter().flatten() {
                if file.components.contains_key(&name.value) {
                    membership.join(&name.value, group);
                    continue;
                }
                let hint = advice(name, file.components.keys().map(String::as_str));
                let message = format!("there is no component `{name}`, which group `{group}` lists");
                self.collector.report_if_complete(name.place, message, hint);
            }
            for (name, found) in self.found_specs(table) {
                membership.join(&name, group);
                match membership.found.get(&name) {
                    Some(other) if other.path != found.path => {
                        let message = format!(
                            "component `{name}` has two spec files: {} and {}",
                            other.path.display(),
                            found.path.display()
                        );
                        let hint = "list one of them under `excluded-paths`";
                        self.collector.report_hinted(found.place, message, hint);
                    }
                    Some(_) => {}
                    None => drop(membership.found.insert(name, found)),
                }
            }
        }
        membership
    }

    fn found_specs(&mut self, table: &ComponentGroupTable) -> Vec<(String, FoundSpec)> {
        let mut specs = Vec::new();
        let excluded: Vec<&Text> = table.excluded_paths.iter().flatten().collect();
        for pattern in table.specs.iter().flatten() {
            if pattern.is_empty() {
                self.collector.report(pattern.place, "a pattern of spec files is empty");
                continue;
            }
            for path in self.matching(pattern, Unreadable::Skipped) {
                if excluded.iter().any(|excluded| self.matches(excluded, &path)) {
                    continue;
                }
                let name = path.file_stem().map_or_else(String::new, |stem| stem.display().to_string());
                if !is_plain_name(&name) {
                    let message = format!("spec file {} gives no name for a component", self.shown(&path));
                    self.collector.report(pattern.place, message);
                    continue;
                }
                specs.push((name, FoundSpec { path, place: pattern.place }));
            }
        }
        specs
    }

    /// Files that a pattern matches below the folder of the file that holds it.
    fn matching(&mut self, pattern: &Text, unreadable: Unreadable) -> Vec<PathBuf> {
        let folder = self.folder_of(pattern.place);
        match files::glob(&folder, pattern, unreadable) {
            Ok(found) => found,
            Err(error) => {
                self.report_glob(pattern, &error);
                Vec::new()
            }
        }
    }

    fn matches(&mut self, pattern: &Text, path: &Path) -> bool {
        let folder = self.folder_of(pattern.place);
        match files::matches(&folder, pattern, path) {
            Ok(matches) => matches,
            Err(error) => {
                self.report_glob(pattern, &error);
                false
            }
        }
    }

    pub(crate) fn report_glob(&mut self, pattern: &Text, error: &GlobError) {
        let message = match error {
            GlobError::Pattern(reason) => format!("`{pattern}` is no glob pattern: {reason}"),
            GlobError::Read(folder, error) => format!("cannot read folder {}: {error}", folder.display()),
        };
        self.collector.report(pattern.place, message);
    }

    pub(crate) fn folder_of(&self, place: Place) -> PathBuf {
        self.collector.sources.path(place).parent().unwrap_or(Path::new("/")).to_owned()
    }

    /// A path as messages print it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.shown_from).unwrap_or(path).display().to_string()
    }

    pub(crate) fn component_groups(&mut self, membership: &Membership) -> BTreeMap<String, ComponentGroup> {
        let mut members: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (component, groups) in &membership.groups {
            for group in groups {
                members.entry(group).or_default().push(component.clone());
            }
        }
        let mut resolved = BTreeMap::new();
        for (name, table) in &*self.file.component_groups {
            let group = ComponentGroup {
                name: Located::new(name.clone(), table.place),
                description: table.description.as_ref().map_or_else(String::new, |text| text.value.clone()),
                metadata: table.metadata.as_ref().and_then(|metadata| self.metadata(metadata)),
                components: members.remove(name.as_str()).unwrap_or_default(),
            };
            resolved.insert(name.clone(), group);
        }
        resolved
    }

    /// A package belongs to one group at most.
    pub(crate) fn package_groups(&mut self) -> BTreeMap<String, PackageGroup> {
        let mut owners: BTreeMap<&str, (&str, Place)> = BTreeMap::new();
        let mut groups = BTreeMap::new();
        for (group, table) in &*self.file.package_groups {
            for package in table.packages.iter().flatten() {
                if package.trim().is_empty() || package.contains(char::is_control) {
                    let message = format!("a package of group `{group}` has no usable name");
                    self.collector.report(package.place, message);
                    continue;
                }
                if let Some((owner, place)) = owners.insert(package.as_str(), (group.as_str(), package.place))
                {
                    let hint = format!("it is first listed at {}", self.collector.sources.describe(place));
                    let message = format!("package `{package}` is in groups `{owner}` and `{group}`");
                    self.collector.report_hinted(package.place, message, hint);
                }
            }
            let resolved = PackageGroup {
                name: Located::new(group.clone(), table.place),
                description: table.description.as_ref().map_or_else(String::new, |text| text.value.clone()),
                packages: table.packages.clone().unwrap_or_default(),
                publish: self.package_publish(table.default_package_config.as_ref()),
            };
            groups.insert(group.clone(), resolved);
        }
        groups
    }
}

impl Membership {
    fn join(&mut self, component: &str, group: &str) {
        let groups = self.groups.entry(component.to_owned()).or_default();
        if groups.last().is_none_or(|last| last != group) {
            groups.push(group.to_owned());
        }
    }
}
