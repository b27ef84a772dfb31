//! rpm 6.1, rpmbuild, dnf5 and createrepo_c of the judges' root, run on the same paths as the test.
#![allow(clippy::disallowed_methods, reason = "a judge has to be independent of the code it judges")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::process::{Command, Output};

#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use testkit::prepared::judge_root as root;

/// Runs a shell script inside the judges' root, which sees this machine's /tmp. Nothing else of the root can be written.
pub(crate) fn run(root: &Path, script: &str) -> Output {
    run_with(root, &[], script)
}

/// The same with more folders of this machine, each seen below /mnt by the name it is given.
pub(crate) fn run_with(root: &Path, folders: &[(&Path, &str)], script: &str) -> Output {
    // Mounts vanish with the namespace; the root itself stays as it is.
    let enter = r#"
        root=$1 script=$2
        shift 2
        mount --bind "$root" "$root"
        mount -o remount,bind,ro "$root"
        for d in proc dev sys tmp; do mount --rbind "/$d" "$root/$d"; done
        for d in mnt run var/tmp; do mount -t tmpfs tmpfs "$root/$d"; done
        echo '%_dbpath /usr/lib/sysimage/rpm' > "$root/run/.rpmmacros"
        while [ $# -gt 0 ]; do
            mkdir -p "$root/mnt/$2"
            mount --rbind "$1" "$root/mnt/$2"
            shift 2
        done
        exec chroot "$root" /bin/sh -e -c "$script""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "/bin/sh", "-e", "-c", enter, "enter"]);
    command.arg(root).arg(script);
    for (folder, name) in folders {
        command.arg(folder).arg(name);
    }
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/run")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("unshare runs")
}

/// Standard output of a script that must succeed.
pub(crate) fn check(root: &Path, script: &str) -> String {
    succeeded(&run(root, script), script)
}

/// Standard output of a script that must succeed and needs more folders.
pub(crate) fn check_with(root: &Path, folders: &[(&Path, &str)], script: &str) -> String {
    succeeded(&run_with(root, folders, script), script)
}

fn succeeded(output: &Output, script: &str) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\nfailed: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
