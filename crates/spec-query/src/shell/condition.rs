//! The words of `test`, in; whether they hold, out: texts, numbers, and files as far as they are at hand.

use super::Done;
use crate::files::{Files, Found};

/// `test`, with `-a` and `-o` between simple conditions.
pub(super) fn run(words: &[Vec<u8>], files: &dyn Files) -> Option<Done> {
    let mut result = false;
    for any in words.split(|word| word == b"-o") {
        let mut all = true;
        for one in any.split(|word| word == b"-a") {
            all &= simple_condition(one, files)?;
        }
        result |= all;
    }
    Some(Done::status(u8::from(!result)))
}

fn simple_condition(words: &[Vec<u8>], files: &dyn Files) -> Option<bool> {
    let integer = |text: &[u8]| -> Option<i64> { std::str::from_utf8(text).ok()?.trim().parse().ok() };
    match words {
        [] => Some(false),
        [word] => Some(!word.is_empty()),
        [not, rest @ ..] if not == b"!" => simple_condition(rest, files).map(|holds| !holds),
        [option, word] => match option.as_slice() {
            b"-n" => Some(!word.is_empty()),
            b"-z" => Some(word.is_empty()),
            b"-e" | b"-f" | b"-r" | b"-s" => match files.find(std::str::from_utf8(word).ok()?) {
                Found::Content(content) => Some(!content.is_empty() || option != b"-s"),
                Found::Absent => Some(false),
                Found::Present | Found::Unknown => None,
            },
            _ => None,
        },
        [left, operator, right] => match operator.as_slice() {
            b"=" | b"==" => Some(left == right),
            b"!=" => Some(left != right),
            b"-eq" => Some(integer(left)? == integer(right)?),
            b"-ne" => Some(integer(left)? != integer(right)?),
            b"-lt" => Some(integer(left)? < integer(right)?),
            b"-le" => Some(integer(left)? <= integer(right)?),
            b"-gt" => Some(integer(left)? > integer(right)?),
            b"-ge" => Some(integer(left)? >= integer(right)?),
            _ => None,
        },
        _ => None,
    }
}
