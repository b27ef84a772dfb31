//! Definition files in the order in which later ones override, in; one file that says the same, out.

use crate::decode::{Entries, Text};
use crate::place::Located;
use crate::problem::Collector;
use crate::tables::{
    DefinitionFile, DistroTable, ImageCustomizerTable, PackageConfigTable, ProjectTable, ResourcesTable,
    ToolsTable,
};

/// All files as one, by each table's own rule.
pub(crate) fn merge(files: Vec<DefinitionFile>, collector: &mut Collector) -> DefinitionFile {
    let mut files = files.into_iter();
    let mut merged = files.next().unwrap_or_else(DefinitionFile::empty);
    for file in files {
        merge_project(&mut merged.project, file.project);
        merge_distros(&mut merged.distros, file.distros);
        merge_resources(&mut merged.resources, file.resources);
        unite(&mut merged.component_groups, file.component_groups, "component group", collector);
        unite(&mut merged.components, file.components, "component", collector);
        unite(&mut merged.images, file.images, "image", collector);
        unite(&mut merged.package_groups, file.package_groups, "package group", collector);
        unite(&mut merged.test_suites, file.test_suites, "test suite", collector);
        merge_tools(&mut merged.tools, file.tools);
        match (&mut merged.default_component_config, file.default_component_config) {
            (Some(base), Some(over)) => base.value.override_by(&over.value),
            (base, over) => *base = over.or(base.take()),
        }
        merge_package_config(&mut merged.default_package_config, file.default_package_config);
    }
    merged
}

/// The tables of both; a name in both is a problem.
fn unite<T>(base: &mut Entries<T>, over: Entries<T>, what: &str, collector: &mut Collector) {
    for (name, entry) in over.0 {
        if let Some(first) = base.0.get(&name) {
            let hint = format!("it is first defined at {}", collector.sources.describe(first.place));
            collector.report_hinted(entry.place, format!("{what} `{name}` is defined twice"), hint);
            continue;
        }
        base.0.insert(name, entry);
    }
}

/// A value that says nothing never overrides one that does.
fn text(base: &mut Option<Text>, over: Option<Text>) {
    if let Some(over) = over
        && !over.is_empty()
    {
        *base = Some(over);
    }
}

fn list<T>(base: &mut Option<Vec<T>>, over: Option<Vec<T>>) {
    if let Some(over) = over
        && !over.is_empty()
    {
        *base = Some(over);
    }
}

fn merge_project(base: &mut Option<ProjectTable>, over: Option<ProjectTable>) {
    let Some(over) = over else { return };
    let Some(base) = base else {
        *base = Some(over);
        return;
    };
    text(&mut base.description, over.description);
    text(&mut base.log_dir, over.log_dir);
    text(&mut base.work_dir, over.work_dir);
    text(&mut base.output_dir, over.output_dir);
    text(&mut base.rendered_specs_dir, over.rendered_specs_dir);
    text(&mut base.lock_dir, over.lock_dir);
    text(&mut base.default_author_email, over.default_author_email);
    text(&mut base.architecture, over.architecture);
    list(&mut base.upstreams, over.upstreams);
    match (&mut base.default_distro, over.default_distro) {
        (Some(base), Some(over)) => {
            base.name = over.name;
            text(&mut base.version, over.version);
            text(&mut base.snapshot, over.snapshot);
        }
        (base, over) => *base = over.or(base.take()),
    }
}

fn merge_distros(base: &mut Entries<DistroTable>, over: Entries<DistroTable>) {
    for (name, over) in over.0 {
        let Some(Located { value: base, .. }) = base.0.get_mut(&name) else {
            base.0.insert(name, over);
            continue;
        };
        let over = over.value;
        text(&mut base.description, over.description);
        text(&mut base.default_version, over.default_version);
        text(&mut base.dist_git_base_uri, over.dist_git_base_uri);
        text(&mut base.lookaside_base_uri, over.lookaside_base_uri);
        list(&mut base.repos, over.repos);
        base.disable_origins = over.disable_origins.filter(|disable| *disable).or(base.disable_origins);
        base.versions.0.extend(over.versions.0);
    }
}

fn merge_resources(base: &mut Option<ResourcesTable>, over: Option<ResourcesTable>) {
    let Some(over) = over else { return };
    let Some(base) = base else {
        *base = Some(over);
        return;
    };
    base.rpm_repos.0.extend(over.rpm_repos.0);
    base.rpm_repo_set_templates.0.extend(over.rpm_repo_set_templates.0);
    base.rpm_repo_sets.0.extend(over.rpm_repo_sets.0);
    base.deb_repos.0.extend(over.deb_repos.0);
}

fn merge_tools(base: &mut Option<ToolsTable>, over: Option<ToolsTable>) {
    let tag = over.and_then(|tools| tools.image_customizer).and_then(|customizer| customizer.container_tag);
    let Some(over) = tag.filter(|tag| !tag.is_empty()) else { return };
    *base = Some(ToolsTable { image_customizer: Some(ImageCustomizerTable { container_tag: Some(over) }) });
}

fn merge_package_config(base: &mut Option<PackageConfigTable>, over: Option<PackageConfigTable>) {
    let over = over.and_then(|config| config.publish);
    let Some(over) = over else { return };
    let Some(base) = base.as_mut().and_then(|config| config.publish.as_mut()) else {
        *base = Some(PackageConfigTable { publish: Some(over) });
        return;
    };
    text(&mut base.rpm_channel, over.rpm_channel);
    text(&mut base.debuginfo_channel, over.debuginfo_channel);
    text(&mut base.channel, over.channel);
}

impl DefinitionFile {
    /// A file without a table.
    pub(crate) fn empty() -> Self {
        Self {
            schema: None,
            includes: None,
            project: None,
            distros: Entries::default(),
            resources: None,
            component_groups: Entries::default(),
            components: Entries::default(),
            images: Entries::default(),
            package_groups: Entries::default(),
            test_suites: Entries::default(),
            tools: None,
            default_component_config: None,
            default_package_config: None,
        }
    }
}
