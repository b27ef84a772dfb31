//! A program's name, arguments and input, in; what it prints and how it ends, out, for programs that only work on text.

use super::{Done, condition, sed};
use crate::files::{Files, Found};

/// Follows one program; none for all that are not listed, and for options that are not.
pub(super) fn run(words: &[Vec<u8>], input: &[u8], files: &dyn Files) -> Option<Done> {
    let name = words.first()?;
    let arguments = &words[1..];
    match name.as_slice() {
        b"echo" => echo(arguments),
        b"printf" => printf(arguments),
        b"cut" => cut(arguments, input),
        b"tr" => tr(arguments, input),
        b"grep" => grep(arguments, input),
        b"sed" => sed::run(arguments, input, files).map(Done::printing),
        b"awk" => awk(arguments, input),
        b"head" => ends(arguments, input, true),
        b"tail" => ends(arguments, input, false),
        b"cat" => cat(arguments, input, files),
        b"rev" if arguments.is_empty() => {
            let reversed = lines(input).map(|line| line.iter().rev().copied().collect());
            Some(Done::printing(joined(reversed)))
        }
        b"basename" => base_name(arguments),
        b"true" | b":" => Some(Done::default()),
        b"false" => Some(Done::status(1)),
        b"test" => condition::run(arguments, files),
        b"[" => condition::run(arguments.split_last().filter(|(last, _)| *last == b"]")?.1, files),
        _ => None,
    }
}

/// A file's content, if it is at hand.
pub(super) fn content(files: &dyn Files, path: &[u8]) -> Option<Vec<u8>> {
    match files.find(std::str::from_utf8(path).ok()?) {
        Found::Content(content) => Some(content),
        _ => None,
    }
}

/// Lines without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let all = (!text.is_empty()).then(|| text.split(|byte| *byte == b'\n'));
    all.into_iter().flatten()
}

fn joined(lines: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    lines.flat_map(|line| line.into_iter().chain([b'\n'])).collect()
}

fn echo(arguments: &[Vec<u8>]) -> Option<Done> {
    let (silent, words) = match arguments {
        [first, rest @ ..] if first == b"-n" => (true, rest),
        all => (false, all),
    };
    if words.first().is_some_and(|word| matches!(word.as_slice(), b"-e" | b"-E" | b"-n" | b"-ne" | b"-en")) {
        return None;
    }
    let mut printed = words.join(&b' ');
    if !silent {
        printed.push(b'\n');
    }
    Some(Done::printing(printed))
}

/// `%s`, `%d`, `%c` with width, precision and zeros; the format again while arguments are left.
fn printf(arguments: &[Vec<u8>]) -> Option<Done> {
    let arguments = match arguments {
        [first, rest @ ..] if first == b"--" => rest,
        all => all,
    };
    let (format, mut rest) = arguments.split_first()?;
    let mut printed = Vec::new();
    loop {
        let before = rest.len();
        rest = printf_once(format, rest, &mut printed)?;
        if rest.is_empty() || rest.len() == before {
            return Some(Done::printing(printed));
        }
    }
}

fn printf_once<'a>(
    format: &[u8],
    mut arguments: &'a [Vec<u8>],
    printed: &mut Vec<u8>,
) -> Option<&'a [Vec<u8>]> {
    let mut at = 0;
    while let Some(byte) = format.get(at).copied() {
        at += 1;
        if byte == b'\\' {
            printed.push(match format.get(at)? {
                b'n' => b'\n',
                b't' => b'\t',
                b'\\' => b'\\',
                _ => return None,
            });
            at += 1;
            continue;
        }
        if byte != b'%' {
            printed.push(byte);
            continue;
        }
        if format.get(at) == Some(&b'%') {
            printed.push(b'%');
            at += 1;
            continue;
        }
        let zeros = format.get(at) == Some(&b'0');
        let width = number(format, &mut at);
        let precision = if format.get(at) == Some(&b'.') {
            at += 1;
            Some(number(format, &mut at))
        } else {
            None
        };
        let argument = arguments.split_first().map(|(first, rest)| {
            arguments = rest;
            first.clone()
        });
        let text = match format.get(at)? {
            b's' => {
                let text = argument.unwrap_or_default();
                text[..precision.unwrap_or(text.len()).min(text.len())].to_vec()
            }
            b'd' if precision.is_none() => {
                let argument = argument.unwrap_or_else(|| b"0".to_vec());
                let number: i64 = std::str::from_utf8(&argument).ok()?.parse().ok()?;
                // A leading zero would make it octal.
                if argument.len() > 1 && argument[0] == b'0' {
                    return None;
                }
                number.to_string().into_bytes()
            }
            _ => return None,
        };
        at += 1;
        let fill = if zeros { b'0' } else { b' ' };
        printed.extend(std::iter::repeat_n(fill, width.min(1000).saturating_sub(text.len())));
        printed.extend(text);
    }
    Some(arguments)
}

fn number(text: &[u8], at: &mut usize) -> usize {
    let mut value = 0_usize;
    while let Some(digit) = text.get(*at).filter(|byte| byte.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        *at += 1;
    }
    value
}

/// Options with their values, and what is no option.
type Given<'a> = (Vec<(u8, Vec<u8>)>, Vec<&'a [u8]>);

/// The value of an option given as `-xvalue` or `-x value`.
fn options<'a>(arguments: &'a [Vec<u8>], letters: &[u8]) -> Option<Given<'a>> {
    let mut options = Vec::new();
    let mut rest = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_slice() {
            [b'-', letter, value @ ..] => {
                if !letters.contains(letter) {
                    return None;
                }
                let value = if value.is_empty() { arguments.next()?.clone() } else { value.to_vec() };
                options.push((*letter, value));
            }
            other => rest.push(other),
        }
    }
    Some((options, rest))
}

fn cut(arguments: &[Vec<u8>], input: &[u8]) -> Option<Done> {
    let (options, rest) = options(arguments, b"dfcb")?;
    if !rest.is_empty() {
        return None;
    }
    let mut delimiter = b'\t';
    let mut wanted = None;
    for (letter, value) in options {
        match letter {
            b'd' => delimiter = *value.first().filter(|_| value.len() == 1)?,
            letter => wanted = Some((letter, ranges(&value)?)),
        }
    }
    let (letter, ranges) = wanted?;
    let is_in = |position: usize| ranges.iter().any(|(from, to)| (*from..=*to).contains(&(position + 1)));
    let chosen = lines(input).map(|line| {
        if letter != b'f' {
            return line.iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, byte)| *byte).collect();
        }
        if !line.contains(&delimiter) {
            return line.to_vec();
        }
        let fields = line.split(|byte| *byte == delimiter).enumerate();
        fields.filter(|(at, _)| is_in(*at)).map(|(_, field)| field).collect::<Vec<_>>().join(&delimiter)
    });
    // Letters of more than one byte count as one.
    if letter == b'c' && !input.is_ascii() {
        return None;
    }
    Some(Done::printing(joined(chosen)))
}

fn ranges(text: &[u8]) -> Option<Vec<(usize, usize)>> {
    let text = std::str::from_utf8(text).ok()?;
    let range = |part: &str| -> Option<(usize, usize)> {
        match part.split_once('-') {
            None => part.parse().ok().map(|one| (one, one)),
            Some((from, to)) => {
                let from = if from.is_empty() { 1 } else { from.parse().ok()? };
                let to = if to.is_empty() { usize::MAX } else { to.parse().ok()? };
                Some((from, to))
            }
        }
    };
    text.split(',').map(range).collect()
}

fn tr(arguments: &[Vec<u8>], input: &[u8]) -> Option<Done> {
    if !input.is_ascii() {
        return None;
    }
    match arguments {
        [option, set] if option == b"-d" => {
            let set = set_of(set)?;
            Some(Done::printing(input.iter().copied().filter(|byte| !set.contains(byte)).collect::<Vec<_>>()))
        }
        [option, set] if option == b"-s" => {
            let set = set_of(set)?;
            let mut printed: Vec<u8> = Vec::new();
            for byte in input {
                if !(set.contains(byte) && printed.last() == Some(byte)) {
                    printed.push(*byte);
                }
            }
            Some(Done::printing(printed))
        }
        [from, to] if !from.starts_with(b"-") || from.len() == 1 => {
            let (from, to) = (set_of(from)?, set_of(to)?);
            let last = *to.last()?;
            let change = |byte: &u8| match from.iter().rposition(|own| own == byte) {
                Some(at) => to.get(at).copied().unwrap_or(last),
                None => *byte,
            };
            Some(Done::printing(input.iter().map(change).collect::<Vec<_>>()))
        }
        _ => None,
    }
}

/// Whether a byte is of a class.
type IsIn = fn(&u8) -> bool;

fn set_of(text: &[u8]) -> Option<Vec<u8>> {
    let classes: [(&[u8], IsIn); 5] = [
        (b"[:upper:]", u8::is_ascii_uppercase),
        (b"[:lower:]", u8::is_ascii_lowercase),
        (b"[:digit:]", u8::is_ascii_digit),
        (b"[:alpha:]", u8::is_ascii_alphabetic),
        (b"[:alnum:]", u8::is_ascii_alphanumeric),
    ];
    let mut set = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if let Some((name, is_in)) = classes.iter().find(|(name, _)| text[at..].starts_with(name)) {
            set.extend((0..=127_u8).filter(is_in));
            at += name.len();
            continue;
        }
        let mut byte = text[at];
        at += 1;
        if byte == b'\\' {
            byte = match text.get(at)? {
                b'n' => b'\n',
                b't' => b'\t',
                digit if digit.is_ascii_digit() => return None,
                other => *other,
            };
            at += 1;
        } else if byte == b'[' && matches!(text.get(at), Some(b':' | b'=')) {
            return None;
        }
        match (text.get(at), text.get(at + 1)) {
            (Some(b'-'), Some(high)) if *high != b'\\' => {
                set.extend(byte..=*high);
                at += 2;
            }
            _ => set.push(byte),
        }
    }
    (!set.is_empty()).then_some(set)
}

/// `grep` with `-q`, `-v` and `-E`: lines that match, or whether any does.
fn grep(arguments: &[Vec<u8>], input: &[u8]) -> Option<Done> {
    let (mut quiet, mut inverted, mut extended) = (false, false, false);
    let mut rest = Vec::new();
    for argument in arguments {
        match argument.strip_prefix(b"-").filter(|letters| !letters.is_empty()) {
            None => rest.push(argument.as_slice()),
            Some(letters) => {
                for letter in letters {
                    match letter {
                        b'q' => quiet = true,
                        b'v' => inverted = true,
                        b'E' => extended = true,
                        _ => return None,
                    }
                }
            }
        }
    }
    let [pattern] = rest.as_slice() else { return None };
    // Which of several matches does not matter here: each is tried on its own.
    let bar: &[u8] = if extended { b"|" } else { b"\\|" };
    let grouped = pattern.contains(&b'(');
    let mut parts = Vec::new();
    let mut left = *pattern;
    while let Some(at) = left.windows(bar.len()).position(|part| part == bar).filter(|_| !grouped) {
        parts.push(&left[..at]);
        left = &left[at + bar.len()..];
    }
    parts.push(left);
    let expressions =
        parts.into_iter().map(|part| sed::compile(part, extended, false)).collect::<Option<Vec<_>>>()?;
    let matches = |line: &[u8]| expressions.iter().any(|expression| expression.is_match(line)) != inverted;
    let found: Vec<Vec<u8>> = lines(input).filter(|line| matches(line)).map(<[u8]>::to_vec).collect();
    let status = u8::from(found.is_empty());
    let printed = if quiet { Vec::new() } else { joined(found.into_iter()) };
    Some(Done { printed, status })
}

/// `awk [-F x] '{print …}'` with fields, strings and commas.
fn awk(arguments: &[Vec<u8>], input: &[u8]) -> Option<Done> {
    let (options, rest) = options(arguments, b"F")?;
    let [program] = rest.as_slice() else { return None };
    let separator = match options.as_slice() {
        [] => None,
        [(_, value)] if value.len() == 1 && value != b" " && !matches!(value[0], b'\\' | b'|' | b't') => {
            Some(value[0])
        }
        [(_, value)] if value == b"[.]" || value == b"\\." => Some(b'.'),
        _ => return None,
    };
    let program = crate::scan::trim(program);
    let body = program.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let body = crate::scan::trim(body);
    let body = body.strip_suffix(b";").unwrap_or(body);
    let printed = crate::scan::trim_start(body).strip_prefix(b"print")?;
    let mut result = Vec::new();
    for line in lines(input) {
        let fields: Vec<&[u8]> = match separator {
            Some(separator) => line.split(|byte| *byte == separator).collect(),
            None => line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect(),
        };
        result.extend(awk_print(printed, line, &fields)?);
        result.push(b'\n');
    }
    Some(Done::printing(result))
}

fn awk_print(expression: &[u8], line: &[u8], fields: &[&[u8]]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut at = 0;
    let mut any = false;
    while let Some(byte) = expression.get(at).copied() {
        at += 1;
        match byte {
            b' ' | b'\t' => continue,
            b',' => text.push(b' '),
            b'$' => {
                let rest = &expression[at..];
                if let Some(rest) = rest.strip_prefix(b"NF") {
                    text.extend_from_slice(fields.last().copied().unwrap_or_default());
                    at = expression.len() - rest.len();
                } else {
                    if !rest.first()?.is_ascii_digit() {
                        return None;
                    }
                    match number(expression, &mut at) {
                        0 => text.extend_from_slice(line),
                        field => text.extend_from_slice(fields.get(field - 1).copied().unwrap_or_default()),
                    }
                }
            }
            b'"' => {
                let length = expression[at..].iter().position(|byte| *byte == b'"')?;
                let literal = &expression[at..at + length];
                if literal.contains(&b'\\') {
                    return None;
                }
                text.extend_from_slice(literal);
                at += length + 1;
            }
            _ => return None,
        }
        any = true;
    }
    if !any {
        text.extend_from_slice(line);
    }
    Some(text)
}

/// `head` and `tail`, of lines or bytes.
fn ends(arguments: &[Vec<u8>], input: &[u8], first: bool) -> Option<Done> {
    let (letter, value) = match arguments {
        [] => (b'n', b"10".to_vec()),
        [one] if one.len() > 1 && one[0] == b'-' && one[1..].iter().all(u8::is_ascii_digit) => {
            (b'n', one[1..].to_vec())
        }
        _ => match options(arguments, b"nc")? {
            (options, rest) if rest.is_empty() && options.len() == 1 => options.into_iter().next()?,
            _ => return None,
        },
    };
    let count: usize = std::str::from_utf8(&value).ok()?.parse().ok()?;
    if letter == b'c' {
        let count = count.min(input.len());
        let part = if first { &input[..count] } else { &input[input.len() - count..] };
        return Some(Done::printing(part));
    }
    let all: Vec<&[u8]> = lines(input).collect();
    let count = count.min(all.len());
    let part = if first { &all[..count] } else { &all[all.len() - count..] };
    Some(Done::printing(joined(part.iter().map(|line| line.to_vec()))))
}

fn cat(arguments: &[Vec<u8>], input: &[u8], files: &dyn Files) -> Option<Done> {
    if arguments.is_empty() {
        return Some(Done::printing(input));
    }
    let mut printed = Vec::new();
    for path in arguments {
        printed.extend(content(files, path)?);
    }
    Some(Done::printing(printed))
}

fn base_name(arguments: &[Vec<u8>]) -> Option<Done> {
    let (path, suffix) = match arguments {
        [path] => (path, b"".as_slice()),
        [path, suffix] => (path, suffix.as_slice()),
        _ => return None,
    };
    let path = std::str::from_utf8(path).ok()?.trim_end_matches('/');
    let name = path.rsplit('/').next()?.as_bytes();
    let name = name.strip_suffix(suffix).filter(|rest| !rest.is_empty()).unwrap_or(name);
    Some(Done::printing([name, b"\n"].concat()))
}
