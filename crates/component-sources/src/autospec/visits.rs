//! A history, in; which of its commits count for release and changelog, and how each continues the changelog, out.
//!
//! Going from the newest commit down, a line is followed as long as the version stays the same (for the release) or no commit
//! wrote the file `changelog` (for the changelog). Where lines branch and join, the order in which they are followed decides
//! what is still looked at; it is rpmautospec's order.

use std::collections::VecDeque;

use super::SpecHistory;
use super::count::Known;

/// A commit that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visited {
    /// How it continues the changelog; `None` if no changelog is asked for.
    pub(super) changelog: Option<Visit>,
}

/// How a commit continues the changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// With an entry of its own, before those of a parent.
    Continued {
        /// The parent whose entries follow.
        from: Option<usize>,
        /// Whether it joins lines and took `from` as it is.
        merge: bool,
    },
    /// It wrote the file `changelog`, which says all that was before.
    Written {
        /// Whether a later commit took the file away again: then nothing is said.
        removed_later: bool,
    },
    /// It joins lines that differ, and nothing says which to follow.
    Unresolvable,
    /// It joins lines and removes the `changelog` of all of them.
    Lost,
}

/// What a commit's children are told when they ask whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Info {
    goes_on: bool,
    changelog_removed: Option<bool>,
}

impl Info {
    const STOP: Info = Info { goes_on: false, changelog_removed: None };

    /// What two children say together.
    fn and(self, other: Info) -> Info {
        let changelog_removed = match (self.changelog_removed, other.changelog_removed) {
            (Some(one), Some(two)) => Some(one && two),
            (one, two) => one.or(two),
        };
        Info { goes_on: self.goes_on || other.goes_on, changelog_removed }
    }
}

/// What is known of a commit that was reached: what the release and the changelog say to its parents.
struct Reached {
    release: Info,
    changelog: Info,
    visited: Option<Visited>,
}

/// Follows the lines of a history from its newest commit; `None` for commits that do not count.
pub(super) fn visits(history: &SpecHistory, known: &mut Known<'_>, changelog: bool) -> Vec<Option<Visited>> {
    let commits = &history.commits;
    let children = children(history);
    let mut reached: Vec<Option<Reached>> = commits.iter().map(|_| None).collect();
    let mut heads = VecDeque::from([0]);
    while let Some(head) = heads.pop_front() {
        let mut place = head;
        let mut goes_on = true;
        while reached[place].is_none() {
            let told = if place == 0 {
                let told = Info { goes_on: true, changelog_removed: None };
                (told, told)
            } else {
                let Some(told) = told_by_children(&children[place], &reached) else {
                    // Another line leads here too and comes first.
                    heads.push_back(place);
                    break;
                };
                goes_on = goes_on && (told.0.goes_on || (changelog && told.1.goes_on));
                told
            };
            reached[place] = Some(if goes_on {
                let release =
                    Info { goes_on: release_goes_on(history, known, place), changelog_removed: None };
                let (visit, said) = changelog_visit(history, place, told.1);
                let visited = Visited { changelog: changelog.then_some(visit) };
                Reached { release, changelog: said, visited: Some(visited) }
            } else {
                Reached { release: Info::STOP, changelog: Info::STOP, visited: None }
            });
            let parents = &commits[place].parents;
            let Some(first) = parents.first() else { break };
            heads.extend(parents[1..].iter().copied().filter(|parent| reached[*parent].is_none()));
            place = *first;
        }
    }
    reached.into_iter().map(|reached| reached.and_then(|reached| reached.visited)).collect()
}

/// The children of each commit, as far as they led to the newest one.
fn children(history: &SpecHistory) -> Vec<Vec<usize>> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); history.commits.len()];
    for (place, commit) in history.commits.iter().enumerate() {
        // Children come first: whoever has none by now, and is not the newest, leads nowhere.
        if place == 0 || !children[place].is_empty() {
            for parent in &commit.parents {
                children[*parent].push(place);
            }
        }
    }
    children
}

/// What all children say, if all were reached.
fn told_by_children(children: &[usize], reached: &[Option<Reached>]) -> Option<(Info, Info)> {
    let mut told: Option<(Info, Info)> = None;
    for child in children {
        let said = reached[*child].as_ref()?;
        told = Some(match told {
            None => (said.release, said.changelog),
            Some((release, changelog)) => (release.and(said.release), changelog.and(said.changelog)),
        });
    }
    told
}

/// Whether a parent has the same version, or one that cannot be told.
fn release_goes_on(history: &SpecHistory, known: &mut Known<'_>, place: usize) -> bool {
    let Ok(own) = known.flags(history, place) else { return true };
    if own.epoch_version.is_empty() {
        return true;
    }
    let mut same = false;
    for parent in &history.commits[place].parents {
        match known.flags(history, *parent) {
            Err(_) => return true,
            Ok(flags) => same |= flags.epoch_version == own.epoch_version,
        }
    }
    same
}

fn changelog_visit(history: &SpecHistory, place: usize, told: Info) -> (Visit, Info) {
    let commit = &history.commits[place];
    let parents: Vec<_> = commit.parents.iter().map(|parent| (*parent, &history.commits[*parent])).collect();
    let changed = if parents.is_empty() {
        commit.changelog.is_some()
    } else {
        parents.iter().all(|(_, parent)| parent.changelog != commit.changelog)
    };
    let removes = commit.changelog.is_none() && parents.iter().any(|(_, parent)| parent.changelog.is_some());
    let same_tree = parents.iter().find(|(_, parent)| parent.tree == commit.tree).map(|(place, _)| *place);
    let joins = parents.len() > 1;
    let unresolvable = joins && same_tree.is_none() && !changed;
    let written = changed && commit.changelog.is_some();
    let removed_later = told.changelog_removed == Some(true);

    let visit = if unresolvable {
        Visit::Unresolvable
    } else if written {
        Visit::Written { removed_later }
    } else if joins {
        match same_tree {
            Some(from) => Visit::Continued { from: Some(from), merge: true },
            None => Visit::Lost,
        }
    } else {
        Visit::Continued { from: commit.parents.first().copied(), merge: false }
    };
    let said = Info {
        goes_on: told.goes_on && !written && !unresolvable,
        changelog_removed: Some(!written && (removed_later || removes)),
    };
    (visit, said)
}
