//! Data on standard output, talk on standard error.

use std::io::Write as _;

use agent::operation::Failure;
use serde::Serialize;

/// Prints text; a reader that closed the pipe early is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new("output.write", format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// A value as one JSON document.
pub fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::new("output.json", format!("the result has no JSON form: {error}")))
}

/// Talks to the person.
pub fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nothing is left to tell it to when standard error is gone.
    let _unheard = writeln!(stderr, "{}", text.trim_end());
}
