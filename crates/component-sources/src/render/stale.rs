//! An output folder and the names of all components, in; the folders in it that belong to none of them, out.
//! Reads the disk.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::output::{OutputError, failed};

/// Folders of components that are no longer, relative to the output folder, sorted.
///
/// Only folders in folders of one letter count: whatever else a person put into the output folder is theirs.
pub fn stale_folders(root: &Path, names: &BTreeSet<&str>) -> Result<Vec<PathBuf>, OutputError> {
    let mut stale = Vec::new();
    for letter in folders(root)?.into_iter().filter(|name| name.chars().count() == 1) {
        for name in folders(&root.join(&letter))? {
            if !names.contains(name.as_str()) {
                stale.push(Path::new(&letter).join(name));
            }
        }
    }
    stale.sort();
    Ok(stale)
}

fn folders(folder: &Path) -> Result<Vec<String>, OutputError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("read", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("read", folder))?;
        // Links are not folders here: encoded names are links.
        if entry.file_type().map_err(failed("look at", &entry.path()))?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_components_that_are_gone_are_stale() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a/at", "a/gone", "t/tool", "docs/a"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        fs::write(folder.path().join("a/file"), "").unwrap();
        std::os::unix::fs::symlink("tool", folder.path().join("t/tool%2B")).unwrap();
        let names = BTreeSet::from(["at", "tool"]);
        assert_eq!(stale_folders(folder.path(), &names).unwrap(), [PathBuf::from("a/gone")]);
        assert!(stale_folders(&folder.path().join("absent"), &names).unwrap().is_empty());
    }
}
