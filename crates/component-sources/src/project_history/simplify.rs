//! Commits and what each changed, in; for each path the commits that made it what it is, the newest first, out: what
//! `git log -- PATH` lists, for all paths at once. Nothing here runs a program.
//!
//! Git's rule: a commit that leaves the path as one of its parents had it is passed over, and of a merge only the first such
//! parent is followed; a line that was merged and whose changes were not taken does not count.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use host_tools::git::{Change, Commit, ObjectId};

/// A commit that changed a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Where it stands among the commits.
    pub(super) commit: usize,
    /// The content it gave the path; `None` where it removed it.
    pub(super) blob: Option<ObjectId>,
}

/// The changes of one path: by commit and parent, what it became.
type Touched<'a> = HashMap<(usize, usize), Option<&'a ObjectId>>;

/// Lists for each path its commits; `changes` belong to `commits` one by one, and the first commit is the newest.
pub(super) fn by_path(commits: &[Commit], changes: &[Change]) -> BTreeMap<Vec<u8>, Vec<Step>> {
    let places: HashMap<&ObjectId, usize> =
        commits.iter().enumerate().map(|(place, commit)| (&commit.id, place)).collect();
    let parents: Vec<Vec<usize>> = commits
        .iter()
        .map(|commit| commit.parents.iter().filter_map(|parent| places.get(parent).copied()).collect())
        .collect();
    let mut touched: BTreeMap<&[u8], Touched<'_>> = BTreeMap::new();
    for (place, change) in changes.iter().enumerate() {
        for (parent, paths) in change.by_parent.iter().enumerate() {
            for path in paths {
                touched.entry(&path.path).or_default().insert((place, parent), path.blob.as_ref());
            }
        }
    }
    let next = next_of_interest(&parents, changes);
    touched
        .into_iter()
        .map(|(path, touched)| (path.to_vec(), line(commits, &parents, &next, &touched)))
        .collect()
}

/// For each commit the first one from it on, along the only line, that changed anything or joins lines.
fn next_of_interest(parents: &[Vec<usize>], changes: &[Change]) -> Vec<Option<usize>> {
    let mut next = vec![None; parents.len()];
    for place in (0..parents.len()).rev() {
        let touches = changes[place].by_parent.iter().any(|paths| !paths.is_empty());
        next[place] = match parents[place].as_slice() {
            _ if touches => Some(place),
            [] => None,
            [parent] => next[*parent],
            _ => Some(place),
        };
    }
    next
}

fn line(
    commits: &[Commit],
    parents: &[Vec<usize>],
    next: &[Option<usize>],
    touched: &Touched<'_>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut seen = HashSet::new();
    // Newest first; of two of the same second, the one that was reached first.
    let mut queue = BinaryHeap::new();
    let mut reach = |queue: &mut BinaryHeap<_>, place: usize| {
        if let Some(place) = next[place]
            && seen.insert(place)
        {
            queue.push((commits[place].committer.seconds, Reverse(seen.len()), place));
        }
    };
    if !commits.is_empty() {
        reach(&mut queue, 0);
    }
    while let Some((_seconds, _order, place)) = queue.pop() {
        let own = &parents[place];
        let same = (0..own.len()).find(|parent| !touched.contains_key(&(place, *parent)));
        if let Some(parent) = same {
            reach(&mut queue, own[parent]);
            continue;
        }
        if let Some(blob) = touched.get(&(place, 0)) {
            steps.push(Step { commit: place, blob: blob.cloned() });
        }
        for parent in own {
            reach(&mut queue, *parent);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use host_tools::git::{PathChange, Person};

    use super::*;

    fn id(number: usize) -> ObjectId {
        ObjectId::parse(&format!("{number:040x}")).unwrap()
    }

    fn commit(number: usize, parents: &[usize], seconds: i64) -> Commit {
        let person = Person { name: "A".into(), email: "a@b".into(), seconds };
        Commit {
            id: id(number),
            tree: id(1000 + number),
            parents: parents.iter().map(|parent| id(*parent)).collect(),
            author: person.clone(),
            committer: person,
            message: String::new(),
        }
    }

    /// Which contents `a` has by commit and parent, as `(commit, [content…])` with 0 for "as the parent".
    fn change(number: usize, by_parent: &[usize]) -> Change {
        let paths = |content: usize| {
            if content == 0 {
                Vec::new()
            } else {
                vec![PathChange { path: b"a".to_vec(), blob: Some(id(2000 + content)) }]
            }
        };
        Change { commit: id(number), by_parent: by_parent.iter().map(|content| paths(*content)).collect() }
    }

    fn numbers(commits: &[Commit], changes: &[Change]) -> Vec<usize> {
        by_path(commits, changes)
            .remove(&b"a"[..])
            .unwrap_or_default()
            .iter()
            .map(|step| step.commit)
            .collect()
    }

    #[test]
    fn commits_that_leave_the_path_alone_are_passed_over() {
        let commits = [commit(3, &[2], 30), commit(2, &[1], 20), commit(1, &[], 10)];
        let changes = [change(3, &[0]), change(2, &[5]), change(1, &[4])];
        assert_eq!(numbers(&commits, &changes), [1, 2]);
    }

    #[test]
    fn a_merged_line_whose_change_was_not_taken_does_not_count() {
        // 4 merges 3 into 2 and keeps the path as 2 has it.
        let commits = [commit(4, &[2, 3], 40), commit(3, &[1], 30), commit(2, &[1], 20), commit(1, &[], 10)];
        let changes = [change(4, &[0, 7]), change(3, &[6]), change(2, &[7]), change(1, &[5])];
        assert_eq!(numbers(&commits, &changes), [2, 3]);
    }

    #[test]
    fn both_lines_of_a_merge_that_made_something_new_count_by_date() {
        let commits = [commit(4, &[2, 3], 40), commit(3, &[1], 20), commit(2, &[1], 30), commit(1, &[], 10)];
        let changes = [change(4, &[8, 8]), change(3, &[6]), change(2, &[7]), change(1, &[5])];
        assert_eq!(numbers(&commits, &changes), [0, 2, 1, 3]);
    }
}
