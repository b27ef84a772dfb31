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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use definition::{Distro, UpstreamSource};

    use super::*;

    const HEAD: &str = "\
[project]
default-distro = { name = \"ours\" }
[distros.ours]
default-version = \"4\"
[distros.ours.versions.4]
release-ver = \"4\"
default-component-config.spec = { type = \"upstream\", upstream-distro = { name = \"up\", version = \"43\", snapshot = \"2026-02-24T00:00:00-08:00\" } }
[distros.up]
default-version = \"1\"
dist-git-base-uri = \"https://dist-git.test/rpms/$pkg.git\"
[distros.up.versions.43]
release-ver = \"43\"
dist-git-branch = \"f43\"
";

    fn distro(component: &str) -> Distro {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one.patch", "two.patch"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::write(folder.path().join("azldev.toml"), format!("{HEAD}[components.a]\n{component}"))
            .unwrap();
        definition::load(folder.path()).unwrap()
    }

    /// The fingerprint of a component whose overlays bring in files that hold their own names.
    fn fingerprint(component: &str) -> String {
        let distro = distro(component);
        let inputs = Inputs { source: "c0ffee", manual_bump: 0, release_version: "43" };
        of(&distro.components["a"], &inputs, &named).unwrap()
    }

    fn named(path: &Path) -> std::io::Result<Vec<u8>> {
        let name = path.file_name().ok_or(ErrorKind::NotFound)?;
        Ok(name.as_encoded_bytes().to_vec())
    }

    #[test]
    fn the_form_stays_as_it_was_written_down() {
        // Whoever changes one of these releases every component of everybody: raise VERSION, and think twice.
        assert_eq!(fingerprint(""), EMPTY);
        assert_eq!(fingerprint(FULL_TABLE), FULL);
    }

    const EMPTY: &str = "1:cc3ab939d5740b99a4b2e80923b9aa1f709d8c29f2a40316c81ff9ade86a5110";
    const FULL: &str = "1:ab7c93adf616308eb572f7199829d6161e93fba3f033a615afcc5d1012b441f5";
    const FULL_TABLE: &str = "\
build = { with = [\"x\"], without = [\"y\"], defines = { d = \"1\" }, undefines = [\"u\"], check = { skip = true, skip_reason = \"no network\" } }
release = { calculation = \"manual\" }
[[components.a.overlays]]
type = \"patch-add\"
source = \"one.patch\"
[[components.a.overlays]]
type = \"spec-search-replace\"
section = \"%build\"
regex = \"a+\"
replacement = \"b\"
[[components.a.source-files]]
filename = \"extra.tar\"
hash-type = \"SHA256\"
hash = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"
origin = { type = \"download\", uri = \"https://a.test/extra.tar\" }
";

    #[test]
    fn what_alters_packages_alters_the_fingerprint() {
        let full = fingerprint(FULL_TABLE);
        for (from, to) in [
            ("with = [\"x\"]", "with = [\"z\"]"),
            ("d = \"1\"", "d = \"2\""),
            ("undefines = [\"u\"]", "undefines = []"),
            ("calculation = \"manual\"", "calculation = \"static\""),
            ("one.patch", "two.patch"),
            ("replacement = \"b\"", "replacement = \"c\""),
            ("section = \"%build\"\n", ""),
            ("aaaa", "bbbb"),
        ] {
            assert!(FULL_TABLE.contains(from), "{from}");
            assert_ne!(fingerprint(&FULL_TABLE.replace(from, to)), full, "{from}");
        }
    }

    #[test]
    fn what_alters_nothing_does_not() {
        let full = fingerprint(FULL_TABLE);
        for (from, to) in [
            ("no network", "no X server"),
            ("source = \"one.patch\"", "source = \"one.patch\"\ndescription = \"Because\""),
            ("https://a.test/extra.tar", "https://b.test/extra.tar"),
            ("release = {", "publish = { rpm-channel = \"base\" }\nrelease = {"),
        ] {
            assert!(FULL_TABLE.contains(from), "{from}");
            assert_eq!(fingerprint(&FULL_TABLE.replace(from, to)), full, "{from}");
        }
    }

    #[test]
    fn a_source_file_without_a_hash_has_no_fingerprint() {
        let table = "[[components.a.source-files]]\nfilename = \"x\"\norigin = { type = \"download\", uri = \"https://a.test/x\" }\n";
        let distro = distro(table);
        let inputs = Inputs { source: "c0ffee", manual_bump: 0, release_version: "43" };
        let error = of(&distro.components["a"], &inputs, &named).unwrap_err();
        assert!(matches!(error, FingerprintError::NoHash { .. }), "{error}");
    }

    #[test]
    fn resolution_is_what_azldev_computes() {
        let distro = distro(
            "spec = { type = \"upstream\", upstream-name = \"vim\", upstream-commit = \"0123456789abcdef0123456789abcdef01234567\" }\n",
        );
        let SpecSource::Upstream(upstream) = &distro.components["a"].spec else { panic!("not upstream") };
        let upstream: &UpstreamSource = upstream;
        let resolution = resolution(upstream, Some("f43"), Some("https://dist-git.test/rpms/$pkg.git"));
        // What azldev wrote into the lock of this component.
        assert_eq!(resolution, "sha256:133e78e2e4edd6d65d15e3c5791270347a3cbd9518b38096716eea3f05bb1a7b");
    }
}
