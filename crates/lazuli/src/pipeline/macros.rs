//! Macro files of a build root, in; what macros in specs mean, out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use component_sources::render::SpecMacros;
use sha2::{Digest as _, Sha256};
use spec_query::Macros;

use crate::failure::{Context as _, ExitCode, Failure};

/// Reads macro files and copies of `/usr/lib/rpm`, later ones on top; without any, only what rpm itself builds in is known.
pub fn read(architecture: &str, paths: &[PathBuf]) -> Result<SpecMacros, Failure> {
    let mut reading = Reading {
        macros: Macros::of_architecture(architecture),
        library: BTreeMap::new(),
        hasher: Sha256::new(),
        architecture,
    };
    reading.add("architecture", architecture.as_bytes());
    for path in paths {
        if path.is_dir() {
            reading.folder(path)?;
        } else {
            reading.file(path)?;
        }
    }
    let digest = hex::encode(reading.hasher.finalize());
    Ok(SpecMacros { macros: reading.macros.share(), library: Arc::new(reading.library), digest })
}

struct Reading<'a> {
    macros: Macros,
    library: BTreeMap<String, Vec<u8>>,
    hasher: Sha256,
    architecture: &'a str,
}

impl Reading<'_> {
    /// A copy of `/usr/lib/rpm`, in the order in which rpm reads it.
    fn folder(&mut self, folder: &Path) -> Result<(), Failure> {
        let mut files = Vec::new();
        files.push(folder.join("rpmrc"));
        files.push(folder.join("redhat/rpmrc"));
        files.push(folder.join("macros"));
        files.extend(named(&folder.join("macros.d"), |name| name.starts_with("macros."))?);
        files.push(folder.join(format!("platform/{}-linux/macros", self.architecture)));
        files.extend(named(&folder.join("fileattrs"), |name| name.ends_with(".attr"))?);
        files.push(folder.join("redhat/macros"));
        files.retain(|file| file.is_file());
        let lua = below(folder, "lua")?;
        if files.is_empty() && lua.is_empty() {
            let message = format!("{} holds no macros", folder.display());
            return Err(Failure::new(message)
                .code(ExitCode::Usage)
                .hint("give a copy of a build root's /usr/lib/rpm, or macro files"));
        }
        for file in files {
            self.file(&file)?;
        }
        for name in lua {
            let bytes = bytes_of(&folder.join(&name))?;
            self.add(&name, &bytes);
            self.library.insert(name, bytes);
        }
        Ok(())
    }

    fn file(&mut self, file: &Path) -> Result<(), Failure> {
        let bytes = bytes_of(file)?;
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.add(&name, &bytes);
        if name == "rpmrc" {
            self.macros.read_rpmrc(&bytes);
        } else {
            // A line that defines nothing is passed over, as rpm does.
            let _problems = self.macros.read(&file.display().to_string(), &bytes);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.hasher.update((part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
    }
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file)
        .context(|| format!("macro file {} cannot be read", file.display()))
        .map_err(|failure| failure.code(ExitCode::Usage))
}

/// Files of a folder with a fitting name, sorted; none where there is no folder.
fn named(folder: &Path, fits: fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let names = names(folder)?;
    Ok(names.iter().filter(|name| fits(name)).map(|name| folder.join(name)).collect())
}

/// Paths of all files below a folder of a folder, relative to the latter, sorted.
fn below(folder: &Path, inner: &str) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for name in names(&folder.join(inner))? {
        let path = format!("{inner}/{name}");
        if folder.join(&path).is_dir() {
            found.extend(below(folder, &path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = || format!("folder {} cannot be read", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context(failed)? {
        names.extend(entry.context(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_rpm_s_folder_is_read_in_rpm_s_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("macros", "%first rpm\n%second rpm\n%third rpm\n");
        write("macros.d/macros.tool", "%second package\n%third package\n");
        write("macros.d/README", "%second readme\n");
        write("redhat/macros", "%third distribution\n");
        write("lua/inner/module.lua", "return {}\n");
        let read = read("x86_64", &[folder.path().to_owned()]).unwrap();
        let expanded = read.macros.expand("%{first} %{second} %{third}").unwrap();
        assert_eq!(expanded.known(), Some("rpm package distribution"));
        assert_eq!(read.library.keys().collect::<Vec<_>>(), ["lua/inner/module.lua"]);
    }

    #[test]
    fn another_macro_is_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("macros.own");
        let digest = |text: &str| {
            fs::write(&file, text).unwrap();
            read("x86_64", std::slice::from_ref(&file)).unwrap().digest
        };
        assert_eq!(digest("%a 1\n"), digest("%a 1\n"));
        assert_ne!(digest("%a 1\n"), digest("%a 2\n"));
        assert!(read("x86_64", &[folder.path().to_owned()]).is_err(), "no macros in there");
    }
}
