//! Repositories made for the test, in; what the git module says of them, out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use host_tools::call::{Call, Stdin};
use host_tools::git::{ObjectId, Repository, TreeEntryKind};

const STREAM: &str = "\
commit refs/heads/main
mark :1
author A <a@example.test> 100 +0200
committer C <c@example.test> 200 +0000
data 6
First

M 100644 inline plain
data 2
1

M 100755 inline bin/run
data 3
go

M 120000 inline link
data 5
plain

commit refs/heads/side
mark :2
committer C <c@example.test> 300 +0000
data 5
Side

from :1
M 100644 inline side
data 2
s

commit refs/heads/main
mark :3
committer C <c@example.test> 400 +0000
data 5
Main

from :1
M 100644 inline plain
data 2
2

commit refs/heads/main
mark :4
committer C <c@example.test> 500 +0000
data 5
Join

from :3
merge :2
M 100644 inline side
data 2
s

";

fn git(folder: &Path, arguments: &[&str], input: &str) {
    let call = Call::new("git").arg("-C").arg(folder).args(arguments);
    let call = call.env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(Stdin::Bytes(input.into()));
    host_tools::program::run(&call).unwrap();
}

fn repository(folder: &Path) -> Repository {
    let repository = Repository::create_bare(folder.join("a.git")).unwrap();
    git(repository.directory(), &["fast-import", "--quiet"], STREAM);
    repository
}

fn head(repository: &Repository) -> ObjectId {
    repository.commit_of("refs/heads/main").unwrap().unwrap()
}

#[test]
fn files_and_contents_of_a_commit_are_read_and_what_is_missing_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    let first = repository.commit_of("main~1").unwrap().unwrap();
    let files = repository.files(&first).unwrap();
    let shown: Vec<_> = files.iter().map(|file| (String::from_utf8_lossy(&file.path), file.kind)).collect();
    assert_eq!(
        shown,
        [
            ("bin/run".into(), TreeEntryKind::Program),
            ("link".into(), TreeEntryKind::Link),
            ("plain".into(), TreeEntryKind::File),
        ]
    );
    let queries =
        [format!("{first}:plain"), format!("{first}:nothing"), "0".repeat(40), files[1].id.to_string()];
    let contents: Vec<_> = repository
        .objects(&queries)
        .unwrap()
        .into_iter()
        .map(|object| object.map(|object| object.bytes))
        .collect();
    assert_eq!(contents, [Some(b"2\n".to_vec()), None, None, Some(b"plain".to_vec())]);
    assert_eq!(repository.ids(&queries).unwrap()[1], None);
    assert_eq!(repository.commit_of("no-such-branch").unwrap(), None);
    assert_eq!(repository.commit_of("--all").unwrap(), None);
}

#[test]
fn history_has_children_before_parents_and_changes_by_parent() {
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    let history = repository.history(&head(&repository)).unwrap();
    let messages: Vec<&str> = history.iter().map(|commit| commit.message.trim()).collect();
    assert_eq!((messages[0], messages[3]), ("Join", "First"));
    assert_eq!((history[3].author.seconds, history[3].committer.seconds), (100, 200));
    let changes = repository.changes(&history, "").unwrap();
    let names = |commit: usize, parent: usize| -> Vec<String> {
        let paths = &changes[commit].by_parent[parent];
        paths.iter().map(|change| String::from_utf8_lossy(&change.path).into_owned()).collect()
    };
    assert_eq!((names(0, 0), names(0, 1)), (vec!["side".to_owned()], vec!["plain".to_owned()]));
    assert_eq!(names(3, 0), ["bin/run", "link", "plain"]);
    let below = repository.changes(&history, "bin").unwrap();
    assert_eq!(below.iter().map(|change| change.by_parent[0].len()).collect::<Vec<_>>(), [0, 0, 0, 1]);
}

#[test]
fn the_commit_of_a_moment_is_on_the_first_parent_line() {
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    let at = |seconds| {
        let commit = repository.commit_before(&head(&repository), seconds).unwrap()?;
        Some(repository.commits(&[commit]).unwrap()[0].message.trim().to_owned())
    };
    assert_eq!(at(499).as_deref(), Some("Main"));
    assert_eq!(at(399).as_deref(), Some("First"), "the side line was merged later");
    assert_eq!(at(199), None);
    let side = repository.commit_of("side").unwrap().unwrap();
    assert!(repository.leads_to(&side, &head(&repository)).unwrap());
    assert!(!repository.leads_to(&head(&repository), &side).unwrap());
}

#[test]
fn branches_are_fetched_and_those_that_are_gone_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let from = repository(folder.path());
    let to = Repository::create_bare(folder.path().join("b.git")).unwrap();
    let address = from.directory().to_str().unwrap();
    to.fetch_branches(address, Duration::from_secs(60)).unwrap();
    assert_eq!(to.commit_of("main").unwrap(), Some(head(&from)));
    git(from.directory(), &["branch", "-q", "-D", "side"], "");
    to.fetch_branches(address, Duration::from_secs(60)).unwrap();
    assert_eq!(to.commit_of("refs/heads/side").unwrap(), None);
    let refused =
        to.fetch_branches("ext::sh -c 'echo hello >&2; exit 1'", Duration::from_secs(60)).unwrap_err();
    let said = std::error::Error::source(&refused).unwrap().to_string();
    assert!(said.contains("not allowed") && !said.contains("hello"), "{said}");
}

#[test]
fn a_work_tree_is_found_from_below_and_no_repository_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("project/inner");
    fs::create_dir_all(&inner).unwrap();
    assert_eq!(Repository::at(&inner).work_tree().unwrap(), None);
    git(&folder.path().join("project"), &["init", "--quiet"], "");
    let root = Repository::at(&inner).work_tree().unwrap().unwrap();
    assert_eq!(root.canonicalize().unwrap(), folder.path().join("project").canonicalize().unwrap());
    assert!(!Repository::at(&inner).is_shallow().unwrap());
}

#[test]
fn programs_that_a_repository_names_are_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    git(&project, &["init", "--quiet", "--initial-branch=main"], "");
    git(&project, &["fast-import", "--quiet"], STREAM);
    let trap = folder.path().join("trap");
    fs::write(&trap, "#!/bin/sh\ntouch \"$0.sprung\"\n").unwrap();
    fs::set_permissions(&trap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for key in ["core.fsmonitor", "core.pager", "core.editor", "diff.external", "core.sshCommand"] {
        git(&project, &["config", key, trap.to_str().unwrap()], "");
    }
    let repository = Repository::at(&project);
    let history = repository.history(&head(&repository)).unwrap();
    repository.changes(&history, "").unwrap();
    repository.files(&history[0].id).unwrap();
    repository.work_tree().unwrap();
    assert!(!folder.path().join("trap.sprung").exists());
}
