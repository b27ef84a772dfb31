//! `[distros]`: every distribution and version with absolute paths and checked addresses.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Resolver;
use super::text::{check_one_line, parse_url, stated};
use crate::component::{Distribution, DistributionVersion};
use crate::decode::Text;
use crate::place::Located;
use crate::tables::{DistroTable, DistroVersionTable};

/// Ways to a git repository. Git knows more, and some of them run programs that the address names.
const GIT_SCHEMES: &[&str] = &["https", "http", "ssh", "git", "file"];
const LOOKASIDE_SCHEMES: &[&str] = &["https", "http", "file"];

impl Resolver<'_> {
    pub(crate) fn distributions(&mut self, architecture: &str) -> BTreeMap<String, Distribution> {
        let file = self.file;
        let tables = file.distros.iter();
        tables.map(|(name, table)| (name.clone(), self.distribution(table, architecture))).collect()
    }

    fn distribution(&mut self, table: &DistroTable, architecture: &str) -> Distribution {
        let repositories = table.repos.iter().flatten();
        Distribution {
            description: stated(table.description.as_ref()).unwrap_or_default(),
            default_version: stated(table.default_version.as_ref()),
            dist_git: self.address(
                table.dist_git_base_uri.as_ref(),
                "dist-git-base-uri",
                GIT_SCHEMES,
                &["$pkg"],
            ),
            lookaside: self.address(
                table.lookaside_base_uri.as_ref(),
                "lookaside-base-uri",
                LOOKASIDE_SCHEMES,
                &["$filename", "$hash"],
            ),
            origins_disabled: table.disable_origins == Some(true),
            source_repositories: repositories.map(|repository| repository.base_uri.value.clone()).collect(),
            versions: table
                .versions
                .iter()
                .map(|(name, version)| (name.clone(), self.distribution_version(version, architecture)))
                .collect(),
        }
    }

    fn distribution_version(
        &mut self,
        table: &DistroVersionTable,
        architecture: &str,
    ) -> DistributionVersion {
        let own = match architecture {
            "aarch64" => table.mock_config_aarch64.as_ref(),
            _ => table.mock_config_x86_64.as_ref(),
        };
        let mock_config = own.filter(|path| !path.is_empty()).or(table.mock_config.as_ref());
        if let Some(branch) = table.dist_git_branch.as_ref().filter(|branch| !branch.is_empty()) {
            self.check_branch(branch);
        }
        DistributionVersion {
            description: stated(table.description.as_ref()).unwrap_or_default(),
            release_version: stated(table.release_ver.as_ref()).unwrap_or_default(),
            dist_git_branch: stated(table.dist_git_branch.as_ref()),
            mock_config: mock_config
                .filter(|path| !path.is_empty())
                .map(|path| -> PathBuf { self.collector.sources.anchor(path) }),
        }
    }

    /// The address with its `$` words still in it, of which it must have one; a path is made absolute.
    fn address(
        &mut self,
        text: Option<&Text>,
        key: &str,
        schemes: &[&str],
        words: &[&str],
    ) -> Option<Located<String>> {
        let text = text.filter(|text| !text.is_empty())?;
        if !check_one_line(text, &format!("`{key}`"), self.collector) {
            return None;
        }
        if !words.iter().any(|word| text.contains(word)) {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            let hint = format!("write {} where its part of the address belongs", words.join(" or "));
            self.collector.report_hinted(
                text.place,
                format!("`{key}` is the same for every source package"),
                hint,
            );
        }
        let is_path = !text.contains(':') && !text.starts_with('-');
        if is_path {
            let path = self.collector.sources.anchor(text);
            return Some(Located::new(path.display().to_string(), text.place));
        }
        parse_url(text, text, schemes, self.collector)?;
        Some(text.clone())
    }

    /// A branch is an argument of git: one that looks like an option, or names a range, is refused.
    fn check_branch(&mut self, branch: &Text) {
        let odd = branch.starts_with(['-', '/'])
            || branch.ends_with(['/', '.'])
            || branch.contains("..")
            || branch.contains("@{")
            || branch.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
        if odd {
            self.collector.report(branch.place, format!("`{branch}` is no name of a branch"));
        }
    }
}
