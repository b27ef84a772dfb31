//! `[project]` and `[tools]`.

use crate::decode::{Text, table};

table! {
    /// The project as a whole.
    pub(crate) struct ProjectTable {
        /// What this project is.
        "description" => description: Option<Text>,
        /// Folder of logs (default `build/logs`).
        "log-dir" => log_dir: Option<Text>,
        /// Folder for everything in the making (default `build/work`).
        "work-dir" => work_dir: Option<Text>,
        /// Folder of finished images and packages (default `out`).
        "output-dir" => output_dir: Option<Text>,
        /// Folder of rendered spec files (default `specs`).
        "rendered-specs-dir" => rendered_specs_dir: Option<Text>,
        /// Folder of component locks (default `locks`).
        "lock-dir" => lock_dir: Option<Text>,
        /// The distribution everything is built for.
        "default-distro" => default_distro: Option<DistroReferenceTable>,
        /// Author of commits and changelog entries that are made up.
        "default-author-email" => default_author_email: Option<Text>,
        /// Architecture of images, as RPM names it (default `x86_64`).
        "architecture" => architecture: Option<Text>,
        /// Upstreams that images can be built from, the preferred one first.
        "upstreams" => upstreams: Option<Vec<DistroReferenceTable>>,
    }
}

table! {
    /// A distribution, by name and version.
    pub(crate) struct DistroReferenceTable {
        /// A name from `[distros]`.
        "name" => name: Text,
        /// A version of it (default: its `default-version`).
        "version" => version: Option<Text>,
        /// A moment in its history, as RFC 3339.
        "snapshot" => snapshot: Option<Text>,
    }
}

table! {
    /// The distribution a component comes from; what is absent is inherited.
    pub(crate) struct UpstreamDistroTable {
        /// A name from `[distros]` (default: the project's `default-distro`).
        "name" => name: Option<Text>,
        /// A version of it (default: its `default-version`).
        "version" => version: Option<Text>,
        /// A moment in its history, as RFC 3339; for groups and distributions, not for single components.
        "snapshot" => snapshot: Option<Text>,
    }
}

table! {
    /// Settings of outside programs.
    pub(crate) struct ToolsTable {
        /// The image customizer.
        "imageCustomizer" => image_customizer: Option<ImageCustomizerTable>,
    }
}

table! {
    /// Settings of the image customizer.
    pub(crate) struct ImageCustomizerTable {
        /// The container it runs in.
        "containerTag" => container_tag: Option<Text>,
    }
}
