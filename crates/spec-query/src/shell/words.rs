//! A word of a script and the variables, in; the fields that a shell makes of it, out.

use super::syntax::{Change, Piece, Word};
use super::{Shell, arithmetic, pattern};

/// A value on its way into fields.
struct Value {
    text: Vec<u8>,
    /// It is not split at blanks.
    quoted: bool,
}

impl Shell<'_> {
    /// The fields of several words: unquoted values split at blanks.
    pub(super) fn fields(&mut self, words: &[Word]) -> Option<Vec<Vec<u8>>> {
        let mut fields = Vec::new();
        for word in words {
            let mut field: Option<Vec<u8>> = None;
            for piece in word {
                let is_text = matches!(piece, Piece::Text { .. });
                let value = self.value(piece)?;
                if value.quoted {
                    field.get_or_insert_default().extend(value.text);
                    continue;
                }
                // It could name files.
                if value.text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) && value.text != b"[" {
                    return None;
                }
                if is_text {
                    field.get_or_insert_default().extend(value.text);
                    continue;
                }
                for byte in value.text {
                    if matches!(byte, b' ' | b'\t' | b'\n') {
                        fields.extend(field.take());
                    } else {
                        field.get_or_insert_default().push(byte);
                    }
                }
            }
            fields.extend(field);
        }
        Some(fields)
    }

    /// A word that is not split: an assignment's, or a here-string's.
    pub(super) fn text(&mut self, word: &Word) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for piece in word {
            text.extend(self.value(piece)?.text);
        }
        Some(text)
    }

    /// A word as a pattern: what is quoted stands for itself.
    fn pattern(&mut self, word: &Word) -> Option<Vec<pattern::Item>> {
        let mut items = Vec::new();
        for piece in word {
            let value = self.value(piece)?;
            if value.quoted {
                items.extend(value.text.into_iter().map(pattern::Item::Byte));
            } else {
                items.extend(pattern::parse(&value.text)?);
            }
        }
        Some(items)
    }

    fn value(&mut self, piece: &Piece) -> Option<Value> {
        Some(match piece {
            Piece::Text { text, quoted } => Value { text: text.clone(), quoted: *quoted },
            Piece::Variable { name, change, quoted } => {
                Value { text: self.variable(name, change)?, quoted: *quoted }
            }
            Piece::Output { list, quoted } => {
                let before = self.variables.clone();
                let mut text = self.list(list, b"")?.printed;
                self.variables = before;
                while text.last() == Some(&b'\n') {
                    text.pop();
                }
                Value { text, quoted: *quoted }
            }
            Piece::Status => Value { text: self.status.to_string().into_bytes(), quoted: true },
            Piece::Arithmetic { expression } => {
                let text = self.text(expression)?;
                let number = arithmetic::evaluate(&text, &self.variables)?;
                Value { text: number.to_string().into_bytes(), quoted: false }
            }
        })
    }

    fn variable(&mut self, name: &[u8], change: &Change) -> Option<Vec<u8>> {
        // A variable that the script does not set comes from the environment.
        let value = self.variables.get(name)?.clone();
        Some(match change {
            Change::None => value,
            Change::Length => value.len().to_string().into_bytes(),
            Change::Part { from, length } => {
                let (from, length) = (self.number(from)?, length.as_ref().map(|word| self.number(word)));
                part(&value, from, length.transpose_inner()?)?
            }
            Change::Cut { from_end, longest, pattern } => {
                let pattern = self.pattern(pattern)?;
                pattern::cut(&value, &pattern, *from_end, *longest)
            }
            Change::Replace { all, pattern, replacement } => {
                let pattern = self.pattern(pattern)?;
                let replacement = self.text(replacement)?;
                pattern::replace(&value, &pattern, &replacement, *all)?
            }
            Change::Case { upper: true } => value.to_ascii_uppercase(),
            Change::Case { upper: false } => value.to_ascii_lowercase(),
            Change::Default { when_empty, word } if *when_empty && value.is_empty() => self.text(word)?,
            Change::Default { .. } => value,
            Change::Alternative { when_empty, .. } if *when_empty && value.is_empty() => Vec::new(),
            Change::Alternative { word, .. } => self.text(word)?,
        })
    }

    fn number(&mut self, word: &Word) -> Option<i64> {
        let text = self.text(word)?;
        arithmetic::evaluate(&text, &self.variables)
    }
}

/// None inside none is none of all.
trait Inner {
    fn transpose_inner(self) -> Option<Option<i64>>;
}

impl Inner for Option<Option<i64>> {
    fn transpose_inner(self) -> Option<Option<i64>> {
        match self {
            None => Some(None),
            Some(inner) => inner.map(Some),
        }
    }
}

/// `${value:from:length}`, where negative numbers count from the end.
fn part(value: &[u8], from: i64, length: Option<i64>) -> Option<Vec<u8>> {
    let all = i64::try_from(value.len()).ok()?;
    let start = if from < 0 { all + from } else { from.min(all) };
    if start < 0 {
        return Some(Vec::new());
    }
    let end = match length {
        None => all,
        Some(length) if length < 0 => all + length,
        Some(length) => start.saturating_add(length).min(all),
    };
    if end < start {
        return None;
    }
    Some(value[usize::try_from(start).ok()?..usize::try_from(end).ok()?].to_vec())
}
