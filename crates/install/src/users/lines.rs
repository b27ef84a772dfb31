//! A line in the format of sysusers.d(5), in; the account it asks for, out.

use std::path::PathBuf;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountLine {
    /// `u` and `u!`: a user, with a group of the same name unless one is named.
    User {
        /// Login name.
        name: String,
        /// Number of the user.
        id: Id,
        /// Primary group.
        group: Option<GroupChoice>,
        /// Whether the account is locked for good (`u!`).
        locked: bool,
        /// Comment field.
        description: String,
        /// Home directory; `/` unless stated.
        home: String,
        /// Login shell; nologin unless stated.
        shell: String,
    },
    /// `g`: a group.
    Group {
        /// Its name.
        name: String,
        /// Its number.
        id: Id,
    },
    /// `m`: a user becomes a member of a group; both are made if missing.
    Member {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// `r`: numbers to take free ones from.
    Range {
        /// First number.
        from: u32,
        /// Last number.
        to: u32,
    },
}

/// Where a number comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// Any free one.
    Free,
    /// This one, if it is free.
    Number(u32),
    /// The owner of this path.
    OwnerOf(PathBuf),
}

/// The primary group of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChoice {
    /// By number.
    Number(u32),
    /// By name.
    Name(String),
}

/// Why a line is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountLineError {
    /// Unknown type.
    #[error("type `{0}` is none of u, u!, g, m, r")]
    Type(String),
    /// A field that is needed is missing.
    #[error("the {0} is missing")]
    Missing(&'static str),
    /// A name that no account may have.
    #[error("`{0}` is no valid account name")]
    Name(String),
    /// A number that is none.
    #[error("`{0}` is no number, NUMBER:GROUP or path")]
    Id(String),
    /// Fields that only users have.
    #[error("lines of type `{0}` have neither description, home nor shell")]
    TooMuch(String),
    /// A quote is not closed.
    #[error("a quote is not closed")]
    Quote,
    /// A field that would break the account files.
    #[error("`{0}` has a colon or a control character in it")]
    Field(String),
}

/// Reads one line; comments and empty lines are nothing.
pub fn parse(line: &str) -> Result<Option<AccountLine>, AccountLineError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields = split(line)?;
    let stated =
        |index: usize| fields.get(index).map(String::as_str).filter(|field| !matches!(*field, "" | "-"));
    let name = |index, what| {
        let name = stated(index).ok_or(AccountLineError::Missing(what))?;
        if is_name(name) { Ok(name.to_owned()) } else { Err(AccountLineError::Name(name.to_owned())) }
    };
    let text = |index, default: &str| {
        let text = stated(index).unwrap_or(default);
        let broken = text.chars().any(|c| c == ':' || c.is_control());
        if broken { Err(AccountLineError::Field(text.to_owned())) } else { Ok(text.to_owned()) }
    };
    Ok(Some(match fields[0].as_str() {
        kind @ ("u" | "u!") => {
            let name = name(1, "name")?;
            let (id, group) = user_id(stated(2))?;
            let shell = if name == "root" { "/bin/sh" } else { "/usr/sbin/nologin" };
            let home = if name == "root" { "/root" } else { "/" };
            let (description, home, shell) = (text(3, "")?, text(4, home)?, text(5, shell)?);
            AccountLine::User { name, id, group, locked: kind == "u!", description, home, shell }
        }
        kind @ ("g" | "m" | "r")
            if fields.iter().skip(3).any(|field| !matches!(field.as_str(), "" | "-")) =>
        {
            return Err(AccountLineError::TooMuch(kind.to_owned()));
        }
        "g" => AccountLine::Group { name: name(1, "name")?, id: id(stated(2))? },
        "m" => AccountLine::Member { user: name(1, "user")?, group: name(2, "group")? },
        "r" => {
            let range = stated(2).ok_or(AccountLineError::Missing("range"))?;
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            AccountLine::Range { from: number(from)?, to: number(to)? }
        }
        other => return Err(AccountLineError::Type(other.to_owned())),
    }))
}

fn user_id(field: Option<&str>) -> Result<(Id, Option<GroupChoice>), AccountLineError> {
    let Some(text) = field else { return Ok((Id::Free, None)) };
    if text.starts_with('/') {
        return Ok((Id::OwnerOf(text.into()), None));
    }
    let Some((user, group)) = text.split_once(':') else { return Ok((Id::Number(number(text)?), None)) };
    let choice = match group.parse() {
        Ok(number) => GroupChoice::Number(number),
        Err(_) if is_name(group) => GroupChoice::Name(group.to_owned()),
        Err(_) => return Err(AccountLineError::Id(text.to_owned())),
    };
    let id = if user == "-" { Id::Free } else { Id::Number(number(user)?) };
    Ok((id, Some(choice)))
}

fn id(field: Option<&str>) -> Result<Id, AccountLineError> {
    match field {
        None => Ok(Id::Free),
        Some(path) if path.starts_with('/') => Ok(Id::OwnerOf(path.into())),
        Some(text) => Ok(Id::Number(number(text)?)),
    }
}

fn number(text: &str) -> Result<u32, AccountLineError> {
    // 65535 and 4294967295 mean "nobody given" in the kernel's interfaces.
    text.parse()
        .ok()
        .filter(|id| !matches!(*id, 65_535 | u32::MAX))
        .ok_or_else(|| AccountLineError::Id(text.to_owned()))
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && text.len() <= 31 && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Words between blanks; single and double quotes keep blanks, a backslash keeps the next character.
fn split(line: &str) -> Result<Vec<String>, AccountLineError> {
    let mut fields = Vec::new();
    let mut field: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (_, '\\') => field.get_or_insert_default().extend(characters.next()),
            (None, '"' | '\'') => {
                quote = Some(character);
                field.get_or_insert_default();
            }
            (None, ' ' | '\t') => fields.extend(field.take()),
            (_, c) => field.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(AccountLineError::Quote);
    }
    fields.extend(field);
    Ok(fields)
}
