//! `[resources]`: every repository checked, sets expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Resolver;
use super::text::{check_one_line, distinct, is_resource_name, parse_url};
use crate::decode::Text;
use crate::distro::{DebMirror, DebRepository, RpmTrust, ValidUntil};
use crate::files;
use crate::nearest::advice;
use crate::place::{Located, Place};
use crate::tables::{DebRepoTable, RpmRepoSetTable, RpmRepoTable, ValidUntilPolicy};

/// Rank of a repository that states none, as DNF has it.
const DEFAULT_PRIORITY: u32 = 99;

/// Every repository by name, and the members of every set.
#[derive(Default)]
pub(crate) struct Repositories {
    pub(crate) rpm: BTreeMap<String, RpmResource>,
    pub(crate) deb: BTreeMap<String, DebRepository>,
    pub(crate) sets: BTreeMap<String, Vec<String>>,
    /// Names of repositories with problems of their own: that they are missing elsewhere is no further one.
    pub(crate) unusable: BTreeSet<String>,
}

/// A repository of RPM packages before `$releasever` and `$basearch` are known.
#[derive(Clone)]
pub(crate) struct RpmResource {
    pub(crate) name: Located<String>,
    pub(crate) description: String,
    pub(crate) address: RpmAddress,
    pub(crate) trust: RpmTrust,
    /// Empty: every architecture.
    pub(crate) architectures: Vec<String>,
    pub(crate) priority: u32,
}

#[derive(Clone)]
pub(crate) enum RpmAddress {
    BaseUri(Text),
    Metalink(Text),
}

/// Templates that need no definition: name and, for each repository, its name and folder.
const BUILT_IN_TEMPLATES: &[(&str, &[(&str, &str)])] = &[
    (
        "azl-standard",
        &[
            ("base", "base/$basearch"),
            ("base-debug", "base/debuginfo/$basearch"),
            ("base-src", "base/srpms"),
            ("sdk", "sdk/$basearch"),
            ("sdk-debug", "sdk/debuginfo/$basearch"),
            ("sdk-src", "sdk/srpms"),
        ],
    ),
    ("koji-dist-repo", &[("binary", "$basearch"), ("debug", "$basearch/debug"), ("src", "src")]),
];

impl Resolver<'_> {
    pub(crate) fn repositories(&mut self) -> Repositories {
        let mut repositories = Repositories::default();
        let Some(resources) = &self.file.resources else { return repositories };
        for (name, table) in &*resources.rpm_repos {
            let name = Located::new(name.clone(), table.place);
            match self.check_name(&name).then(|| self.rpm_repo(name.clone(), table)).flatten() {
                Some(resource) => drop(repositories.rpm.insert(name.value, resource)),
                None => drop(repositories.unusable.insert(name.value)),
            }
        }
        for (name, table) in &*resources.rpm_repo_sets {
            let name = Located::new(name.clone(), table.place);
            if self.check_name(&name) {
                self.expand_set(name, table, &mut repositories);
            }
        }
        for (name, table) in &*resources.deb_repos {
            let name = Located::new(name.clone(), table.place);
            if resources.rpm_repos.contains_key(&name.value) {
                let message = format!("repository `{name}` is both an RPM and a Debian repository");
                self.collector.report_hinted(name.place, message, "give one of them another name");
            }
            match self.check_name(&name).then(|| self.deb_repo(name.clone(), table)).flatten() {
                Some(repository) => drop(repositories.deb.insert(name.value, repository)),
                None => drop(repositories.unusable.insert(name.value)),
            }
        }
        self.check_templates();
        repositories
    }

    fn check_name(&mut self, name: &Text) -> bool {
        let good = is_resource_name(name);
        if !good {
            let hint = "use letters, digits and `_.:-`, a letter or digit first";
            self.collector.report_hinted(name.place, format!("`{name}` is no name of a resource"), hint);
        }
        good
    }

    fn rpm_repo(&mut self, name: Text, table: &RpmRepoTable) -> Option<RpmResource> {
        let address = match (&table.base_uri, &table.metalink) {
            (Some(base), None) => {
                parse_url(base, base, &["http", "https", "file"], self.collector)?;
                RpmAddress::BaseUri(base.clone())
            }
            (None, Some(metalink)) => {
                parse_url(metalink, metalink, &["http", "https", "file"], self.collector)?;
                RpmAddress::Metalink(metalink.clone())
            }
            (Some(_), Some(metalink)) => {
                let message = format!("repository `{name}` has both `base-uri` and `metalink`");
                self.collector.report_hinted(metalink.place, message, "delete one of them");
                return None;
            }
            (None, None) => {
                let message = format!("repository `{name}` has no address");
                self.collector.report_if_complete(
                    name.place,
                    message,
                    "add `base-uri` or `metalink`".to_owned(),
                );
                return None;
            }
        };
        let trust = self.trust(&name, table.disable_gpg_check, table.gpg_key.as_ref())?;
        Some(RpmResource {
            description: table.description.as_ref().map_or_else(String::new, |text| text.value.clone()),
            address,
            trust,
            architectures: self.architectures(table.arches.as_ref()),
            priority: table.priority.map_or(DEFAULT_PRIORITY, |priority| priority.value),
            name,
        })
    }

    fn architectures(&mut self, list: Option<&Vec<Text>>) -> Vec<String> {
        distinct(list, "architecture", self.collector).into_iter().map(|text| text.value).collect()
    }

    fn trust(&mut self, name: &Text, disabled: Option<bool>, key: Option<&Text>) -> Option<RpmTrust> {
        if disabled == Some(true) {
            return Some(RpmTrust::Unchecked);
        }
        let Some(key) = key else {
            let message = format!("repository `{name}` has no `gpg-key`");
            let hint = "add the key its packages are signed with, or `disable-gpg-check = true`";
            self.collector.report_hinted(name.place, message, hint);
            return None;
        };
        if !check_one_line(key, "`gpg-key`", self.collector) {
            return None;
        }
        if !key.contains("://") {
            let path = self.collector.sources.anchor(key);
            return self.existing_file(key.place, path, "key").map(RpmTrust::KeyFile);
        }
        let url = parse_url(key, key, &["https", "http", "file"], self.collector)?;
        if url.scheme() != "file" {
            return Some(RpmTrust::KeyUrl(url));
        }
        match url.to_file_path() {
            Ok(path) => self.existing_file(key.place, path, "key").map(RpmTrust::KeyFile),
            Err(()) => {
                self.collector.report_hinted(
                    key.place,
                    format!("`{key}` names no file"),
                    "write `file:///absolute/path`",
                );
                None
            }
        }
    }

    /// The path, after a report if no file is there.
    pub(crate) fn existing_file(&mut self, place: Place, path: PathBuf, what: &str) -> Option<PathBuf> {
        if files::is_file(&path) {
            return Some(path);
        }
        self.collector.report(place, format!("{what} file {} does not exist", path.display()));
        None
    }

    /// Reports a folder that is not there.
    pub(crate) fn check_folder(&mut self, place: Place, path: &Path, what: &str) {
        if !files::is_folder(path) {
            self.collector.report(place, format!("{what} folder {} does not exist", path.display()));
        }
    }

    fn deb_repo(&mut self, name: Text, table: &DebRepoTable) -> Option<DebRepository> {
        let host = table.use_host_mirror.filter(|host| host.value);
        let mirror = match (&table.mirror, host) {
            (Some(mirror), None) => {
                DebMirror::Uri(parse_url(mirror, mirror, &["http", "https", "file"], self.collector)?)
            }
            (None, Some(_)) => DebMirror::Host,
            (Some(_), Some(host)) => {
                let message = format!("repository `{name}` has both `mirror` and `use-host-mirror`");
                self.collector.report_hinted(host.place, message, "delete one of them");
                return None;
            }
            (None, None) => {
                let message = format!("repository `{name}` has no address");
                self.collector.report_if_complete(
                    name.place,
                    message,
                    "add `mirror` or `use-host-mirror = true`".to_owned(),
                );
                return None;
            }
        };
        let words = [Some(&table.suite), table.architecture.as_ref()];
        for word in words.into_iter().flatten().chain(table.components.iter().flatten()) {
            // They become path elements below `dists`.
            if word.split('/').any(|element| !super::text::is_plain_name(element)) {
                self.collector
                    .report(word.place, format!("`{word}` is no name of a suite, component or architecture"));
            }
        }
        let valid_until = self.valid_until(&name, table);
        let components = distinct(table.components.as_ref(), "component", self.collector);
        let path = self.collector.sources.anchor(&table.keyring);
        let keyring = self.existing_file(table.keyring.place, path, "keyring");
        let overrides = table.overrides.as_ref().map(|folder| self.collector.sources.anchor(folder));
        if let (Some(path), Some(folder)) = (&overrides, &table.overrides) {
            self.check_folder(folder.place, path, "overrides");
        }
        let fingerprints = self.fingerprints(table.fingerprints.as_ref());
        Some(DebRepository {
            description: table.description.as_ref().map_or_else(String::new, |text| text.value.clone()),
            mirror,
            suite: table.suite.value.clone(),
            components: if table.components.is_none() {
                vec!["main".to_owned()]
            } else {
                components.into_iter().map(|text| text.value).collect()
            },
            architecture: table
                .architecture
                .as_ref()
                .map_or_else(|| "amd64".to_owned(), |text| text.value.clone()),
            keyring: keyring?,
            fingerprints,
            valid_until,
            overrides,
            priority: table.priority.map_or(DEFAULT_PRIORITY, |priority| priority.value),
            name,
        })
    }

    fn valid_until(&mut self, name: &Text, table: &DebRepoTable) -> ValidUntil {
        let reason = table.valid_until_reason.as_ref();
        match table.valid_until {
            Some(Located { value: ValidUntilPolicy::Ignore, place }) => {
                if reason.is_none_or(|reason| reason.trim().is_empty()) {
                    let message =
                        format!("repository `{name}` ignores how long it is valid without saying why");
                    self.collector.report_hinted(place, message, "add `valid-until-reason = \"…\"`");
                }
                ValidUntil::Ignore { reason: reason.map_or_else(String::new, |reason| reason.value.clone()) }
            }
            _ => {
                if let Some(reason) = reason {
                    let message = format!(
                        "repository `{name}` gives a reason to ignore how long it is valid, and does not ignore it"
                    );
                    let hint = "add `valid-until = \"ignore\"` or delete the reason";
                    self.collector.report_hinted(reason.place, message, hint);
                }
                ValidUntil::Enforce
            }
        }
    }

    fn fingerprints(&mut self, list: Option<&Vec<Text>>) -> Vec<String> {
        let mut fingerprints = Vec::new();
        for text in distinct(list, "fingerprint", self.collector) {
            let digits: String = text.chars().filter(|c| *c != ' ').collect();
            if !matches!(digits.len(), 40 | 64) || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
                let hint = "write its 40 (or 64) hexadecimal digits";
                self.collector.report_hinted(
                    text.place,
                    format!("`{text}` is no fingerprint of an OpenPGP key"),
                    hint,
                );
                continue;
            }
            fingerprints.push(digits.to_ascii_uppercase());
        }
        fingerprints
    }

    fn expand_set(&mut self, name: Text, table: &RpmRepoSetTable, repositories: &mut Repositories) {
        let Some(template) = self.template(&table.template) else { return };
        if parse_url(&table.base_uri, &table.base_uri, &["http", "https", "file"], self.collector).is_none() {
            return;
        }
        if table.base_uri.contains(['?', '#']) {
            let hint = "the folders of the set are added at its end";
            let message = format!("address `{}` has a query or fragment", table.base_uri);
            self.collector.report_hinted(table.base_uri.place, message, hint);
        }
        let Some(trust) = self.trust(&name, table.disable_gpg_check, table.gpg_key.as_ref()) else { return };
        let wanted = distinct(table.subrepos.as_ref(), "repository", self.collector);
        for text in &wanted {
            if !template.iter().any(|(subrepo, _)| *subrepo == text.value) {
                let hint = advice(text, template.iter().map(|(subrepo, _)| subrepo.as_str()));
                let message = format!("template `{}` has no repository `{text}`", table.template);
                self.collector.report_if_complete(text.place, message, hint);
            }
        }
        let prefix = table.name_prefix.as_ref().map_or("", |prefix| prefix.as_str());
        let architectures = self.architectures(table.arches.as_ref());
        let mut members = Vec::new();
        for (subrepo, subpath) in template {
            if !wanted.is_empty() && !wanted.iter().any(|text| text.value == subrepo) {
                continue;
            }
            let member = format!("{prefix}{subrepo}");
            if !is_resource_name(&member) {
                self.collector.report(
                    name.place,
                    format!("set `{name}` makes a repository `{member}`, which is no name"),
                );
                continue;
            }
            if let Some(other) = repositories.rpm.get(&member) {
                let message = format!("set `{name}` makes a repository `{member}`, which there is already");
                let hint = format!(
                    "it is defined at {}; choose another `name-prefix`",
                    self.collector.sources.describe(other.name.place)
                );
                self.collector.report_hinted(name.place, message, hint);
                continue;
            }
            let base = format!("{}/{subpath}", table.base_uri.trim_end_matches('/'));
            let resource = RpmResource {
                name: Located::new(member.clone(), name.place),
                description: table.description.as_ref().map_or_else(String::new, |text| text.value.clone()),
                address: RpmAddress::BaseUri(Located::new(base, table.base_uri.place)),
                trust: trust.clone(),
                architectures: architectures.clone(),
                priority: DEFAULT_PRIORITY,
            };
            repositories.rpm.insert(member.clone(), resource);
            members.push(member);
        }
        repositories.sets.insert(name.value, members);
    }

    /// The repositories of a template: name and folder of each.
    fn template(&mut self, name: &Text) -> Option<Vec<(String, String)>> {
        let defined = self.file.resources.as_ref().map(|resources| &resources.rpm_repo_set_templates);
        if let Some(template) = defined.and_then(|templates| templates.get(&name.value)) {
            let subrepos = template.subrepos.iter().flatten();
            return Some(
                subrepos.map(|subrepo| (subrepo.name.value.clone(), subrepo.subpath.value.clone())).collect(),
            );
        }
        if let Some((_, subrepos)) = BUILT_IN_TEMPLATES.iter().find(|(built_in, _)| *built_in == name.value) {
            return Some(
                subrepos.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect(),
            );
        }
        let built_in = BUILT_IN_TEMPLATES.iter().map(|(name, _)| *name);
        let known: Vec<&str> =
            built_in.chain(defined.iter().flat_map(|t| t.keys()).map(String::as_str)).collect();
        let hint = advice(name, known.iter().copied());
        self.collector.report_if_complete(
            name.place,
            format!("there is no repository set template `{name}`"),
            hint,
        );
        None
    }

    fn check_templates(&mut self) {
        let Some(resources) = &self.file.resources else { return };
        for (name, template) in &*resources.rpm_repo_set_templates {
            self.check_name(&Located::new(name.clone(), template.place));
            let subrepos = template.subrepos.as_deref().unwrap_or_default();
            if subrepos.is_empty() {
                self.collector.report(template.place, format!("template `{name}` has no `subrepos`"));
            }
            let names: Vec<Text> = subrepos.iter().map(|subrepo| subrepo.name.clone()).collect();
            distinct(Some(&names), "repository", self.collector);
            for subrepo in subrepos {
                self.check_name(&subrepo.name);
                let path = &subrepo.subpath;
                let outside = path.starts_with('/') || path.split('/').any(|element| element == "..");
                if path.is_empty() || outside || path.contains(['?', '#']) {
                    let hint = "write a relative path without `..`, `?` and `#`";
                    self.collector.report_hinted(
                        path.place,
                        format!("`{path}` is no folder of a repository set"),
                        hint,
                    );
                }
            }
        }
    }
}
