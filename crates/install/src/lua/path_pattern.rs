//! A pattern of paths (`*`, `?`, `[...]`, `{a,b}`), in; the paths there are, out, in byte order.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// A pattern with more alternatives than this is a mistake or an attack.
const MOST_ALTERNATIVES: usize = 1024;

/// The paths that fit; `keep` gives back a pattern that fits nothing.
pub(super) fn paths(pattern: &[u8], keep: bool) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for alternative in alternatives(pattern) {
        let mut paths = matching(&alternative);
        if paths.is_empty() && keep {
            paths.push(alternative);
        }
        found.extend(paths);
    }
    found
}

fn alternatives(pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_vec()];
    while let Some(pattern) = open.pop() {
        match braces(&pattern) {
            Some((start, end, commas)) if done.len() + open.len() < MOST_ALTERNATIVES => {
                let mut parts = Vec::new();
                let mut from = start + 1;
                for to in commas.into_iter().chain([end]) {
                    parts.push([&pattern[..start], &pattern[from..to], &pattern[end + 1..]].concat());
                    from = to + 1;
                }
                open.extend(parts.into_iter().rev());
            }
            _ => done.push(pattern),
        }
    }
    done
}

/// The first `{` that is closed and has a comma: its place, its end's, its commas'.
fn braces(pattern: &[u8]) -> Option<(usize, usize, Vec<usize>)> {
    (0..pattern.len()).filter(|at| pattern[*at] == b'{').find_map(|start| {
        let (mut depth, mut commas) = (0, Vec::new());
        for (at, byte) in pattern.iter().enumerate().skip(start) {
            match byte {
                b'{' => depth += 1,
                b',' if depth == 1 => commas.push(at),
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return (!commas.is_empty()).then_some((start, at, commas));
            }
        }
        None
    })
}

fn matching(pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = vec![Vec::new()];
    let components: Vec<&[u8]> = pattern.split(|byte| *byte == b'/').collect();
    for (position, component) in components.iter().enumerate() {
        let last = position + 1 == components.len();
        let mut next = Vec::new();
        for base in &found {
            let names =
                if is_pattern(component) { entries(base, component) } else { vec![component.to_vec()] };
            for name in names {
                let mut path = [base.as_slice(), &name].concat();
                if !last {
                    path.push(b'/');
                }
                next.push(path);
            }
        }
        found = next;
    }
    found.retain(|path| fs::symlink_metadata(OsStr::from_bytes(path)).is_ok());
    found.sort();
    found
}

fn is_pattern(component: &[u8]) -> bool {
    component.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

fn entries(base: &[u8], pattern: &[u8]) -> Vec<Vec<u8>> {
    let directory = if base.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(base)) };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries
        .filter_map(|entry| Some(entry.ok()?.file_name().into_vec()))
        .filter(|name| (!name.starts_with(b".") || pattern.starts_with(b".")) && fits(pattern, name))
        .collect()
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    // Only the last `*` is ever tried again, which keeps this linear in both for real patterns.
    let (mut at, mut in_name) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while in_name < name.len() {
        if pattern.get(at) == Some(&b'*') {
            retry = Some((at, in_name));
            at += 1;
        } else if let Some(length) = pattern.get(at..).and_then(|rest| one(rest, name[in_name])) {
            at += length;
            in_name += 1;
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            at = star + 1;
            in_name = from + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The length of the pattern's first part if it fits this byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'\\' if pattern.len() > 1 => (pattern[1] == byte).then_some(2),
        b'[' => set(pattern, byte).unwrap_or((byte == b'[').then_some(1)),
        literal => (*literal == byte).then_some(1),
    }
}

/// `None` where the bracket is not closed; else the set's length if the byte is in it.
fn set(pattern: &[u8], byte: u8) -> Option<Option<usize>> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    // A `]` right after the opening stands for itself.
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|byte| *byte == b']')?;
    let members = &pattern[start..end];
    let mut inside = false;
    let mut at = 0;
    while at < members.len() {
        if members.get(at + 1) == Some(&b'-') && at + 2 < members.len() {
            inside |= (members[at]..=members[at + 2]).contains(&byte);
            at += 3;
        } else {
            inside |= members[at] == byte;
            at += 1;
        }
    }
    Some((inside != negated).then_some(end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.d", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x", "[]x", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("\\*", "*", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn braces_are_alternatives() {
        let texts: Vec<String> = alternatives(b"/{a,b{1,2}}/x{y}")
            .into_iter()
            .map(|text| String::from_utf8(text).unwrap())
            .collect();
        assert_eq!(texts, ["/a/x{y}", "/b1/x{y}", "/b2/x{y}"]);
    }

    #[test]
    fn paths_come_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.txt", "a.txt", "c.log", ".hidden.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let pattern = format!("{}/*.{{log,txt}}", folder.path().display());
        let names: Vec<String> = paths(pattern.as_bytes(), false)
            .into_iter()
            .map(|path| String::from_utf8_lossy(&path).rsplit('/').next().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["c.log", "a.txt", "b.txt"]);
        assert_eq!(paths(b"/nowhere/*", true), [b"/nowhere/*".to_vec()]);
    }
}
