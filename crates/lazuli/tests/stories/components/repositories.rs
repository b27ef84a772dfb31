//! Upstream files from git repositories: which commit is taken, and that nothing is asked twice.

use std::path::Path;

use host_tools::Call;

use super::project::{HEADER, Project, files, small};

/// Commits everything in a repository at a time.
pub(super) fn commit(folder: &Path, time: &str) {
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.com"];
        let call = Call::new("git").arg("-C").arg(folder).args(identity).args(arguments);
        let call = call
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", time)
            .env("GIT_COMMITTER_DATE", time);
        host_tools::program::run(&call).unwrap();
    };
    if !folder.join(".git").exists() {
        git(&["init", "-q", "-b", "main"]);
    }
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "Change"]);
}

fn project() -> Project {
    let project = Project::new();
    project.define("tool", "");
    project.write("dist-git/tool/tool.spec", &small("tool", "Source0: a.txt\n"));
    project.write("dist-git/tool/a.txt", "first\n");
    project.write("dist-git/tool/README.md", "no\n");
    commit(&project.path("dist-git/tool"), "2026-01-01T00:00:00Z");
    project.write("dist-git/tool/a.txt", "second\n");
    commit(&project.path("dist-git/tool"), "2026-02-01T00:00:00Z");
    project
}

#[test]
fn the_newest_commit_before_the_snapshot_is_taken() {
    let project = project();
    project.render(0, &[]);
    assert_eq!(
        project.read("project/specs/t/tool/tool.spec"),
        format!("{HEADER}{}", small("tool", "Source0: a.txt\n"))
    );
    assert_eq!(project.read("project/specs/t/tool/a.txt"), "second\n");
    assert_eq!(files(&project.path("project/specs")), ["t/tool/a.txt", "t/tool/tool.spec"]);
    let definition = project.read("project/lazuli.toml");
    let earlier =
        definition.replace("version = \"9\" }", "version = \"9\", snapshot = \"2026-01-15T00:00:00Z\" }");
    project.write("project/lazuli.toml", &earlier);
    project.render(0, &[]);
    assert_eq!(project.read("project/specs/t/tool/a.txt"), "first\n");
}

#[test]
fn what_was_read_once_is_not_asked_for_again() {
    let project = project();
    let definition = project.read("project/lazuli.toml");
    let pinned =
        definition.replace("version = \"9\" }", "version = \"9\", snapshot = \"2026-01-15T00:00:00Z\" }");
    project.write("project/lazuli.toml", &pinned);
    project.render(0, &[]);
    std::fs::remove_dir_all(project.path("project/specs")).unwrap();
    // The repository is broken now: whoever asked it would fail.
    std::fs::remove_dir_all(project.path("dist-git/tool/.git/objects")).unwrap();
    std::fs::create_dir(project.path("dist-git/tool/.git/objects")).unwrap();
    project.render(0, &[]);
    assert_eq!(project.read("project/specs/t/tool/a.txt"), "first\n");
}
