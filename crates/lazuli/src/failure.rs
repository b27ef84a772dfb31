//! What went wrong, at the program's edge: the message, its causes, a hint, and the exit code.

use std::error::Error;
use std::fmt::Write as _;
use std::io::ErrorKind;

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// The work failed for a reason that has no code of its own.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The definition or the lock is wrong.
    Definition = 3,
    /// A request for packages cannot be satisfied, or a repository is not closed.
    Unsatisfiable = 4,
    /// A signature or checksum does not hold.
    Verification = 5,
    /// An upstream cannot be reached.
    Network = 6,
    /// An image is over its budget.
    Budget = 7,
    /// A virtual machine did not boot, or not well.
    Boot = 8,
}

/// An error as it is shown to a person.
#[derive(Debug)]
pub struct Failure {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    full_disk: bool,
    code: ExitCode,
}

impl Failure {
    /// A failure without a cause.
    pub fn new(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            full_disk: false,
            code: ExitCode::Failed,
        }
    }

    /// A failure with the chain of what led to it.
    pub fn caused(message: impl Into<String>, cause: &(dyn Error + 'static)) -> Self {
        let mut failure = Failure::new(message);
        failure.causes.extend(chain(cause));
        if is_full_disk(cause) {
            failure.full_disk = true;
            failure.hint = Some("make room on the disk and run again; what is finished is kept".to_owned());
        }
        failure
    }

    /// Says what to do; against a full disk, that is known already.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if !self.full_disk {
            self.hint = Some(hint.into());
        }
        self
    }

    /// Leaves with another code than 1.
    pub fn code(mut self, code: ExitCode) -> Self {
        self.code = code;
        self
    }

    /// The code to leave with.
    pub fn exit_code(&self) -> u8 {
        self.code as u8
    }

    /// The lines for standard error.
    pub fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        for cause in &self.causes {
            // A cause of several lines (a conflict tree, a list of problems) keeps its shape.
            let mut lines = cause.lines();
            let _infallible = writeln!(text, "  caused by: {}", lines.next().unwrap_or_default());
            for line in lines {
                let _infallible = writeln!(text, "    {line}");
            }
        }
        if let Some(hint) = &self.hint {
            let _infallible = writeln!(text, "hint: {hint}");
        }
        text
    }

    /// Message and causes in one line, for lists of failures.
    pub fn in_one_line(&self) -> String {
        let parts = std::iter::once(&self.message).chain(&self.causes);
        let lines = parts.flat_map(|part| part.lines()).map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(": ")
    }

    /// The same for a program.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": self.message,
            "causes": self.causes,
            "hint": self.hint,
            "exit-code": self.exit_code(),
        })
    }
}

/// Message and causes of an error, outermost first, repetitions dropped (a transparent wrapper says the same twice).
pub fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let message = error.to_string();
        if messages.last() != Some(&message) {
            messages.push(message);
        }
        next = error.source();
    }
    messages
}

fn is_full_disk(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// Turns an error of a stage into a failure of the command.
pub trait Context<T> {
    /// Says what the command was doing.
    fn context(self, message: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Error + 'static> Context<T> for Result<T, E> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::caused(message(), &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no such thing\nsecond line")]
    struct Inner;

    #[derive(Debug, thiserror::Error)]
    #[error("stage failed")]
    struct Outer(#[source] Inner);

    #[test]
    fn message_causes_and_hint_are_shown_in_order() {
        let failure = Failure::caused("image `server` was not built", &Outer(Inner))
            .hint("run `lazuli lock update`")
            .code(ExitCode::Definition);
        let expected = "error: image `server` was not built\n  caused by: stage failed\n  caused by: no such thing\n    second line\nhint: run `lazuli lock update`\n";
        assert_eq!(failure.render(), expected);
        assert_eq!(failure.exit_code(), 3);
    }
}
