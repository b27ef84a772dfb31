//! What is exported is what `git am` makes of it.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

mod world;

use std::fs;
use std::path::Path;

use component_sources::prepare::{PreparedFiles, overlaid};
use deviation::{Envelope, SeriesError, series};
use host_tools::call::Call;
use jiff::Timestamp;
use world::{World, files};

const SPEC: &str =
    "Name: tool-ng\nVersion: 1\nBuildRequires: xen-devel\n\n%build\nmake\n\n%check\nmake check\n";

const TABLES: &str = r#"
[components.tool]
spec = { type = "upstream", upstream-name = "tool-ng" }
build = { without = ["docs"] }
[[components.tool.overlays]]
type = "spec-remove-tag"
description = """
Xen is not a target. It never was, and this sentence is here because it is long enough to need more than one line.

--- looks like the end of a message
"""
tag = "BuildRequires"
value = "xen-devel"
[components.tool.overlays.metadata]
category = "upstream-backport"
upstream-status = "upstreamed"
commits = [{ url = "https://git.example.org/c/1" }]
[[components.tool.overlays]]
type = "patch-add"
source = "fix.patch"
[[components.tool.overlays]]
type = "file-search-replace"
file = "tool.conf"
regex = "ä"
replacement = "ae"
"#;

fn envelope(count: usize) -> Envelope {
    let day =
        |index: usize| Timestamp::from_second(1_700_000_000 + i64::try_from(index).unwrap() * 86_400).ok();
    Envelope {
        author: "Team <team@example.org>".into(),
        dates: (0..count).map(day).collect(),
        base: Some("c".repeat(40)),
    }
}

fn upstream() -> PreparedFiles {
    files(&[("tool.spec", SPEC), ("tool.conf", "name = ä\n"), ("no-end", "no line feed")])
}

#[test]
fn git_applies_the_series_and_has_what_the_overlays_make() {
    let world = World::with_files(TABLES, &[("fix.patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")]);
    let series = series(world.tool(), &upstream(), &envelope(3)).unwrap();
    let names: Vec<&str> = series.iter().map(|patch| patch.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "0000-cover-letter.patch",
            "0001-xen-is-not-a-target.patch",
            "0002-add-the-patch-fix-patch.patch",
            "0003-replace-by-ae-in-tool-conf.patch"
        ]
    );
    let repository = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| git(repository.path(), arguments);
    git(&["init", "--quiet", "--initial-branch=main"]);
    for (name, file) in &upstream() {
        let name = if name == "tool.spec" { "tool-ng.spec" } else { name };
        fs::write(repository.path().join(name), &file.bytes).unwrap();
    }
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message=Import"]);
    let mails = tempfile::tempdir().unwrap();
    for patch in &series[1..] {
        fs::write(mails.path().join(&patch.name), &patch.bytes).unwrap();
        git(&["am", "--quiet", mails.path().join(&patch.name).to_str().unwrap()]);
    }
    let overlays: Vec<_> = world.tool().overlays.iter().map(|entry| entry.overlay.clone()).collect();
    let (expected, _) = overlaid(&upstream(), "tool.spec", &overlays).unwrap();
    for (name, file) in &expected {
        let name = if name == "tool.spec" { "tool-ng.spec" } else { name };
        assert_eq!(fs::read(repository.path().join(name)).unwrap(), file.bytes, "{name}");
    }
    assert!(expected.contains_key("fix.patch"));
    let log = git(&["log", "--reverse", "--format=%an|%ae|%at|%s", "main~3..main"]);
    assert_eq!(
        log,
        "Team|team@example.org|1700000000|tool-ng: Xen is not a target\n\
         Team|team@example.org|1700086400|tool-ng: Add the patch fix.patch\n\
         Team|team@example.org|1700172800|tool-ng: Replace `ä` by `ae` in tool.conf\n"
    );
    let message = git(&["log", "-1", "--format=%b", "main~2"]);
    assert!(message.contains("\n --- looks like the end of a message\n"), "{message}");
    assert!(
        message.contains("Upstream-Commit: https://git.example.org/c/1\nUpstream-Status: upstreamed\n"),
        "{message}"
    );
}

#[test]
fn the_letter_says_what_the_series_leaves_out() {
    let world = World::with_files(TABLES, &[("fix.patch", "x\n")]);
    let series = series(world.tool(), &upstream(), &envelope(3)).unwrap();
    let letter = String::from_utf8(series[0].bytes.clone()).unwrap();
    assert!(letter.contains("Not in this series:\n\n  - built without docs\n"), "{letter}");
    assert!(letter.contains(&format!("base-commit: {}\n", "c".repeat(40))), "{letter}");
}

#[test]
fn the_same_component_gives_the_same_bytes() {
    let world = World::with_files(TABLES, &[("fix.patch", "x\n")]);
    let once = series(world.tool(), &upstream(), &envelope(3)).unwrap();
    assert_eq!(once, series(world.tool(), &upstream(), &envelope(3)).unwrap());
}

#[test]
fn an_own_spec_and_nothing_changed_are_refused() {
    let own = World::with_files(
        "[components.tool]\nspec = { type = \"local\", path = \"tool.spec\" }\n",
        &[("tool.spec", "Name: tool\n")],
    );
    assert!(matches!(series(own.tool(), &upstream(), &envelope(0)), Err(SeriesError::OwnSpec { .. })));
    let bare = World::of("[components.tool]\n");
    assert!(matches!(series(bare.tool(), &upstream(), &envelope(0)), Err(SeriesError::Nothing { .. })));
    let wrong =
        World::of("[[components.tool.overlays]]\ntype = \"spec-remove-section\"\nsection = \"%files\"\n");
    let error = series(wrong.tool(), &upstream(), &envelope(1)).unwrap_err();
    assert_eq!(error.to_string(), "overlay 1 of tool (remove %files) does not apply");
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let call = Call::new("git").arg("-C").arg(folder).args(arguments);
    let call = call.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let call = ["AUTHOR", "COMMITTER"].into_iter().fold(call, |call, role| {
        call.env(format!("GIT_{role}_NAME"), "Tester").env(format!("GIT_{role}_EMAIL"), "tester@example.org")
    });
    host_tools::program::run(&call).unwrap().stdout_text()
}
