//! A script and what it printed, in; the same for the same script without running it, out, if it depends on nothing but itself.
//!
//! Distributions put such scripts into macros that every spec expands several times (`for i=0,9999 do print(…) end`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::expand::MacroError;

/// Scripts that are kept; more are run each time.
const MOST_SCRIPTS: usize = 1000;

/// What scripts printed.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    printed: Mutex<BTreeMap<Vec<u8>, Arc<[u8]>>>,
}

impl Memory {
    /// What a script printed before, or prints now.
    pub(super) fn printed(
        &self,
        script: &[u8],
        run: impl FnOnce() -> Result<Vec<u8>, MacroError>,
    ) -> Result<Vec<u8>, MacroError> {
        let known = self.printed.lock().unwrap_or_else(PoisonError::into_inner).get(script).cloned();
        if let Some(known) = known {
            return Ok(known.to_vec());
        }
        let printed = run()?;
        let mut all = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST_SCRIPTS {
            all.insert(script.to_vec(), printed.as_slice().into());
        }
        Ok(printed)
    }
}

/// Words of a script that neither reads nor changes anything outside of itself.
const OWN_WORDS: [&str; 14] =
    ["for", "do", "end", "print", "i", "n", "and", "or", "not", "if", "then", "else", "true", "false"];

/// Whether a script is made of loops over numbers and printing only.
pub(super) fn depends_on_nothing(script: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(script) else { return false };
    let Some(words) = words(text) else { return false };
    let loops = words.iter().filter(|word| **word == "for").count();
    // What is not assigned in a loop's head would be assigned to a global.
    let bare: String = text.replace("==", "").replace("<=", "").replace(">=", "").replace("~=", "");
    // Outside of the one loop its variable would be a global.
    let body = text.trim();
    let is_loop = loops == 1 && body.starts_with("for ") && body.ends_with("end");
    let named = words.iter().any(|word| matches!(*word, "i" | "n"));
    words.iter().all(|word| OWN_WORDS.contains(word))
        && bare.matches('=').count() == loops
        && (is_loop || !named)
        && words.iter().filter(|word| **word == "end").count() <= loops.max(1)
}

/// Words outside of strings; none for brackets, comments and escapes, which nobody needs here.
fn words(text: &str) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'') {
            let end = rest[1..].find(first)?;
            if rest[1..=end].contains('\\') {
                return None;
            }
            rest = &rest[end + 2..];
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .unwrap_or(rest.len());
            words.push(&rest[..end]);
            rest = &rest[end..];
        } else if first.is_ascii_digit()
            || matches!(
                first,
                ' ' | '\n' | '\t' | '(' | ')' | ',' | '.' | '=' | '+' | '-' | '*' | '<' | '>' | '~' | ';'
            )
        {
            if rest.starts_with("--") {
                return None;
            }
            rest = &rest[1..];
        } else {
            return None;
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loops_that_print_depend_on_nothing() {
        assert!(depends_on_nothing(b"for i=0,9999 do print(\"%{?p\" .. i ..\"}\") end"));
        for script in [
            "print(rpm.expand('%{name}'))",
            "i = 1 print(i)",
            "print(arg[1])",
            "print = nil",
            "for i=0,9 do x = i end",
            "print(os.time())",
            "for i=0,9 do print(1) end print(i)",
            "print(i)",
            "print([[a]])",
            "print('a') -- comment",
        ] {
            assert!(!depends_on_nothing(script.as_bytes()), "{script}");
        }
    }
}
