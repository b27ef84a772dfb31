//! What differs from upstream: reports, what a newer upstream does to it, patches for upstream.

use std::path::Path;

use host_tools::Call;
use serde_json::Value;

use super::project::{Project, TOOL};

const NO_XEN: &str = "\
[[components.tool.overlays]]
type = \"spec-remove-tag\"
description = \"Xen is not a target\"
tag = \"BuildRequires\"
value = \"xen-devel\"
";
const WITHOUT_XEN: &str = "\
[[components.tool.overlays]]
type = \"spec-search-replace\"
section = \"%build\"
regex = '--with-xen'
replacement = '--without-xen'
";

fn git(folder: &Path, time: &str, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.com"];
    let call = Call::new("git").arg("-C").arg(folder).args(identity).args(arguments);
    let call = call
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_DATE", time)
        .env("GIT_COMMITTER_DATE", time);
    host_tools::program::run(&call).unwrap().stdout_text()
}

fn commit(folder: &Path, time: &str) {
    if !folder.join(".git").exists() {
        git(folder, time, &["init", "-q", "-b", "main"]);
    }
    git(folder, time, &["add", "-A"]);
    git(folder, time, &["commit", "-q", "-m", "Change"]);
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_report_dates_lines_by_git_and_tells_what_came() {
    let project = Project::with_tool(NO_XEN);
    commit(&project.path("project"), "2026-01-01T00:00:00Z");
    project.define("tool", &format!("{NO_XEN}{WITHOUT_XEN}"));
    project.define("plain", "");
    commit(&project.path("project"), "2026-01-11T00:00:00Z");
    let page = project.path("page.html").display().to_string();
    let arguments = ["deviation", "report", "--since", "HEAD~1", "--html", &page, "--format", "json"];
    let report = json(&project.ends(0, &arguments).stdout);
    assert_eq!(report["totals"]["components"], 2);
    assert_eq!(report["totals"]["deviating"], 1);
    let tool = &report["components"][0];
    assert_eq!((&tool["component"], &tool["oldest-days"]), (&"tool".into(), &10.into()), "{tool:#}");
    let since: Vec<&str> =
        tool["deviations"].as_array().unwrap().iter().map(|one| one["since"].as_str().unwrap()).collect();
    assert_eq!(since, ["2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z"]);
    assert_eq!(report["trend"]["came"][0]["what"], "replace `--with-xen` by `--without-xen` in %build");
    assert_eq!(report["trend"]["went"], Value::Array(Vec::new()));
    let page = project.read("page.html");
    assert!(page.contains("A tiny distribution") && page.contains("Xen is not a target"), "{page}");

    let words = project.ends(0, &["deviation", "report"]).stdout;
    assert!(
        words.contains("tool                              spec change ×2  (2 lines, 10 days)\n"),
        "{words}"
    );
    assert!(words.contains("1 of 2 components differ"), "{words}");
}

#[test]
fn a_definition_outside_git_has_no_ages() {
    let project = Project::with_tool(NO_XEN);
    let report = json(&project.ends(0, &["deviation", "report", "--format", "json"]).stdout);
    assert_eq!(report["as-of"], Value::Null);
    assert_eq!(report["components"][0]["oldest-days"], Value::Null);
    let ended = project.ends(1, &["deviation", "report", "--since", "main"]);
    assert!(ended.stderr.contains("not in the work tree of a git repository"), "{ended}");
}

#[test]
fn a_newer_folder_shows_what_breaks_with_the_line() {
    let project = Project::with_tool(&format!("{NO_XEN}{WITHOUT_XEN}"));
    let newer = TOOL
        .replace("%configure --with-xen", "%meson -Dxen=enabled")
        .replace("BuildRequires:  xen-devel\n", "");
    project.write("newer/tool/tool.spec", &newer);
    let (old, new) =
        (project.path("dist-git").display().to_string(), project.path("newer").display().to_string());
    let ended = project.ends(1, &["deviation", "check", "--snapshot", &new, "--dist-git", &old]);
    assert!(ended.stdout.contains("overlay 1 (remove `BuildRequires: xen-devel`): can go: "), "{ended}");
    assert!(ended.stdout.contains("): does not apply any more: "), "{ended}");
    assert!(ended.stdout.contains("    | -%configure --with-xen\n    | +%meson -Dxen=enabled\n"), "{ended}");
    assert!(ended.stderr.contains("1 overlay does not apply to the newer upstream"), "{ended}");

    let ended = project.ends(0, &["deviation", "check", "--snapshot", &old, "--dist-git", &old]);
    assert_eq!(ended.stdout, "nothing to do: every overlay does what it did, no pin can go\n");
    let ended = project.ends(2, &["deviation", "check", "--snapshot", "last-week"]);
    assert!(ended.stderr.contains("neither a moment nor a folder"), "{ended}");
}

#[test]
fn a_moment_of_the_upstream_frees_a_pin() {
    let project = Project::with_tool("");
    let upstream = project.path("dist-git/tool");
    commit(&upstream, "2026-01-01T00:00:00Z");
    project.write("dist-git/tool/tool.spec", &TOOL.replace("1.0", "1.1"));
    commit(&upstream, "2026-02-01T00:00:00Z");
    let pinned = git(&upstream, "2026-02-01T00:00:00Z", &["rev-parse", "HEAD"]);
    project.define(
        "tool",
        &format!("spec = {{ type = \"upstream\", upstream-commit = \"{}\" }}\n{NO_XEN}", pinned.trim()),
    );
    project.write(
        "dist-git/tool/tool.spec",
        &TOOL.replace("1.0", "1.2").replace("BuildRequires:  xen-devel\n", ""),
    );
    commit(&upstream, "2026-03-01T00:00:00Z");
    let dist_git = project.path("dist-git").display().to_string();
    let at = |moment: &str| {
        let arguments =
            ["deviation", "check", "--snapshot", moment, "--dist-git", &dist_git, "--include-unchanged"];
        json(&project.ends(0, &[&arguments[..], &["--format", "json"]].concat()).stdout)["checked"][0].clone()
    };
    let before = at("2026-01-15T00:00:00Z");
    assert_eq!(before["pin"], "still-needed", "{before:#}");
    let same = at("2026-02-15T00:00:00Z");
    assert_eq!((&same["pin"], &same["upstream-changes"]), (&"can-go".into(), &false.into()), "{same:#}");
    let after = at("2026-03-15T00:00:00Z");
    assert_eq!(after["pin"], "can-go");
    assert_eq!(after["overlays"][0]["outcome"]["is"], "unnecessary", "{after:#}");
}

#[test]
fn exported_patches_apply_to_the_upstream_repository() {
    let project = Project::with_tool(&format!("{NO_XEN}{WITHOUT_XEN}"));
    let upstream = project.path("dist-git/tool");
    commit(&upstream, "2026-01-01T00:00:00Z");
    commit(&project.path("project"), "2026-01-05T00:00:00Z");
    let base = git(&upstream, "", &["rev-parse", "HEAD"]);
    let (dist_git, output) =
        (project.path("dist-git").display().to_string(), project.path("patches").display().to_string());
    project.write("patches/0009-left-over.patch", "from before\n");
    project.write("patches/notes.txt", "mine\n");
    let ended = project.ends(0, &["deviation", "export", "tool", "--dist-git", &dist_git, "-o", &output]);
    let names: Vec<&str> = ended.stdout.lines().map(|line| line.rsplit('/').next().unwrap()).collect();
    assert_eq!(names[..2], ["0000-cover-letter.patch", "0001-xen-is-not-a-target.patch"], "{ended}");
    assert!(
        !project.path("patches/0009-left-over.patch").exists() && project.path("patches/notes.txt").exists()
    );
    assert!(project.read("patches/0000-cover-letter.patch").contains(&format!("base-commit: {base}")));
    for name in &names[1..] {
        let patch = project.path("patches").join(name).display().to_string();
        git(&upstream, "2026-01-06T00:00:00Z", &["am", "--quiet", &patch]);
    }
    let expected = TOOL.replace("BuildRequires:  xen-devel\n", "").replace("--with-xen", "--without-xen");
    assert_eq!(project.read("dist-git/tool/tool.spec"), expected);
    assert_eq!(
        git(&upstream, "", &["log", "-1", "--format=%aI", "HEAD~1"]).trim(),
        "2026-01-05T00:00:00+00:00"
    );
    let ended = project.ends(2, &["deviation", "export", "tol"]);
    assert!(ended.stderr.contains("did you mean `tool`?"), "{ended}");
}
