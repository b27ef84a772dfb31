//! Patterns of file names in, yes or no for one path out: `*`, `?`, `[a-z]`, `{a,b}` and `**` as whole name.
//! Nothing here lists a folder.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};
use thiserror::Error;

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

/// A pattern without braces.
#[derive(Debug, Clone)]
struct Alternative {
    characters: Vec<char>,
    /// What to match, and where in the characters it begins.
    pieces: Vec<(Piece, usize)>,
}

/// One name of a path in a pattern.
#[derive(Debug, Clone)]
enum Name {
    /// Before the first name with a `*`, `?` or `[`: the name itself.
    Literal(String),
    Pattern(Alternative),
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
        only.pieces.iter().all(|(piece, _)| matches!(piece, Piece::Character(_)))
            && !only.characters.contains(&SEAM)
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

/// The names of a pattern without braces. Up to the first that has a `*`, `?` or `[`, they are names of folders and files as
/// they are: there a backslash is a backslash, but for one in front of a character that would count.
fn file_names(pattern: &str) -> Vec<Name> {
    let mut literal = true;
    names(pattern)
        .map(|name| {
            literal &= !has_wildcard(name);
            if literal { Name::Literal(unescape(name)) } else { Name::Pattern(Alternative::new(name)) }
        })
        .collect()
}

fn has_wildcard(name: &str) -> bool {
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' | '[' | '{' => return true,
            '\\' => {
                characters.next();
            }
            _ => {}
        }
    }
    false
}

fn unescape(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' || !characters.peek().is_some_and(|next| "*?[]{}".contains(*next)) {
            plain.push(character);
        }
    }
    plain
}

/// The names between slashes; one behind a backslash parts nothing.
fn names(pattern: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(pattern);
    std::iter::from_fn(move || {
        let text = rest?;
        let slash = text
            .bytes()
            .enumerate()
            .position(|(at, byte)| byte == b'/' && (at == 0 || text.as_bytes()[at - 1] != b'\\'));
        rest = slash.map(|slash| &text[slash + 1..]);
        Some(slash.map_or(text, |slash| &text[..slash]))
    })
}

impl Alternative {
    fn new(text: &str) -> Alternative {
        let characters: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < characters.len() {
            let begin = at;
            let mut push = |piece| pieces.push((piece, begin));
            match characters[at] {
                SEAM => at += 1,
                '*' if characters.get(at + 1) == Some(&'*') => {
                    let begins = at == 0 || matches!(characters[at - 1], '/' | SEAM);
                    match characters.get(at + 2) {
                        None if begins => push(Piece::Rest),
                        Some('/') if begins => {
                            push(Piece::Folders);
                            at += 1;
                        }
                        _ => push(Piece::Star),
                    }
                    at += 2;
                }
                '*' => {
                    push(Piece::Star);
                    at += 1;
                }
                '?' => {
                    push(Piece::Any);
                    at += 1;
                }
                '[' => {
                    let (class, end) = class(&characters, at + 1);
                    push(class);
                    at = end;
                }
                '\\' => {
                    characters
                        .get(at + 1)
                        .into_iter()
                        .for_each(|character| push(Piece::Character(*character)));
                    at += 2;
                }
                character => {
                    push(Piece::Character(character));
                    at += 1;
                }
            }
        }
        Alternative { characters, pieces }
    }

    /// The usual walk with one place to go back to for the last `*` and one for the last `**`: what a star took, it
    /// gives back character by character.
    fn matches(&self, text: &[char]) -> bool {
        let (mut piece, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        let mut folders: Option<(usize, usize)> = None;
        loop {
            if at == text.len() {
                return self.may_be_nothing(piece);
            }
            match self.pieces.get(piece).map(|(piece, _)| piece) {
                Some(Piece::Rest) => return true,
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
                Some(one) if one.takes(text[at]) => {
                    piece += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            if let Some((after, from)) = star
                && text[from] != '/'
            {
                star = Some((after, from + 1));
                (piece, at) = (after, from + 1);
                continue;
            }
            let Some((after, from)) = folders else { return false };
            let Some(slash) = text[from..].iter().position(|character| *character == '/') else {
                return false;
            };
            folders = Some((after, from + slash + 1));
            (piece, at) = (after, from + slash + 1);
            star = None;
        }
    }

    /// Whether the rest of the pattern stands for nothing: one star, or `**` and the slashes around it, so that `a/**`
    /// also means `a` itself. More stars than that must have something.
    fn may_be_nothing(&self, piece: usize) -> bool {
        let from = self.pieces.get(piece).map_or(self.characters.len(), |(_, begin)| *begin);
        matches!(
            self.characters[from..],
            [] | ['*'] | ['*', '*'] | ['/', '*', '*'] | ['*', '*', '/'] | ['/', '*', '*', '/']
        )
    }
}

/// Whether the names of a pattern stand for the names of a file's path.
fn names_match(names: &[Name], path: &[&str]) -> bool {
    let Some((first, rest)) = names.split_first() else { return path.is_empty() };
    match first {
        // The last `**` stands for files at any depth, but for no folder.
        Name::Pattern(any) if any.characters == ['*', '*'] => match rest {
            [] => !path.is_empty(),
            _ => (0..path.len()).any(|skipped| names_match(rest, &path[skipped..])),
        },
        _ => path.split_first().is_some_and(|(name, below)| first.matches(name) && names_match(rest, below)),
    }
}

impl Name {
    fn matches(&self, name: &str) -> bool {
        match self {
            Name::Literal(own) => own == name,
            Name::Pattern(pattern) => pattern.matches(&name.chars().collect::<Vec<char>>()),
        }
    }
}

/// A class and where it ends.
fn class(characters: &[char], mut at: usize) -> (Piece, usize) {
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
    (Piece::Class { negated, ranges }, at)
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
