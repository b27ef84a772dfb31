//! Upstream's commits and releases of ours, in; one line of commits, out. Nothing here reads a disk or runs a program.

use std::collections::{BTreeMap, HashMap};

use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::{HistoryError, Origin};
use crate::autospec::{HistoryCommit, SpecHistory};
use crate::dist_git::PackageHistory;
use crate::project_history::ProjectCommit;
use crate::source::SourceEntry;

/// The name of the content that the finished spec, its files and its `changelog` have in the line.
pub(super) const OURS: &str = "ours";

/// A line of commits.
pub(super) struct Line {
    pub(super) history: SpecHistory,
    /// For each commit of the line, where it stands in the upstream's history; `None` for those of ours.
    pub(super) upstream: Vec<Option<usize>>,
}

/// Puts the commits in order, the newest first; the newest one has the files that are given.
pub(super) fn line(
    origin: &Origin,
    upstream: Option<&PackageHistory>,
    releases: &[ProjectCommit],
    files: &BTreeMap<String, SourceEntry>,
) -> Result<Line, HistoryError> {
    let mut line = match (origin, upstream) {
        (Origin::Upstream { package, commit, import }, Some(upstream)) => {
            let not_there = |commit: &str, role| HistoryError::NotInHistory {
                package: package.name.clone(),
                commit: commit.to_owned(),
                role,
                head: package_head(upstream).to_owned(),
            };
            let import = import.as_ref().map(|import| import.as_str());
            if releases.is_empty() {
                whole(upstream)
            } else {
                let main = main_line(upstream, commit.as_str(), "upstream-commit", import, &not_there)?;
                straightened(upstream, &main, releases)
            }
        }
        _ => from_files(releases),
    };
    let changelog_names = match upstream.and_then(|upstream| upstream.commits.first()) {
        Some(head) if head.id.len() == 64 => blob_sha256,
        _ => blob_sha1,
    };
    let changelog = match files.get("changelog") {
        Some(SourceEntry::File { bytes, .. }) => Some(changelog_names(bytes)),
        _ => None,
    };
    let local = matches!(origin, Origin::Files);
    for (place, commit) in line.history.commits.iter_mut().enumerate() {
        // A component without an upstream begins with the files that it has now.
        // The tree stays: it tells which side an upstream merge took, whatever we change afterwards.
        if place == 0 || local {
            commit.spec = Some(OURS.into());
            commit.changelog.clone_from(&changelog);
        }
    }
    Ok(line)
}

fn package_head(upstream: &PackageHistory) -> &str {
    upstream.commits.first().map_or("nothing", |commit| commit.id.as_str())
}

/// Upstream's history as it is.
fn whole(upstream: &PackageHistory) -> Line {
    let commits = (0..upstream.commits.len()).map(|place| upstream_commit(upstream, place, None)).collect();
    Line { history: SpecHistory { commits }, upstream: (0..upstream.commits.len()).map(Some).collect() }
}

/// The first-parent line from the locked commit down to the imported one (or the first of all), the oldest first.
fn main_line(
    upstream: &PackageHistory,
    head: &str,
    role: &'static str,
    import: Option<&str>,
    not_there: &dyn Fn(&str, &'static str) -> HistoryError,
) -> Result<Vec<usize>, HistoryError> {
    let commits = &upstream.commits;
    let start = commits.iter().position(|commit| commit.id == head).ok_or_else(|| not_there(head, role))?;
    let mut line = vec![start];
    while let Some(last) = line.last().copied() {
        if import == Some(commits[last].id.as_str()) {
            break;
        }
        match (commits[last].parents.first(), import) {
            (Some(parent), _) => line.push(*parent),
            (None, None) => break,
            (None, Some(import)) => return Err(not_there(import, "import-commit")),
        }
    }
    line.reverse();
    Ok(line)
}

/// One step of the line.
#[derive(Clone, Copy)]
enum Step<'r> {
    Upstream(usize),
    Release(&'r ProjectCommit),
}

/// The line with each release after the upstream commit that it was made from, those of the newest one on top; below its first
/// commit, upstream's history as it is.
fn straightened(upstream: &PackageHistory, main: &[usize], releases: &[ProjectCommit]) -> Line {
    let newest = releases.last().and_then(|release| release.upstream_commit.as_deref());
    let mut after: HashMap<&str, Vec<&ProjectCommit>> = HashMap::new();
    let mut top = Vec::new();
    for release in releases {
        match release.upstream_commit.as_deref() {
            Some(commit) if newest != Some(commit) => after.entry(commit).or_default().push(release),
            _ => top.push(release),
        }
    }
    let mut steps = Vec::with_capacity(main.len() + releases.len());
    for place in main {
        steps.push(Step::Upstream(*place));
        // Releases made from a commit that is not on the line any more have no place in it.
        let own = after.get(upstream.commits[*place].id.as_str()).into_iter().flatten();
        steps.extend(own.map(|release| Step::Release(release)));
    }
    steps.extend(top.into_iter().map(Step::Release));

    let Some(first) = main.first().copied() else {
        return from_files(releases);
    };
    let below = ancestors(upstream, first);
    let above = steps.len() - 1;
    let mut commits = Vec::with_capacity(above + below.len());
    let mut places = Vec::with_capacity(above + below.len());
    for (index, step) in steps.iter().enumerate().skip(1) {
        let parent = Some(above - index + 1);
        match step {
            Step::Upstream(place) => {
                commits.push(upstream_commit(upstream, *place, parent));
                places.push(Some(*place));
            }
            Step::Release(release) => {
                // A release changes nothing but in the newest commit, which is filled in at the end.
                let below = steps[..index].iter().rev().find_map(|step| match step {
                    Step::Upstream(place) => Some(*place),
                    Step::Release(_) => None,
                });
                let like = &upstream.commits[below.unwrap_or(first)];
                commits.push(release_commit(release, parent, &like.tree, &like.spec, &like.changelog));
                places.push(below);
            }
        }
    }
    commits.reverse();
    places.reverse();
    let moved: HashMap<usize, usize> =
        below.iter().enumerate().map(|(index, place)| (*place, above + index)).collect();
    for place in below {
        let mut commit = upstream_commit(upstream, place, None);
        commit.parents = commit.parents.iter().filter_map(|parent| moved.get(parent).copied()).collect();
        commits.push(commit);
        places.push(Some(place));
    }
    Line { history: SpecHistory { commits }, upstream: places }
}

/// A commit and all that led to it, in upstream's order.
fn ancestors(upstream: &PackageHistory, from: usize) -> Vec<usize> {
    let mut reached = vec![false; upstream.commits.len()];
    reached[from] = true;
    let mut ancestors = Vec::new();
    // Children come before parents: one pass reaches all.
    for place in from..upstream.commits.len() {
        if reached[place] {
            ancestors.push(place);
            for parent in &upstream.commits[place].parents {
                reached[*parent] = true;
            }
        }
    }
    ancestors
}

/// One commit with the first files, at the beginning of time, and the releases on top of it.
fn from_files(releases: &[ProjectCommit]) -> Line {
    let mut commits: Vec<HistoryCommit> = releases
        .iter()
        .rev()
        .enumerate()
        .map(|(index, release)| release_commit(release, Some(index + 1), OURS, &None, &None))
        .collect();
    commits.push(HistoryCommit {
        parents: Vec::new(),
        author: "azldev <>".into(),
        seconds: 0,
        message: "Initial sources".into(),
        tree: OURS.into(),
        spec: None,
        changelog: None,
    });
    let upstream = vec![None; commits.len()];
    Line { history: SpecHistory { commits }, upstream }
}

fn upstream_commit(upstream: &PackageHistory, place: usize, parent: Option<usize>) -> HistoryCommit {
    let facts = &upstream.commits[place];
    HistoryCommit {
        parents: parent.map_or_else(|| facts.parents.clone(), |parent| vec![parent]),
        author: facts.author.clone(),
        seconds: facts.seconds,
        message: facts.message.clone(),
        tree: facts.tree.clone(),
        spec: facts.spec.clone(),
        changelog: facts.changelog.clone(),
    }
}

fn release_commit(
    release: &ProjectCommit,
    parent: Option<usize>,
    tree: &str,
    spec: &Option<String>,
    changelog: &Option<String>,
) -> HistoryCommit {
    HistoryCommit {
        parents: parent.into_iter().collect(),
        author: release.author.clone(),
        seconds: release.seconds,
        message: format!("{}\n\nProject commit: {}", release.subject, release.id),
        tree: tree.to_owned(),
        spec: spec.clone(),
        changelog: changelog.clone(),
    }
}

/// The name that git gives a content.
fn blob_sha1(bytes: &[u8]) -> String {
    hex::encode(Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

fn blob_sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

#[cfg(test)]
mod tests {
    use crate::dist_git::CommitFacts;

    use super::*;

    /// Commits by name with their parents' places, children first.
    fn upstream(commits: &[(&str, &[usize])]) -> PackageHistory {
        let facts = commits.iter().map(|(id, parents)| CommitFacts {
            id: (*id).to_owned(),
            parents: parents.to_vec(),
            author: "U <u@u>".into(),
            seconds: 1,
            message: format!("{id}\n"),
            tree: format!("tree-{id}"),
            spec: Some(format!("spec-{id}")),
            changelog: None,
        });
        PackageHistory { commits: facts.collect(), changelogs: BTreeMap::new() }
    }

    fn release(id: &str, upstream: &str) -> ProjectCommit {
        ProjectCommit {
            id: id.into(),
            author: "P <p@p>".into(),
            seconds: 2,
            subject: format!("Release {id}"),
            upstream_commit: Some(upstream.to_owned()).filter(|commit| !commit.is_empty()),
        }
    }

    /// The line as `first line of message(spec)→parents`, the newest first.
    fn shown(line: &Line) -> Vec<String> {
        let commits = line.history.commits.iter();
        commits
            .map(|commit| {
                let subject = commit.message.lines().next().unwrap_or_default();
                format!("{subject}({})→{:?}", commit.spec.as_deref().unwrap_or("-"), commit.parents)
            })
            .collect()
    }

    fn origin(commit: &str, import: Option<&str>) -> Origin {
        let id = |name: &str| {
            // Ids in these tests are the letters of a commit's name, repeated.
            host_tools::git::ObjectId::parse(&name.repeat(40)[..40]).unwrap()
        };
        Origin::Upstream {
            package: crate::dist_git::Package {
                name: "a".into(),
                location: crate::dist_git::Location::Folder("/a".into()),
                branch: None,
            },
            commit: id(commit),
            import: import.map(id),
        }
    }

    fn name(letter: &str) -> String {
        letter.repeat(40)
    }

    #[test]
    fn releases_follow_the_commit_they_were_made_from_and_the_newest_stand_on_top() {
        let (a, b, c, d) = (name("a"), name("b"), name("c"), name("d"));
        let upstream = upstream(&[(&d, &[1]), (&c, &[2]), (&b, &[3]), (&a, &[])]);
        let releases = [release("r1", &b), release("r2", &d), release("lost", &name("e")), release("r3", &d)];
        let line = line(&origin("d", Some("b")), Some(&upstream), &releases, &BTreeMap::new()).unwrap();
        assert_eq!(
            shown(&line),
            [
                "Release r3(ours)→[1]".to_owned(),
                format!("Release r2(spec-{d})→[2]"),
                format!("{d}(spec-{d})→[3]"),
                format!("{c}(spec-{c})→[4]"),
                format!("Release r1(spec-{b})→[5]"),
                format!("{b}(spec-{b})→[6]"),
                format!("{a}(spec-{a})→[]"),
            ]
        );
    }

    #[test]
    fn merges_after_the_import_are_drawn_straight_and_before_it_kept() {
        let names: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(name).to_vec();
        let at = |index: usize| names[index].as_str();
        // f merges e into d; d continues c; c merges b into a.
        let upstream = upstream(&[
            (at(5), &[2, 1]),
            (at(4), &[3]),
            (at(3), &[3]),
            (at(2), &[5, 4]),
            (at(1), &[5]),
            (at(0), &[]),
        ]);
        let releases = [release("r1", at(5))];
        let line = line(&origin("f", Some("c")), Some(&upstream), &releases, &BTreeMap::new()).unwrap();
        let parents: Vec<_> = line.history.commits.iter().map(|commit| commit.parents.clone()).collect();
        assert_eq!(parents, [vec![1], vec![2], vec![3], vec![5, 4], vec![5], vec![]]);
        assert_eq!(line.upstream, [Some(0), Some(0), Some(2), Some(3), Some(4), Some(5)]);
    }

    #[test]
    fn an_import_that_is_not_on_the_line_is_an_error() {
        let (a, b) = (name("a"), name("b"));
        let upstream = upstream(&[(&b, &[1]), (&a, &[])]);
        let releases = [release("r1", &b)];
        let error =
            line(&origin("b", Some("c")), Some(&upstream), &releases, &BTreeMap::new()).err().unwrap();
        assert!(error.to_string().contains("import-commit"), "{error}");
    }

    #[test]
    fn without_an_upstream_releases_stand_on_the_first_files() {
        let releases = [release("r1", ""), release("r2", "")];
        let line = line(&Origin::Files, None, &releases, &BTreeMap::new()).unwrap();
        assert_eq!(
            shown(&line),
            ["Release r2(ours)→[1]", "Release r1(ours)→[2]", "Initial sources(ours)→[]"]
        );
    }

    #[test]
    fn a_changelog_file_that_stays_as_it_is_has_git_s_name_for_it() {
        let files = BTreeMap::from([(
            "changelog".to_owned(),
            SourceEntry::File { bytes: b"hello\n".to_vec(), executable: false },
        )]);
        let line = line(&Origin::Files, None, &[], &files).unwrap();
        let name = line.history.commits[0].changelog.as_deref();
        assert_eq!(name, Some("ce013625030ba8dba906f756967f9e9ca394464a"));
    }
}
