//! Locks of components, what their releases do to specs, and the folder that a build needs.

use std::fs;

use super::project::{Project, TOOL, small};
use super::repositories::commit;
use crate::program::{lazuli, run};
use crate::world::Ended;

fn update(project: &Project, code: i32, arguments: &[&str]) -> Ended {
    let dist_git = project.path("dist-git").display().to_string();
    project.ends(code, &[&["component", "update", "--dist-git", &dist_git], arguments].concat())
}

fn release(project: &Project) -> String {
    project.render(0, &[]);
    let spec = project.read("project/specs/t/tool/tool.spec");
    spec.lines().find_map(|line| line.strip_prefix("Release:")).unwrap().trim().to_owned()
}

#[test]
fn committed_changes_are_counted_as_releases() {
    let project = Project::new();
    project.define("tool", "");
    project.write("dist-git/tool/tool.spec", &small("tool", ""));
    commit(&project.path("dist-git/tool"), "2026-01-01T00:00:00Z");
    assert_eq!(update(&project, 0, &[]).stdout.split_whitespace().next(), Some("new"));
    assert_eq!(release(&project), "1");
    commit(&project.path("project"), "2026-03-01T00:00:00Z");
    assert_eq!(release(&project), "2");
    assert_eq!(update(&project, 0, &["--check-only"]).stdout, "");

    project.define("tool", "build.with = [\"tests\"]\n");
    let stale = update(&project, 1, &["--check-only"]);
    assert_eq!(stale.stdout, "released  tool\n");
    assert!(stale.stderr.contains("lazuli component update"), "{stale}");
    assert_eq!(update(&project, 0, &[]).stdout, "released  tool\n");
    commit(&project.path("project"), "2026-03-02T00:00:00Z");
    assert_eq!(release(&project), "3");

    assert_eq!(update(&project, 0, &["--bump", "tool"]).stdout, "released  tool\n");
    commit(&project.path("project"), "2026-03-03T00:00:00Z");
    assert_eq!(release(&project), "4");
    assert!(project.read("project/locks/tool.lock").contains("manual-bump = 1\n"));

    fs::remove_file(project.path("project/components/tool.toml")).unwrap();
    project.define("other", "");
    project.write("dist-git/other/other.spec", &small("other", ""));
    assert!(update(&project, 0, &[]).stdout.ends_with("removed   tool\n"));
    assert!(!project.path("project/locks/tool.lock").exists());
}

#[test]
fn no_lock_is_written_when_one_cannot_be() {
    let project = Project::new();
    project.define("good", "");
    project.define("missing", "");
    project.write("dist-git/good/good.spec", &small("good", ""));
    let ended = update(&project, 1, &[]);
    assert!(ended.stderr.contains("missing: "), "{ended}");
    assert!(!ended.stderr.contains("good: "), "{ended}");
    assert!(!project.path("project/locks").exists());
    let ended = update(&project, 2, &["--bump"]);
    assert!(ended.stderr.contains("--bump needs the names"), "{ended}");
}

#[test]
fn a_folder_for_a_build_has_files_and_verified_archives() {
    let project = Project::with_tool("");
    // SHA-256 of the archive.
    let digest = "0eb3e36bfb24dcd9bb1d1bece1531216b59539a8fde17ee80224af0653c92aa3";
    project.write("dist-git/tool/sources", &format!("SHA256 (tool-1.0.tar.gz) = {digest}\n"));
    let prepare = |arguments: &[&str]| {
        let call = lazuli(["component", "prepare-sources", "tool", "-o"]).arg(project.path("out"));
        let call = call.arg("--dist-git").arg(project.path("dist-git"));
        let call = call.arg("-C").arg(project.path("project")).arg("--cache-dir").arg(project.path("cache"));
        let caches = format!("file://{}/$hash", project.path("lookaside").display());
        Ended::of(&run(&call.args(arguments).arg("--lookaside").arg(caches)))
    };
    project.write(&format!("lookaside/{digest}"), "another archive");
    let wrong = prepare(&[]);
    assert_eq!(wrong.code, 1, "{wrong}");
    assert!(wrong.stderr.contains("tool-1.0.tar.gz"), "{wrong}");
    assert!(!project.path("out").exists());

    project.write(&format!("lookaside/{digest}"), ARCHIVE);
    let ended = prepare(&[]);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(project.read("out/tool-1.0.tar.gz"), ARCHIVE);
    assert!(project.read("out/tool.spec").ends_with(TOOL));
    // A build needs what dist-git has, whether the spec names it or not.
    assert!(project.path("out/README.md").exists());
    let again = prepare(&[]);
    assert!(again.code == 1 && again.stderr.contains("--force"), "{again}");
    assert_eq!(prepare(&["--force", "--without-archives"]).code, 0);
    assert!(!project.path("out/tool-1.0.tar.gz").exists());
}

const ARCHIVE: &str = "archive";
