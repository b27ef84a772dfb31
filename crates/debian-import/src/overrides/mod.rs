//! Small TOML files in; what the conversion of a package adds, drops and changes, out.
//!
//! Maintainer scripts are dropped, so what they make in a fresh system is said here: one file a package, each with its reason,
//! and `rules.toml` for what is not of one package.

mod apply;
mod generate;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use apply::OverrideError;
pub(crate) use apply::{apply, relations};

use crate::rpm_file::{ScriptletKind, TriggerKind};

/// Overrides of all packages of an upstream.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    rules: Rules,
    rules_digest: String,
    packages: BTreeMap<String, Loaded>,
}

/// One override file.
#[derive(Debug, Clone)]
struct Loaded {
    change: Override,
    /// Compiled `packages`.
    pattern: Option<Regex>,
    digest: String,
}

/// Rules for every package.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Rules {
    /// Why the rules are as they are.
    #[serde(rename = "reason")]
    _reason: String,
    /// Fixed numbers of users that packages declare without one.
    #[serde(default)]
    pub(crate) users: BTreeMap<String, u32>,
    /// Fixed numbers of groups that packages declare without one.
    #[serde(default)]
    pub(crate) groups: BTreeMap<String, u32>,
}

/// What is different in one package.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Override {
    /// Why this file exists.
    #[serde(rename = "reason")]
    _reason: String,
    /// Regular expression of the names it is for, where one file serves several packages; else the file's name is the package's.
    packages: Option<String>,
    #[serde(default)]
    pub(crate) provides: Vec<String>,
    #[serde(default)]
    pub(crate) requires: Vec<String>,
    #[serde(default)]
    pub(crate) requires_pre: Vec<String>,
    /// Names whose requirements (with all their alternatives) are left out.
    #[serde(default)]
    pub(crate) without_requires: Vec<String>,
    #[serde(default)]
    pub(crate) conflicts: Vec<String>,
    /// Paths of the package that are not taken over.
    #[serde(default)]
    pub(crate) drop: Vec<String>,
    /// Files of the package whose accounts it provides.
    pub(crate) accounts: Option<Accounts>,
    #[serde(default)]
    pub(crate) files: Vec<AddedFile>,
    #[serde(default)]
    pub(crate) edits: Vec<Edit>,
    #[serde(default)]
    pub(crate) attributes: Vec<Attributes>,
    #[serde(default)]
    pub(crate) scriptlets: BTreeMap<ScriptletKind, ScriptText>,
    #[serde(default)]
    pub(crate) file_triggers: Vec<TriggerText>,
    /// Lines of the package's preset file, before those its postinst implies: the first that matches a unit wins.
    #[serde(default)]
    pub(crate) presets: Vec<String>,
}

/// Account files, in the format of passwd and group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounts {
    pub(crate) users: String,
    pub(crate) groups: String,
}

/// A file that the package gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AddedFile {
    pub(crate) path: String,
    pub(crate) content: Option<String>,
    pub(crate) symlink: Option<String>,
    #[serde(default)]
    pub(crate) directory: bool,
    /// Path in the package to take content and mode from.
    pub(crate) copy: Option<String>,
    pub(crate) generate: Option<Generator>,
    pub(crate) mode: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) config: bool,
    #[serde(default)]
    pub(crate) ghost: bool,
}

/// Content made from other files of the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Generator {
    /// Paths of the `.crt` files below /usr/share/ca-certificates, one a line.
    CertificateList,
    /// /etc/passwd of the master file: passwords in the shadow file.
    Passwd,
    /// /etc/group of the master file.
    Group,
    /// /etc/shadow of the master file: root locked, nobody else with a password.
    Shadow,
    /// /etc/gshadow of the master file.
    Gshadow,
}

/// A packaged text, changed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Edit {
    /// Path in the package that is read.
    pub(crate) from: String,
    /// Path that is written; the same if absent.
    pub(crate) to: Option<String>,
    #[serde(default)]
    pub(crate) replace: Vec<Replacement>,
    /// Text put at the end.
    #[serde(default)]
    pub(crate) append: String,
    #[serde(default)]
    pub(crate) config: bool,
}

/// Lines replaced in an edit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replacement {
    /// Regular expression; `^` and `$` match at lines.
    pub(crate) pattern: String,
    /// Replacement, with `$1` or `${name}` for groups.
    pub(crate) with: String,
    /// How often the pattern must match.
    pub(crate) count: usize,
}

/// Owner and mode of a packaged file that a maintainer script would set.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Attributes {
    pub(crate) path: String,
    pub(crate) mode: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) config: bool,
}

/// A scriptlet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptText {
    #[serde(default = "shell")]
    pub(crate) interpreter: String,
    pub(crate) body: String,
}

/// A file trigger.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriggerText {
    pub(crate) kind: TriggerKind,
    pub(crate) priority: u32,
    pub(crate) paths: Vec<String>,
    #[serde(default = "shell")]
    pub(crate) interpreter: String,
    pub(crate) body: String,
}

fn shell() -> String {
    "/bin/sh".to_owned()
}

/// Why a folder of overrides cannot be used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The folder or a file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not in the format of overrides.
    #[error("{path} is no override file")]
    Format {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// `packages` is no regular expression.
    #[error("`packages` in {path} is no regular expression")]
    Pattern {
        /// The file.
        path: PathBuf,
        /// Why.
        source: regex::Error,
    },
    /// A file has a name that is no package's.
    #[error("{path} should not be among the overrides: files are named <package>.toml")]
    Name {
        /// The file.
        path: PathBuf,
    },
}

impl Overrides {
    /// Reads every `<package>.toml` and `rules.toml` of a folder.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let read_error = |path: &Path| {
            let path = path.to_owned();
            move |source| LoadError::Read { path, source }
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(read_error(folder))? {
            paths.push(entry.map_err(read_error(folder))?.path());
        }
        paths.sort();
        let mut overrides = Self::default();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(package) = name.strip_suffix(".toml").map(ToOwned::to_owned) else {
                return Err(LoadError::Name { path });
            };
            let text = fs::read_to_string(&path).map_err(read_error(&path))?;
            overrides.add(&package, &text).map_err(|error| match error {
                AddError::Format(source) => LoadError::Format { path, source },
                AddError::Pattern(source) => LoadError::Pattern { path, source },
            })?;
        }
        Ok(overrides)
    }

    /// Adds one file from its text: an override by its file name without suffix, or the rules (`rules`).
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), AddError> {
        let digest = hex::encode(Sha256::digest(text));
        if name == "rules" {
            self.rules = toml::from_str(text).map_err(AddError::Format)?;
            self.rules_digest = digest;
        } else {
            let change: Override = toml::from_str(text).map_err(AddError::Format)?;
            let anchored = change.packages.as_ref().map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
            let pattern = anchored.transpose().map_err(AddError::Pattern)?;
            self.packages.insert(name.to_owned(), Loaded { change, pattern, digest });
        }
        Ok(())
    }

    /// Names of the override files, without suffix.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.keys().map(String::as_str)
    }

    /// Names of packages that the override of `package` makes it require.
    pub(crate) fn added_requirements(&self, package: &str) -> impl Iterator<Item = &str> {
        let texts = self
            .of(package)
            .into_iter()
            .flat_map(|change| change.requires.iter().chain(&change.requires_pre));
        texts.filter_map(|relation| relation.split_whitespace().next())
    }

    /// Names whose requirements the override of `package` leaves out.
    pub(crate) fn dropped_requirements(&self, package: &str) -> &[String] {
        self.of(package).map_or(&[], |change| &change.without_requires)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The override for `package`: the file of its name, else the first one whose pattern matches.
    pub(crate) fn of(&self, package: &str) -> Option<&Override> {
        self.loaded(package).map(|loaded| &loaded.change)
    }

    /// What the conversion of `package` reads here: changes when its override or the rules change.
    pub(crate) fn digest(&self, package: &str) -> String {
        let own = self.loaded(package).map_or("", |loaded| &loaded.digest);
        format!("{}:{own}", self.rules_digest)
    }

    fn loaded(&self, package: &str) -> Option<&Loaded> {
        let own = self.packages.get(package).filter(|loaded| loaded.pattern.is_none());
        let matches =
            |loaded: &&Loaded| loaded.pattern.as_ref().is_some_and(|pattern| pattern.is_match(package));
        own.or_else(|| self.packages.values().find(matches))
    }
}

/// Why the text of an override cannot be used.
#[derive(Debug, Error)]
pub enum AddError {
    /// It is not in the format of overrides.
    #[error("the text is no override")]
    Format(#[source] toml::de::Error),
    /// `packages` is no regular expression.
    #[error("`packages` is no regular expression")]
    Pattern(#[source] regex::Error),
}
