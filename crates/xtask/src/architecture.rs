//! Which crate may know which: ARCHITECTURE.md as a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cargo;

/// Crate, and the crates of ours that its product code may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("rpm-model", &[]),
    ("host-tools", &[]),
    ("http-fetch", &[]),
    ("spec-overlay", &[]),
    ("definition", &["rpm-model", "spec-overlay"]),
    ("solver", &["rpm-model"]),
    ("repository", &["rpm-model", "host-tools", "http-fetch"]),
    ("debian-import", &["rpm-model", "host-tools", "repository"]),
    (
        "component-sources",
        &["rpm-model", "host-tools", "repository", "definition", "spec-overlay", "spec-query"],
    ),
    ("deviation", &["definition", "spec-overlay", "component-sources"]),
    ("install", &["rpm-model", "host-tools", "repository"]),
    ("release", &[]),
    ("release-repository", &["release", "host-tools"]),
    ("image", &["host-tools", "release"]),
    ("spec-query", &["rpm-model"]),
    (
        "lazuli",
        &[
            "rpm-model",
            "host-tools",
            "definition",
            "spec-overlay",
            "component-sources",
            "spec-query",
            "deviation",
            "solver",
            "repository",
            "debian-import",
            "install",
            "image",
            "release",
            "release-repository",
        ],
    ),
    ("agent", &["release", "host-tools", "http-fetch"]),
    ("testkit", &["rpm-model", "host-tools"]),
    ("xtask", &[]),
];

/// Crates without input and output, and the words that would break it.
const PURE: &[&str] = &["rpm-model", "spec-overlay", "solver", "spec-query", "release"];
const IMPURE: &[&str] =
    &["std::fs", "std::net", "std::process", "std::env", "std::time::SystemTime", "std::time::Instant"];

/// Fails with every dependency that goes up and every impure word in a pure crate.
pub fn check(root: &Path) -> Result<(), String> {
    let metadata = cargo(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let mut problems = wrong_dependencies(&metadata);
    for name in PURE {
        impure_lines(&root.join("crates").join(name).join("src"), &mut problems)?;
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn wrong_dependencies(metadata: &Value) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(may) = allowed.get(name) else {
            problems.push(format!(
                "crate {name} has no place in the architecture: add it to ARCHITECTURE.md and to this list"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let target = dependency["name"].as_str().unwrap_or_default();
            // `kind` is null for product code, "dev" for tests.
            if dependency["kind"].is_null() && ours.contains(target) && !may.contains(&target) {
                problems.push(format!("{name} may not depend on {target}"));
            }
        }
    }
    problems
}

fn impure_lines(folder: &Path, problems: &mut Vec<String>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.is_dir() {
            impure_lines(&path, problems)?;
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                problems.push(format!(
                    "{}:{}: `{word}` in a crate without input and output",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_the_architecture() {
        assert_eq!(check(&crate::workspace()), Ok(()));
    }

    #[test]
    fn a_dependency_upwards_is_found() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "rpm-model", "dependencies": [{ "name": "solver", "kind": null }, { "name": "testkit", "kind": "dev" }] },
            { "name": "solver", "dependencies": [] },
            { "name": "util", "dependencies": [] },
        ]});
        let problems = wrong_dependencies(&metadata);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[0], "rpm-model may not depend on solver");
        assert!(problems[1].starts_with("crate util has no place"));
    }
}
