//! Every test with its outside judges: the judges' root and the repository they read are built by the project itself first.

use std::path::Path;

use crate::{cargo, cargo_shown};

/// Builds what the judging tests need and runs all tests of the workspace.
pub fn run(root: &Path) -> Result<(), String> {
    cargo_shown(root, &["build", "--locked", "-p", "lazuli"], &[])?;
    let output = root.join("build/test");
    let judges = output.join("judges");
    let repository = output.join("repos");
    lazuli(root, &["image", "build", "judges", "--output", &text(&judges)])?;
    lazuli(root, &["upstream", "import", "--output", &text(&repository)])?;
    let tree = std::fs::canonicalize(judges.join("tree")).map_err(|error| format!("the judges' tree: {error}"))?;
    let environment = [
        ("LAZULI_JUDGE_ROOT", text(&tree)),
        ("LAZULI_TEST_REPOSITORY", text(&repository.join("debian-forky"))),
        ("LAZULI_TEST_BOOT", "1".to_owned()),
    ];
    cargo_shown(root, &["test", "--locked", "--workspace", "--no-fail-fast"], &environment)
}

fn lazuli(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut line = vec!["run", "--quiet", "--locked", "-p", "lazuli", "--"];
    line.extend(arguments);
    cargo(root, &line).map(|said| print!("{said}"))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
