//! Debian's own rpm as judge. The package goes in by standard input, so that nothing is written in the judge's root.

#![allow(clippy::unwrap_used, reason = "tests fail by panic")]

mod world;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use world::{Deb, Tar, World};

#[allow(
    clippy::disallowed_methods,
    reason = "the judge is no part of the program; it runs in a root of its own"
)]
fn judge(root: &Path, arguments: &[&str], package: &[u8]) -> String {
    let mut child = Command::new("chroot")
        .arg(root)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(package).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn rpm_agrees_on_digests_files_relations_and_triggers() {
    let Some(root) = testkit::prepared::judge_root() else { return };
    let root = root.as_path();
    let tar = Tar::new()
        .file("./usr/bin/z", 0o4755, b"program")
        .hard_link("./usr/bin/a", "./usr/bin/z")
        .symlink("./usr/bin/link", "z")
        .file("./etc/a.conf", 0o600, b"setting")
        .file("./usr/lib/sysusers.d/a.conf", 0o644, b"u runner 150 \"Runs\" /run/a\n");
    let mut deb = Deb::new("a", "1:2.0~rc1-3", "Depends: b | c (>= 1)\n", tar);
    deb.conffiles = "/etc/a.conf\n".to_owned();
    let mut world = World::new(&[deb, Deb::new("b", "1", "", Tar::new())]);
    let text = "reason = 'r'\n[[file-triggers]]\nkind = 'transfiletriggerin'\npriority = 2000000\npaths = ['/usr/lib', '/lib']\nbody = 'ldconfig'\n";
    world.overrides.add("a", text).unwrap();
    let mut package = Vec::new();
    world.converted("a").write(&mut package).unwrap();

    assert_eq!(judge(root, &["rpmkeys", "-K", "-"], &package), "-: digests OK\n");
    let requires = judge(root, &["rpm", "-qp", "--requires", "-"], &package);
    assert!(
        requires.starts_with("(b or c >= 1-0)\n/bin/sh\nbase-passwd\nconfig(a) = 1:2.0~rc1-3\n"),
        "{requires}"
    );
    let query = "[%{FILEMODES:perms} %{FILENAMES} %{FILENLINKS}\n]";
    assert_eq!(
        judge(root, &["rpm", "-qp", "--qf", query, "-"], &package),
        "-rw------- /etc/a.conf 1\n-rwsr-xr-x /usr/bin/a 2\nlrwxrwxrwx /usr/bin/link 1\n-rwsr-xr-x /usr/bin/z 2\n\
         -rw-r--r-- /usr/lib/sysusers.d/a.conf 1\n"
    );
    let triggers = judge(root, &["rpm", "-qp", "--filetriggers", "-"], &package);
    assert_eq!(triggers, "transfiletriggerin scriptlet (using /bin/sh) -- /lib, /usr/lib\nldconfig\n");
    let archive = judge(root, &["rpm2archive", "-n", "-"], &package);
    assert!(archive.contains("program"), "the payload can be unpacked");
    let accounts = judge(root, &["rpm", "-qp", "--qf", "%{SYSUSERS}\n", "-"], &package);
    assert_eq!(accounts, "u runner 150 \"Runs\" /run/a\n");
}
