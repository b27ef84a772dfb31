//! `sed` commands and a text, in; the changed text, out. Substitutions and printing of chosen lines only.

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::programs::{content, lines};
use crate::files::Files;

/// Bytes of a compiled expression: real ones need a few hundred.
const LARGEST: usize = 1 << 20;

/// Follows `sed`; none for commands that are not listed.
pub(super) fn run(arguments: &[Vec<u8>], input: &[u8], files: &dyn Files) -> Option<Vec<u8>> {
    let mut extended = false;
    let mut quiet = false;
    let mut scripts: Vec<Vec<u8>> = Vec::new();
    let mut rest = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_slice() {
            b"-r" | b"-E" | b"--regexp-extended" => extended = true,
            b"-n" => quiet = true,
            b"-e" => scripts.push(arguments.next()?.clone()),
            b"-re" | b"-Ee" => {
                extended = true;
                scripts.push(arguments.next()?.clone());
            }
            b"-ne" => {
                quiet = true;
                scripts.push(arguments.next()?.clone());
            }
            other if other.len() > 1 && other[0] == b'-' => return None,
            other => rest.push(other.to_vec()),
        }
    }
    if scripts.is_empty() {
        scripts.push((!rest.is_empty()).then(|| rest.remove(0))?);
    }
    let mut text = Vec::new();
    if rest.is_empty() {
        text.extend_from_slice(input);
    }
    for path in rest {
        text.extend(content(files, &path)?);
    }
    let mut commands = Vec::new();
    for script in scripts {
        parse(&script, extended, &mut commands)?;
    }
    Some(apply(&commands, &text, quiet))
}

struct Command {
    address: Address,
    negated: bool,
    action: Action,
}

enum Address {
    All,
    Line(usize),
    Last,
    Match(Regex),
}

enum Action {
    Substitute { expression: Regex, replacement: Vec<Part>, all: bool, prints: bool },
    Delete,
    Print,
    Quit,
}

/// A part of a replacement.
enum Part {
    Text(Vec<u8>),
    Group(usize),
}

fn apply(commands: &[Command], text: &[u8], quiet: bool) -> Vec<u8> {
    let all: Vec<&[u8]> = lines(text).collect();
    let ended = text.last() == Some(&b'\n');
    let mut printed = Vec::new();
    for (number, line) in all.iter().enumerate() {
        let last = number + 1 == all.len();
        let mut line = line.to_vec();
        let mut keep = !quiet;
        let mut quit = false;
        let mut print = |line: &[u8]| {
            printed.extend_from_slice(line);
            if !last || ended {
                printed.push(b'\n');
            }
        };
        for command in commands {
            let chosen = match &command.address {
                Address::All => true,
                Address::Line(wanted) => *wanted == number + 1,
                Address::Last => last,
                Address::Match(expression) => expression.is_match(&line),
            };
            if chosen == command.negated {
                continue;
            }
            match &command.action {
                Action::Substitute { expression, replacement, all, prints } => {
                    let count = usize::from(!all);
                    let changed =
                        expression.replacen(&line, count, |found: &Captures<'_>| fill(replacement, found));
                    let is_changed = expression.is_match(&line);
                    line = changed.into_owned();
                    if *prints && is_changed {
                        print(&line);
                    }
                }
                Action::Print => print(&line),
                Action::Delete => {
                    keep = false;
                    break;
                }
                Action::Quit => {
                    quit = true;
                    break;
                }
            }
        }
        if keep {
            print(&line);
        }
        if quit {
            break;
        }
    }
    printed
}

fn fill(replacement: &[Part], found: &Captures<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for part in replacement {
        match part {
            Part::Text(own) => text.extend_from_slice(own),
            Part::Group(number) => {
                text.extend_from_slice(found.get(*number).map_or(b"", |group| group.as_bytes()))
            }
        }
    }
    text
}

fn parse(script: &[u8], extended: bool, commands: &mut Vec<Command>) -> Option<()> {
    let mut at = 0;
    loop {
        while matches!(script.get(at), Some(b' ' | b'\t' | b'\n' | b';')) {
            at += 1;
        }
        let Some(first) = script.get(at).copied() else { return Some(()) };
        let address = match first {
            b'0'..=b'9' => {
                let digits = script[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let number = std::str::from_utf8(&script[at..at + digits]).ok()?.parse().ok()?;
                at += digits;
                Address::Line(number)
            }
            b'$' => {
                at += 1;
                Address::Last
            }
            b'/' => {
                at += 1;
                let pattern = delimited(script, &mut at, b'/')?;
                Address::Match(compile(&pattern, extended, false)?)
            }
            _ => Address::All,
        };
        let negated = script.get(at) == Some(&b'!');
        at += usize::from(negated);
        let command = *script.get(at)?;
        at += 1;
        let action = match command {
            b'd' => Action::Delete,
            b'p' => Action::Print,
            b'q' => Action::Quit,
            b's' => substitution(script, &mut at, extended)?,
            // Ranges and everything else.
            _ => return None,
        };
        while matches!(script.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        if !matches!(script.get(at), None | Some(b';' | b'\n')) {
            return None;
        }
        commands.push(Command { address, negated, action });
    }
}

fn substitution(script: &[u8], at: &mut usize, extended: bool) -> Option<Action> {
    let delimiter = *script.get(*at)?;
    *at += 1;
    let pattern = delimited(script, at, delimiter)?;
    let replacement = delimited(script, at, delimiter)?;
    let (mut all, mut prints, mut ignore_case) = (false, false, false);
    while let Some(flag) = script.get(*at) {
        match flag {
            b'g' => all = true,
            b'p' => prints = true,
            b'i' | b'I' => ignore_case = true,
            b';' | b'\n' | b' ' | b'\t' => break,
            _ => return None,
        }
        *at += 1;
    }
    let expression = compile(&pattern, extended, ignore_case)?;
    let replacement = parts(&replacement)?;
    Some(Action::Substitute { expression, replacement, all, prints })
}

/// Text up to a delimiter; a backslash in front of one makes it a character like others.
fn delimited(script: &[u8], at: &mut usize, delimiter: u8) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut in_set = false;
    loop {
        let byte = *script.get(*at)?;
        *at += 1;
        match byte {
            b'\\' => {
                let next = *script.get(*at)?;
                *at += 1;
                if next == delimiter
                    && !matches!(next, b'.' | b'*' | b'[' | b']' | b'^' | b'$' | b'+' | b'?' | b'|' | b'&')
                {
                    text.push(next);
                } else if next == delimiter {
                    // It would depend on whether it is special.
                    return None;
                } else {
                    text.extend([b'\\', next]);
                }
                continue;
            }
            b'[' => in_set = true,
            b']' => in_set = false,
            _ => {}
        }
        if byte == delimiter {
            return if in_set && delimiter != b'[' { None } else { Some(text) };
        }
        text.push(byte);
    }
}

fn parts(replacement: &[u8]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let mut bytes = replacement.iter().copied();
    while let Some(byte) = bytes.next() {
        let group = match byte {
            b'&' => 0,
            b'\\' => match bytes.next()? {
                digit @ b'0'..=b'9' => usize::from(digit - b'0'),
                b'n' => {
                    text.push(b'\n');
                    continue;
                }
                letter if letter.is_ascii_alphabetic() => return None,
                other => {
                    text.push(other);
                    continue;
                }
            },
            other => {
                text.push(other);
                continue;
            }
        };
        parts.push(Part::Text(std::mem::take(&mut text)));
        parts.push(Part::Group(group));
    }
    parts.push(Part::Text(text));
    Some(parts)
}

pub(super) fn compile(pattern: &[u8], extended: bool, ignore_case: bool) -> Option<Regex> {
    let pattern = translate(pattern, extended)?;
    RegexBuilder::new(&pattern).unicode(false).case_insensitive(ignore_case).size_limit(LARGEST).build().ok()
}

/// A basic or extended expression of POSIX as this library's; none where the two could match differently.
fn translate(pattern: &[u8], extended: bool) -> Option<String> {
    if !pattern.is_ascii() {
        return None;
    }
    let mut result = String::new();
    let mut at = 0;
    let mut starts = true;
    while let Some(byte) = pattern.get(at).copied() {
        at += 1;
        let escaped = byte == b'\\';
        let byte = if escaped { *pattern.get(at)? } else { byte };
        at += usize::from(escaped);
        let special = extended != escaped;
        let was_start = std::mem::replace(&mut starts, false);
        match byte {
            b'[' if !escaped => at = set(pattern, at, &mut result)?,
            b'(' if special => {
                if let Some((choice, end)) = alternatives(pattern, at, extended) {
                    result.push_str(&choice);
                    at = end;
                    continue;
                }
                result.push('(');
                starts = true;
            }
            b')' if special => result.push(')'),
            // The longest of several is not what this library takes.
            b'|' if special => return None,
            b'{' | b'}' | b'+' | b'?' if special => {
                if was_start {
                    return None;
                }
                result.push(char::from(byte));
            }
            b'*' if !escaped => result.push_str(if was_start { "\\*" } else { "*" }),
            b'.' if !escaped => result.push('.'),
            b'^' if !escaped && (was_start || extended) => {
                result.push('^');
                starts = true;
            }
            b'$' if !escaped && (at == pattern.len() || extended) => result.push('$'),
            b'n' if escaped => result.push_str("\\n"),
            b't' if escaped => result.push_str("\\t"),
            b's' if escaped => result.push_str("[ \\t\\n\\r\\x0b\\x0c]"),
            b'w' if escaped => result.push_str("[0-9A-Za-z_]"),
            letter if escaped && letter.is_ascii_alphanumeric() => return None,
            other => {
                if !other.is_ascii_alphanumeric() && other != b'_' {
                    result.push_str(&format!("\\x{other:02x}"));
                } else {
                    result.push(char::from(other));
                }
            }
        }
    }
    Some(result)
}

/// `(a|b)` up to its end, if both libraries take the same one: at most one of them fits anywhere, or nothing follows.
fn alternatives(pattern: &[u8], start: usize, extended: bool) -> Option<(String, usize)> {
    let close: &[u8] = if extended { b")" } else { b"\\)" };
    let bar: &[u8] = if extended { b"|" } else { b"\\|" };
    let find = |text: &[u8], wanted: &[u8]| text.windows(wanted.len()).position(|part| part == wanted);
    let length = find(&pattern[start..], close)?;
    let mut inner = &pattern[start..start + length];
    let mut texts = Vec::new();
    while let Some(at) = find(inner, bar) {
        texts.push(&inner[..at]);
        inner = &inner[at + bar.len()..];
    }
    texts.push(inner);
    let plain =
        |text: &&[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if texts.len() < 2 || !texts.iter().all(plain) {
        return None;
    }
    let end = start + length + close.len();
    let follows = end < pattern.len();
    for (place, text) in texts.iter().enumerate() {
        let others = texts.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
        if follows && others.clone().any(|other| other.starts_with(text)) {
            return None;
        }
    }
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let escaped = texts.iter().map(|text| String::from_utf8_lossy(text).replace('-', "\\-"));
    Some((format!("({})", escaped.collect::<Vec<_>>().join("|")), end))
}

/// `[…]`, in which a backslash is a character.
fn set(pattern: &[u8], mut at: usize, result: &mut String) -> Option<usize> {
    const CLASSES: [&str; 7] =
        ["[:digit:]", "[:alpha:]", "[:alnum:]", "[:upper:]", "[:lower:]", "[:space:]", "[:punct:]"];
    result.push('[');
    if pattern.get(at) == Some(&b'^') {
        result.push('^');
        at += 1;
    }
    let first = at;
    loop {
        let byte = *pattern.get(at)?;
        if byte == b']' && at > first {
            result.push(']');
            return Some(at + 1);
        }
        if byte == b'[' && matches!(pattern.get(at + 1), Some(b':' | b'.' | b'=')) {
            let class = CLASSES.into_iter().find(|class| pattern[at..].starts_with(class.as_bytes()))?;
            result.push_str(class);
            at += class.len();
            continue;
        }
        // GNU's own escapes inside brackets.
        if byte == b'\\' && matches!(pattern.get(at + 1), Some(b'n' | b't' | b']' | b's' | b'd' | b'w')) {
            return None;
        }
        if byte == b'-' && at > first && pattern.get(at + 1) != Some(&b']') {
            result.push('-');
        } else {
            result.push_str(&format!("\\x{byte:02x}"));
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::NoFiles;

    fn sed(arguments: &[&str], input: &str) -> Option<String> {
        let arguments: Vec<Vec<u8>> = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        run(&arguments, input.as_bytes(), &NoFiles).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn substitutions_follow_posix() {
        let is = |arguments: &[&str], input: &str, expected: &str| {
            assert_eq!(sed(arguments, input).as_deref(), Some(expected), "{arguments:?}");
        };
        is(&["s/\\./_/g"], "1.2.3\n", "1_2_3\n");
        is(&["s/\\(.*\\)\\..*/\\1/"], "1.2.3\n", "1.2\n");
        is(&["-E", "s/([0-9]+)\\.([0-9]+).*/\\2-\\1/"], "1.2.3\n", "2-1\n");
        is(&["s|/|.|;s/a/&&/"], "a/b\n", "aa.b\n");
        is(&["-r", "s,[\\^~],,g"], "1~a^b\n", "1ab\n");
        is(&["s/a+/x/"], "aa+\n", "ax\n");
        is(&["-n", "s/^v//p"], "v1\n2\n", "1\n");
        is(&["s/*/x/"], "a*b\n", "axb\n");
        is(&["-E", "s/^(lib-|)/new-/"], "lib-a\nb\n", "new-a\nnew-b\n");
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        assert_eq!(sed(&["-E", "s/a|ab/x/"], "ab"), None);
        assert_eq!(sed(&["-E", "s/(a|ab)c/x/"], "abc"), None);
        assert_eq!(sed(&["y/abc/def/"], "a"), None);
        assert_eq!(sed(&["s/a/\\U&/"], "a"), None);
        assert_eq!(sed(&["-i", "s/a/b/"], "a"), None);
    }
}
