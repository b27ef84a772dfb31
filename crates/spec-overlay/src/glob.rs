//! Patterns of file names in, yes or no for one path out: `*`, `?`, `[a-z]`, `{a,b}` and `**` as whole name.
//! Nothing here lists a folder.

mod matching;

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};
use thiserror::Error;

use self::matching::{Alternative, Name, file_names, names_match};

/// Stands in an expanded pattern where a brace opened; it is no character, and no pattern has it.
const SEAM: char = '\u{10ffff}';

/// More alternatives than any pattern of a definition needs; a pattern of nested braces could have billions.
const MAX_ALTERNATIVES: usize = 4096;

/// A pattern of paths, by doublestar's rules: `*`, `?` and `**` never match a `/`, except that `**` between slashes
/// stands for any number of folders.
#[derive(Debug, Clone)]
pub struct Glob {
    pattern: String,
    /// The pattern once for each choice in its braces.
    whole: Vec<Alternative>,
    /// The same, by the names between slashes.
    names: Vec<Vec<Name>>,
}

/// Why a pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GlobError {
    /// A `[` without its `]`, or with nothing in between.
    #[error("the class that begins at byte {0} is empty or does not end")]
    Class(usize),
    /// A `{` without its `}`, or the other way round.
    #[error("the brace at byte {0} has no partner")]
    Brace(usize),
    /// A `\` at the end.
    #[error("there is nothing after the last backslash")]
    Backslash,
    /// Too many alternatives.
    #[error("the braces stand for more than {MAX_ALTERNATIVES} patterns")]
    Alternatives,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// An unfinished class, brace or escape.
    pub fn new(pattern: &str) -> Result<Glob, GlobError> {
        validate(pattern)?;
        let mut expanded = Vec::new();
        expand(pattern, &mut expanded)?;
        let names = expanded.iter().map(|text| {
            let text = text.replace(SEAM, "");
            file_names(&text)
        });
        Ok(Glob {
            pattern: pattern.to_owned(),
            names: names.collect(),
            whole: expanded.iter().map(|text| Alternative::new(text)).collect(),
        })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether it can match only one path: it has no `*`, `?`, `[` or `{` that counts.
    pub fn is_literal(&self) -> bool {
        let [only] = self.whole.as_slice() else { return false };
        only.is_literal()
    }

    /// Whether the whole text matches, whatever it is: a path or not.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.whole.iter().any(|alternative| alternative.matches(&text))
    }

    /// Whether the path of a file matches, name by name. It differs from [`Glob::matches`] where braces meet stars:
    /// for a folder's files the choice is made first and the text read then, so that `*{*,a}` is `**` or `*a`.
    pub fn matches_file(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        self.names.iter().any(|names| names_match(names, &path))
    }

    /// The pattern for paths below a folder: without empty names and `.`, which mean nothing; none if it leads out of the
    /// folder.
    pub fn below_folder(&self) -> Option<Glob> {
        let names: Vec<&str> =
            self.pattern.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        if self.pattern.starts_with('/')
            || self.pattern.ends_with('/')
            || names.is_empty()
            || names.contains(&"..")
        {
            return None;
        }
        Glob::new(&names.join("/")).ok()
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Glob) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Glob {}

impl Hash for Glob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pattern.hash(state);
    }
}

impl Serialize for Glob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.pattern)
    }
}

fn validate(pattern: &str) -> Result<(), GlobError> {
    let bytes = pattern.as_bytes();
    let mut open = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                at += 1;
                if at == bytes.len() {
                    return Err(GlobError::Backslash);
                }
            }
            b'[' => at = class_end(bytes, at).ok_or(GlobError::Class(at))?,
            b'{' => open.push(at),
            b'}' => {
                open.pop().ok_or(GlobError::Brace(at))?;
            }
            _ => {}
        }
        at += 1;
    }
    open.pop().map_or(Ok(()), |at| Err(GlobError::Brace(at)))
}

/// Where the `]` is that ends the class that begins at `at`; a `]` right after `[`, `[!` or `[^` ends nothing.
fn class_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    if matches!(bytes.get(at), Some(b'^' | b'!')) {
        at += 1;
    }
    if bytes.get(at) == Some(&b']') {
        return None;
    }
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b']' => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Writes the pattern once for each choice in its first brace, and so on.
fn expand(pattern: &str, expanded: &mut Vec<String>) -> Result<(), GlobError> {
    let Some((before, choices, after)) = first_brace(pattern) else {
        if expanded.len() == MAX_ALTERNATIVES {
            return Err(GlobError::Alternatives);
        }
        expanded.push(pattern.to_owned());
        return Ok(());
    };
    for choice in choices {
        expand(&format!("{before}{SEAM}{choice}{after}"), expanded)?;
    }
    Ok(())
}

fn first_brace(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let bytes = pattern.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' => at = class_end(bytes, at)?,
            b'{' => break,
            _ => {}
        }
        at += 1;
    }
    if at >= bytes.len() {
        return None;
    }
    let open = at;
    let mut depth = 0;
    let mut begin = open + 1;
    let mut choices = Vec::new();
    at = begin;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'{' => depth += 1,
            b',' if depth == 0 => {
                choices.push(&pattern[begin..at]);
                begin = at + 1;
            }
            b'}' if depth == 0 => {
                choices.push(&pattern[begin..at]);
                return Some((&pattern[..open], choices, &pattern[at + 1..]));
            }
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}
