//! One merged definition file, in; the complete distribution, out. Everything wrong is reported and resolving goes on.

mod component_checks;
mod components;
mod disk;
mod distributions;
mod groups;
mod images;
mod native;
mod never;
mod overlay_files;
mod overlays;
mod project;
mod remarks;
mod repositories;
mod source_files;
mod text;
mod upstreams;
mod verity;

use std::collections::BTreeMap;
use std::path::Path;

use self::overlay_files::KnownOverlayFiles;
use crate::component::OverlayEntry;
use crate::distro::Distro;
use crate::include::Includer;
use crate::place::Place;
use crate::problem::Collector;
use crate::tables::DefinitionFile;

/// What every step of resolving looks at.
pub(crate) struct Resolver<'a> {
    pub(crate) file: &'a DefinitionFile,
    pub(crate) root_file: &'a Path,
    /// Paths in messages are shown relative to this folder.
    pub(crate) shown_from: &'a Path,
    pub(crate) collector: &'a mut Collector,
    /// Overlays read already, by place; nothing where one is not usable.
    known_overlays: BTreeMap<Place, Option<OverlayEntry>>,
    known_overlay_files: KnownOverlayFiles,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        file: &'a DefinitionFile,
        root_file: &'a Path,
        shown_from: &'a Path,
        collector: &'a mut Collector,
    ) -> Self {
        Self {
            file,
            root_file,
            shown_from,
            collector,
            known_overlays: BTreeMap::new(),
            known_overlay_files: KnownOverlayFiles::default(),
        }
    }

    /// The distribution, whole if no problem was reported; its sources are left for the caller to put in.
    pub(crate) fn resolve(&mut self) -> Distro {
        let project = self.project();
        let repositories = self.repositories();
        self.check_inputs(&repositories);
        let upstreams = self.upstreams(&repositories, &project.architecture);
        self.check_test_suites();
        let images = self.images();
        let distributions = self.distributions(&project.architecture);
        let membership = self.membership();
        let components = self.components(&membership, project.default_distro.as_ref());
        self.remark_additions();
        let usual_source = self.usual_source(project.default_distro.as_ref());
        let component_groups = self.component_groups(&membership);
        self.remark_groups(&|name| component_groups.get(name).map_or(0, |group| group.components.len()));
        let package_groups = self.package_groups();
        let default_publish = self.package_publish(self.file.default_package_config.as_ref());
        Distro {
            root_file: self.root_file.to_owned(),
            project,
            distributions,
            upstreams,
            images,
            component_groups,
            components,
            usual_source,
            package_groups,
            default_publish,
            sources: crate::place::Sources::default(),
        }
    }

    fn includer(&mut self) -> Includer<'_> {
        Includer { collector: &mut *self.collector, shown_from: self.shown_from }
    }
}
