//! One merged definition file, in; the complete distribution, out. Everything wrong is reported and resolving goes on.

mod components;
mod disk;
mod images;
mod native;
mod overlays;
mod project;
mod repositories;
mod source_files;
mod text;
mod upstreams;

use std::path::Path;

use crate::distro::Distro;
use crate::include::Includer;
use crate::problem::Collector;
use crate::tables::DefinitionFile;

/// What every step of resolving looks at.
pub(crate) struct Resolver<'a> {
    pub(crate) file: &'a DefinitionFile,
    pub(crate) root_file: &'a Path,
    /// Paths in messages are shown relative to this folder.
    pub(crate) shown_from: &'a Path,
    pub(crate) collector: &'a mut Collector,
}

impl Resolver<'_> {
    /// The distribution, whole if no problem was reported; its sources are left for the caller to put in.
    pub(crate) fn resolve(&mut self) -> Distro {
        let project = self.project();
        let repositories = self.repositories();
        self.check_inputs(&repositories);
        let upstreams = self.upstreams(&repositories, &project.architecture);
        self.check_test_suites();
        let images = self.images();
        let components = self.components();
        Distro {
            root_file: self.root_file.to_owned(),
            project,
            upstreams,
            images,
            components,
            sources: crate::place::Sources::default(),
        }
    }

    fn includer(&mut self) -> Includer<'_> {
        Includer { collector: &mut *self.collector, shown_from: self.shown_from }
    }
}
