//! Bytes in; where macro calls, brackets and words end, out. The rules of rpm's own scanner.

/// A blank inside a line.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The end of a line.
pub(crate) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// A blank or the end of a line.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// A letter of a macro's name.
pub(crate) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The text without spaces around it.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    let end = text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// The text without spaces in front.
pub(crate) fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    &text[start..]
}

/// The place after the bracket that closes the one at `open`, where a backslash hides the character after it.
pub(crate) fn closing(text: &[u8], open: usize) -> Option<usize> {
    let left = *text.get(open)?;
    let right = match left {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    };
    let mut level = 0_usize;
    let mut at = open;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte == b'\\' {
            at += 1;
        } else if byte == right {
            level -= 1;
            if level == 0 {
                return Some(at);
            }
        } else if byte == left {
            level += 1;
        }
    }
    None
}

/// The place after the macro call whose first character after `%` is at `start`; none if its bracket is not closed.
pub(crate) fn call_end(text: &[u8], start: usize) -> Option<usize> {
    if matches!(text.get(start), Some(b'(' | b'{' | b'[')) {
        return closing(text, start);
    }
    let mut at = start;
    while matches!(text.get(at), Some(b'?' | b'!')) {
        at += 1;
    }
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    while text.get(at).copied().is_some_and(is_name) {
        at += 1;
    }
    match text.get(at..) {
        Some([b'*', b'*', ..]) => at += 2,
        Some([b'*' | b'#', ..]) => at += 1,
        _ => {}
    }
    Some(at)
}

/// What of a text is still open at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Open {
    braces: usize,
    parentheses: usize,
    brackets: usize,
    continued: bool,
}

impl Open {
    /// Reads a text from its beginning.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut open = Self::default();
        let mut at = 0;
        while at < text.len() {
            let next = text.get(at + 1).copied();
            match (text[at], next) {
                (b'\\', Some(b'\n')) => {
                    open.continued = true;
                    at += 1;
                }
                (b'\\', Some(_)) => at += 1,
                (b'\n', _) => open.continued = false,
                (b'%', Some(follows @ (b'{' | b'(' | b'[' | b'%'))) => {
                    at += 1;
                    match follows {
                        b'{' => open.braces += 1,
                        b'(' => open.parentheses += 1,
                        b'[' => open.brackets += 1,
                        _ => {}
                    }
                }
                (b'{', _) if open.braces > 0 => open.braces += 1,
                (b'}', _) => open.braces = open.braces.saturating_sub(1),
                (b'(', _) if open.parentheses > 0 => open.parentheses += 1,
                (b')', _) => open.parentheses = open.parentheses.saturating_sub(1),
                (b'[', _) if open.brackets > 0 => open.brackets += 1,
                (b']', _) => open.brackets = open.brackets.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        open
    }

    /// Whether brackets are open or the line is continued.
    pub(crate) fn wants_more(self) -> bool {
        self.brackets_are_open() || self.continued
    }

    /// Whether a bracket is open.
    pub(crate) fn brackets_are_open(self) -> bool {
        self.braces > 0 || self.parentheses > 0 || self.brackets > 0
    }
}

/// A macro call that was left in a text because nothing defines the macro, as it is written there.
pub(crate) fn left_call(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while at + 1 < text.len() {
        if text[at] == b'%' {
            let braced = text[at + 1] == b'{';
            let mut name = at + 1 + usize::from(braced);
            while matches!(text.get(name), Some(b'?' | b'!')) {
                name += 1;
            }
            let first = text.get(name).copied().unwrap_or(b' ');
            if first.is_ascii_alphabetic() || first == b'_' {
                let end = if braced {
                    closing(text, at + 1).unwrap_or(text.len())
                } else {
                    call_end(text, at + 1)?
                };
                return Some(&text[at..end]);
            }
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_end_with_their_bracket_or_their_name() {
        let end = |text: &'static str| call_end(text.as_bytes(), 0).map(|end| &text[..end]);
        assert_eq!(end("{a %{b} c} d"), Some("{a %{b} c}"));
        assert_eq!(end("?!name-rest"), Some("?!name"));
        assert_eq!(end("**x"), Some("**"));
        assert_eq!(end("-f* x"), Some("-f*"));
        assert_eq!(end("#x"), Some("#"));
        assert_eq!(end("(a"), None);
        assert_eq!(end(r"{a \} b} c"), Some(r"{a \} b}"));
    }

    #[test]
    fn lines_go_on_inside_brackets_and_after_a_backslash() {
        let more = |text: &str| Open::of(text.as_bytes()).wants_more();
        assert!(more("%{lua: a\n"));
        assert!(!more("%{lua: {a}\n}\n"));
        assert!(more("a \\\n"));
        assert!(!more("a \\\nb\n"));
        assert!(!more("a { b\n"));
        assert!(!more("%%{ b\n"));
    }

    #[test]
    fn calls_that_were_left_are_found() {
        let left =
            |text: &str| left_call(text.as_bytes()).map(|call| String::from_utf8_lossy(call).into_owned());
        assert_eq!(left("1.%{foo_version}-1").as_deref(), Some("%{foo_version}"));
        assert_eq!(left("a %gometa -f").as_deref(), Some("%gometa"));
        assert_eq!(left("100% sure, 5%"), None);
    }
}
