//! The files that are made from the program itself: schemas and the command reference.

use std::fs;
use std::path::Path;

use crate::cargo;

/// File in the repository, arguments of `lazuli` that print it.
const FILES: &[(&str, &[&str])] = &[
    ("schema/lazuli.schema.json", &["config", "schema", "project"]),
    ("schema/image.schema.json", &["config", "schema", "image"]),
    ("schema/overlay-file.schema.json", &["config", "schema", "overlay-file"]),
    ("docs/src/commands.md", &["manual", "--markdown"]),
];

/// Writes every generated file.
pub fn update(root: &Path) -> Result<(), String> {
    for (file, arguments) in FILES {
        let path = root.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::write(&path, print(root, arguments)?).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Fails when a generated file is not what the program prints.
pub fn check(root: &Path) -> Result<(), String> {
    let mut stale = Vec::new();
    for (file, arguments) in FILES {
        if fs::read_to_string(root.join(file)).ok() != Some(print(root, arguments)?) {
            stale.push(*file);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale: {}; run `cargo run -p xtask -- update`", stale.join(", ")))
}

fn print(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut line = vec!["run", "--quiet", "-p", "lazuli", "--"];
    line.extend(arguments);
    cargo(root, &line)
}
