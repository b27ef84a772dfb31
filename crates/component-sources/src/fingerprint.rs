//! A component and what its sources are, in; a digest that changes exactly when a new release is due, out.
//! Nothing here reads a disk or runs a program.
//!
//! The form is written down here and versioned, not derived from types: a new key of the definition that a component does not
//! use changes nothing. What never alters the packages (why a change is made, where packages are published, where a file is
//! fetched from) is left out.

use std::fmt::Write as _;
use std::path::Path;

use definition::{Component, ReleaseCalculation, SourceOrigin, SpecSource, UpstreamSource};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The version of the form; another form must have another number.
const VERSION: u32 = 1;

/// What a release is made of besides the component's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs<'a> {
    /// What the sources are: an upstream commit, or a digest of local files.
    pub source: &'a str,
    /// How often it was released without any other change.
    pub manual_bump: u64,
    /// The release of the distribution, such as `4.0`.
    pub release_version: &'a str,
}

/// Why a component has no fingerprint.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    /// A file of the definition cannot be read.
    #[error("overlay {number} of {component} brings in {path}, which cannot be read")]
    OverlaySource {
        /// The component.
        component: String,
        /// Which overlay, from 1.
        number: usize,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A source file without a hash could be anything.
    #[error(
        "source file {file} of {component} has no hash: a release cannot be told from another without it"
    )]
    NoHash {
        /// The component.
        component: String,
        /// The file.
        file: String,
    },
}

/// The fingerprint of a component's release; `read` gives the bytes of files that overlays bring in.
pub fn of(
    component: &Component,
    inputs: &Inputs<'_>,
    read: &dyn Fn(&Path) -> std::io::Result<Vec<u8>>,
) -> Result<String, FingerprintError> {
    let mut records = Records::default();
    records.add("source", inputs.source);
    records.add_number("manual-bump", inputs.manual_bump);
    records.add("release-version", inputs.release_version);
    add_spec(&mut records, component);
    if component.release != ReleaseCalculation::default() {
        records.add("release", component.release.as_str());
    }
    add_overlays(&mut records, component, read)?;
    add_build(&mut records, component);
    if component.keeps_all_files {
        records.add("keeps-all-files", "true");
    }
    add_source_files(&mut records, component)?;
    for name in component.packages.keys() {
        records.add("package", name);
    }
    Ok(format!("{VERSION}:{}", records.digest()))
}

/// A fingerprint in the form of azldev's `input-fingerprint`, which is opaque to whoever compares it.
pub fn as_input(fingerprint: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(fingerprint.as_bytes())))
}

/// The digest that azldev keeps of what an upstream commit was resolved from; equal digests: no need to resolve again.
pub fn resolution(upstream: &UpstreamSource, branch: Option<&str>, dist_git: Option<&str>) -> String {
    let mut records = Records::default();
    let pin = upstream.commit.as_ref().map(|commit| commit.value.as_str());
    for (label, value) in [
        ("snapshot", upstream.snapshot.as_deref()),
        ("distro_name", Some(upstream.distro.as_str())),
        ("distro_version", upstream.stated_version.as_deref()),
        ("dist_git_branch", branch),
        ("dist_git_base_uri", dist_git),
        ("upstream_commit_pin", pin),
        ("upstream_name", upstream.stated_name.as_deref()),
    ] {
        records.add(label, value.unwrap_or_default());
    }
    format!("sha256:{}", records.digest())
}

fn add_spec(records: &mut Records, component: &Component) {
    match &component.spec {
        SpecSource::Local { .. } => records.add("spec", "local"),
        SpecSource::Unstated => {}
        SpecSource::Upstream(upstream) => {
            records.add("spec", "upstream");
            records.add("upstream-distro", &upstream.distro);
            records.add("upstream-version", &upstream.version);
            if let Some(name) = &upstream.stated_name {
                records.add("upstream-name", name);
            }
        }
    }
}

fn add_overlays(
    records: &mut Records,
    component: &Component,
    read: &dyn Fn(&Path) -> std::io::Result<Vec<u8>>,
) -> Result<(), FingerprintError> {
    for (index, entry) in component.overlays.iter().enumerate() {
        let overlay = &entry.overlay;
        records.add("overlay", overlay.type_name());
        if let Value::Object(fields) = serde_json::to_value(overlay).unwrap_or_default() {
            let fields = fields.iter().filter(|(key, _)| *key != "type" && *key != "source");
            for (key, value) in sorted(fields) {
                add_value(records, key, value);
            }
        }
        let Some(source) = overlay.source() else { continue };
        let bytes = read(source).map_err(|error| FingerprintError::OverlaySource {
            component: component.name.to_string(),
            number: index + 1,
            path: source.display().to_string(),
            source: error,
        })?;
        // Where in the project the file lies is nobody's business: its name beside the spec and its bytes are.
        records.add("source-name", overlay.source_name().unwrap_or_default());
        records.add("source-sha256", &hex::encode(Sha256::digest(&bytes)));
    }
    Ok(())
}

fn add_build(records: &mut Records, component: &Component) {
    let build = &component.build;
    for name in &build.with {
        records.add("with", name);
    }
    for name in &build.without {
        records.add("without", name);
    }
    for (name, body) in &build.defines {
        records.add("define", name);
        records.add("body", body);
    }
    for name in &build.undefines {
        records.add("undefine", name);
    }
    if build.emits_upstream_provenance {
        records.add("emits-upstream-provenance", "true");
    }
    if build.check_skipped.is_some() {
        records.add("check-skipped", "true");
    }
}

fn add_source_files(records: &mut Records, component: &Component) -> Result<(), FingerprintError> {
    for file in &component.source_files {
        let Some(hash) = &file.hash else {
            return Err(FingerprintError::NoHash {
                component: component.name.to_string(),
                file: file.name.to_string(),
            });
        };
        records.add("source-file", &file.name);
        records.add("hash-type", hash.kind.as_str());
        records.add("hash", &hash.digits.to_ascii_lowercase());
        if file.replaces_upstream.is_some() {
            records.add("replaces-upstream", "true");
        }
        if let SourceOrigin::Custom { script, packages, inputs } = &file.origin {
            records.add("script", script);
            for package in packages {
                records.add("script-package", package);
            }
            for input in inputs {
                records.add("script-input", input);
            }
        }
    }
    Ok(())
}

/// A value of a table, element by element; what is absent or empty says nothing.
fn add_value(records: &mut Records, key: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => records.add(key, text),
        Value::Array(values) => {
            records.add_number(key, values.len() as u64);
            values.iter().for_each(|value| add_value(records, key, value));
        }
        Value::Object(fields) => {
            for (inner, value) in sorted(fields.iter()) {
                add_value(records, &format!("{key}.{inner}"), value);
            }
        }
        Value::Bool(_) | Value::Number(_) => records.add(key, &value.to_string()),
    }
}

/// By key, whatever order the map keeps.
fn sorted<'v>(fields: impl Iterator<Item = (&'v String, &'v Value)>) -> Vec<(&'v String, &'v Value)> {
    let mut fields: Vec<_> = fields.collect();
    fields.sort_by_key(|(key, _)| *key);
    fields
}

/// `LENGTH:label=LENGTH:value` lines: no value can look like another record.
#[derive(Default)]
struct Records {
    text: String,
}

impl Records {
    fn add(&mut self, label: &str, value: &str) {
        // Writing to a string cannot fail.
        let _written = writeln!(self.text, "{}:{label}={}:{value}", label.len(), value.len());
    }

    fn add_number(&mut self, label: &str, value: u64) {
        self.add(label, &value.to_string());
    }

    fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }
}
