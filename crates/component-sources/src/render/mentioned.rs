//! A spec and the files beside it, in; the files that a `Source` or `Patch` of any branch mentions, out.
//! Nothing here reads a disk.
//!
//! Where it is not known which branch of a conditional is taken, a patch of the other one must not be lost.

use std::collections::BTreeSet;

use spec_overlay::SpecFile;

use super::listed::top_name;
use crate::prepare::PreparedFiles;

/// Names at the top of the folder that some tag fits; a macro in a tag fits everything, but a tag needs letters of its own.
pub(super) fn mentioned(spec: &[u8], files: &PreparedFiles) -> BTreeSet<String> {
    let patterns: Vec<String> = SpecFile::parse(spec)
        .tags()
        .iter()
        .filter(|tag| is_file_tag(&tag.name))
        .filter_map(|tag| top_name(&without_macros(&tag.value)))
        .filter(|pattern| pattern.chars().any(char::is_alphanumeric))
        .collect();
    let tops: BTreeSet<&str> = files.keys().map(|path| path.split('/').next().unwrap_or(path)).collect();
    let fits = |top: &&str| patterns.iter().any(|pattern| fits(pattern, top));
    tops.into_iter().filter(fits).map(str::to_owned).collect()
}

/// `Source`, `Patch12` and the like, in any case.
fn is_file_tag(name: &str) -> bool {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    word.eq_ignore_ascii_case("source") || word.eq_ignore_ascii_case("patch")
}

/// The value with `*` for each macro.
fn without_macros(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(literal) = after.strip_prefix('%') {
            text.push('%');
            rest = literal;
            continue;
        }
        text.push('*');
        let length = match after.as_bytes().first() {
            Some(b'{') => bracketed(after, '{', '}'),
            Some(b'(') => bracketed(after, '(', ')'),
            Some(b'[') => bracketed(after, '[', ']'),
            _ => after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len()),
        };
        rest = &after[length..];
    }
    text + rest
}

/// The length up to the bracket that closes the first one; all of it when none does.
fn bracketed(text: &str, open: char, close: char) -> usize {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth -= 1;
            if depth == 0 {
                return at + close.len_utf8();
            }
        }
    }
    text.len()
}

/// Whether a name is the pattern with something, or nothing, for each `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::PreparedFile;

    #[test]
    fn files_of_every_branch_are_mentioned() {
        let spec = "Name: a\nSource0: https://example.com/%{name}-%{version}.tar.gz\nSource1: %{gosource}\n\
                    %if 0%{?fedora}\nPatch1: fedora.patch\n%else\npatch2: %{name}-other.patch\n%endif\n\
                    Source3: extra/%{version}/x.txt\n";
        let names =
            ["README.md", "a-other.patch", "a-other.patch2", "a.spec", "extra/1/x.txt", "fedora.patch"];
        let file = PreparedFile { bytes: Vec::new(), executable: false };
        let files: PreparedFiles = names.iter().map(|name| ((*name).to_owned(), file.clone())).collect();
        let found = mentioned(spec.as_bytes(), &files);
        assert_eq!(
            found.iter().map(String::as_str).collect::<Vec<_>>(),
            ["a-other.patch", "extra", "fedora.patch"]
        );
    }

    #[test]
    fn macros_fit_everything() {
        assert_eq!(without_macros("%{a:%{b}}-x%c.y%%z%(d)e"), "*-x*.y%z*e");
        assert!(fits("a*b*c", "a1b2c") && fits("a*", "a") && fits("abc", "abc"));
        assert!(!fits("abc", "abcd") && !fits("a*b", "a1c") && !fits("ab*b", "ab"));
    }
}
