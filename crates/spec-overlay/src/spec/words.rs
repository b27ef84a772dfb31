//! Bytes in, words out: blanks are Unicode's white space, and bytes that are no UTF-8 are no blanks.

/// The text without blanks around it.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let Some(length) = leading_blank(text) {
        text = &text[length..];
    }
    while let Some(length) = trailing_blank(text) {
        text = &text[..text.len() - length];
    }
    text
}

/// The words between blanks.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = trim(text);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        while end < rest.len() && leading_blank(&rest[end..]).is_none() {
            end += character_length(&rest[end..]);
        }
        let word = &rest[..end];
        rest = &rest[end..];
        while let Some(length) = leading_blank(rest) {
            rest = &rest[length..];
        }
        Some(word)
    })
}

/// How many bytes the blank has that the text begins with.
fn leading_blank(text: &[u8]) -> Option<usize> {
    let first = *text.first()?;
    if first.is_ascii() {
        return is_ascii_blank(first).then_some(1);
    }
    let character = first_character(text)?;
    character.is_whitespace().then(|| character.len_utf8())
}

fn trailing_blank(text: &[u8]) -> Option<usize> {
    let last = *text.last()?;
    if last.is_ascii() {
        return is_ascii_blank(last).then_some(1);
    }
    // All blanks beyond ASCII have two or three bytes.
    (2..=3).find(|length| {
        text.len() >= *length
            && first_character(&text[text.len() - length..])
                .is_some_and(|character| character.len_utf8() == *length && character.is_whitespace())
    })
}

fn character_length(text: &[u8]) -> usize {
    if text[0].is_ascii() { 1 } else { first_character(text).map_or(1, char::len_utf8) }
}

fn first_character(text: &[u8]) -> Option<char> {
    let begin = &text[..text.len().min(4)];
    begin.utf8_chunks().next()?.valid().chars().next()
}

fn is_ascii_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
