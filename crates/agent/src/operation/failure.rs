//! A failure as it leaves the agent: its stable name, what happened, and what led to it.

use serde::{Deserialize, Serialize};

use crate::error::Named;

/// A failure, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// A dotted name that does not change.
    pub name: String,
    /// What happened.
    pub message: String,
    /// What led to it, the nearest first.
    #[serde(default)]
    pub causes: Vec<String>,
}

impl Failure {
    /// A failure that no error type stands for.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Failure { name: name.to_owned(), message: message.into(), causes: Vec::new() }
    }

    /// Message and causes in one line.
    pub fn in_one_line(&self) -> String {
        let parts = std::iter::once(&self.message).chain(&self.causes);
        parts
            .map(|part| part.lines().map(str::trim).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
            .join(": ")
    }
}

impl<E: Named> From<E> for Failure {
    fn from(error: E) -> Self {
        let message = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Libraries repeat their causes within their own texts.
            let said = causes.last().unwrap_or(&message);
            if !said.ends_with(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        Failure { name: error.name().to_owned(), message, causes }
    }
}
