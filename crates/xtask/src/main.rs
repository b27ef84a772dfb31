//! Keeps the generated files and the architecture true.
//! In: the workspace. Out: `update` writes the generated files, `check` says what is stale or out of bounds, `test` runs every
//! test with its outside judges, `test-updates` every story of the container host, `make-packages` writes RPMs to measure with.

mod architecture;
mod generated;
mod tests;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let root = workspace();
    let result = match std::env::args().nth(1).as_deref() {
        Some("update") => generated::update(&root),
        Some("check") => generated::check(&root).and_then(|()| architecture::check(&root)),
        Some("test") => tests::run(&root),
        Some("test-updates") => tests::run_updates(&root, std::env::args().nth(2).as_deref()),
        Some("make-packages") => make_packages(&root),
        _ => Err(
            "usage: cargo xtask check | update | test | test-updates [STORY] | make-packages COUNT FOLDER"
                .to_owned(),
        ),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// RPMs to measure with.
fn make_packages(root: &Path) -> Result<(), String> {
    let rest: Vec<String> = std::env::args().skip(2).collect();
    let build = ["run", "--quiet", "--release", "--package", "testkit", "--bin", "make-packages", "--"];
    let arguments: Vec<&str> = build.into_iter().chain(rest.iter().map(String::as_str)).collect();
    cargo_shown(root, &arguments, &[])
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// What cargo, or a program that it runs, prints on standard output.
fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    program(root, &cargo_path(), arguments)
}

/// What a program prints on standard output; what it says on standard error is shown.
fn program(root: &Path, program: &Path, arguments: &[&str]) -> Result<String, String> {
    let told = || format!("{} {}", program.file_name().unwrap_or_default().display(), arguments.join(" "));
    let output = command(root, program, arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", told()))?;
    if !output.status.success() {
        return Err(format!("{} failed", told()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{} printed no text", told()))
}

/// Runs cargo with everything it prints shown.
fn cargo_shown(root: &Path, arguments: &[&str], environment: &[(&str, String)]) -> Result<(), String> {
    let status = command(root, &cargo_path(), arguments)
        .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
        .status()
        .map_err(|error| format!("cargo {} cannot be run: {error}", arguments.join(" ")))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" "))) }
}

fn cargo_path() -> PathBuf {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a developer's tool calls cargo and lazuli; no product code depends on it"
)]
fn command(root: &Path, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    command
}
