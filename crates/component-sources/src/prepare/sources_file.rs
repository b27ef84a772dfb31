//! The `sources` file of a dist-git folder, in; its entries, and the file with a component's own entries in it, out.
//! Nothing here reads a disk.
//!
//! A line is `SHA512 (name) = digest`, the older `digest  name` (MD5), a comment or blank.

use std::collections::BTreeMap;

/// A `sources` file, line by line; what is not changed prints as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourcesFile {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    entry: Option<SourcesEntry>,
}

/// A file that the lookaside cache holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesEntry {
    /// Its name.
    pub file: String,
    /// The digest's algorithm as written, such as `SHA512`; `MD5` for lines of the older form.
    pub algorithm: String,
    /// The digest in hexadecimal, as written.
    pub digest: String,
}

/// An entry that a component brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEntry {
    /// The entry.
    pub entry: SourcesEntry,
    /// Whether it takes the place of an upstream entry of the same name.
    pub replaces: bool,
}

/// Why a `sources` file cannot be read or completed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourcesFileError {
    /// The file is not text.
    #[error("line {line} of the sources file is not UTF-8")]
    Encoding {
        /// From 1.
        line: usize,
    },
    /// A line of no known form.
    #[error(
        "line {line} of the sources file, `{text}`, is neither `ALGORITHM (name) = digest` nor `digest  name`"
    )]
    Line {
        /// From 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// Two lines for one file.
    #[error("line {line} of the sources file names {file} again (first on line {first})")]
    Duplicate {
        /// From 1.
        line: usize,
        /// The name.
        file: String,
        /// The line that has it first, from 1.
        first: usize,
    },
    /// A component's entry has the name of an upstream one and does not say that it replaces it.
    #[error(
        "source file {file} is in the upstream sources file already: set `replace-upstream` and say why, or choose another name"
    )]
    Exists {
        /// The name.
        file: String,
    },
    /// A component's entry replaces what is not there.
    #[error(
        "source file {file} has `replace-upstream`, but the upstream sources file has no such entry{}",
        nearest(candidates)
    )]
    Absent {
        /// The name.
        file: String,
        /// The names that are there.
        candidates: Vec<String>,
    },
    /// A digest that cannot be renewed.
    #[error(
        "archive {file} was changed by an overlay, and its {algorithm} cannot be renewed: give it an entry in `source-files` with `hash-type`"
    )]
    Algorithm {
        /// The name.
        file: String,
        /// The digest's algorithm.
        algorithm: String,
    },
    /// An archive was repacked that no entry names.
    #[error(
        "archive {file} was changed by an overlay, but the sources file has no entry whose digest could be renewed"
    )]
    NotListed {
        /// The name.
        file: String,
    },
}

impl SourcesFile {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, SourcesFileError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            SourcesFileError::Encoding { line: before.iter().filter(|byte| **byte == b'\n').count() + 1 }
        })?;
        let mut lines = Vec::new();
        let mut first = BTreeMap::new();
        let without_end = text.strip_suffix('\n').unwrap_or(text);
        if text.is_empty() {
            return Ok(SourcesFile::default());
        }
        for (index, line) in without_end.split('\n').enumerate() {
            let entry = entry_of(line)
                .map_err(|()| SourcesFileError::Line { line: index + 1, text: line.trim().to_owned() })?;
            if let Some(entry) = &entry
                && let Some(first) = first.insert(entry.file.clone(), index + 1)
            {
                let file = entry.file.clone();
                return Err(SourcesFileError::Duplicate { line: index + 1, file, first });
            }
            lines.push(Line { text: line.to_owned(), entry });
        }
        Ok(SourcesFile { lines })
    }

    /// The file as bytes: every line ends in a line feed.
    pub fn print(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            bytes.extend_from_slice(line.text.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    /// Its entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &SourcesEntry> {
        self.lines.iter().filter_map(|line| line.entry.as_ref())
    }

    /// The entry of a file.
    pub fn entry(&self, file: &str) -> Option<&SourcesEntry> {
        self.entries().find(|entry| entry.file == file)
    }

    /// Gives an entry another digest.
    pub fn renew(&mut self, entry: SourcesEntry) -> Result<(), SourcesFileError> {
        let line =
            self.lines.iter_mut().find(|line| line.entry.as_ref().is_some_and(|old| old.file == entry.file));
        match line {
            Some(line) => *line = Line::of(entry),
            None => return Err(SourcesFileError::NotListed { file: entry.file }),
        }
        Ok(())
    }

    /// Puts a component's own entries in: replacing ones where the replaced ones were, new ones at the end, in their order.
    pub fn complete(&mut self, own: &[OwnEntry]) -> Result<(), SourcesFileError> {
        // Every entry is held against the upstream file, not against what earlier entries made of it.
        let upstream: Vec<String> = self.entries().map(|entry| entry.file.clone()).collect();
        for OwnEntry { entry, replaces } in own {
            let exists = upstream.contains(&entry.file);
            match (exists, replaces) {
                (true, true) => self.renew(entry.clone())?,
                (false, false) => self.lines.push(Line::of(entry.clone())),
                (true, false) => return Err(SourcesFileError::Exists { file: entry.file.clone() }),
                (false, true) => {
                    return Err(SourcesFileError::Absent { file: entry.file.clone(), candidates: upstream });
                }
            }
        }
        Ok(())
    }
}

impl Line {
    fn of(entry: SourcesEntry) -> Self {
        Line { text: format!("{} ({}) = {}", entry.algorithm, entry.file, entry.digest), entry: Some(entry) }
    }
}

/// The entry of a line, `None` for comments and blank lines.
fn entry_of(line: &str) -> Result<Option<SourcesEntry>, ()> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    current_form(line).or_else(|| older_form(line)).map(Some).ok_or(())
}

/// `SHA512 (name) = digest`; the name may have blanks, not parentheses.
fn current_form(line: &str) -> Option<SourcesEntry> {
    let (algorithm, rest) = line.split_once(blank)?;
    let rest = rest.trim_start_matches(blank).strip_prefix('(')?;
    let (file, rest) = rest.split_once(')')?;
    let digest = rest.trim_start_matches(blank).strip_prefix('=')?;
    let known =
        !algorithm.is_empty() && algorithm.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let spaced = rest.starts_with(blank) && digest.starts_with(blank);
    let digest = digest.trim_start_matches(blank);
    (known && spaced && !file.is_empty() && is_hexadecimal(digest)).then(|| SourcesEntry {
        file: file.to_owned(),
        algorithm: algorithm.to_owned(),
        digest: digest.to_owned(),
    })
}

fn older_form(line: &str) -> Option<SourcesEntry> {
    let (digest, file) = line.split_once(blank)?;
    let file = file.trim_start_matches(blank);
    (is_hexadecimal(digest) && !file.is_empty() && !file.contains(blank)).then(|| SourcesEntry {
        file: file.to_owned(),
        algorithm: "MD5".to_owned(),
        digest: digest.to_owned(),
    })
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}' | '\r')
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn nearest(candidates: &[String]) -> String {
    if candidates.is_empty() { String::new() } else { format!(" (it has {})", candidates.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# archives\nSHA512 (tool-1.0.tar.gz) = 00ff\n\n0123456789abcdef0123456789abcdef  old.zip\n";

    fn entry(file: &str, digest: &str) -> SourcesEntry {
        SourcesEntry { file: file.into(), algorithm: "SHA512".into(), digest: digest.into() }
    }

    fn completed(own: &[(&str, bool)]) -> Result<String, SourcesFileError> {
        let mut file = SourcesFile::parse(FILE.as_bytes())?;
        let own: Vec<OwnEntry> = own
            .iter()
            .map(|(name, replaces)| OwnEntry { entry: entry(name, "aa"), replaces: *replaces })
            .collect();
        file.complete(&own)?;
        Ok(String::from_utf8(file.print()).unwrap())
    }

    #[test]
    fn both_forms_are_read_and_all_lines_printed_back() {
        let file = SourcesFile::parse(FILE.as_bytes()).unwrap();
        let entries: Vec<&SourcesEntry> = file.entries().collect();
        assert_eq!(entries[0], &entry("tool-1.0.tar.gz", "00ff"));
        assert_eq!((entries[1].algorithm.as_str(), entries[1].file.as_str()), ("MD5", "old.zip"));
        assert_eq!(file.print(), FILE.as_bytes());
        assert_eq!(SourcesFile::parse(b"SHA512 (a b) = 1f").unwrap().print(), b"SHA512 (a b) = 1f\n");
        assert_eq!(SourcesFile::parse(b"").unwrap().entries().count(), 0);
    }

    #[test]
    fn lines_that_are_no_entries_are_refused_with_their_number() {
        let refused = |text: &str| SourcesFile::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(
            refused("\nSHA512 (a) = xyz\n").starts_with("line 2 of the sources file, `SHA512 (a) = xyz`")
        );
        assert!(refused("sha512 (a) = 00\n").contains("is neither"));
        assert!(refused("SHA512 (a)=00\n").contains("is neither"));
        assert!(
            refused("00 a\n11 a\n").starts_with("line 2 of the sources file names a again (first on line 1)")
        );
        assert_eq!(SourcesFile::parse(b"\n\xff\n"), Err(SourcesFileError::Encoding { line: 2 }),);
    }

    #[test]
    fn own_entries_replace_in_place_or_come_last() {
        let expected = "# archives\nSHA512 (tool-1.0.tar.gz) = aa\n\n0123456789abcdef0123456789abcdef  old.zip\n\
                        SHA512 (new.tar.xz) = aa\n";
        assert_eq!(completed(&[("new.tar.xz", false), ("tool-1.0.tar.gz", true)]).unwrap(), expected);
    }

    #[test]
    fn own_entries_say_truly_whether_they_replace() {
        let exists = SourcesFileError::Exists { file: "old.zip".into() };
        assert_eq!(completed(&[("old.zip", false)]), Err(exists));
        let error = completed(&[("tool.tar.gz", true)]).unwrap_err().to_string();
        assert!(error.ends_with("(it has tool-1.0.tar.gz, old.zip)"), "{error}");
    }

    #[test]
    fn a_repacked_archive_gets_its_new_digest() {
        let mut file = SourcesFile::parse(FILE.as_bytes()).unwrap();
        file.renew(entry("old.zip", "bb")).unwrap();
        assert!(file.print().ends_with(b"\nSHA512 (old.zip) = bb\n"));
        assert_eq!(file.renew(entry("x", "bb")), Err(SourcesFileError::NotListed { file: "x".into() }));
    }
}
