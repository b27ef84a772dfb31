//! The tables of definition files as they are written: one struct a table, one field a key, nothing filled in.

#[allow(
    dead_code,
    reason = "every key of the format is read and checked; building packages will ask for these"
)]
mod components;
#[allow(
    dead_code,
    reason = "every key of the format is read and checked; building packages will ask for these"
)]
mod distros;
#[allow(
    dead_code,
    reason = "every key of the format is read and checked; building packages will ask for these"
)]
mod images;
mod native;
#[allow(
    dead_code,
    reason = "every key of the format is read and checked; building packages will ask for these"
)]
mod overlays;
#[allow(
    dead_code,
    reason = "every key of the format is read and checked; building packages will ask for these"
)]
mod project;
#[allow(
    dead_code,
    reason = "every key of the format is read and checked; building packages will ask for these"
)]
mod resources;

pub(crate) use components::*;
pub(crate) use distros::*;
pub(crate) use images::*;
pub(crate) use native::*;
pub(crate) use overlays::*;
pub(crate) use project::*;
pub(crate) use resources::*;

use crate::decode::{Entries, Text, table};
use crate::place::Located;

table! {
    #[allow(dead_code, reason = "`$schema` speaks to editors alone")]
    /// A definition file: any file may hold any of these tables.
    pub(crate) struct DefinitionFile {
        /// Where the JSON schema of this file lies; for editors.
        "$schema" => schema: Option<Text>,
        /// Further definition files, by glob patterns relative to this file; they override this one.
        "includes" => includes: Option<Vec<Text>>,
        /// The project as a whole: folders, target, upstreams.
        "project" => project: Option<ProjectTable>,
        /// Distributions: this one and those its sources and packages come from.
        "distros" => distros: Entries<DistroTable>,
        /// Repositories.
        "resources" => resources: Option<ResourcesTable>,
        /// Groups of components with configuration in common.
        "component-groups" => component_groups: Entries<ComponentGroupTable>,
        /// Components: source packages.
        "components" => components: Entries<ComponentTable>,
        /// Images.
        "images" => images: Entries<ImageTable>,
        /// Groups of binary packages with configuration in common.
        "package-groups" => package_groups: Entries<PackageGroupTable>,
        /// Test suites that images name.
        "test-suites" => test_suites: Entries<TestSuiteTable>,
        /// Settings of outside programs.
        "tools" => tools: Option<ToolsTable>,
        /// What every component starts from.
        "default-component-config" => default_component_config: Option<Located<ComponentTable>>,
        /// What every binary package starts from.
        "default-package-config" => default_package_config: Option<PackageConfigTable>,
    }
}
