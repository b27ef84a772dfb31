//! Data on standard output, in words or as JSON; everything else goes to standard error.

use std::io::Write as _;

use serde::Serialize;

use crate::failure::Failure;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a person.
    #[default]
    Text,
    /// For a program: one JSON document.
    Json,
}

/// Prints `data` as JSON, or the text that `render` makes of it.
pub fn print<T: Serialize>(
    format: Format,
    data: &T,
    render: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let text = match format {
        Format::Text => render(data),
        Format::Json => {
            let json = serde_json::to_string_pretty(data);
            json.map_err(|error| Failure::caused("the result has no JSON form", &error))? + "\n"
        }
    };
    print_text(&text)
}

/// Prints text as it is; a reader that closed the pipe early is no error.
pub fn print_text(text: &str) -> Result<(), Failure> {
    write_out(anstream::stdout().lock(), text.as_bytes())
}

/// Prints bytes as they are, control characters included: patches, whose every byte counts.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    write_out(std::io::stdout().lock(), bytes)
}

fn write_out(mut stdout: impl std::io::Write, bytes: &[u8]) -> Result<(), Failure> {
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::caused("standard output cannot be written", &error))
        }
        _ => Ok(()),
    }
}

/// Talks to the person on standard error.
pub fn say(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // Nothing is left to tell it to when standard error is gone.
    let _unheard = writeln!(stderr, "{text}");
}
