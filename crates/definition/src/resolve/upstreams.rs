//! `[project] upstreams` and the inputs of every distribution's versions.

use std::collections::BTreeSet;

use super::Resolver;
use super::repositories::{Repositories, RpmAddress, RpmResource};
use super::text::parse_url;
use crate::decode::Text;
use crate::distro::{Repository, RpmLocation, RpmRepository, RpmTrust, Upstream};
use crate::nearest::advice;
use crate::place::Located;
use crate::tables::InputTable;

impl Resolver<'_> {
    /// Every name in every version's inputs must exist, and stand there once.
    pub(crate) fn check_inputs(&mut self, repositories: &Repositories) {
        for distro in self.file.distros.values() {
            for version in distro.versions.values() {
                let Some(inputs) = &version.inputs else { continue };
                let for_packages = self.expand_inputs(inputs.rpm_build.as_ref(), repositories);
                for name in &for_packages {
                    self.check_build_input(name, repositories);
                }
                self.expand_inputs(inputs.image_build.as_ref(), repositories);
            }
        }
    }

    fn check_build_input(&mut self, name: &Text, repositories: &Repositories) {
        if repositories.deb.contains_key(&name.value) {
            let message = format!("packages cannot be built from the Debian repository `{name}`");
            self.collector.report_hinted(name.place, message, "name it under `image-build`");
        }
        if let Some(resource) = repositories.rpm.get(&name.value)
            && matches!(resource.trust, RpmTrust::KeyFile(_))
        {
            let message =
                format!("repository `{name}` has a key in a local file, which a build root cannot see");
            self.collector.report_hinted(
                name.place,
                message,
                "give its `gpg-key` as an http or https address",
            );
        }
    }

    /// The repositories that inputs name, sets taken apart, each with the place that names it.
    fn expand_inputs(
        &mut self,
        inputs: Option<&Vec<Located<InputTable>>>,
        repositories: &Repositories,
    ) -> Vec<Text> {
        let mut expanded: Vec<Text> = Vec::new();
        for input in inputs.into_iter().flatten() {
            let (named, members) = match (&input.repo, &input.set) {
                (Some(repo), None) => {
                    let known = repositories.rpm.keys().chain(repositories.deb.keys());
                    if !repositories.rpm.contains_key(&repo.value)
                        && !repositories.deb.contains_key(&repo.value)
                        && !repositories.unusable.contains(&repo.value)
                    {
                        let hint = advice(repo, known.map(String::as_str).collect::<Vec<_>>());
                        self.collector.report_if_complete(
                            repo.place,
                            format!("there is no repository `{repo}`"),
                            hint,
                        );
                        continue;
                    }
                    (repo, vec![repo.value.clone()])
                }
                (None, Some(set)) => {
                    let Some(members) = repositories.sets.get(&set.value) else {
                        let hint = advice(set, repositories.sets.keys().map(String::as_str));
                        self.collector.report_if_complete(
                            set.place,
                            format!("there is no repository set `{set}`"),
                            hint,
                        );
                        continue;
                    };
                    (set, members.clone())
                }
                (Some(_), Some(set)) => {
                    self.collector.report(set.place, "an input is either a `repo` or a `set`, not both");
                    continue;
                }
                (None, None) => {
                    self.collector.report_hinted(
                        input.place,
                        "an input names nothing",
                        "write `{ repo = \"…\" }` or `{ set = \"…\" }`",
                    );
                    continue;
                }
            };
            for member in members {
                if expanded.iter().any(|other| other.value == member) {
                    self.collector.report(named.place, format!("repository `{member}` is named twice"));
                    continue;
                }
                expanded.push(Text::new(member, named.place));
            }
        }
        expanded
    }

    pub(crate) fn upstreams(&mut self, repositories: &Repositories, architecture: &str) -> Vec<Upstream> {
        let mut upstreams = Vec::new();
        let mut ids = BTreeSet::new();
        for reference in self.file.project.iter().flat_map(|project| project.upstreams.iter().flatten()) {
            let Some(resolved) = self.distro_reference(reference) else { continue };
            let place = reference.name.place;
            let distro = &self.file.distros[&resolved.name];
            let version = &distro.versions[&resolved.version];
            let inputs = version.inputs.as_ref().and_then(|inputs| inputs.image_build.as_ref());
            let release_version = version
                .release_ver
                .as_ref()
                .map_or_else(|| resolved.version.clone(), |text| text.value.clone());
            // The inputs' own problems are reported for all versions at once.
            let names = self.names_of(inputs, repositories);
            let mut members: Vec<Repository> = Vec::new();
            let complete = names.iter().all(|name| !repositories.unusable.contains(name));
            for name in names {
                if let Some(deb) = repositories.deb.get(&name) {
                    members.push(Repository::Deb(deb.clone()));
                } else if let Some(resource) = repositories.rpm.get(&name)
                    && (resource.architectures.is_empty()
                        || resource.architectures.iter().any(|a| a == architecture))
                    && let Some(rpm) = self.rpm_repository(resource, &release_version, architecture)
                {
                    members.push(Repository::Rpm(rpm));
                }
            }
            if members.is_empty() && complete {
                let message = format!("upstream `{}` has no repository for images", resolved.name);
                let hint = format!(
                    "add `inputs.image-build = [{{ repo = \"…\" }}]` to [distros.{}.versions.{}]",
                    resolved.name, resolved.version
                );
                self.collector.report_if_complete(place, message, hint);
            }
            members.sort_by_key(Repository::priority);
            let description = version.description.as_ref().or(distro.description.as_ref());
            let upstream = Upstream {
                description: description.map_or_else(String::new, |text| text.value.clone()),
                name: resolved.name,
                version: resolved.version,
                release_version,
                repositories: members,
                place,
            };
            if !ids.insert(upstream.id()) {
                self.collector.report(place, format!("upstream `{}` is named twice", upstream.id()));
                continue;
            }
            upstreams.push(upstream);
        }
        upstreams
    }

    fn names_of(
        &self,
        inputs: Option<&Vec<Located<InputTable>>>,
        repositories: &Repositories,
    ) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for input in inputs.into_iter().flatten() {
            let members = match (&input.repo, &input.set) {
                (Some(repo), _) => vec![repo.value.clone()],
                (None, Some(set)) => repositories.sets.get(&set.value).cloned().unwrap_or_default(),
                (None, None) => Vec::new(),
            };
            for member in members {
                if !names.contains(&member) {
                    names.push(member);
                }
            }
        }
        names
    }

    fn rpm_repository(
        &mut self,
        resource: &RpmResource,
        release: &str,
        architecture: &str,
    ) -> Option<RpmRepository> {
        let fill = |text: &Text| text.replace("$releasever", release).replace("$basearch", architecture);
        let schemes = ["http", "https", "file"];
        let location = match &resource.address {
            RpmAddress::BaseUri(text) => {
                RpmLocation::BaseUri(parse_url(text, &fill(text), &schemes, self.collector)?)
            }
            RpmAddress::Metalink(text) => {
                RpmLocation::Metalink(parse_url(text, &fill(text), &schemes, self.collector)?)
            }
        };
        Some(RpmRepository {
            name: resource.name.clone(),
            description: resource.description.clone(),
            location,
            trust: resource.trust.clone(),
            priority: resource.priority,
        })
    }
}
