//! A file of a work tree, in; the time of the commit that each of its lines comes from, out.

use std::collections::BTreeMap;
use std::path::Path;

use super::{GitError, Repository};

impl Repository {
    /// For each line of a file as it is in the work tree: the committer's time in seconds since 1970, `None` where no commit has
    /// the line yet. A file that the newest commit does not have gives no lines.
    pub fn line_times(&self, file: &Path) -> Result<Vec<Option<i64>>, GitError> {
        const WHAT: &str = "tell where lines come from";
        let call = self.git().args(["blame", "--porcelain", "--no-progress", "--"]).arg(file);
        let output = self.run(WHAT, &call.accept_status([0, 128]))?;
        if output.status.code() == Some(128) {
            let said = output.stderr_text();
            let unknown = ["no such path", "no such ref: HEAD"].iter().any(|known| said.contains(known));
            return if unknown { Ok(Vec::new()) } else { Err(self.answer(WHAT, &said)) };
        }
        times(&output.stdout).ok_or_else(|| self.answer(WHAT, &output.stdout_text()))
    }
}

/// Reads what `--porcelain` prints: a head line with the commit, what is known of a commit at its first head, the line after a tab.
fn times(said: &[u8]) -> Option<Vec<Option<i64>>> {
    let mut known: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    let mut lines = Vec::new();
    let mut commit: Option<Vec<u8>> = None;
    for line in said.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match (&commit, line.strip_prefix(b"\t")) {
            (Some(id), Some(_text)) => {
                let uncommitted = id.iter().all(|digit| *digit == b'0');
                let time = known.get(id).copied();
                lines.push(if uncommitted { None } else { Some(time?) });
                commit = None;
            }
            (Some(id), None) => {
                if let Some(seconds) = line.strip_prefix(b"committer-time ") {
                    known.insert(id.clone(), std::str::from_utf8(seconds).ok()?.parse().ok()?);
                }
            }
            (None, _) => commit = Some(line.split(|byte| *byte == b' ').next()?.to_vec()),
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_time_of_its_commit() {
        let (first, second, none) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        let said = format!(
            "{first} 1 1 1\nauthor A\ncommitter-time 100\nfilename x\n\tone\n\
             {second} 2 2 2\ncommitter-time 200\n\t\n{second} 3 3\n\tthree\n\
             {first} 4 4 1\n\t\n{none} 5 5 1\ncommitter-time 999\n\tnew\n"
        );
        let expected = vec![Some(100), Some(200), Some(200), Some(100), None];
        assert_eq!(times(said.as_bytes()), Some(expected));
    }

    #[test]
    fn a_line_without_a_time_is_no_answer() {
        assert_eq!(times(format!("{} 1 1 1\n\tone\n", "a".repeat(40)).as_bytes()), None);
    }
}
