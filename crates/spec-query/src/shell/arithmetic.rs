//! `$((…))` and the variables, in; its value, out: integers, `+ - * / %`, parentheses.

use std::collections::BTreeMap;

/// Parentheses inside parentheses.
const DEEPEST: u32 = 50;

/// The value; none if it is no expression of this kind.
pub(super) fn evaluate(text: &[u8], variables: &BTreeMap<Vec<u8>, Vec<u8>>) -> Option<i64> {
    let mut reader = Reader { text, at: 0, variables, depth: 0 };
    let value = reader.sum()?;
    reader.skip();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    variables: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    depth: u32,
}

impl Reader<'_> {
    fn skip(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn sign(&mut self, signs: &[u8]) -> Option<u8> {
        self.skip();
        let found = self.text.get(self.at).copied().filter(|byte| signs.contains(byte))?;
        self.at += 1;
        Some(found)
    }

    fn sum(&mut self) -> Option<i64> {
        let mut value = self.product()?;
        while let Some(sign) = self.sign(b"+-") {
            let right = self.product()?;
            value = if sign == b'+' { value.checked_add(right)? } else { value.checked_sub(right)? };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<i64> {
        let mut value = self.single()?;
        while let Some(sign) = self.sign(b"*/%") {
            let right = self.single()?;
            value = match sign {
                b'*' => value.checked_mul(right)?,
                b'/' => value.checked_div(right)?,
                _ => value.checked_rem(right)?,
            };
        }
        Some(value)
    }

    fn single(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = if self.sign(b"(").is_some() {
            let value = self.sum()?;
            self.sign(b")")?;
            value
        } else if self.sign(b"-").is_some() {
            self.single()?.checked_neg()?
        } else {
            self.word()?
        };
        self.depth -= 1;
        Some(value)
    }

    fn word(&mut self) -> Option<i64> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        let digits = if word.first()?.is_ascii_digit() { word } else { self.variables.get(word)?.as_slice() };
        let text = std::str::from_utf8(digits).ok()?;
        // A leading zero would make it octal, `0x` hexadecimal.
        if text.len() > 1 && text.starts_with('0') {
            return None;
        }
        text.parse().ok()
    }
}
