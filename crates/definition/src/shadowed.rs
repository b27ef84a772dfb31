//! Definition files in the order in which later ones override, in; a remark for every value that a later file overrides, out.

use std::collections::BTreeMap;

use crate::decode::{Entries, Text};
use crate::place::{Located, Place};
use crate::problem::Collector;
use crate::remark::RemarkKind;
use crate::tables::{DefinitionFile, DistroReferenceTable, DistroTable, PackageConfigTable, ProjectTable};

/// Remarks on values that a later file overrides.
pub(crate) fn remark_shadowed(files: &[DefinitionFile], collector: &mut Collector) {
    if !collector.wants_remarks() {
        return;
    }
    let mut seen = Seen { collector, last: BTreeMap::new() };
    for file in files {
        if let Some(project) = &file.project {
            seen.project(project);
        }
        for (name, distro) in &*file.distros {
            seen.distro(name, distro);
        }
        if let Some(resources) = &file.resources {
            seen.entries("resources.rpm-repos", &resources.rpm_repos);
            seen.entries("resources.rpm-repo-set-templates", &resources.rpm_repo_set_templates);
            seen.entries("resources.rpm-repo-sets", &resources.rpm_repo_sets);
            seen.entries("resources.deb-repos", &resources.deb_repos);
        }
        if let Some(defaults) = &file.default_component_config {
            for statement in defaults.statements() {
                if statement.says_something() {
                    seen.at(format!("default-component-config.{}", statement.key), statement.place);
                }
            }
        }
        if let Some(PackageConfigTable { publish: Some(publish) }) = &file.default_package_config {
            seen.text("default-package-config.publish.rpm-channel", publish.rpm_channel.as_ref());
            seen.text("default-package-config.publish.debuginfo-channel", publish.debuginfo_channel.as_ref());
            seen.text("default-package-config.publish.channel", publish.channel.as_ref());
        }
        let customizer = file.tools.as_ref().and_then(|tools| tools.image_customizer.as_ref());
        let tag = customizer.and_then(|customizer| customizer.container_tag.as_ref());
        seen.text("tools.imageCustomizer.containerTag", tag);
    }
}

/// Where each key was last stated.
struct Seen<'a> {
    collector: &'a mut Collector,
    last: BTreeMap<String, Place>,
}

impl Seen<'_> {
    fn at(&mut self, key: String, place: Place) {
        if let Some(earlier) = self.last.insert(key.clone(), place) {
            let hint = format!("delete it here, or at {}", self.collector.sources.describe(place));
            let message = format!("`{key}` is overridden by a file read later");
            self.collector.remark(RemarkKind::Shadowed, earlier, message, hint);
        }
    }

    /// Text that is empty overrides nothing.
    fn text(&mut self, key: &str, text: Option<&Text>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.at(key.to_owned(), text.place);
        }
    }

    fn entries<T>(&mut self, key: &str, entries: &Entries<T>) {
        for (name, Located { place, .. }) in &**entries {
            self.at(format!("{key}.{name}"), *place);
        }
    }

    fn project(&mut self, project: &ProjectTable) {
        for (key, text) in [
            ("description", &project.description),
            ("log-dir", &project.log_dir),
            ("work-dir", &project.work_dir),
            ("output-dir", &project.output_dir),
            ("rendered-specs-dir", &project.rendered_specs_dir),
            ("lock-dir", &project.lock_dir),
            ("default-author-email", &project.default_author_email),
            ("architecture", &project.architecture),
        ] {
            self.text(&format!("project.{key}"), text.as_ref());
        }
        if let Some(DistroReferenceTable { name, version, snapshot }) = &project.default_distro {
            self.text("project.default-distro.name", Some(name));
            self.text("project.default-distro.version", version.as_ref());
            self.text("project.default-distro.snapshot", snapshot.as_ref());
        }
        let first = project.upstreams.as_ref().and_then(|upstreams| upstreams.first());
        self.text("project.upstreams", first.map(|upstream| &upstream.name));
    }

    fn distro(&mut self, name: &str, distro: &DistroTable) {
        for (key, text) in [
            ("description", &distro.description),
            ("default-version", &distro.default_version),
            ("dist-git-base-uri", &distro.dist_git_base_uri),
            ("lookaside-base-uri", &distro.lookaside_base_uri),
        ] {
            self.text(&format!("distros.{name}.{key}"), text.as_ref());
        }
        let first = distro.repos.as_ref().and_then(|repos| repos.first());
        self.text(&format!("distros.{name}.repos"), first.map(|repository| &repository.base_uri));
        self.entries(&format!("distros.{name}.versions"), &distro.versions);
    }
}
