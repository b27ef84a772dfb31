//! `[components]`: every component with all that it inherits.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Resolver;
use super::component_checks::Owner;
use super::groups::Membership;
use super::text::{is_plain_name, stated};
use crate::component::{
    Build, Component, ComponentPublish, PackagePublish, ReleaseCalculation, SpecSource, UpstreamSource,
};
use crate::decode::Text;
use crate::distro::DistroReference;
use crate::files;
use crate::place::{Located, Place};
use crate::tables::{
    BuildTable, ComponentTable, PackageConfigTable, ReleaseWord, SpecSourceTable, SpecSourceType,
};

impl Resolver<'_> {
    pub(crate) fn components(
        &mut self,
        membership: &Membership,
        target: Option<&DistroReference>,
    ) -> BTreeMap<String, Component> {
        self.check_component_tables();
        let defaults = self.defaults(target);
        let file = self.file;
        let nothing = ComponentTable::default();
        let written = file.components.iter().map(|(name, table)| (name, table.place, &table.value));
        let found = membership.found.iter().filter(|(name, _)| !file.components.contains_key(*name));
        let found = found.map(|(name, found)| (name, found.place, &nothing));
        let mut components = BTreeMap::new();
        for (name, place, table) in written.chain(found) {
            let name = Located::new(name.clone(), place);
            let component = self.component(name, table, &defaults, membership);
            components.insert(component.name.value.clone(), component);
        }
        components
    }

    fn check_component_tables(&mut self) {
        let file = self.file;
        for (name, table) in &*file.components {
            if !is_plain_name(name) {
                self.collector.report(table.place, format!("`{name}` is no name of a component"));
            }
            if !table.is_bare() {
                self.check_component_table(Owner::Component(name), table.place, table);
            }
        }
        for (name, group) in &*file.component_groups {
            if let Some(defaults) = &group.default_component_config {
                self.check_defaults(&format!("group `{name}`"), group.place, defaults);
            }
        }
        if let Some(defaults) = &file.default_component_config {
            self.check_defaults("the project", defaults.place, defaults);
        }
        for (name, distro) in &*file.distros {
            for (version, table) in &*distro.versions {
                if let Some(defaults) = &table.default_component_config {
                    self.check_defaults(&format!("`{name}` `{version}`"), table.place, defaults);
                }
            }
        }
    }

    fn check_defaults(&mut self, whose: &str, place: Place, defaults: &ComponentTable) {
        self.check_component_table(Owner::Defaults(whose), place, defaults);
        // Whether any component inherits them or not.
        self.overlays(defaults.overlays.as_deref().unwrap_or_default());
    }

    /// What every component starts from: the target's defaults, the project's over them.
    fn defaults(&self, target: Option<&DistroReference>) -> ComponentTable {
        let version = target.and_then(|target| {
            self.file.distros.get(&target.name).and_then(|distro| distro.versions.get(&target.version))
        });
        let of_target = version.and_then(|version| version.default_component_config.clone());
        let mut defaults = of_target.unwrap_or_default();
        if let Some(of_project) = &self.file.default_component_config {
            defaults.override_by(of_project);
        }
        defaults
    }

    fn component(
        &mut self,
        name: Located<String>,
        own: &ComponentTable,
        defaults: &ComponentTable,
        membership: &Membership,
    ) -> Component {
        let mut table = defaults.clone();
        let groups = membership.groups.get(&name.value).cloned().unwrap_or_default();
        let mut layers = vec![(None, defaults)];
        for group in &groups {
            let of_group = self.file.component_groups.get(group);
            if let Some(of_group) = of_group.and_then(|group| group.default_component_config.as_ref()) {
                table.override_by(of_group);
                layers.push((Some(group.as_str()), of_group));
            }
        }
        table.override_by(own);
        let found = membership.found.get(&name.value);
        let spec = match found {
            Some(found) => self.found_spec(&name, table.spec.as_deref(), &found.path),
            None => self.spec_source(&name, table.spec.as_deref()),
        };
        let mut overlays = self.overlays(table.overlays.as_deref().unwrap_or_default());
        self.remark_reasons(&overlays, false);
        let folder = match found {
            // A component without a table of its own is defined by its spec file.
            Some(found) if !self.file.components.contains_key(&name.value) => {
                found.path.parent().map(PathBuf::from).unwrap_or_default()
            }
            _ => self.folder_of(name.place),
        };
        let patterns = table.overlay_files.as_deref().unwrap_or_default();
        overlays.extend(self.overlays_of_files(&name, &folder, patterns));
        let keeps_all_files = table.render.and_then(|render| render.skip_file_filter);
        let component = Component {
            bare: own.is_bare(),
            groups: groups.clone(),
            spec,
            release: table.release.and_then(|release| release.calculation).into(),
            overlays,
            build: table.build.as_deref().map(Build::from).unwrap_or_default(),
            keeps_all_files: keeps_all_files.is_some_and(|keeps| keeps.value),
            source_files: self.source_files(table.source_files.as_deref().unwrap_or_default()),
            packages: table
                .packages
                .iter()
                .map(|(name, config)| (name.clone(), PackagePublish::from(&config.value)))
                .collect(),
            publish: ComponentPublish {
                rpm_channel: table.publish.as_ref().and_then(|publish| stated(publish.rpm_channel.as_ref())),
                srpm_channel: table
                    .publish
                    .as_ref()
                    .and_then(|publish| stated(publish.srpm_channel.as_ref())),
                debuginfo_channel: table
                    .publish
                    .as_ref()
                    .and_then(|publish| stated(publish.debuginfo_channel.as_ref())),
            },
            name,
        };
        self.check_archives(&component);
        self.remark_component(&component, own, &layers);
        component
    }

    fn found_spec(
        &mut self,
        name: &Located<String>,
        spec: Option<&SpecSourceTable>,
        found: &std::path::Path,
    ) -> SpecSource {
        if let Some(path) = spec.and_then(|spec| spec.path.as_ref()).filter(|path| !path.is_empty())
            && self.collector.sources.anchor(path) != found
        {
            let message = format!("component `{name}` has another spec file: {}", self.shown(found));
            let hint = "a group finds it by `specs`; list it under `excluded-paths`, or delete `path`";
            self.collector.report_hinted(path.place, message, hint);
        }
        SpecSource::Local { path: found.to_owned() }
    }

    fn spec_source(&mut self, name: &Located<String>, spec: Option<&SpecSourceTable>) -> SpecSource {
        let Some(spec) = spec else { return SpecSource::Unstated };
        match spec.kind.map(|kind| kind.value) {
            Some(SpecSourceType::Local) => {
                let Some(path) = spec.path.as_ref().filter(|path| !path.is_empty()) else {
                    return SpecSource::Unstated;
                };
                let absolute = self.collector.sources.anchor(path);
                if !files::is_file(&absolute) {
                    let message = format!("spec file {} does not exist", absolute.display());
                    self.collector.report(path.place, message);
                }
                SpecSource::Local { path: absolute }
            }
            Some(SpecSourceType::Upstream) => {
                self.upstream_source(name, spec).map_or(SpecSource::Unstated, SpecSource::Upstream)
            }
            Some(SpecSourceType::Inherited) | None => SpecSource::Unstated,
        }
    }

    fn upstream_source(&mut self, name: &Located<String>, spec: &SpecSourceTable) -> Option<UpstreamSource> {
        let Some(distro) = self.stated_distro(spec) else {
            let message = format!("component `{name}` comes from no distribution");
            let hint = "add `upstream-distro` to its `spec`, or `default-distro` to [project]".to_owned();
            self.collector.report_if_complete(name.place, message, hint);
            return None;
        };
        let version = self.version_of(distro.name, distro.version)?;
        Some(distro.source(version, spec))
    }

    /// What a component without a table of its own and in no group comes from; quietly, for each such component speaks up.
    pub(crate) fn usual_source(&self, target: Option<&DistroReference>) -> Option<UpstreamSource> {
        let defaults = self.defaults(target);
        let spec = defaults.spec.as_deref()?;
        if spec.kind.map(|kind| kind.value) != Some(SpecSourceType::Upstream) {
            return None;
        }
        let stated = self.stated_distro(spec)?;
        let distro = self.file.distros.get(&stated.name.value)?;
        let version = stated.version.or(distro.default_version.as_ref())?;
        distro.versions.contains_key(&version.value).then(|| stated.source(version.value.clone(), spec))
    }

    /// The component's own reference, or the project's whole: without a name the rest of a reference does not count.
    fn stated_distro<'t>(&self, spec: &'t SpecSourceTable) -> Option<StatedDistro<'t>>
    where
        Self: 't,
    {
        let own = spec.upstream_distro.as_ref();
        if let Some(own) = own
            && let Some(name) = own.name.as_ref().filter(|name| !name.is_empty())
        {
            return Some(StatedDistro::new(name, own.version.as_ref(), own.snapshot.as_ref()));
        }
        let project = self.file.project.as_ref()?;
        let distro = project.default_distro.as_ref()?;
        Some(StatedDistro::new(&distro.name, distro.version.as_ref(), distro.snapshot.as_ref()))
    }

    pub(crate) fn package_publish(&mut self, config: Option<&PackageConfigTable>) -> PackagePublish {
        self.check_package_publish(config.and_then(|config| config.publish.as_ref()));
        config.map(PackagePublish::from).unwrap_or_default()
    }
}

/// A distribution as some table names it.
struct StatedDistro<'t> {
    name: &'t Text,
    version: Option<&'t Text>,
    snapshot: Option<&'t Text>,
}

impl<'t> StatedDistro<'t> {
    fn new(name: &'t Text, version: Option<&'t Text>, snapshot: Option<&'t Text>) -> Self {
        Self { name, version: version.filter(|version| !version.is_empty()), snapshot }
    }

    fn source(&self, version: String, spec: &SpecSourceTable) -> UpstreamSource {
        UpstreamSource {
            distro: self.name.value.clone(),
            version,
            stated_version: self.version.map(|version| version.value.clone()),
            snapshot: stated(self.snapshot),
            stated_name: stated(spec.upstream_name.as_ref()),
            commit: spec.upstream_commit.clone().filter(|commit| !commit.is_empty()),
        }
    }
}

impl From<&PackageConfigTable> for PackagePublish {
    fn from(table: &PackageConfigTable) -> Self {
        let Some(publish) = &table.publish else { return Self::default() };
        Self {
            rpm_channel: stated(publish.rpm_channel.as_ref()).or_else(|| stated(publish.channel.as_ref())),
            debuginfo_channel: stated(publish.debuginfo_channel.as_ref()),
        }
    }
}

impl From<Option<Located<ReleaseWord>>> for ReleaseCalculation {
    fn from(word: Option<Located<ReleaseWord>>) -> Self {
        match word.map(|word| word.value) {
            None | Some(ReleaseWord::Auto | ReleaseWord::Unset) => Self::Auto,
            Some(ReleaseWord::Autorelease) => Self::Autorelease,
            Some(ReleaseWord::Static) => Self::Static,
            Some(ReleaseWord::Manual) => Self::Manual,
        }
    }
}

impl From<&BuildTable> for Build {
    fn from(table: &BuildTable) -> Self {
        let words = |list: &Option<Vec<Located<String>>>| {
            list.iter().flatten().map(|word| word.value.clone()).collect()
        };
        let reason = |on: Option<Located<bool>>, reason: Option<&Located<String>>| {
            let on = on.filter(|on| on.value)?;
            Some(reason.cloned().unwrap_or_else(|| Located::new(String::new(), on.place)))
        };
        let check = table.check.as_ref();
        let failure = table.failure.as_ref();
        let is_on = |value: Option<Located<bool>>| value.is_some_and(|value| value.value);
        Self {
            with: words(&table.with),
            without: words(&table.without),
            defines: table.defines.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect(),
            undefines: words(&table.undefines),
            emits_upstream_provenance: is_on(table.emit_upstream_provenance),
            check_skipped: check.and_then(|check| reason(check.skip, check.skip_reason.as_ref())),
            expected_failure: failure
                .and_then(|failure| reason(failure.expected, failure.expected_reason.as_ref())),
            expensive: is_on(table.hints.as_ref().and_then(|hints| hints.expensive)),
        }
    }
}

impl ComponentTable {
    /// Whether it states nothing.
    pub(crate) fn is_bare(&self) -> bool {
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
