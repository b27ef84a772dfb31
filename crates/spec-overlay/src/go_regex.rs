//! A regular expression as Go's `regexp` reads it, in; matches and literal replacements in bytes, out.
//! Nothing here expands `$1`: replacements are literal everywhere in the format.

mod translate;

use std::fmt;
use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// A pattern may compile to this many bytes; the default of 10 MB is too little for large counts of Unicode classes.
const SIZE_LIMIT: usize = 64 << 20;

/// A regular expression of Go's dialect; two are equal if they are written alike.
#[derive(Debug, Clone)]
pub struct GoRegex {
    pattern: String,
    regex: Regex,
}

/// Why Go would refuse a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}{}", .at.map(|at| format!(" (at byte {at})")).unwrap_or_default())]
pub struct GoRegexError {
    /// What is wrong.
    pub what: String,
    /// The byte of the pattern where it is wrong, if one can be named.
    pub at: Option<usize>,
}

impl GoRegex {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A pattern that Go refuses, or that needs more memory than any real one.
    pub fn new(pattern: &str) -> Result<GoRegex, GoRegexError> {
        let translated = translate::translate(pattern)?;
        let regex = RegexBuilder::new(&translated)
            .size_limit(SIZE_LIMIT)
            .build()
            .map_err(|error| GoRegexError { what: last_line(&error.to_string()), at: None })?;
        Ok(GoRegex { pattern: pattern.to_owned(), regex })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// The pattern in the syntax of the `regex` crate.
    pub fn translated(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether there is a match anywhere.
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.regex.is_match(text),
            Err(_) => self.regex.is_match(&Stretched::new(bytes).text),
        }
    }

    /// The bytes with every match replaced, and the number of matches; `None` without a match.
    pub fn replace_all(&self, bytes: &[u8], replacement: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut replaced = Vec::new();
        let (mut matches, mut end) = (0, 0);
        let mut found = |from: usize, to: usize| {
            replaced.extend_from_slice(&bytes[end..from]);
            replaced.extend_from_slice(replacement);
            matches += 1;
            end = to;
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => self.regex.find_iter(text).for_each(|hit| found(hit.start(), hit.end())),
            Err(_) => {
                let stretched = Stretched::new(bytes);
                for hit in self.regex.find_iter(&stretched.text) {
                    found(stretched.former(hit.start()), stretched.former(hit.end()));
                }
            }
        }
        if matches == 0 {
            return None;
        }
        replaced.extend_from_slice(&bytes[end..]);
        Some((replaced, matches))
    }
}

impl fmt::Display for GoRegex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

impl PartialEq for GoRegex {
    fn eq(&self, other: &GoRegex) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for GoRegex {}

impl Hash for GoRegex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pattern.hash(state);
    }
}

impl Serialize for GoRegex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.pattern)
    }
}

/// Bytes that are not all UTF-8, as text: Go reads each byte that belongs to no character as U+FFFD of width one.
struct Stretched {
    text: String,
    /// Each U+FFFD that stands for one byte: where it begins in the text.
    stand_ins: Vec<usize>,
}

impl Stretched {
    fn new(bytes: &[u8]) -> Stretched {
        let mut stretched =
            Stretched { text: String::with_capacity(bytes.len() + 16), stand_ins: Vec::new() };
        for chunk in bytes.utf8_chunks() {
            stretched.text.push_str(chunk.valid());
            for _ in chunk.invalid() {
                stretched.stand_ins.push(stretched.text.len());
                stretched.text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        stretched
    }

    /// Where a place of the text was in the bytes.
    fn former(&self, at: usize) -> usize {
        let before = self.stand_ins.partition_point(|begin| *begin < at);
        at - before * (char::REPLACEMENT_CHARACTER.len_utf8() - 1)
    }
}

/// The regex crate draws its errors as a picture of the pattern; the last line says what is wrong.
fn last_line(error: &str) -> String {
    let line = error.trim_end().lines().next_back().unwrap_or(error);
    line.trim_start_matches("error: ").to_owned()
}
