//! Patterns of file names in, yes or no for one path out: `*`, `?`, `[a-z]`, `{a,b}` and `**` as whole name.
//! Nothing here lists a folder.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};
use thiserror::Error;

/// Stands in an expanded pattern where a brace or comma was, so that stars on both sides of it stay two; it is no
/// character, and no pattern has it.
const SEAM: char = '\u{10ffff}';

/// More alternatives than any pattern of a definition needs; a pattern of nested braces could have billions.
const MAX_ALTERNATIVES: usize = 4096;

/// A pattern of paths, by doublestar's rules: `*`, `?` and `**` never match a `/`, except that `**` between slashes
/// stands for any number of folders.
#[derive(Debug, Clone)]
pub struct Glob {
    pattern: String,
    /// The pattern once for each choice in its braces.
    alternatives: Vec<Vec<Piece>>,
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Character(char),
    /// `?`
    Any,
    /// `*`
    Star,
    /// `**/`
    Folders,
    /// `**` at the end.
    Rest,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
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
        let alternatives = expanded.iter().map(|text| pieces(text)).collect();
        Ok(Glob { pattern: pattern.to_owned(), alternatives })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether it can match only one path: it has no `*`, `?`, `[` or `{` that counts.
    pub fn is_literal(&self) -> bool {
        self.alternatives.len() == 1
            && self.alternatives[0].iter().all(|piece| matches!(piece, Piece::Character(_)))
            && !self.pattern.contains('{')
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.alternatives.iter().any(|pieces| matches(pieces, &text))
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
        expand(&format!("{before}{SEAM}{choice}{SEAM}{after}"), expanded)?;
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

fn pieces(pattern: &str) -> Vec<Piece> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        match characters[at] {
            SEAM => at += 1,
            '*' if characters.get(at + 1) == Some(&'*') => {
                let begins = characters[..at].iter().rev().find(|before| **before != SEAM);
                let after = characters[at + 2..].iter().position(|after| *after != SEAM);
                let next = after.map(|after| (at + 2 + after, characters[at + 2 + after]));
                match next {
                    None if begins.is_none_or(|before| *before == '/') => {
                        pieces.push(Piece::Rest);
                        at = characters.len();
                    }
                    Some((slash, '/')) if begins.is_none_or(|before| *before == '/') => {
                        pieces.push(Piece::Folders);
                        at = slash + 1;
                    }
                    _ => {
                        pieces.push(Piece::Star);
                        at += 2;
                    }
                }
            }
            '*' => {
                pieces.push(Piece::Star);
                at += 1;
            }
            '?' => {
                pieces.push(Piece::Any);
                at += 1;
            }
            '[' => at = class(&characters, at + 1, &mut pieces),
            '\\' => {
                pieces.extend(characters.get(at + 1).map(|character| Piece::Character(*character)));
                at += 2;
            }
            character => {
                pieces.push(Piece::Character(character));
                at += 1;
            }
        }
    }
    pieces
}

fn class(characters: &[char], mut at: usize, pieces: &mut Vec<Piece>) -> usize {
    let negated = matches!(characters.get(at), Some('!' | '^'));
    at += usize::from(negated);
    let mut ranges = Vec::new();
    let mut low = None;
    while let Some(&character) = characters.get(at) {
        at += 1;
        match (character, low) {
            (']', _) => break,
            ('-', Some(from)) if characters.get(at).is_some_and(|next| *next != ']') => {
                at += usize::from(characters[at] == '\\');
                if let Some(&to) = characters.get(at) {
                    ranges.push((from, to));
                }
                at += 1;
                low = None;
            }
            _ => {
                let character = match character {
                    '\\' => {
                        at += 1;
                        characters.get(at - 1).copied().unwrap_or('\\')
                    }
                    other => other,
                };
                ranges.push((character, character));
                low = Some(character);
            }
        }
    }
    pieces.push(Piece::Class { negated, ranges });
    at
}

/// The usual walk with one place to go back to for the last `*` and one for the last `**`: what a star took, it gives
/// back character by character.
fn matches(pieces: &[Piece], text: &[char]) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut folders: Option<(usize, usize)> = None;
    loop {
        match pieces.get(piece) {
            Some(Piece::Rest) => return true,
            Some(Piece::Folders) if at == text.len() && piece + 1 == pieces.len() => return true,
            Some(Piece::Folders) => {
                piece += 1;
                folders = Some((piece, at));
                star = None;
                continue;
            }
            Some(Piece::Star) => {
                piece += 1;
                star = Some((piece, at));
                continue;
            }
            Some(one) if at < text.len() && one.takes(text[at]) => {
                piece += 1;
                at += 1;
                continue;
            }
            None if at == text.len() => return true,
            // `a/**` also means `a` itself.
            Some(Piece::Character('/'))
                if at == text.len() && matches!(pieces[piece + 1..], [Piece::Folders | Piece::Rest]) =>
            {
                return true;
            }
            _ => {}
        }
        if let Some((after, from)) = star
            && from < text.len()
            && text[from] != '/'
        {
            star = Some((after, from + 1));
            (piece, at) = (after, from + 1);
            continue;
        }
        let Some((after, from)) = folders else { return false };
        let Some(slash) = text[from..].iter().position(|character| *character == '/') else { return false };
        folders = Some((after, from + slash + 1));
        (piece, at) = (after, from + slash + 1);
        star = None;
    }
}

impl Piece {
    fn takes(&self, character: char) -> bool {
        match self {
            Piece::Character(own) => *own == character,
            Piece::Any => character != '/',
            Piece::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
            }
            Piece::Star | Piece::Folders | Piece::Rest => false,
        }
    }
}
