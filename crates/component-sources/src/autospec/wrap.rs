//! One long line, in; lines of at most 75 characters, out: where Python's `textwrap` breaks them, since rpmautospec lets it.

const WIDTH: usize = 75;
const INDENT: &str = "  ";

/// Breaks a line at blanks and hyphens, and within words that are longer than a line; following lines are indented by two.
pub(super) fn fill(line: &str) -> String {
    let mut chunks: Vec<Vec<char>> = chunks(&plain_blanks(line));
    chunks.reverse();
    let mut lines: Vec<String> = Vec::new();
    while let Some(next) = chunks.last() {
        let width = if lines.is_empty() { WIDTH } else { WIDTH - INDENT.len() };
        if !lines.is_empty() && is_blank(next) {
            chunks.pop();
        }
        let mut current: Vec<char> = Vec::new();
        let mut last = 0;
        while let Some(chunk) = chunks.pop_if(|chunk| current.len() + chunk.len() <= width) {
            last = current.len();
            current.extend(chunk);
        }
        if let Some(long) = chunks.last_mut().filter(|chunk| chunk.len() > width) {
            let end = cut(long, width - current.len());
            last = current.len();
            current.extend(long.drain(..end));
        }
        if last < current.len() && is_blank(&current[last..]) {
            current.truncate(last);
        }
        if !current.is_empty() {
            let text: String = current.iter().collect();
            lines.push(if lines.is_empty() { text } else { format!("{INDENT}{text}") });
        }
    }
    lines.join("\n")
}

/// Where a word that is longer than a line is cut: after its last hyphen that fits, or where the space ends.
fn cut(word: &[char], space: usize) -> usize {
    let hyphen = word[..space].iter().rposition(|c| *c == '-');
    match hyphen {
        Some(at) if word.len() > space && word[..at].iter().any(|c| *c != '-') => at + 1,
        _ => space,
    }
}

/// Tabs to the next of every eighth column, other blanks of one kind.
fn plain_blanks(line: &str) -> Vec<char> {
    let mut plain = Vec::with_capacity(line.len());
    let mut column = 0;
    for c in line.chars() {
        match c {
            '\t' => {
                let blanks = 8 - column % 8;
                plain.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\n' | '\r' => {
                plain.push(' ');
                column = 0;
            }
            _ => {
                plain.push(if is_space(c) { ' ' } else { c });
                column += 1;
            }
        }
    }
    plain
}

/// The pieces between which a line may be broken: runs of blanks, dashes between words, and words up to a hyphen.
fn chunks(text: &[char]) -> Vec<Vec<char>> {
    let mut chunks = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = chunk_end(text, start);
        chunks.push(text[start..end].to_vec());
        start = end;
    }
    chunks
}

fn chunk_end(text: &[char], start: usize) -> usize {
    let at = |place: usize| text.get(place).copied();
    if is_space(text[start]) {
        return start + text[start..].iter().take_while(|c| is_space(**c)).count();
    }
    if start > 0
        && is_word_or_mark(text[start - 1])
        && let Some(end) = dashes_before_word(text, start)
    {
        return end;
    }
    for place in start + 1..=text.len() {
        let Some(next) = at(place) else { return place };
        if next == '-' && hyphen_within_word(text, place) {
            return place + 1;
        }
        if is_space(next) {
            return place;
        }
        if is_word_or_mark(text[place - 1]) && dashes_before_word(text, place).is_some() {
            return place;
        }
    }
    text.len()
}

/// The end of a run of two or more hyphens with a word behind it.
fn dashes_before_word(text: &[char], start: usize) -> Option<usize> {
    let count = text[start..].iter().take_while(|c| **c == '-').count();
    let end = start + count;
    (count >= 2 && text.get(end).is_some_and(|c| is_word(*c))).then_some(end)
}

/// Whether the hyphen at this place has two letters, or a letter, a hyphen and a character, before it and letters behind it.
fn hyphen_within_word(text: &[char], place: usize) -> bool {
    let before = |distance: usize| place.checked_sub(distance).map(|place| text[place]);
    let behind = |distance: usize| text.get(place + distance).copied();
    let letter = |c: Option<char>| c.is_some_and(is_letter);
    let left = (letter(before(2)) && letter(before(1)))
        || (letter(before(3)) && before(2) == Some('-') && before(1).is_some_and(is_word_or_mark));
    let right = letter(behind(1)) && (letter(behind(2)) || (behind(2) == Some('-') && letter(behind(3))));
    left && right
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ')
}

fn is_blank(chunk: &[char]) -> bool {
    chunk.iter().all(|c| c.is_whitespace())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_numeric()
}

fn is_word_or_mark(c: char) -> bool {
    is_word(c) || "!\"'&.,?".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        chunks(&plain_blanks(text)).into_iter().map(|chunk| chunk.into_iter().collect()).collect()
    }

    // Expected lists and lines are what Python's textwrap gave for these texts.
    #[test]
    fn words_are_split_at_hyphens_between_letters_only() {
        assert_eq!(
            pieces("spec-file a-b 1-2 --option x--y"),
            ["spec-", "file", " ", "a-b", " ", "1-2", " ", "--option", " ", "x", "--", "y"]
        );
        assert_eq!(
            pieces("CVE-2024-1234 well-known-thing"),
            ["CVE-2024-1234", " ", "well-", "known-", "thing"]
        );
    }

    #[test]
    fn a_word_longer_than_a_line_is_cut_after_a_hyphen() {
        let word = format!("{}-{}", "a1".repeat(20), "b2".repeat(30));
        let lines = fill(&format!("- {word}"));
        assert_eq!(lines, format!("- {}-\n  {}", "a1".repeat(20), "b2".repeat(30)));
    }

    #[test]
    fn an_empty_item_keeps_its_dash() {
        assert_eq!(fill("- "), "-");
    }
}
