//! `[components.<name>]`, its groups, and `[package-groups.<name>]`.

use super::{MetadataTable, OverlayTable, UpstreamDistroTable};
use crate::component::HashType;
use crate::decode::{Entries, Text, choice, table};
use crate::place::Located;

table! {
    #[derive(Default)]
    /// A component: a source package and what is changed in it.
    pub(crate) struct ComponentTable {
        /// Where its spec file comes from.
        "spec" => spec: Option<Box<SpecSourceTable>>,
        /// How its release number is counted.
        "release" => release: Option<ReleaseTable>,
        /// Changes to its spec file and sources.
        "overlays" => overlays: Option<Vec<OverlayTable>>,
        /// Files of further changes, by glob patterns.
        "overlay-files" => overlay_files: Option<Vec<Text>>,
        /// How it is built.
        "build" => build: Option<Box<BuildTable>>,
        /// How its rendered form is made.
        "render" => render: Option<RenderTable>,
        /// Sources that its upstream does not have.
        "source-files" => source_files: Option<Vec<SourceFileTable>>,
        /// Settings of single binary packages.
        "packages" => packages: Entries<PackageConfigTable>,
        /// Where its packages are published.
        "publish" => publish: Option<ComponentPublishTable>,
    }
}

choice! {
    /// Where a spec file comes from.
    pub(crate) enum SpecSourceType {
        /// A folder of this project.
        "local" => Local,
        /// The upstream distribution's source package.
        "upstream" => Upstream,
        /// Not said here.
        "" => Inherited,
    }
}

table! {
    /// Where a spec file comes from.
    pub(crate) struct SpecSourceTable {
        /// Local or upstream.
        "type" => kind: Option<Located<SpecSourceType>>,
        /// The spec file, if local.
        "path" => path: Option<Text>,
        /// The upstream distribution.
        "upstream-distro" => upstream_distro: Option<UpstreamDistroTable>,
        /// Its name there, if it differs.
        "upstream-name" => upstream_name: Option<Text>,
        /// A commit there, 7 to 40 hexadecimal digits.
        "upstream-commit" => upstream_commit: Option<Text>,
    }
}

choice! {
    /// How a release number is counted.
    pub(crate) enum ReleaseWord {
        /// By what the spec file does.
        "auto" => Auto,
        /// By `%autorelease`.
        "autorelease" => Autorelease,
        /// By adding to the number in the spec file.
        "static" => Static,
        /// Not at all.
        "manual" => Manual,
        /// Not said here.
        "" => Unset,
    }
}

table! {
    /// How a release number is counted.
    pub(crate) struct ReleaseTable {
        /// The way (default `auto`).
        "calculation" => calculation: Option<Located<ReleaseWord>>,
    }
}

table! {
    /// How a component is built.
    pub(crate) struct BuildTable {
        /// Build conditionals switched on.
        "with" => with: Option<Vec<Text>>,
        /// Build conditionals switched off.
        "without" => without: Option<Vec<Text>>,
        /// Macros defined.
        "defines" => defines: Entries<String>,
        /// Macros no longer defined.
        "undefines" => undefines: Option<Vec<Text>>,
        /// Adds macros that say what the upstream's version and release were.
        "emit-upstream-provenance" => emit_upstream_provenance: Option<Located<bool>>,
        /// Its tests.
        "check" => check: Option<CheckTable>,
        /// What is known of its failures.
        "failure" => failure: Option<FailureTable>,
        /// What a scheduler should know.
        "hints" => hints: Option<HintsTable>,
    }
}

table! {
    /// A component's own tests.
    pub(crate) struct CheckTable {
        /// Leaves them out.
        "skip" => skip: Option<Located<bool>>,
        /// Why they are left out.
        "skip_reason" => skip_reason: Option<Text>,
    }
}

table! {
    /// What is known of a component's build failures.
    pub(crate) struct FailureTable {
        /// It is known to fail.
        "expected" => expected: Option<Located<bool>>,
        /// Why.
        "expected-reason" => expected_reason: Option<Text>,
    }
}

table! {
    /// What a scheduler should know of a component.
    pub(crate) struct HintsTable {
        /// Its build takes long.
        "expensive" => expensive: Option<Located<bool>>,
    }
}

table! {
    /// How a component's rendered form is made.
    pub(crate) struct RenderTable {
        /// Keeps every file.
        "skip-file-filter" => skip_file_filter: Option<Located<bool>>,
    }
}

table! {
    /// A source that the upstream does not have.
    pub(crate) struct SourceFileTable {
        /// Its name.
        "filename" => filename: Text,
        /// Its hash, hexadecimal.
        "hash" => hash: Option<Text>,
        /// Kind of the hash.
        "hash-type" => hash_type: Option<HashType>,
        /// Where it comes from.
        "origin" => origin: OriginTable,
        /// It takes the place of a file of the upstream.
        "replace-upstream" => replace_upstream: Option<bool>,
        /// Why it does.
        "replace-reason" => replace_reason: Option<Text>,
    }
}

choice! {
    /// Where a source file comes from.
    pub(crate) enum OriginType {
        /// An address.
        "download" => Download,
        /// A script.
        "custom" => Custom,
        /// An archive of the upstream, changed.
        "overlay" => Overlay,
    }
}

table! {
    /// Where a source file comes from.
    pub(crate) struct OriginTable {
        /// The kind of origin.
        "type" => kind: OriginType,
        /// The address.
        "uri" => uri: Option<Text>,
        /// The script.
        "script" => script: Option<Text>,
        /// Packages the script needs.
        "mock-packages" => mock_packages: Option<Vec<Text>>,
        /// Files the script needs.
        "inputs" => inputs: Option<Vec<Text>>,
    }
}

table! {
    /// Settings of a binary package.
    pub(crate) struct PackageConfigTable {
        /// Where it is published.
        "publish" => publish: Option<PackagePublishTable>,
    }
}

table! {
    /// Where a binary package is published.
    pub(crate) struct PackagePublishTable {
        /// Channel of the package.
        "rpm-channel" => rpm_channel: Option<Text>,
        /// Channel of its debug information.
        "debuginfo-channel" => debuginfo_channel: Option<Text>,
        /// Old name of `rpm-channel`.
        "channel" => channel: Option<Text>,
    }
}

table! {
    /// Where a component's packages are published.
    pub(crate) struct ComponentPublishTable {
        /// Channel of its packages.
        "rpm-channel" => rpm_channel: Option<Text>,
        /// Channel of its source package.
        "srpm-channel" => srpm_channel: Option<Text>,
        /// Channel of its debug information.
        "debuginfo-channel" => debuginfo_channel: Option<Text>,
    }
}

table! {
    /// Components with configuration in common.
    pub(crate) struct ComponentGroupTable {
        /// What they have in common.
        "description" => description: Option<Text>,
        /// Why they are changed.
        "metadata" => metadata: Option<Located<MetadataTable>>,
        /// Their names.
        "components" => components: Option<Vec<Text>>,
        /// Local spec files, by glob patterns, each a component.
        "specs" => specs: Option<Vec<Text>>,
        /// Files that those patterns shall not match.
        "excluded-paths" => excluded_paths: Option<Vec<Text>>,
        /// What they start from.
        "default-component-config" => default_component_config: Option<ComponentTable>,
    }
}

table! {
    /// Binary packages with configuration in common.
    pub(crate) struct PackageGroupTable {
        /// What they have in common.
        "description" => description: Option<Text>,
        /// Their names.
        "packages" => packages: Option<Vec<Text>>,
        /// What they start from.
        "default-package-config" => default_package_config: Option<PackageConfigTable>,
    }
}
