//! Text in Debian's control syntax, in; stanzas of fields, out. Nothing here reads a disk.

use thiserror::Error;

/// One paragraph of a control file: fields in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stanza<'text> {
    fields: Vec<(&'text str, &'text str)>,
}

/// A line that is neither a field, nor the continuation of one.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line} is no field of the form `Name: value`: {text:?}")]
pub struct Deb822Error {
    /// Line in the text, counted from 1.
    pub line: usize,
    /// The line, at most its first 60 characters.
    pub text: String,
}

impl<'text> Stanza<'text> {
    /// Value of the field `name` (case does not matter), continuation lines included as written.
    pub fn field(&self, name: &str) -> Option<&'text str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Whether the stanza has no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Reads every stanza of `text`; blank lines separate them, lines that begin with `#` are comments.
pub fn parse(text: &str) -> Result<Vec<Stanza<'_>>, Deb822Error> {
    let mut stanzas = Vec::new();
    let mut stanza = Stanza::default();
    // Byte range of the value that continuation lines still extend.
    let mut open: Option<(&str, usize, usize)> = None;
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let start = offset;
        offset += line.len();
        let content = line.trim_end_matches(['\n', '\r']);
        if content.starts_with('#') {
            continue;
        }
        if content.trim().is_empty() {
            close(text, &mut stanza, &mut open);
            if !stanza.is_empty() {
                stanzas.push(std::mem::take(&mut stanza));
            }
        } else if content.starts_with([' ', '\t']) {
            let Some((_, _, end)) = open.as_mut() else { return Err(error(index, content)) };
            *end = start + content.len();
        } else {
            close(text, &mut stanza, &mut open);
            let Some((name, value)) = content.split_once(':') else { return Err(error(index, content)) };
            if name.is_empty() || name.contains([' ', '\t']) {
                return Err(error(index, content));
            }
            open = Some((name, start + content.len() - value.len(), start + content.len()));
        }
    }
    close(text, &mut stanza, &mut open);
    if !stanza.is_empty() {
        stanzas.push(stanza);
    }
    Ok(stanzas)
}

fn close<'text>(text: &'text str, stanza: &mut Stanza<'text>, open: &mut Option<(&'text str, usize, usize)>) {
    if let Some((name, start, end)) = open.take() {
        stanza.fields.push((name, text[start..end].trim()));
    }
}

fn error(index: usize, content: &str) -> Deb822Error {
    Deb822Error { line: index + 1, text: content.chars().take(60).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_fields_continuations_and_comments() {
        let text = "# head\nPackage: a\nDescription: one\n two\n .\n three\n\n\nPackage: b\nempty:\n";
        let stanzas = parse(text).unwrap();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].field("description"), Some("one\n two\n .\n three"));
        assert_eq!(stanzas[1].field("Package"), Some("b"));
        assert_eq!(stanzas[1].field("Empty"), Some(""));
        assert_eq!(stanzas[1].field("absent"), None);
    }

    #[test]
    fn a_line_without_colon_is_named() {
        let error = parse("Package: a\nnonsense\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2 is no field of the form `Name: value`: \"nonsense\"");
        assert_eq!(parse(" continuation\n").unwrap_err().line, 1);
    }
}
