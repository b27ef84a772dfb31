//! A pattern in Go's syntax in, the same pattern in the regex crate's syntax out.
//!
//! The dialects differ where Go is laxer (a `{` that begins no count is a brace, `[[]` is a class of one bracket,
//! `\Q…\E`, octal escapes), where it is stricter (`a**`, counts above 1000, escapes of letters without a meaning), and
//! where one text means two things (`\d`, `\s`, `\w` and `\b` are ASCII in Go; `&&`, `--` and `~~` in a class are
//! characters in Go and operators in Rust; `\<` is a character in Go).

use super::GoRegexError;

/// Go's limit of a counted repetition.
const MAX_COUNT: u32 = 1000;

/// Go's ASCII classes, as parts of a class in brackets.
const DIGIT: &str = "0-9";
const SPACE: &str = r"\t\n\f\r ";
const WORD: &str = "0-9A-Za-z_";

const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

pub(super) fn translate(pattern: &str) -> Result<String, GoRegexError> {
    let mut translator =
        Translator { pattern, at: 0, out: String::with_capacity(pattern.len() + 16), flags: String::new() };
    translator.all()?;
    Ok(translator.out)
}

struct Translator<'a> {
    pattern: &'a str,
    at: usize,
    out: String,
    /// Flags that are set from here on, not yet written: a repetition behind them belongs to what is before them.
    flags: String,
}

impl<'a> Translator<'a> {
    fn all(&mut self) -> Result<(), GoRegexError> {
        let mut repeated = false;
        while let Some(character) = self.peek() {
            let begin = self.at;
            let mut repeats = false;
            if !self.rest().starts_with("(?") && !self.is_repetition(character) {
                self.write_flags();
            }
            match character {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' if self.rest().starts_with("(?") => self.group()?,
                '*' | '+' | '?' => {
                    self.take();
                    self.out.push(character);
                    repeats = true;
                }
                '{' => match count(self.rest()) {
                    Some(count) => {
                        if !count.is_valid() {
                            return Err(self.wrong(begin, "a count may be 1000 at most, and not fall"));
                        }
                        self.out.push_str(&self.pattern[begin..begin + count.length]);
                        self.at += count.length;
                        repeats = true;
                    }
                    None => {
                        self.take();
                        self.out.push_str(r"\{");
                    }
                },
                '.' | '^' | '$' | '|' | '(' | ')' => {
                    self.take();
                    self.out.push(character);
                }
                _ => {
                    self.take();
                    self.literal(character);
                }
            }
            if repeats {
                if repeated {
                    return Err(self.wrong(begin, "a repetition is repeated"));
                }
                if self.peek() == Some('?') {
                    self.take();
                    self.out.push('?');
                }
            }
            repeated = repeats;
        }
        self.write_flags();
        Ok(())
    }

    fn is_repetition(&self, character: char) -> bool {
        matches!(character, '*' | '+' | '?') || (character == '{' && count(self.rest()).is_some())
    }

    fn write_flags(&mut self) {
        self.out.push_str(&std::mem::take(&mut self.flags));
    }

    /// What a backslash begins outside a class.
    fn escape(&mut self) -> Result<(), GoRegexError> {
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (literal, length) = match quoted.find(r"\E") {
                Some(end) => (&quoted[..end], end + 4),
                None => (quoted, rest.len()),
            };
            literal.chars().for_each(|character| self.literal(character));
            self.at += length;
            return Ok(());
        }
        let simple = match rest.as_bytes().get(1) {
            Some(b'A') => r"\A",
            Some(b'z') => r"\z",
            Some(b'b') => r"(?-u:\b)",
            Some(b'B') => r"(?-u:\B)",
            _ => "",
        };
        if !simple.is_empty() {
            self.out.push_str(simple);
            self.at += 2;
            return Ok(());
        }
        if let Some((set, negated)) = perl_class(rest) {
            self.out.push_str(if negated { "[^" } else { "[" });
            self.out.push_str(set);
            self.out.push(']');
            self.at += 2;
            return Ok(());
        }
        if self.unicode_class()? {
            return Ok(());
        }
        let character = self.escaped_character()?;
        self.literal(character);
        Ok(())
    }

    /// `[…]`
    fn class(&mut self) -> Result<(), GoRegexError> {
        let begin = self.at;
        self.take();
        self.out.push('[');
        if self.peek() == Some('^') {
            self.take();
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(character) = self.peek() else {
                return Err(self.wrong(begin, "the class does not end: a `]` is missing"));
            };
            if character == ']' && !first {
                self.take();
                self.out.push(']');
                return Ok(());
            }
            first = false;
            if self.posix_class()? {
                continue;
            }
            if let Some((set, negated)) = perl_class(self.rest()) {
                self.out.push_str(if negated { "[^" } else { "[" });
                self.out.push_str(set);
                self.out.push(']');
                self.at += 2;
                continue;
            }
            if self.rest().starts_with('\\') && self.unicode_class()? {
                continue;
            }
            let range = self.at;
            let low = self.class_character()?;
            self.literal(low);
            let rest = self.rest();
            if rest.starts_with('-') && rest.len() > 1 && !rest.starts_with("-]") {
                self.take();
                let high = self.class_character()?;
                if high < low {
                    return Err(self.wrong(range, "the range runs backwards"));
                }
                self.out.push('-');
                self.literal(high);
            }
        }
    }

    fn class_character(&mut self) -> Result<char, GoRegexError> {
        match self.peek() {
            Some('\\') => self.escaped_character(),
            Some(character) => {
                self.take();
                Ok(character)
            }
            None => Err(self.wrong(self.at, "the class does not end: a `]` is missing")),
        }
    }

    /// `[:alpha:]` and `[:^alpha:]`; false if there is none.
    fn posix_class(&mut self) -> Result<bool, GoRegexError> {
        let Some(named) = self.rest().strip_prefix("[:") else { return Ok(false) };
        let Some(end) = named.find(":]") else { return Ok(false) };
        let name = named[..end].strip_prefix('^').unwrap_or(&named[..end]);
        if !POSIX.contains(&name) {
            return Err(self.wrong(self.at, "no class of characters has this name"));
        }
        let length = end + 4;
        self.out.push_str(&self.pattern[self.at..self.at + length]);
        self.at += length;
        Ok(true)
    }

    /// `\pL`, `\p{Greek}`, `\P{^Greek}`; false if there is none.
    fn unicode_class(&mut self) -> Result<bool, GoRegexError> {
        let rest = self.rest();
        let mut negated = match rest.as_bytes().get(1) {
            Some(b'p') => false,
            Some(b'P') => true,
            _ => return Ok(false),
        };
        let named = &rest[2..];
        let (mut name, length) = match named.strip_prefix('{') {
            Some(braced) => {
                let end = braced.find('}').ok_or_else(|| self.wrong(self.at, "a `}` is missing"))?;
                (&braced[..end], end + 4)
            }
            None => {
                let end = named.chars().next().map_or(0, char::len_utf8);
                (&named[..end], end + 2)
            }
        };
        if let Some(without) = name.strip_prefix('^') {
            (name, negated) = (without, !negated);
        }
        // The crate takes `\p{scx=Greek}` too; Go does not.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
            return Err(self.wrong(self.at, "no class of characters has this name"));
        }
        self.out.push_str(if negated { r"\P{" } else { r"\p{" });
        self.out.push_str(name);
        self.out.push('}');
        self.at += length;
        Ok(true)
    }

    /// A backslash and what it makes one character of.
    fn escaped_character(&mut self) -> Result<char, GoRegexError> {
        let begin = self.at;
        self.take();
        let Some(character) = self.take() else {
            return Err(self.wrong(begin, "there is nothing after the backslash"));
        };
        match character {
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            'x' => self.hexadecimal(begin),
            '0'..='7' => {
                let digits: &str = octal_digits(&self.pattern[begin + 1..]);
                if character != '0' && digits.len() == 1 {
                    return Err(self.wrong(begin, "there are no back-references"));
                }
                self.at = begin + 1 + digits.len();
                let value = u32::from_str_radix(digits, 8).unwrap_or_default();
                char::from_u32(value).ok_or_else(|| self.wrong(begin, "this is no character"))
            }
            '8' | '9' => Err(self.wrong(begin, "there are no back-references")),
            _ if character.is_ascii() && !character.is_ascii_alphanumeric() => Ok(character),
            _ => Err(self.wrong(begin, "this escape has no meaning")),
        }
    }

    fn hexadecimal(&mut self, begin: usize) -> Result<char, GoRegexError> {
        let rest = self.rest();
        let (digits, length) = match rest.strip_prefix('{') {
            Some(braced) => {
                let end = braced.find('}').ok_or_else(|| self.wrong(begin, "a `}` is missing"))?;
                (&braced[..end], end + 2)
            }
            None => (rest.get(..2).unwrap_or_default(), 2),
        };
        let value = (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| u32::from_str_radix(digits, 16).ok())
            .flatten();
        let character =
            value.and_then(char::from_u32).ok_or_else(|| self.wrong(begin, "this is no character"))?;
        self.at += length;
        Ok(character)
    }

    /// What `(?` begins: a named group, or flags.
    fn group(&mut self) -> Result<(), GoRegexError> {
        let begin = self.at;
        let rest = self.rest();
        if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| rest.starts_with(look)) {
            return Err(self.wrong(begin, "there is no looking ahead or behind"));
        }
        let named = rest.strip_prefix("(?P<").map(|name| (name, 4));
        if let Some((named, before)) = named.or_else(|| rest.strip_prefix("(?<").map(|name| (name, 3))) {
            let end = named.find('>').ok_or_else(|| self.wrong(begin, "the group's name does not end"))?;
            let name = &named[..end];
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(self.wrong(begin, "a group's name has letters, digits and `_`"));
            }
            self.write_flags();
            // Nobody asks for a group by its name, and Go allows names that the crate does not.
            self.out.push('(');
            self.at += before + end + 1;
            return Ok(());
        }
        self.flags(begin)
    }

    /// `(?i)`, `(?i-s:`: set and cleared one after the other, so that the last word on a flag counts.
    fn flags(&mut self, begin: usize) -> Result<(), GoRegexError> {
        self.at += 2;
        let mut flags: Vec<(char, bool)> = Vec::new();
        let (mut on, mut named_one) = (true, false);
        loop {
            match self.take() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    flags.retain(|(other, _)| *other != flag);
                    flags.push((flag, on));
                    named_one = true;
                }
                Some('-') if on => (on, named_one) = (false, false),
                Some(end @ (':' | ')')) if on || named_one => {
                    let set = |wanted: bool| -> String {
                        flags.iter().filter(|(_, on)| *on == wanted).map(|(flag, _)| *flag).collect()
                    };
                    let (on, off) = (set(true), set(false));
                    if on.is_empty() && off.is_empty() && end == ')' {
                        return Ok(());
                    }
                    let minus = if off.is_empty() { "" } else { "-" };
                    let written = format!("(?{on}{minus}{off}{end}");
                    if end == ')' {
                        self.flags.push_str(&written);
                    } else {
                        self.write_flags();
                        self.out.push_str(&written);
                    }
                    return Ok(());
                }
                _ => {
                    return Err(
                        self.wrong(begin, "after `(?` there may be the flags i, m, s and U, or `P<name>`")
                    );
                }
            }
        }
    }

    fn literal(&mut self, character: char) {
        if regex_syntax::is_meta_character(character) {
            self.out.push('\\');
        }
        self.out.push(character);
    }

    fn rest(&self) -> &'a str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn wrong(&self, at: usize, what: &str) -> GoRegexError {
        GoRegexError { what: what.to_owned(), at: Some(at) }
    }
}

/// `\d` and its kin, as the inside of a class, and whether it is the rest that is meant.
fn perl_class(rest: &str) -> Option<(&'static str, bool)> {
    let letter = rest.strip_prefix('\\')?.chars().next()?;
    let set = match letter.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        'w' => WORD,
        _ => return None,
    };
    Some((set, letter.is_ascii_uppercase()))
}

/// One to three octal digits.
fn octal_digits(text: &str) -> &str {
    let length = text.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    &text[..length]
}

struct Count {
    low: Option<u32>,
    high: Option<Option<u32>>,
    length: usize,
}

impl Count {
    fn is_valid(&self) -> bool {
        let small = |value: u32| value <= MAX_COUNT;
        let Some(low) = self.low.filter(|low| small(*low)) else { return false };
        match self.high {
            None => true,
            Some(high) => high.is_some_and(|high| small(high) && low <= high),
        }
    }
}

/// `{2}`, `{2,}` or `{2,5}`; anything else after a brace makes it a character. Numbers too large for `u32` are `None`.
fn count(rest: &str) -> Option<Count> {
    let inside = rest.strip_prefix('{')?;
    let (low, after) = number(inside)?;
    if let Some(after) = after.strip_prefix('}') {
        return Some(Count { low, high: None, length: rest.len() - after.len() });
    }
    let after = after.strip_prefix(',')?;
    if let Some(after) = after.strip_prefix('}') {
        return Some(Count { low, high: None, length: rest.len() - after.len() });
    }
    let (high, after) = number(after)?;
    let after = after.strip_prefix('}')?;
    Some(Count { low, high: Some(high), length: rest.len() - after.len() })
}

/// A decimal number without leading zeros, and what follows it.
fn number(text: &str) -> Option<(Option<u32>, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let digits = &text[..length];
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().ok(), &text[length..]))
}
