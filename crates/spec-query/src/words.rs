//! A line, in; its words and options as popt reads them, out: quotes keep blanks, a backslash keeps any character.

use crate::scan::is_space;

/// Words of a line; none if a quote is not closed.
pub(crate) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if quote == Some(byte) {
            quote = None;
        } else if let Some(quote) = quote {
            let word = word.get_or_insert_default();
            if byte == b'\\' {
                let next = bytes.next()?;
                if next != quote {
                    word.push(byte);
                }
                word.push(next);
            } else {
                word.push(byte);
            }
        } else if is_space(byte) {
            // An empty pair of quotes is no word to popt.
            words.extend(word.take().filter(|word| !word.is_empty()));
        } else if matches!(byte, b'"' | b'\'') {
            quote = Some(byte);
            word.get_or_insert_default();
        } else if byte == b'\\' {
            word.get_or_insert_default().push(bytes.next()?);
        } else {
            word.get_or_insert_default().push(byte);
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word.filter(|word| !word.is_empty()));
    Some(words)
}

/// What a section's line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SectionLine {
    /// Letters with their values, in order.
    pub(crate) options: Vec<(u8, Option<Vec<u8>>)>,
    /// What is no option.
    pub(crate) words: Vec<Vec<u8>>,
}

impl SectionLine {
    /// Reads a line whose options are these letters; `:` after a letter means that it has a value.
    /// None if there is an option that is not among them.
    pub(crate) fn read(line: &[u8], letters: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        let mut words = split(line)?.into_iter().skip(1);
        while let Some(word) = words.next() {
            if word.len() < 2 || word[0] != b'-' {
                read.words.push(word);
                continue;
            }
            if word == b"--" {
                read.words.extend(words);
                break;
            }
            let mut at = 1;
            while at < word.len() {
                let letter = word[at];
                at += 1;
                let place = letters.iter().position(|known| *known == letter && letter != b':')?;
                if letters.get(place + 1) != Some(&b':') {
                    read.options.push((letter, None));
                    continue;
                }
                let value = if at < word.len() {
                    let value = &word[at..];
                    value.strip_prefix(b"=").unwrap_or(value).to_vec()
                } else {
                    words.next()?
                };
                read.options.push((letter, Some(value)));
                at = word.len();
            }
        }
        Some(read)
    }

    /// The value of an option; the last one counts.
    pub(crate) fn value(&self, letter: u8) -> Option<&[u8]> {
        let found = self.options.iter().rev().find(|(option, _)| *option == letter)?;
        found.1.as_deref()
    }

    /// Whether an option is there.
    pub(crate) fn has(&self, letter: u8) -> bool {
        self.options.iter().any(|(option, _)| *option == letter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_quoted_blanks() {
        assert_eq!(split(b"a 'b c' \"d\\\"\" e\\ f").unwrap(), [&b"a"[..], b"b c", b"d\"", b"e f"]);
        assert_eq!(split(b"a 'b"), None);
    }

    #[test]
    fn options_may_stand_anywhere() {
        let line = SectionLine::read(b"%post -p /bin/sh -n name rest", b"p:n:f:eqP:").unwrap();
        assert_eq!(line.value(b'p'), Some(b"/bin/sh".as_slice()));
        assert_eq!(line.value(b'n'), Some(b"name".as_slice()));
        assert_eq!(line.words, [b"rest".to_vec()]);
        assert_eq!(SectionLine::read(b"%post -x", b"p:"), None);
    }
}
