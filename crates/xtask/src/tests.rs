//! Every test with its outside judges: what they need is built by the project itself first, from its own definition and lock.
//! Stories that boot machines many times are told by a command of their own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{cargo_shown, program};

/// The folder below `build/` for what tests need.
const OUTPUT: &str = "build/test";
/// The folder below it for versions of the container host, some 5 GB.
const VERSIONS: &str = "container-host";
/// The variable that names another one, which stays.
const VERSIONS_VARIABLE: &str = "LAZULI_TEST_VERSIONS";
/// The image whose packages and tree are judged.
const IMAGE: &str = "server";

/// Builds what the judging tests need and runs all tests of the workspace.
pub fn run(root: &Path) -> Result<(), String> {
    // The program that the tests get: one built otherwise would call the trees of the other stale, and make them anew.
    cargo_shown(root, &["test", "--locked", "--workspace", "--no-run"], &[])?;
    let output = root.join(OUTPUT);
    let repository = output.join("repos");
    lazuli(root, &["upstream", "import", "--output", &text(&repository)])?;
    let plan = lazuli(root, &["image", "build", IMAGE, "--plan"])?;
    let repository = repository.join(field(&plan, "upstream")?);
    let packages: Vec<&str> =
        plan["request"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let versions = Versions::new(root)?;
    let environment = [
        ("LAZULI_JUDGE_ROOT", tree(root, "judges")?),
        ("LAZULI_TEST_TOOLS", tree(root, "tools")?),
        (VERSIONS_VARIABLE, text(&versions.folder)),
        ("LAZULI_TEST_TREE", tree(root, IMAGE)?),
        ("LAZULI_TEST_REPOSITORY", text(&repository)),
        ("LAZULI_TEST_PACKAGES", packages.join(" ")),
        ("LAZULI_TEST_BOOT", "1".to_owned()),
    ];
    for (name, value) in &environment {
        eprintln!("{name}={value}");
    }
    cargo_shown(root, &["test", "--locked", "--workspace", "--no-fail-fast"], &environment)
}

/// Tells every story of the container host, or those whose name has `filter` in it; machines without hardware help take hours.
pub fn run_updates(root: &Path, filter: Option<&str>) -> Result<(), String> {
    let stories = ["test", "--locked", "--package", "lazuli", "--test", "container_host"];
    cargo_shown(root, &["build", "--locked", "--package", "lazuli", "--package", "agent"], &[])?;
    cargo_shown(root, &[&stories[..], &["--no-run"]].concat(), &[])?;
    let versions = Versions::new(root)?;
    let environment = [
        ("LAZULI_JUDGE_ROOT", tree(root, "judges")?),
        ("LAZULI_TEST_TOOLS", tree(root, "tools")?),
        (VERSIONS_VARIABLE, text(&versions.folder)),
        ("LAZULI_TEST_BOOT", "all".to_owned()),
    ];
    let filter: Vec<&str> = filter.into_iter().collect();
    // One machine at a time: two would only slow each other down.
    let line = [&stories[..], &["--", "--nocapture", "--test-threads", "1"], &filter].concat();
    cargo_shown(root, &line, &environment)
}

/// Where the tests make versions of the container host. Tests share them, so that none of them knows when they can go.
struct Versions {
    folder: PathBuf,
    is_kept: bool,
}

impl Versions {
    fn new(root: &Path) -> Result<Versions, String> {
        if let Some(folder) = std::env::var_os(VERSIONS_VARIABLE) {
            return Ok(Versions { folder: folder.into(), is_kept: true });
        }
        let versions = Versions { folder: root.join(OUTPUT).join(VERSIONS), is_kept: false };
        // Of a run that was killed.
        versions.remove()?;
        Ok(versions)
    }

    fn remove(&self) -> Result<(), String> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{} cannot be removed: {error}", self.folder.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(problem) = self.remove()
        {
            eprintln!("warning: {problem}");
        }
    }
}

/// Builds an image; the tree that its packages were installed into.
fn tree(root: &Path, image: &str) -> Result<String, String> {
    let folder = root.join(OUTPUT).join(image);
    let built = lazuli(root, &["image", "build", image, "--output", &text(&folder)])?;
    field(&built, "tree").map(str::to_owned)
}

fn field<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    value[name].as_str().ok_or_else(|| format!("lazuli did not say `{name}`, but: {value}"))
}

/// What `lazuli` answers in JSON.
fn lazuli(root: &Path, arguments: &[&str]) -> Result<Value, String> {
    let beside = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let line = [&["--format", "json"], arguments].concat();
    let said = program(root, &beside.with_file_name("lazuli"), &line)?;
    serde_json::from_str(&said).map_err(|error| format!("lazuli {}: {error} in {said}", arguments.join(" ")))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
