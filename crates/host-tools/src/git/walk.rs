//! A commit, in; the commits that led to it, and which files each of them changed, out.

use super::{Commit, GitError, ObjectId, Repository};

/// What one commit changed in relation to one of its parents (a root commit: in relation to nothing).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit.
    pub commit: ObjectId,
    /// Changes in relation to each parent, in the order of the parents; one list for a root commit.
    pub by_parent: Vec<Vec<PathChange>>,
}

/// A file that differs between a commit and its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathChange {
    /// The path from the root, as the bytes that git keeps.
    pub path: Vec<u8>,
    /// The blob in the commit; `None` where the file is gone.
    pub blob: Option<ObjectId>,
}

impl Repository {
    /// Every commit that can be reached from `head`, itself included, children before parents.
    pub fn history(&self, head: &ObjectId) -> Result<Vec<Commit>, GitError> {
        const WHAT: &str = "walk history";
        let call = self.git().args(["rev-list", "--topo-order"]).arg(head.as_str()).arg("--");
        let said = self.ask(WHAT, call, Vec::new())?;
        let text = String::from_utf8_lossy(&said);
        let ids = text.lines().map(|line| self.id(WHAT, line)).collect::<Result<Vec<_>, _>>()?;
        self.commits(&ids)
    }

    /// Whether one commit led to another, or is it.
    pub fn leads_to(&self, earlier: &ObjectId, later: &ObjectId) -> Result<bool, GitError> {
        let call = self.git().args(["merge-base", "--is-ancestor"]).arg(earlier.as_str()).arg(later.as_str());
        let output = self.run("compare the places of commits", &call.accept_status([0, 1]))?;
        Ok(output.status.code() == Some(0))
    }

    /// What each of these commits changed below the folder `below` (empty: everywhere), by parent.
    pub fn changes(&self, commits: &[Commit], below: &str) -> Result<Vec<Change>, GitError> {
        const WHAT: &str = "compare commits";
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        // A tree can be compared with any other: asking for each pair by itself keeps the parents apart, which -m does not say.
        let mut input = Vec::new();
        for commit in commits {
            let against = if commit.parents.is_empty() { None } else { Some(&commit.parents) };
            for parent in against.into_iter().flatten() {
                input.extend_from_slice(format!("{} {}\n", commit.id, parent).as_bytes());
            }
            if against.is_none() {
                input.extend_from_slice(format!("{}\n", commit.id).as_bytes());
            }
        }
        let mut call =
            self.git().args(["diff-tree", "--stdin", "--root", "--raw", "-r", "-z", "--no-renames"]);
        call = call.args(["--no-abbrev", "--always", "--no-ext-diff", "--"]);
        if !below.is_empty() {
            call = call.arg(below);
        }
        let said = self.ask(WHAT, call, input)?;
        let mut records = said.split(|byte| *byte == 0).peekable();
        let mut changes = Vec::with_capacity(commits.len());
        for commit in commits {
            let mut by_parent = Vec::with_capacity(commit.parents.len().max(1));
            for _parent in 0..commit.parents.len().max(1) {
                let head = records.next().unwrap_or_default();
                if head != commit.id.as_str().as_bytes() {
                    return Err(self.answer(WHAT, &String::from_utf8_lossy(head)));
                }
                let mut paths = Vec::new();
                while let Some(record) = records.next_if(|record| record.starts_with(b":")) {
                    let path = records.next().unwrap_or_default().to_vec();
                    let blob = parse_raw(record)
                        .ok_or_else(|| self.answer(WHAT, &String::from_utf8_lossy(record)))?;
                    paths.push(PathChange { path, blob: Some(blob).filter(|id| !id.is_zero()) });
                }
                by_parent.push(paths);
            }
            changes.push(Change { commit: commit.id.clone(), by_parent });
        }
        Ok(changes)
    }
}

/// The new blob of `:OLDMODE NEWMODE OLDID NEWID STATUS`.
fn parse_raw(record: &[u8]) -> Option<ObjectId> {
    ObjectId::parse(std::str::from_utf8(record).ok()?.split(' ').nth(3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_blob_is_the_fourth_word() {
        let (old, new) = ("a".repeat(40), "b".repeat(40));
        let record = format!(":100644 100644 {old} {new} M");
        assert_eq!(parse_raw(record.as_bytes()), ObjectId::parse(&new));
        assert_eq!(parse_raw(b":100644 100644 x"), None);
    }
}
