//! What was done, as it is told to the one who asked.

use ::release::Version;
use serde::{Deserialize, Serialize};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// In a sentence.
    pub message: String,
    /// Step by step.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Whether the machine restarts.
    #[serde(default)]
    pub restart: Restart,
    /// What the channel says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
}

/// Whether the machine restarts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It need not.
    #[default]
    No,
    /// It has to, for what was asked to count, and somebody else does it.
    Later,
    /// It does so now.
    Now,
}

/// What a channel says to this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "kebab-case")]
pub enum Checked {
    /// It has what it should.
    Current {
        /// What it runs, or has staged.
        version: Version,
    },
    /// It takes this version.
    Take {
        /// Which one.
        version: Version,
    },
    /// It takes this version later.
    Wait {
        /// Which one.
        version: Version,
        /// When, in seconds since 1970; never where it is missing.
        until: Option<u64>,
    },
    /// It stays what it is.
    Stay {
        /// Why.
        reason: String,
    },
}

impl Restart {
    pub(super) fn after(now: bool) -> Self {
        if now { Restart::Now } else { Restart::Later }
    }
}

impl Answer {
    pub(super) fn new(message: String, steps: Vec<String>) -> Self {
        Answer { message, steps, restart: Restart::No, checked: None }
    }

    pub(super) fn checked(checked: &Checked) -> Self {
        let mut answer = Answer::new(checked.to_string(), Vec::new());
        answer.checked = Some(checked.clone());
        answer
    }

    pub(super) fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }
}

impl std::fmt::Display for Checked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Checked::Current { version } => write!(formatter, "{version} is what the channel offers"),
            Checked::Take { version } => write!(formatter, "{version} can be staged"),
            Checked::Wait { version, until: Some(until) } => {
                let time =
                    i64::try_from(*until).ok().and_then(|until| jiff::Timestamp::from_second(until).ok());
                let time = time.map_or_else(|| until.to_string(), |time| time.to_string());
                write!(formatter, "{version} comes to this machine at {time}")
            }
            Checked::Wait { version, until: None } => {
                write!(formatter, "{version} is not offered to this machine: its waves end before")
            }
            Checked::Stay { reason } => write!(formatter, "this machine stays what it is: {reason}"),
        }
    }
}
