//! A pattern without braces in, yes or no for a text or a path out.

use super::SEAM;

/// A pattern without braces.
#[derive(Debug, Clone)]
pub(super) struct Alternative {
    characters: Vec<char>,
    /// What to match, and where in the characters it begins.
    pieces: Vec<(Piece, usize)>,
}

/// One name of a path in a pattern.
#[derive(Debug, Clone)]
pub(super) enum Name {
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

/// The names of a pattern without braces. Up to the first that has a `*`, `?` or `[`, they are names of folders and files as
/// they are: there a backslash is a backslash, but for one in front of a character that would count.
pub(super) fn file_names(pattern: &str) -> Vec<Name> {
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
    pub(super) fn new(text: &str) -> Alternative {
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

    /// Whether it stands for one text only.
    pub(super) fn is_literal(&self) -> bool {
        self.pieces.iter().all(|(piece, _)| matches!(piece, Piece::Character(_)))
            && !self.characters.contains(&SEAM)
    }

    /// The usual walk with one place to go back to for the last `*` and one for the last `**`: what a star took, it
    /// gives back character by character.
    pub(super) fn matches(&self, text: &[char]) -> bool {
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
pub(super) fn names_match(names: &[Name], path: &[&str]) -> bool {
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
