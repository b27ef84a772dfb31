//! Keeps the generated files and the architecture true.
//! In: the workspace. Out: `update` writes the generated files, `check` says what is stale or out of bounds.

mod architecture;
mod generated;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = workspace();
    let result = match std::env::args().nth(1).as_deref() {
        Some("update") => generated::update(&root),
        Some("check") => generated::check(&root).and_then(|()| architecture::check(&root)),
        _ => Err("usage: cargo run -p xtask -- check | update".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// What a program of this workspace's tool chain prints.
#[expect(clippy::disallowed_methods, reason = "a developer's tool calls cargo; no product code depends on it")]
fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo {} cannot be run: {error}", arguments.join(" ")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {} failed:\n{said}", arguments.join(" ")));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("cargo {} printed no text", arguments.join(" ")))
}
