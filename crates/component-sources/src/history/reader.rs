//! Version and release arguments of specs, by our own interpreter of rpm's macro language.
//!
//! Without rpm's own macro file much of a spec cannot be read, though its version is plain: then the lines that state name,
//! version and release are read without the others. With it, a spec that rpm refuses is refused here, for rpmautospec's rule
//! passes over such a state of a spec.

use std::collections::BTreeMap;
use std::rc::Rc;

use spec_query::{Files, Found, Macros, SOURCE_FOLDER, Value};

use super::SpecReader;
use crate::autospec::{FlagsError, ReleaseFlags};
use crate::source::SourceEntry;

/// Changes whenever the interpreter may give another answer to the same question.
const FORM: u32 = 2;

/// Defined by rpm's own macro file, which every build root has.
const OF_EVERY_BUILD_ROOT: &str = "__spec_install_pre";

/// Reads specs with one set of macros.
pub struct QueryReader {
    macros: Macros,
    digest: String,
}

impl QueryReader {
    /// A reader with these macros; `digest` tells them from others.
    pub fn new(macros: Macros, digest: &str) -> QueryReader {
        QueryReader { macros: macros.share(), digest: format!("{FORM} {digest}") }
    }
}

impl SpecReader for QueryReader {
    fn digest(&self) -> String {
        self.digest.clone()
    }

    fn flags(&self, spec: &[u8], files: &BTreeMap<String, SourceEntry>) -> Result<ReleaseFlags, FlagsError> {
        let whole = self.read(spec, files);
        if whole.is_ok() || self.macros.has(OF_EVERY_BUILD_ROOT) {
            return whole;
        }
        self.read(&stating_the_version(spec), files).or(whole)
    }
}

impl QueryReader {
    fn read(&self, spec: &[u8], files: &BTreeMap<String, SourceEntry>) -> Result<ReleaseFlags, FlagsError> {
        let beside = Beside { files: files.clone() };
        let read = spec_query::evaluate("spec", spec, &self.macros, Rc::new(beside));
        let evaluation = read.map_err(|error| FlagsError { reason: error.to_string() })?;
        let Some(package) = evaluation.packages.first() else {
            return Err(FlagsError { reason: "it describes no package".into() });
        };
        let epoch = package.epoch.map(|epoch| epoch.to_string());
        let version = known("Version", &package.version)?;
        let release = known("Release", &package.release)?;
        Ok(ReleaseFlags::new(epoch.as_deref(), version, release))
    }
}

/// The preamble's macros and conditions, and of its tags those that the version is made of.
fn stating_the_version(spec: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in spec.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_start();
        let word = text.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        if [&b"%description"[..], b"%package", b"%prep", b"%build", b"%install", b"%files"].contains(&word) {
            break;
        }
        let tag = text.split(|byte| *byte == b':').next().filter(|tag| tag.len() < text.len());
        let tag =
            tag.filter(|tag| tag.iter().all(|byte| byte.is_ascii_alphanumeric() || b"()".contains(byte)));
        let states = tag.is_none_or(|tag| {
            [&b"name"[..], b"epoch", b"version", b"release"].contains(&&tag.to_ascii_lowercase()[..])
        });
        if states {
            kept.extend_from_slice(line);
        }
    }
    kept.extend_from_slice(b"\nSummary: None\nLicense: None\n\n%description\n");
    kept
}

fn known<'v>(tag: &str, value: &'v Value) -> Result<&'v str, FlagsError> {
    match value {
        Value::Known(text) => Ok(text),
        Value::Unknown { text, unknown } => {
            let why = if unknown.is_empty() { String::new() } else { format!(" ({})", unknown.join(", ")) };
            Err(FlagsError { reason: format!("{tag} is {text}, which only a build root could tell{why}") })
        }
    }
}

/// The files beside a spec: those that are given, and no others.
struct Beside {
    files: BTreeMap<String, SourceEntry>,
}

impl Files for Beside {
    fn find(&self, path: &str) -> Found {
        let Some(name) = path.strip_prefix(SOURCE_FOLDER) else { return Found::Unknown };
        let name = name.trim_matches('/');
        match self.files.get(name) {
            Some(SourceEntry::File { bytes, .. }) => Found::Content(bytes.clone()),
            Some(SourceEntry::Link { .. }) => Found::Unknown,
            None if name.is_empty() || self.has_folder(name) => Found::Present,
            None => Found::Absent,
        }
    }
}

impl Beside {
    fn has_folder(&self, name: &str) -> bool {
        self.files.keys().any(|path| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autospec::READING_MACROS;

    fn flags(spec: &str, files: &[(&str, &str)]) -> Result<ReleaseFlags, FlagsError> {
        let files = files.iter().map(|(name, text)| {
            ((*name).to_owned(), SourceEntry::File { bytes: text.as_bytes().to_vec(), executable: false })
        });
        let reader = QueryReader::new(Macros::of_architecture("x86_64"), "none");
        reader.flags(format!("{READING_MACROS}{spec}").as_bytes(), &files.collect())
    }

    const HEAD: &str = "Name: a\nSummary: A\nLicense: MIT\n";
    const TAIL: &str = "\n%description\nA.\n";

    #[test]
    fn arguments_of_autorelease_and_the_epoch_are_read() {
        let spec = format!(
            "{HEAD}Epoch: 2\n%global v 1.5\nVersion: %{{v}}\nRelease: %autorelease -p -e rc1 -b 3{TAIL}"
        );
        let expected = ReleaseFlags {
            epoch_version: "2:1.5".into(),
            extra_version: Some("rc1".into()),
            snapshot: None,
            prerelease: true,
            base: 3,
        };
        assert_eq!(flags(&spec, &[]).unwrap(), expected);
    }

    #[test]
    fn a_file_beside_the_spec_is_needed_where_it_is_loaded() {
        let spec = format!("%{{load:%{{_sourcedir}}/a.macros}}\n{HEAD}Version: %{{v}}\nRelease: 1{TAIL}");
        assert!(flags(&spec, &[]).is_err());
        assert_eq!(flags(&spec, &[("a.macros", "%v 7\n")]).unwrap().epoch_version, "7");
    }

    #[test]
    fn a_version_is_read_though_the_build_system_is_not_known() {
        let spec = format!("{HEAD}Version: 2.4.0\nRelease: %autorelease -b 2\nBuildSystem: pyproject{TAIL}");
        let flags = flags(&spec, &[]).unwrap();
        assert_eq!((flags.epoch_version.as_str(), flags.base), ("2.4.0", 2));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let said = flags(&format!("{HEAD}Version: %(date)\nRelease: 1{TAIL}"), &[]).unwrap_err().to_string();
        assert!(said.contains("Version"), "{said}");
    }
}
