//! A query format and a header, in; the text that rpm makes of them, out (`lib/headerfmt.cc`, `rpm-queryformat(7)`).
//!
//! Scriptlets with the flag `-q` are such texts. Times are in UTC and words in English, whatever the machine.

mod derived;
mod formats;
mod parse;
mod tags;
mod values;

use rpm_model::header::Header;

use crate::lua::{MacroError, Macros};
use parse::{Field, Part};
use values::Values;

/// Why a text is no query format, or cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryFormatError {
    /// No tag or no way to show it has this name.
    #[error("unknown tag or format `{0}`")]
    Unknown(String),
    /// Something is left open, empty or out of place.
    #[error("{0}")]
    Syntax(&'static str),
    /// Tags of one iteration have different numbers of values.
    #[error("array iterator used with different sized arrays")]
    Uneven,
    /// What rpm has and this program has no use for.
    #[error("`{0}` is not supported in a scriptlet")]
    Unsupported(String),
    /// `:expand` of a value whose macros cannot be expanded.
    #[error("a value cannot be expanded")]
    Macro(#[from] MacroError),
}

/// Fills in the tags of a header.
pub fn format(text: &[u8], header: &Header, macros: &Macros) -> Result<Vec<u8>, QueryFormatError> {
    let mut filled = Filler { header, macros, text: Vec::new() };
    for part in &parse::parse(text)? {
        filled.part(part, 0)?;
    }
    Ok(filled.text)
}

/// What a missing value is shown as.
const NONE: &[u8] = b"(none)";

struct Filler<'a> {
    header: &'a Header,
    macros: &'a Macros,
    text: Vec<u8>,
}

impl Filler<'_> {
    fn part(&mut self, part: &Part, element: usize) -> Result<(), QueryFormatError> {
        match part {
            Part::Text(text) => self.text.extend(text),
            Part::Field(field) => self.field(field, element)?,
            Part::Condition { tag, present, absent } => {
                let chosen = if tag.is_some_and(|tag| self.values(tag).is_some()) { present } else { absent };
                for part in chosen {
                    self.part(part, element)?;
                }
            }
            Part::Each(parts) => {
                for element in 0..self.count(parts)? {
                    for part in parts {
                        self.part(part, element)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// How often an iteration runs: as often as its tags have values, which must agree.
    fn count(&self, parts: &[Part]) -> Result<usize, QueryFormatError> {
        let mut count = 0;
        for part in parts {
            let Part::Field(Field { tag, only_first: false, .. }) = part else { continue };
            let Some(values) = self.values(*tag) else { continue };
            if count > 0 && values.count() != count {
                return Err(QueryFormatError::Uneven);
            }
            count = count.max(values.count());
        }
        Ok(count)
    }

    fn field(&mut self, field: &Field, element: usize) -> Result<(), QueryFormatError> {
        let element = if field.only_first { 0 } else { element };
        let shown = match self.values(field.tag) {
            Some(values) if element < values.count() => {
                field.format.show(&values, element, field.tag, self.macros)?
            }
            _ => NONE.to_vec(),
        };
        let padding = field.width.saturating_sub(shown.len());
        let blanks = std::iter::repeat_n(b' ', padding);
        if field.left {
            self.text.extend(shown);
            self.text.extend(blanks);
        } else {
            self.text.extend(blanks);
            self.text.extend(shown);
        }
        Ok(())
    }

    fn values(&self, tag: u32) -> Option<Values> {
        derived::values(self.header, tag)
    }
}
