//! Arguments of commands in build steps and scriptlets, added and dropped.
//!
//! A command is its first word or words, where a shell would look for a command: at the start of a line, behind
//! assignments, and behind `;`, `&&`, `||`, `|`, `(`, `{`, `!`, `then`, `else` and `do`. Quotes are not understood:
//! words are what blanks part.

use std::collections::BTreeMap;

use super::Decision;
use super::macros::expect;
use super::whole_lines::{continues, without_lines};
use crate::error::Cause;
use crate::spec::{Edit, Place, SpecFile};

/// Writes the argument right behind the command.
pub(super) fn add(
    spec: &SpecFile<'_>,
    section: &str,
    package: &str,
    command: &str,
    argument: &str,
    count: usize,
) -> Result<Decision, Cause> {
    let mut decision = Decision::of(Vec::new());
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for words in commands(spec, section, package, command)? {
        let Some(last) = words.command.last() else { continue };
        decision.matches += 1;
        places.entry(last.line).or_default().push(last.end);
    }
    for (line, ends) in places {
        let mut text = spec.lines()[line].text.to_vec();
        for end in ends.into_iter().rev() {
            text.splice(end..end, b" ".iter().chain(argument.as_bytes()).copied());
        }
        decision.edits.push(Edit::replace(line, text));
    }
    expect(decision, count, &format!("commands `{command}`"), String::new)
}

/// Takes the argument out of the command. A line that held nothing else goes.
pub(super) fn drop(
    spec: &SpecFile<'_>,
    section: &str,
    package: &str,
    command: &str,
    argument: &str,
    count: usize,
) -> Result<Decision, Cause> {
    let wanted: Vec<&[u8]> = split(argument);
    let mut matches = 0;
    let mut dropped: BTreeMap<usize, Vec<Word>> = BTreeMap::new();
    for words in commands(spec, section, package, command)? {
        let mut at = 0;
        while !wanted.is_empty() && at + wanted.len() <= words.arguments.len() {
            let candidates = &words.arguments[at..at + wanted.len()];
            if candidates.iter().zip(&wanted).all(|(word, wanted)| word.text(spec) == *wanted) {
                matches += 1;
                for word in candidates {
                    dropped.entry(word.line).or_default().push(*word);
                }
                at += wanted.len();
            } else {
                at += 1;
            }
        }
    }
    let mut whole = Vec::new();
    let mut edits = Vec::new();
    for (line, words) in dropped {
        let text = &spec.lines()[line].text;
        let kept = without_words(text, &words);
        if matches!(kept.trim_ascii(), b"" | b"\\") {
            whole.push(line);
        } else {
            edits.push(Edit::replace(line, kept));
        }
    }
    join(&mut edits, without_lines(spec, &whole));
    expect(Decision { matches, edits }, count, &format!("arguments `{argument}` of `{command}`"), String::new)
}

/// One use of the command, and the words up to the next command.
struct Use {
    command: Vec<Word>,
    arguments: Vec<Word>,
}

/// A word and where it stands.
#[derive(Debug, Clone, Copy)]
struct Word {
    line: usize,
    begin: usize,
    end: usize,
}

impl Word {
    fn text<'s>(&self, spec: &'s SpecFile<'_>) -> &'s [u8] {
        &spec.lines()[self.line].text[self.begin..self.end]
    }
}

fn commands(spec: &SpecFile<'_>, section: &str, package: &str, command: &str) -> Result<Vec<Use>, Cause> {
    let wanted = split(command);
    let mut headers = spec.lines().iter().filter_map(|line| line.header.as_deref());
    if !section.is_empty() && !headers.any(|header| Place(Some(header)).is(section, package)) {
        return Err(Cause::NoSection { section: section.to_owned(), package: package.to_owned() });
    }
    let mut uses = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut last: Option<usize> = None;
    spec.walk(|index, line, place| {
        // A continued line ends with its section.
        if last.is_some_and(|last| last + 1 != index) {
            uses.extend(uses_of(spec, &std::mem::take(&mut words), &wanted));
        }
        if !place.is(section, package) {
            return;
        }
        last = Some(index);
        words.extend(words_of(index, &line.text));
        if !continues(&line.text) {
            uses.extend(uses_of(spec, &std::mem::take(&mut words), &wanted));
        }
    });
    uses.extend(uses_of(spec, &words, &wanted));
    Ok(uses)
}

/// The words of a line, without a comment and without the backslash at its end.
fn words_of(line: usize, text: &[u8]) -> Vec<Word> {
    let end = if continues(text) { text.len() - 1 } else { text.len() };
    let mut words = Vec::new();
    let mut at = 0;
    while at < end {
        if is_blank(text[at]) {
            at += 1;
            continue;
        }
        let length = text[at..end].iter().take_while(|byte| !is_blank(**byte)).count();
        if text[at] == b'#' {
            break;
        }
        words.push(Word { line, begin: at, end: at + length });
        at += length;
    }
    words
}

fn uses_of(spec: &SpecFile<'_>, words: &[Word], wanted: &[&[u8]]) -> Vec<Use> {
    let mut uses: Vec<Use> = Vec::new();
    let mut may_begin = true;
    let mut open = false;
    let mut at = 0;
    while at < words.len() {
        let text = words[at].text(spec);
        let here = &words[at..words.len().min(at + wanted.len())];
        if may_begin
            && !wanted.is_empty()
            && here.len() == wanted.len()
            && here.iter().zip(wanted).all(|(word, wanted)| word.text(spec) == *wanted)
        {
            uses.push(Use { command: here.to_vec(), arguments: Vec::new() });
            (open, may_begin) = (true, false);
            at += wanted.len();
            continue;
        }
        let separates = separates(text);
        if separates {
            open = false;
        } else if open && let Some(last) = uses.last_mut() {
            last.arguments.push(words[at]);
        }
        may_begin = separates || (may_begin && is_assignment(text)) || text.ends_with(b";");
        open &= !text.ends_with(b";");
        at += 1;
    }
    uses
}

fn separates(word: &[u8]) -> bool {
    matches!(word, b";" | b"&&" | b"||" | b"|" | b"&" | b"(" | b"{" | b"!" | b"then" | b"else" | b"do")
}

fn is_assignment(word: &[u8]) -> bool {
    let name = word.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    name > 0 && word.get(name) == Some(&b'=')
}

/// The line without these words and the blanks before each; blanks at the start of a line stay.
fn without_words(text: &[u8], words: &[Word]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut from = 0;
    for word in words {
        let before = &text[from..word.begin];
        let cut = before.trim_ascii_end();
        if cut.is_empty() && kept.trim_ascii().is_empty() {
            kept.extend_from_slice(before);
            from = word.end + text[word.end..].iter().take_while(|byte| is_blank(**byte)).count();
        } else {
            kept.extend_from_slice(cut);
            from = word.end;
        }
    }
    kept.extend_from_slice(&text[from..]);
    kept
}

/// Puts the edits that take lines out among those that change lines; one that closes a continued line may meet a change
/// of the same line.
fn join(edits: &mut Vec<Edit>, taken_out: Vec<Edit>) {
    for mut edit in taken_out {
        let same = edits.iter().position(|other| other.at == edit.at);
        if let Some(same) = same {
            let changed = edits.remove(same);
            edit.insert = changed
                .insert
                .into_iter()
                .map(|text| {
                    let open = text.strip_suffix(b"\\").map(|text| text.trim_ascii_end().to_vec());
                    open.unwrap_or(text)
                })
                .collect();
        }
        edits.push(edit);
    }
    edits.sort_by_key(|edit| edit.at);
}

fn split(text: &str) -> Vec<&[u8]> {
    text.split_ascii_whitespace().map(str::as_bytes).collect()
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
