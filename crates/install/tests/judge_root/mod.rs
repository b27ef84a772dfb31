//! Programs of a root that holds rpm 6.1, rpmbuild and dnf5 (`LAZULI_JUDGE_ROOT`), run on the same paths as the test.
#![allow(clippy::disallowed_methods, reason = "a judge has to be independent of the code it judges")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// The root of the judges, or `None` with the reason on stderr.
pub(crate) fn root() -> Option<PathBuf> {
    let root = std::env::var_os("LAZULI_JUDGE_ROOT").map(PathBuf::from);
    match &root {
        None => eprintln!("skipped: LAZULI_JUDGE_ROOT does not name a root with rpm 6.1, rpmbuild and dnf5"),
        Some(root) => assert!(root.join("usr/bin/rpm").exists(), "{} has no rpm", root.display()),
    }
    root
}

/// Runs a shell script inside the judge's root, which sees this machine's /tmp.
pub(crate) fn run(root: &std::path::Path, script: &str) -> Output {
    // Mounts vanish with the namespace; the root itself stays as it is.
    let enter = r#"
        for d in proc dev sys tmp; do mount --rbind "/$d" "$0/$d"; done
        exec chroot "$0" /bin/sh -e -c "$1""#;
    Command::new("unshare")
        .args(["--mount", "--propagation", "private", "/bin/sh", "-e", "-c", enter])
        .arg(root)
        .arg(script)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("unshare runs")
}

/// Standard output of a script that must succeed.
pub(crate) fn check(root: &std::path::Path, script: &str) -> String {
    let output = run(root, script);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\nfailed: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
