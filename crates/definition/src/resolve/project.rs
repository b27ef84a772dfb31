//! `[project]` with its defaults.

use std::path::{Path, PathBuf};

use super::Resolver;
use super::text::check_one_line;
use crate::decode::Text;
use crate::distro::{DistroReference, Project};
use crate::nearest::advice;
use crate::tables::DistroReferenceTable;

/// Architectures that images can be built for.
const ARCHITECTURES: &[&str] = &["x86_64"];

impl Resolver<'_> {
    pub(crate) fn project(&mut self) -> Project {
        let root = self.root_file.parent().unwrap_or(Path::new("/")).to_owned();
        let table = self.file.project.as_ref();
        let folder = |explicit: Option<&Text>, default: &str| -> PathBuf {
            match explicit.filter(|path| !path.is_empty()) {
                Some(path) => self.collector.sources.anchor(path),
                None => root.join(default),
            }
        };
        let mut project = Project {
            description: table
                .and_then(|t| t.description.as_ref())
                .map_or_else(String::new, |text| text.value.clone()),
            log_dir: folder(table.and_then(|t| t.log_dir.as_ref()), "build/logs"),
            work_dir: folder(table.and_then(|t| t.work_dir.as_ref()), "build/work"),
            output_dir: folder(table.and_then(|t| t.output_dir.as_ref()), "out"),
            rendered_specs_dir: folder(table.and_then(|t| t.rendered_specs_dir.as_ref()), "specs"),
            lock_dir: folder(table.and_then(|t| t.lock_dir.as_ref()), "locks"),
            lock_file: root.join("lazuli.lock"),
            root,
            default_distro: None,
            default_author_email: table
                .and_then(|t| t.default_author_email.as_ref())
                .map(|text| text.value.clone()),
            architecture: "x86_64".to_owned(),
        };
        let Some(table) = table else { return project };
        if let Some(architecture) = &table.architecture {
            project.architecture.clone_from(&architecture.value);
            if !ARCHITECTURES.contains(&architecture.as_str()) {
                let message = format!("images cannot be built for architecture `{architecture}`");
                let hint = advice(architecture, ARCHITECTURES.iter().copied());
                self.collector.report_hinted(architecture.place, message, hint.unwrap_or_default());
            }
        }
        if let Some(text) = &table.default_author_email {
            check_one_line(text, "`default-author-email`", self.collector);
        }
        project.default_distro =
            table.default_distro.as_ref().and_then(|reference| self.distro_reference(reference));
        project
    }

    /// A reference with its version filled in, after a check that both are defined.
    pub(crate) fn distro_reference(&mut self, reference: &DistroReferenceTable) -> Option<DistroReference> {
        if let Some(snapshot) = &reference.snapshot {
            self.check_snapshot(snapshot);
        }
        Some(DistroReference {
            name: reference.name.value.clone(),
            version: self.version_of(&reference.name, reference.version.as_ref())?,
            snapshot: reference.snapshot.as_ref().map(|text| text.value.clone()),
        })
    }

    /// The version of a distribution that is meant, after a check that both are defined.
    pub(crate) fn version_of(&mut self, name: &Text, version: Option<&Text>) -> Option<String> {
        let Some(distro) = self.file.distros.get(&name.value) else {
            let hint = advice(name, self.file.distros.keys().map(String::as_str));
            self.collector.report_if_complete(name.place, format!("there is no distribution `{name}`"), hint);
            return None;
        };
        let Some(version) = version.or(distro.default_version.as_ref()) else {
            let hint = "add `version` here or `default-version` there";
            self.collector.report_hinted(
                name.place,
                format!("no version of distribution `{name}` is named"),
                hint,
            );
            return None;
        };
        if !distro.versions.contains_key(&version.value) {
            let hint = advice(version, distro.versions.keys().map(String::as_str));
            let message = format!("distribution `{name}` has no version `{version}`");
            self.collector.report_if_complete(version.place, message, hint);
            return None;
        }
        Some(version.value.clone())
    }
}
