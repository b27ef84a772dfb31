//! A spec and the files beside it, in; what its `Source` and `Patch` tags name, out.
//! Nothing here reads a disk: files are looked up among those that are given.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use spec_query::{CONFIGURATION_FOLDER, Evaluation, Found, Macros, SOURCE_FOLDER, SpecError, Value};

use super::filter::Listing;
use super::mentioned::mentioned;
use crate::prepare::PreparedFiles;

/// What macros in specs mean.
#[derive(Debug, Clone)]
pub struct SpecMacros {
    /// The macros of the build root.
    pub macros: Macros,
    /// Files of the build root below `/usr/lib/rpm` that macros read, by path relative to it: Lua modules.
    pub library: Arc<BTreeMap<String, Vec<u8>>>,
    /// Tells these macros and files from others.
    pub digest: String,
}

impl SpecMacros {
    /// What a spec describes. The files are given back: nothing copies them.
    pub fn evaluate(
        &self,
        spec: &str,
        files: PreparedFiles,
    ) -> (PreparedFiles, Result<Evaluation, SpecError>) {
        let beside = Rc::new(BesideSpec { files, library: Arc::clone(&self.library) });
        let bytes = beside.files.get(spec).map_or(&[][..], |file| &file.bytes);
        let evaluation = spec_query::evaluate(spec, bytes, &self.macros, Rc::clone(&beside) as Rc<_>);
        let files = Rc::try_unwrap(beside).map_or_else(|shared| shared.files.clone(), |owned| owned.files);
        (files, evaluation)
    }

    /// What a spec names; the files are given back.
    pub(super) fn listing(&self, spec: &str, files: PreparedFiles) -> (PreparedFiles, Listing) {
        let (files, evaluation) = self.evaluate(spec, files);
        let listing = match evaluation {
            Ok(evaluation) => {
                let mut listing = listing_of(&evaluation);
                // Every distribution's macros say `dist`: without them, conditions hang on what is not known.
                if (!evaluation.doubts.is_empty() || !self.macros.has("dist"))
                    && let Listing::Values(values) = &mut listing
                {
                    let bytes = files.get(spec).map_or(&[][..], |file| &file.bytes);
                    values.extend(mentioned(bytes, &files));
                }
                listing
            }
            // With macros that are not all of a build root's, that is no proof that a build would fail.
            Err(error) => {
                Listing::Unknown(format!("as far as its macros are known, rpm would refuse {error}"))
            }
        };
        (files, listing)
    }
}

fn listing_of(evaluation: &Evaluation) -> Listing {
    let mut values = Vec::new();
    for source in &evaluation.source.sources {
        match &source.location {
            Value::Known(text) => values.push(text.clone()),
            Value::Unknown { text, unknown } => {
                let kind = if source.is_patch { "Patch" } else { "Source" };
                let why =
                    if unknown.is_empty() { String::new() } else { format!(": {}", unknown.join(", ")) };
                return Listing::Unknown(format!("{kind}{} is `{text}`{why}", source.number));
            }
        }
    }
    Listing::Values(values)
}

/// The files that a spec finds beside it and in its build root.
#[derive(Debug)]
pub struct BesideSpec {
    files: PreparedFiles,
    library: Arc<BTreeMap<String, Vec<u8>>>,
}

impl spec_query::Files for BesideSpec {
    fn find(&self, path: &str) -> Found {
        if let Some(name) = below(path, SOURCE_FOLDER) {
            return match self.files.get(name) {
                Some(file) => Found::Content(file.bytes.clone()),
                None if name.is_empty() || has_folder(self.files.keys(), name) => Found::Present,
                None => Found::Absent,
            };
        }
        match below(path, CONFIGURATION_FOLDER).and_then(|name| self.library.get(name)) {
            Some(bytes) => Found::Content(bytes.clone()),
            None => Found::Unknown,
        }
    }
}

fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/').map(|rest| rest.trim_matches('/')) }
}

fn has_folder<'a>(mut paths: impl Iterator<Item = &'a String>, name: &str) -> bool {
    paths.any(|path| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::PreparedFile;

    fn listing(spec: &str, more: &[(&str, &str)]) -> Listing {
        let mut files = PreparedFiles::new();
        for (name, text) in more.iter().chain([&("a.spec", spec)]) {
            files.insert(
                (*name).to_owned(),
                PreparedFile { bytes: text.as_bytes().to_vec(), executable: false },
            );
        }
        let macros = Macros::of_architecture("x86_64");
        let macros = SpecMacros { macros, library: Arc::default(), digest: String::new() };
        let (back, listing) = macros.listing("a.spec", files.clone());
        assert_eq!(back, files);
        listing
    }

    const HEAD: &str = "Name: a\nVersion: 1.5\nRelease: 1\nSummary: A\nLicense: MIT\n";
    const TAIL: &str = "\n%description\nA.\n";

    #[test]
    fn macros_of_the_spec_and_of_files_beside_it_are_expanded() {
        let spec = format!(
            "%{{load:%{{_sourcedir}}/a.macros}}\n{HEAD}Source0: %{{name}}-%{{v}}.tar\nPatch: %{{version}}.patch{TAIL}"
        );
        let values = Listing::Values(vec!["a-7.tar".into(), "1.5.patch".into()]);
        assert_eq!(listing(&spec, &[("a.macros", "%v 7\n")]), values);
    }

    #[test]
    fn patches_of_branches_that_may_be_taken_are_listed() {
        let spec = format!("{HEAD}%if 0%{{?fedora}}\nPatch1: fedora.patch\n%endif\n{TAIL}");
        let listed = listing(&spec, &[("fedora.patch", ""), ("README", "")]);
        assert_eq!(listed, Listing::Values(vec!["fedora.patch".into()]));
    }

    #[test]
    fn what_only_a_build_root_knows_is_not_listed() {
        let unknown = |line: &str| match listing(&format!("{HEAD}{line}{TAIL}"), &[]) {
            Listing::Unknown(reason) => reason,
            Listing::Values(values) => panic!("{values:?}"),
        };
        assert!(unknown("Source0: %(uname -r).tar").starts_with("Source0 is `"));
        assert!(unknown("Source3: %{fontname}.xml").contains("%{fontname}"));
        assert!(unknown("Group").contains("a.spec:6"), "{}", unknown("Group"));
    }
}
