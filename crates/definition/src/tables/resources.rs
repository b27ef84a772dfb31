//! `[resources]`: repositories of RPM and of Debian packages.

use crate::decode::{Entries, Text, choice, table};
use crate::place::Located;

table! {
    /// Repositories.
    pub(crate) struct ResourcesTable {
        /// Repositories of RPM packages.
        "rpm-repos" => rpm_repos: Entries<RpmRepoTable>,
        /// Layouts that repository sets share.
        "rpm-repo-set-templates" => rpm_repo_set_templates: Entries<RpmRepoSetTemplateTable>,
        /// Several repositories below one address.
        "rpm-repo-sets" => rpm_repo_sets: Entries<RpmRepoSetTable>,
        /// Suites of Debian packages, imported as RPM packages.
        "deb-repos" => deb_repos: Entries<DebRepoTable>,
    }
}

choice! {
    /// Kind of an RPM repository's metadata.
    pub(crate) enum RpmRepoType {
        /// `repodata/repomd.xml` and what it lists.
        "rpm-md" => RpmMd,
    }
}

table! {
    /// A repository of RPM packages.
    pub(crate) struct RpmRepoTable {
        /// What it holds.
        "description" => description: Option<Text>,
        /// Kind of metadata (default `rpm-md`).
        "type" => kind: Option<RpmRepoType>,
        /// Its address (http, https, file); `$releasever` and `$basearch` are replaced.
        "base-uri" => base_uri: Option<Text>,
        /// Address of a metalink that lists its mirrors, instead of `base-uri`.
        "metalink" => metalink: Option<Text>,
        /// Turns signature checks off.
        "disable-gpg-check" => disable_gpg_check: Option<bool>,
        /// The OpenPGP key its packages are signed with: a path or an address.
        "gpg-key" => gpg_key: Option<Text>,
        /// Architectures it serves (default: all).
        "arches" => arches: Option<Vec<Text>>,
        /// Rank among repositories, lower first (default 99); a package of a lower number hides those of higher ones.
        "priority" => priority: Option<Located<u32>>,
    }
}

table! {
    /// A layout that repository sets share.
    pub(crate) struct RpmRepoSetTemplateTable {
        /// What it is for.
        "description" => description: Option<Text>,
        /// Its repositories.
        "subrepos" => subrepos: Option<Vec<SubrepoTable>>,
    }
}

choice! {
    /// What the packages of a repository are.
    pub(crate) enum SubrepoKind {
        /// Installable packages.
        "binary" => Binary,
        /// Debug information.
        "debug" => Debug,
        /// Source packages.
        "source" => Source,
    }
}

table! {
    /// One repository of a layout.
    pub(crate) struct SubrepoTable {
        /// Its name in the set.
        "name" => name: Text,
        /// Its folder below the set's address.
        "subpath" => subpath: Text,
        /// What its packages are.
        "kind" => kind: Option<SubrepoKind>,
    }
}

table! {
    /// Several repositories below one address.
    pub(crate) struct RpmRepoSetTable {
        /// What they hold.
        "description" => description: Option<Text>,
        /// A name from `[resources.rpm-repo-set-templates]`.
        "template" => template: Text,
        /// The address they lie below.
        "base-uri" => base_uri: Text,
        /// Put before the name of each.
        "name-prefix" => name_prefix: Option<Text>,
        /// The OpenPGP key of all of them.
        "gpg-key" => gpg_key: Option<Text>,
        /// Turns signature checks off.
        "disable-gpg-check" => disable_gpg_check: Option<bool>,
        /// Architectures they serve (default: all).
        "arches" => arches: Option<Vec<Text>>,
        /// The repositories of the template to use (default: all).
        "subrepos" => subrepos: Option<Vec<Text>>,
    }
}

choice! {
    /// What to do with a Debian suite past the date its release file is valid until.
    pub(crate) enum ValidUntilPolicy {
        /// Refuse it.
        "enforce" => Enforce,
        /// Use it; a reason must be given.
        "ignore" => Ignore,
    }
}

table! {
    /// A suite of Debian packages, imported as RPM packages.
    pub(crate) struct DebRepoTable {
        /// What it holds.
        "description" => description: Option<Text>,
        /// Address of the archive (http, https, file): the folder that holds `dists`.
        "mirror" => mirror: Option<Text>,
        /// Takes the archive this machine's apt is configured with, instead of `mirror`.
        "use-host-mirror" => use_host_mirror: Option<Located<bool>>,
        /// The suite or code name below `dists`.
        "suite" => suite: Text,
        /// Components of the suite (default `main`).
        "components" => components: Option<Vec<Text>>,
        /// Architecture as Debian names it (default `amd64`).
        "architecture" => architecture: Option<Text>,
        /// File of OpenPGP keys, one of which must have signed the suite.
        "keyring" => keyring: Text,
        /// Fingerprints of the keys in `keyring` that count (default: all).
        "fingerprints" => fingerprints: Option<Vec<Text>>,
        /// What to do with a suite past the date its release file is valid until (default `enforce`).
        "valid-until" => valid_until: Option<Located<ValidUntilPolicy>>,
        /// Why an expired suite may be used.
        "valid-until-reason" => valid_until_reason: Option<Text>,
        /// Folder of conversion overrides, one folder a package.
        "overrides" => overrides: Option<Text>,
        /// Rank among repositories, lower first (default 99).
        "priority" => priority: Option<Located<u32>>,
    }
}
