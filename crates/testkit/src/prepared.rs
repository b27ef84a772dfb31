//! What `cargo xtask test` prepares for tests, named by variables of the environment, in; paths, out.
//! A test whose outside judge is missing says so on the terminal, where the harness hides nothing; a variable that names
//! something that is not there fails the test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use host_tools::{Call, program};

/// The root of the image `judges`: programs that other people wrote (rpm, dnf5, testsolv, qemu-img, ...), to compare with.
pub fn judge_root() -> Option<PathBuf> {
    programs("LAZULI_JUDGE_ROOT", "usr/bin/rpm")
}

/// The root of the image `tools`: the programs that shape images (mke2fs, ukify, ...) and QEMU.
pub fn tools_root() -> Option<PathBuf> {
    programs("LAZULI_TEST_TOOLS", "usr/sbin/mke2fs")
}

/// A folder of RPMs with their repodata: a whole small distribution.
pub fn repository() -> Option<PathBuf> {
    folder("LAZULI_TEST_REPOSITORY", "repodata/repomd.xml")
}

/// What the server image asks for.
pub fn packages() -> Option<Vec<String>> {
    let variable = "LAZULI_TEST_PACKAGES";
    let text = value(variable)?;
    let packages: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    assert!(!packages.is_empty(), "{variable} names no package");
    Some(packages)
}

/// The installed root tree of the server image, before it became a disk.
pub fn server_tree() -> Option<PathBuf> {
    folder("LAZULI_TEST_TREE", "usr/lib/os-release")
}

/// Where versions of the container host are made; the folder need not be there.
pub fn versions() -> Option<PathBuf> {
    value("LAZULI_TEST_VERSIONS").map(PathBuf::from)
}

/// Says why the running test does nothing.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `println!`: the harness keeps what a passing test prints to itself.
    let _terminal_gone = writeln!(std::io::stderr(), "skipped {test}: {reason}");
}

fn programs(variable: &str, expected: &str) -> Option<PathBuf> {
    let root = folder(variable, expected)?;
    match namespaces() {
        Ok(()) => Some(root),
        Err(reason) => {
            skip(&format!("no mount namespace can be made here: {reason}"));
            None
        }
    }
}

/// Whether this machine and user can enter another root.
fn namespaces() -> Result<(), &'static str> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    let probe = || {
        let call = Call::new("unshare").args(["--mount", "--propagation", "private", "true"]);
        program::run(&call).map(drop).map_err(|error| error.to_string())
    };
    ANSWER.get_or_init(probe).as_ref().copied().map_err(String::as_str)
}

fn folder(variable: &str, expected: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(value(variable)?);
    assert!(exists(&folder.join(expected)), "{variable} is {}, which has no {expected}", folder.display());
    Some(folder)
}

/// A link counts as it is: its target may only be right inside the root.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn value(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        skip(&format!("{variable} is not set (cargo xtask test sets it)"));
    }
    value
}
