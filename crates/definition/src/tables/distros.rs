//! `[distros.<name>]`.

use super::ComponentTable;
use crate::decode::{Entries, Text, table};
use crate::place::Located;

table! {
    /// A distribution.
    pub(crate) struct DistroTable {
        /// What it is.
        "description" => description: Option<Text>,
        /// The version meant when none is named.
        "default-version" => default_version: Option<Text>,
        /// Git address of a source package; `$pkg` stands for its name.
        "dist-git-base-uri" => dist_git_base_uri: Option<Text>,
        /// Address of a source archive; `$pkg`, `$filename`, `$hashtype`, `$hash` stand for its parts.
        "lookaside-base-uri" => lookaside_base_uri: Option<Text>,
        /// Source repositories.
        "repos" => repos: Option<Vec<SourceRepositoryTable>>,
        /// Forbids fetching sources from anywhere but the lookaside.
        "disable-origins" => disable_origins: Option<bool>,
        /// Its versions.
        "versions" => versions: Entries<DistroVersionTable>,
    }
}

table! {
    /// A source repository.
    pub(crate) struct SourceRepositoryTable {
        /// Its address; `$releasever` stands for the version's `release-ver`.
        "base-uri" => base_uri: Text,
    }
}

table! {
    /// A version of a distribution.
    pub(crate) struct DistroVersionTable {
        /// What it is.
        "description" => description: Option<Text>,
        /// The value of `$releasever`.
        "release-ver" => release_ver: Option<Text>,
        /// Branch of its source packages.
        "dist-git-branch" => dist_git_branch: Option<Text>,
        /// What its components start from.
        "default-component-config" => default_component_config: Option<ComponentTable>,
        /// Build root configuration.
        "mock-config" => mock_config: Option<Text>,
        /// Build root configuration on x86_64, instead of `mock-config`.
        "mock-config-x86_64" => mock_config_x86_64: Option<Text>,
        /// Build root configuration on aarch64, instead of `mock-config`.
        "mock-config-aarch64" => mock_config_aarch64: Option<Text>,
        /// The repositories that builds install from.
        "inputs" => inputs: Option<InputsTable>,
    }
}

table! {
    /// The repositories that builds install from.
    pub(crate) struct InputsTable {
        /// For building packages.
        "rpm-build" => rpm_build: Option<Vec<Located<InputTable>>>,
        /// For building images.
        "image-build" => image_build: Option<Vec<Located<InputTable>>>,
    }
}

table! {
    /// One repository or one set of them.
    pub(crate) struct InputTable {
        /// A name from `[resources.rpm-repos]`, from a repository set, or from `[resources.deb-repos]`.
        "repo" => repo: Option<Text>,
        /// A name from `[resources.rpm-repo-sets]`.
        "set" => set: Option<Text>,
    }
}
