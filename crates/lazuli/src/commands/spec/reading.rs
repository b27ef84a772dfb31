//! A spec file's path and what macros mean, in; what the spec describes, out. Files beside the spec are its sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use component_sources::render::SpecMacros;
use spec_query::{CONFIGURATION_FOLDER, Evaluation, Files, Found, SOURCE_FOLDER};

use crate::cli::SpecMacroOptions;
use crate::failure::{Context as _, ExitCode, Failure};
use crate::pipeline::macros;

/// Macros of files and of the command line.
pub(super) fn macros_of(options: &SpecMacroOptions) -> Result<SpecMacros, Failure> {
    let mut read = macros::read(&options.arch, &options.macros)?;
    for definition in &options.definitions {
        read.macros
            .define(definition)
            .context(|| format!("--define '{definition}' defines nothing"))
            .map_err(|failure| failure.code(ExitCode::Usage).hint("write a name, a blank and a body"))?;
    }
    Ok(SpecMacros { macros: read.macros.share(), ..read })
}

/// Reads one spec.
pub(super) fn evaluate(spec: &Path, macros: &SpecMacros) -> Result<Evaluation, Failure> {
    let text = fs::read(spec).context(|| format!("{} cannot be read", spec.display()))?;
    let folder = spec.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = FilesBeside { folder: folder.to_owned(), library: macros.library.clone() };
    spec_query::evaluate(&spec.display().to_string(), &text, &macros.macros, Rc::new(files))
        .context(|| "rpm would refuse this spec".to_owned())
        .map_err(|failure| match &macros.library.is_empty() {
            true => failure.hint("macros of the distribution may be missing: give them with --macros"),
            false => failure,
        })
}

/// Files of a folder under their names in a build root.
struct FilesBeside {
    folder: PathBuf,
    library: Arc<BTreeMap<String, Vec<u8>>>,
}

impl Files for FilesBeside {
    fn find(&self, path: &str) -> Found {
        let Some(name) = below(path, SOURCE_FOLDER) else {
            let found = below(path, CONFIGURATION_FOLDER).and_then(|name| self.library.get(&name));
            return found.map_or(Found::Unknown, |bytes| Found::Content(bytes.clone()));
        };
        let place = self.folder.join(name);
        // A link may lead anywhere: it is no source.
        match place.symlink_metadata() {
            Ok(facts) if facts.is_file() => fs::read(&place).map_or(Found::Unknown, Found::Content),
            Ok(facts) if facts.is_dir() => Found::Present,
            Ok(_) => Found::Unknown,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::Absent,
            Err(_) => Found::Unknown,
        }
    }
}

/// The rest of a path below a folder, without steps upwards.
fn below(path: &str, folder: &str) -> Option<String> {
    let rest = Path::new(path).strip_prefix(folder).ok()?;
    let plain = rest.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    plain.then(|| rest.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_beside_the_spec_are_sources() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        fs::write(inner.join("a.patch"), "patch").unwrap();
        std::os::unix::fs::symlink("../secret", inner.join("link")).unwrap();
        let files = FilesBeside { folder: inner, library: Arc::default() };
        let find = |name: &str| files.find(&format!("{SOURCE_FOLDER}/{name}"));
        assert_eq!(find("a.patch"), Found::Content(b"patch".to_vec()));
        assert_eq!(find("b.patch"), Found::Absent);
        assert_eq!(find("../secret"), Found::Unknown);
        assert_eq!(find("link"), Found::Unknown);
        assert_eq!(files.find("/etc/passwd"), Found::Unknown);
    }
}
