//! What differs: upstream against ours, and one revision against another.

use std::path::Path;

use host_tools::Call;

use super::project::{Project, TOOL};
use crate::program::run;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let call = Call::new("git").arg("-C").arg(folder).args([
        "-c",
        "user.name=A Person",
        "-c",
        "user.email=person@example.com",
    ]);
    let output =
        host_tools::program::run(&call.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null")).unwrap();
    output.stdout_text()
}

fn commit(project: &Project, subject: &str) -> String {
    let folder = project.path("project");
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-q", "-m", subject]);
    git(&folder, &["rev-parse", "HEAD"]).trim().to_owned()
}

#[test]
fn a_difference_is_a_patch_that_git_applies() {
    let project = Project::with_tool(
        "build.defines.level = \"3\"\n\
         [[components.tool.overlays]]\ntype = \"spec-search-replace\"\nregex = '^make check'\nreplacement = 'true'\n\
         [[components.tool.overlays]]\ntype = \"file-search-replace\"\nfile = \"tool.service\"\nregex = 'bin'\nreplacement = 'sbin'\n\
         [[components.tool.overlays]]\ntype = \"file-remove\"\nfile = \"README.md\"\n",
    );
    let dist_git = project.path("dist-git").display().to_string();
    let arguments = ["component", "diff", "tool", "--dist-git", &dist_git];
    let patch = project.ends(0, &arguments).stdout;
    assert!(patch.contains("-make check\n+true\n") && patch.contains("deleted file mode 100644"), "{patch}");
    let stat = project.ends(0, &[&arguments[..], &["--stat"]].concat()).stdout;
    assert!(
        stat.contains("tool/README.md  removed  +0 -1\n")
            && stat.contains("tool/tool.service  changed  +1 -1\n"),
        "{stat}"
    );

    project.write("tool.patch", &patch);
    let folder = project.path("dist-git/tool");
    git(&folder, &["init", "-q"]);
    git(&folder, &["apply", "--whitespace=nowarn", &project.path("tool.patch").display().to_string()]);
    assert!(!folder.join("README.md").exists());
    assert_eq!(project.read("dist-git/tool/tool.service"), "[Service]\nExecStart=/usr/sbin/tool\n");
    assert!(project.read("dist-git/tool/tool.azl.macros").ends_with("%level 3\n"));
}

#[test]
fn components_that_differ_between_two_revisions_are_told_with_what_differs() {
    let project = Project::with_tool("");
    project.define("same", "");
    project.define("gone", "");
    for name in ["same", "gone", "new"] {
        project.write(&format!("dist-git/{name}/{name}.spec"), &TOOL.replace("tool", name));
    }
    git(&project.path("project"), &["init", "-q"]);
    project.render(0, &[]);
    let before = commit(&project, "Begin");
    project.define("tool", "build.defines.a = \"1\"\n");
    project.define("new", "");
    std::fs::remove_file(project.path("project/components/gone.toml")).unwrap();
    project.render(0, &["--clean-stale"]);
    commit(&project, "Go on");
    let changed = |more: &[&str]| {
        project.ends(0, &[&["component", "changed", "--from", &before], more].concat()).stdout
    };
    assert_eq!(
        changed(&[]),
        "deleted    gone  definition, rendered\nadded      new  definition, rendered\nchanged    tool  definition, rendered\n"
    );
    assert_eq!(changed(&["t*"]), "changed    tool  definition, rendered\n");
    assert!(changed(&["--include-unchanged"]).contains("unchanged  same\n"));
    assert_eq!(changed(&["--to", &before]), "");
    project.ends(1, &["component", "changed", "--from", "no-such-branch"]);
    project.ends(2, &["component", "changed", "--from", &before, "toll"]);
}

#[test]
fn sources_that_change_though_their_lock_does_not_are_an_error() {
    let project = Project::with_tool("");
    git(&project.path("project"), &["init", "-q"]);
    project.write("project/locks/tool.lock", "version = 1\ninput-fingerprint = 'sha256:00'\n");
    project.write("project/specs/t/tool/tool.spec", TOOL);
    project.write("project/specs/t/tool/sources", "SHA512 (tool-1.0.tar.gz) = 00\n");
    let before = commit(&project, "Begin");
    project.write("project/specs/t/tool/sources", "SHA512 (tool-1.0.tar.gz) = ff\n");
    commit(&project, "Poison");
    let ended = project.ends(1, &["component", "changed", "--from", &before]);
    assert_eq!(ended.stdout, "changed    tool  rendered, sources\n");
    assert!(ended.stderr.contains("sources` of tool changed"), "{ended}");
    project.write("project/locks/tool.lock", "version = 1\ninput-fingerprint = 'sha256:11'\n");
    commit(&project, "Lock");
    project.ends(0, &["component", "changed", "--from", &before]);
}

#[test]
fn a_project_outside_a_repository_has_no_revisions() {
    let project = Project::with_tool("");
    let call = project
        .call(&["component", "changed", "--from", "main"])
        .env("GIT_CEILING_DIRECTORIES", project.path(""));
    let output = run(&call);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output.stderr_text().contains("is not in the work tree of a git repository"),
        "{}",
        output.stderr_text()
    );
}
