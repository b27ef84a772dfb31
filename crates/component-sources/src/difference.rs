//! Two sets of files, in; what turns the one into the other, in git's patch format, out.
//! Nothing here reads a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use crate::prepare::PreparedFile;

/// Unchanged lines shown around a change.
const CONTEXT: u32 = 3;

/// A file with a NUL byte among its first ones is not text.
const LOOKED_AT_FOR_NUL: usize = 8000;

/// In bytes; nobody reads the difference of larger files.
const LARGEST_TEXT: usize = 256 << 20;

/// How one file differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDifference {
    /// Path relative to the component's folder.
    pub path: String,
    /// What became of it.
    pub status: Status,
    /// Lines that only the new file has; 0 for files that are not text.
    pub added: u32,
    /// Lines that only the old file has; 0 for files that are not text.
    pub removed: u32,
    /// The difference as `git apply` reads it, except for files that are not text: those are only named.
    pub patch: Vec<u8>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its content or its mode is another.
    Changed,
}

impl Status {
    /// In one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Added => "added",
            Status::Removed => "removed",
            Status::Changed => "changed",
        }
    }
}

/// The files that differ, in the order of their paths.
pub fn between(
    before: &BTreeMap<String, PreparedFile>,
    after: &BTreeMap<String, PreparedFile>,
) -> Vec<FileDifference> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    paths.into_iter().filter_map(|path| of_file(path, before.get(path), after.get(path))).collect()
}

/// How one file differs; `None` when it does not.
pub fn of_file(
    path: &str,
    before: Option<&PreparedFile>,
    after: Option<&PreparedFile>,
) -> Option<FileDifference> {
    let status = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => Status::Added,
        (Some(_), None) => Status::Removed,
        (Some(before), Some(after)) if before == after => return None,
        (Some(_), Some(_)) => Status::Changed,
    };
    let old = before.map_or(&b""[..], |file| &file.bytes);
    let new = after.map_or(&b""[..], |file| &file.bytes);
    let (old_name, new_name) = (quoted("a/", path), quoted("b/", path));
    let mut head = format!("diff --git {old_name} {new_name}\n");
    write_modes(&mut head, before, after);
    let old_name = if before.is_some() { old_name } else { "/dev/null".to_owned() };
    let new_name = if after.is_some() { new_name } else { "/dev/null".to_owned() };
    let mut difference =
        FileDifference { path: path.to_owned(), status, added: 0, removed: 0, patch: Vec::new() };
    if old == new {
        difference.patch = head.into_bytes();
    } else if is_binary(old) || is_binary(new) {
        let _infallible = writeln!(head, "Binary files {old_name} and {new_name} differ");
        difference.patch = head.into_bytes();
    } else {
        let _infallible = write!(head, "--- {old_name}\n+++ {new_name}\n");
        difference.patch = head.into_bytes();
        write_hunks(&mut difference, old, new);
    }
    Some(difference)
}

fn write_modes(head: &mut String, before: Option<&PreparedFile>, after: Option<&PreparedFile>) {
    let mode = |file: &PreparedFile| if file.executable { "100755" } else { "100644" };
    let _infallible = match (before, after) {
        (None, Some(after)) => writeln!(head, "new file mode {}", mode(after)),
        (Some(before), None) => writeln!(head, "deleted file mode {}", mode(before)),
        (Some(before), Some(after)) if before.executable != after.executable => {
            write!(head, "old mode {}\nnew mode {}\n", mode(before), mode(after))
        }
        _ => Ok(()),
    };
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.len() > LARGEST_TEXT || bytes.iter().take(LOOKED_AT_FOR_NUL).any(|byte| *byte == 0)
}

/// A name as git prints it: in quotes, with octal escapes, when it has bytes that a line cannot show.
fn quoted(prefix: &str, path: &str) -> String {
    let plain = path.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
    if plain {
        return format!("{prefix}{path}");
    }
    let mut text = format!("\"{prefix}");
    for byte in path.bytes() {
        let _infallible = match byte {
            b'"' | b'\\' => write!(text, "\\{}", char::from(byte)),
            b'\n' => write!(text, "\\n"),
            b'\t' => write!(text, "\\t"),
            b' '..=b'~' => write!(text, "{}", char::from(byte)),
            other => write!(text, "\\{other:03o}"),
        };
    }
    text + "\""
}

fn write_hunks(difference: &mut FileDifference, old: &[u8], new: &[u8]) {
    let (old, new) = (lines(old), lines(new));
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    difference.added = diff.count_additions();
    difference.removed = diff.count_removals();
    let changes: Vec<Change> =
        diff.hunks().map(|hunk| Change { before: hunk.before, after: hunk.after }).collect();
    let (old_count, new_count) = (count(&old), count(&new));
    let mut rest = &changes[..];
    while let Some(first) = rest.first() {
        // Changes whose context would touch are shown together.
        let apart = |pair: &[Change]| pair[1].before.start - pair[0].before.end > 2 * CONTEXT;
        let together = rest.windows(2).position(apart).map_or(rest.len(), |index| index + 1);
        let (group, after) = rest.split_at(together);
        let last = &group[group.len() - 1];
        let lead = first.before.start.min(CONTEXT);
        let shown_old = first.before.start - lead..(last.before.end + CONTEXT).min(old_count);
        let shown_new = first.after.start - lead..(last.after.end + CONTEXT).min(new_count);
        let head = format!("@@ -{} +{} @@\n", span(&shown_old), span(&shown_new));
        difference.patch.extend_from_slice(head.as_bytes());
        let mut at = shown_old.start;
        for change in group {
            write_lines(&mut difference.patch, b' ', &old, at..change.before.start);
            write_lines(&mut difference.patch, b'-', &old, change.before.clone());
            write_lines(&mut difference.patch, b'+', &new, change.after.clone());
            at = change.before.end;
        }
        write_lines(&mut difference.patch, b' ', &old, at..shown_old.end);
        rest = after;
    }
}

struct Change {
    before: Range<u32>,
    after: Range<u32>,
}

/// Lines with their line feeds.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A file of more lines than this has room for is no text that anyone compares.
fn count(lines: &[&[u8]]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}

/// First line and number of lines; an empty span names the line before it, a single line goes without its number.
fn span(range: &Range<u32>) -> String {
    match range.end - range.start {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        length => format!("{},{length}", range.start + 1),
    }
}

fn write_lines(patch: &mut Vec<u8>, sign: u8, lines: &[&[u8]], range: Range<u32>) {
    for line in &lines[range.start as usize..range.end as usize] {
        patch.push(sign);
        patch.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            patch.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> PreparedFile {
        PreparedFile { bytes: text.as_bytes().to_vec(), executable: false }
    }

    fn patch(before: Option<&str>, after: Option<&str>) -> String {
        let (before, after) = (before.map(file), after.map(file));
        let difference = of_file("dir/tool.spec", before.as_ref(), after.as_ref()).unwrap();
        String::from_utf8(difference.patch).unwrap()
    }

    #[test]
    fn changes_are_shown_with_their_surroundings() {
        let before: String = (1..=30).map(|number| format!("{number}\n")).collect();
        let after =
            before.replace("\n4\n", "\nfour\n").replace("\n8\n", "\n").replace("\n29\n", "\n29\n29a\n");
        let expected = "diff --git a/dir/tool.spec b/dir/tool.spec\n--- a/dir/tool.spec\n+++ b/dir/tool.spec\n\
                        @@ -1,11 +1,10 @@\n 1\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n-8\n 9\n 10\n 11\n\
                        @@ -27,4 +26,5 @@\n 27\n 28\n 29\n+29a\n 30\n";
        assert_eq!(patch(Some(&before), Some(&after)), expected);
        let difference = of_file("x", Some(&file(&before)), Some(&file(&after))).unwrap();
        assert_eq!((difference.added, difference.removed, difference.status), (2, 2, Status::Changed));
    }

    #[test]
    fn new_and_removed_files_name_no_other_side() {
        assert_eq!(
            patch(None, Some("a\nb")),
            "diff --git a/dir/tool.spec b/dir/tool.spec\nnew file mode 100644\n--- /dev/null\n+++ b/dir/tool.spec\n\
             @@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"
        );
        assert_eq!(
            patch(Some("a\n"), None),
            "diff --git a/dir/tool.spec b/dir/tool.spec\ndeleted file mode 100644\n--- a/dir/tool.spec\n+++ /dev/null\n\
             @@ -1 +0,0 @@\n-a\n"
        );
        assert_eq!(
            patch(None, Some("")),
            "diff --git a/dir/tool.spec b/dir/tool.spec\nnew file mode 100644\n",
            "an empty file has no line to show"
        );
    }

    #[test]
    fn modes_and_files_that_are_no_text_are_told() {
        let program = PreparedFile { bytes: b"a\0b".to_vec(), executable: true };
        let difference = of_file("run", Some(&file("a\0c")), Some(&program)).unwrap();
        assert_eq!(
            String::from_utf8(difference.patch).unwrap(),
            "diff --git a/run b/run\nold mode 100644\nnew mode 100755\nBinary files a/run and b/run differ\n"
        );
        assert_eq!(of_file("run", Some(&program), Some(&program)), None);
    }

    #[test]
    fn names_are_quoted_as_git_does() {
        assert_eq!(quoted("a/", "with blank"), "a/with blank");
        assert_eq!(quoted("a/", "t\"a\tb\u{e4}"), "\"a/t\\\"a\\tb\\303\\244\"");
    }
}
