//! A history, in; release number and changelog of its newest commit, out.

use std::collections::HashMap;

use super::entry::{Entry, Heading};
use super::flags::{FlagsError, ReleaseFlags};
use super::visits::{self, Visit};
use super::{HistoryContents, SpecHistory};

/// What a history gives its newest commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The number of the release, before the arguments of `%autorelease`.
    pub number: u64,
    /// The release with its arguments, without the distribution's tag.
    pub release: String,
    /// Entries of the changelog, the newest first; empty where none was asked for.
    pub changelog: Vec<String>,
}

/// Why a history gives no release.
#[derive(Debug, thiserror::Error)]
pub enum AutospecError {
    /// Nothing to count.
    #[error("the spec has no history")]
    NoHistory,
    /// The newest state of the spec cannot be read.
    #[error("the version of the spec cannot be told")]
    Version(#[source] FlagsError),
    /// A merge threw the `changelog` file of all its parents away.
    #[error("a merge ({subject:?}) removes the file changelog that its parents differ in")]
    Merge {
        /// The first line of its message.
        subject: String,
    },
    /// A content that history names cannot be had.
    #[error("{what} cannot be read from the history")]
    Contents {
        /// Which.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What one commit comes to.
struct Outcome {
    number: u64,
    epoch_version: Option<String>,
    changelog: Option<usize>,
}

/// A changelog: an entry and the changelog before it.
struct Link {
    entry: Entry,
    before: Option<usize>,
}

pub(super) fn count(
    history: &SpecHistory,
    contents: &dyn HistoryContents,
    changelog: bool,
) -> Result<Counted, AutospecError> {
    let commits = &history.commits;
    if commits.is_empty() {
        return Err(AutospecError::NoHistory);
    }
    let mut known = Known { contents, by_place: HashMap::new() };
    let visits = visits::visits(history, &mut known, changelog);
    let mut results: Vec<Option<Outcome>> = commits.iter().map(|_| None).collect();
    let mut links: Vec<Link> = Vec::new();
    let mut head_release = String::new();
    // Parents come after their children: backwards, each commit finds its parents' results.
    for (place, commit) in commits.iter().enumerate().rev() {
        let Some(visit) = &visits[place] else { continue };
        let flags = known.flags(history, place).ok();
        let epoch_version = flags.as_ref().map(|flags| flags.epoch_version.clone());
        let magic = Magic::of(&commit.message);
        let before = commit
            .parents
            .iter()
            .map(|parent| continued(results[*parent].as_ref(), epoch_version.as_deref()));
        let mut number = before.max().unwrap_or(0);
        if commit.spec.is_some() {
            number += 1;
        }
        let number = number.max(magic.bump_release);
        let release = match &flags {
            Some(flags) => flags.release(number),
            None => number.to_string(),
        };
        let heading = Heading {
            seconds: commit.seconds,
            author: commit.author.clone(),
            evr: epoch_version.as_ref().map(|version| format!("{version}-{release}")),
        };
        let silent = magic.skip_changelog || commit.spec.is_none();
        let own = |heading| Entry::Commit(heading, commit.message.clone());
        let changelog = match visit.changelog {
            None | Some(Visit::Written { removed_later: true }) => None,
            Some(Visit::Written { removed_later: false }) => {
                let content = commit.changelog.as_deref().unwrap_or_default();
                let bytes = contents.changelog(content)?;
                push(&mut links, Entry::Verbatim(String::from_utf8_lossy(&bytes).into_owned()), None)
            }
            Some(Visit::Unresolvable) => push(&mut links, Entry::Unresolvable(heading), None),
            Some(Visit::Continued { from, merge }) => {
                let parent = from.and_then(|parent| results[parent].as_ref());
                let before = parent.and_then(|parent| parent.changelog);
                // A merge that took one side as it is says nothing of its own, if that side was looked at.
                let silent = silent || (merge && parent.is_some());
                if silent { before } else { push(&mut links, own(heading), before) }
            }
            Some(Visit::Lost) => {
                // Without any parent's result there is nothing to lose.
                if commit.parents.iter().any(|parent| results[*parent].is_some()) {
                    let subject = commit.message.lines().next().unwrap_or_default().to_owned();
                    return Err(AutospecError::Merge { subject });
                }
                if silent { None } else { push(&mut links, own(heading), None) }
            }
        };
        if place == 0 {
            known.flags(history, place).map_err(AutospecError::Version)?;
            head_release = release;
        }
        results[place] = Some(Outcome { number, epoch_version, changelog });
    }
    let head = results[0].as_ref();
    let mut entries = Vec::new();
    let mut next = head.and_then(|head| head.changelog);
    while let Some(link) = next.map(|link| &links[link]) {
        entries.push(link.entry.text());
        next = link.before;
    }
    Ok(Counted { number: head.map_or(0, |head| head.number), release: head_release, changelog: entries })
}

fn push(links: &mut Vec<Link>, entry: Entry, before: Option<usize>) -> Option<usize> {
    links.push(Link { entry, before });
    Some(links.len() - 1)
}

/// The number that a parent hands on: a version that cannot be told, there or here, does not break the line.
fn continued(parent: Option<&Outcome>, epoch_version: Option<&str>) -> u64 {
    let Some(parent) = parent else { return 0 };
    match (parent.epoch_version.as_deref(), epoch_version) {
        (Some(before), Some(now)) if before != now => 0,
        _ => parent.number,
    }
}

/// Versions that were asked for already, by commit.
pub(super) struct Known<'a> {
    contents: &'a dyn HistoryContents,
    by_place: HashMap<usize, Result<ReleaseFlags, FlagsError>>,
}

impl Known<'_> {
    pub(super) fn flags(&mut self, history: &SpecHistory, place: usize) -> Result<ReleaseFlags, FlagsError> {
        if let Some(known) = self.by_place.get(&place) {
            return known.clone();
        }
        let flags = match &history.commits[place].spec {
            Some(spec) => self.contents.flags(spec, place),
            None => Err(FlagsError { reason: "there is no spec".into() }),
        };
        self.by_place.insert(place, flags.clone());
        flags
    }
}

/// What lines like `[skip changelog]` in a message ask for.
struct Magic {
    skip_changelog: bool,
    bump_release: u64,
}

impl Magic {
    fn of(message: &str) -> Magic {
        let mut magic = Magic { skip_changelog: false, bump_release: 0 };
        for line in message.split('\n') {
            let Some(inner) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
                continue;
            };
            for part in inner.split(',') {
                let words = part.trim_start();
                magic.skip_changelog |= after_words(words, "skip", "changelog").is_some();
                if let Some(rest) = after_words(words, "bump", "release") {
                    let rest = rest.trim_start();
                    let rest = rest.strip_prefix(':').unwrap_or(rest).trim_start();
                    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                    magic.bump_release = magic.bump_release.max(rest[..digits].parse().unwrap_or(0));
                }
            }
        }
        magic
    }
}

/// What follows two words with blanks between them.
fn after_words<'a>(text: &'a str, first: &str, second: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(first)?;
    let trimmed = rest.trim_start();
    if trimmed.len() == rest.len() { None } else { trimmed.strip_prefix(second) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_comments_stand_alone_in_brackets() {
        let magic = |message: &str| {
            let magic = Magic::of(message);
            (magic.skip_changelog, magic.bump_release)
        };
        assert_eq!(magic("Subject\n\n[skip changelog]\n"), (true, 0));
        assert_eq!(magic("Subject\n\n  [bump release: 7, skip  changelog] "), (true, 7));
        assert_eq!(magic("[bump release 3]\n[bump release:12]"), (false, 12));
        assert_eq!(magic("Subject [skip changelog]\n[skipchangelog]"), (false, 0));
    }
}
