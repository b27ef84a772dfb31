//! Why a component cannot be rendered.

use std::error::Error;

use serde::{Deserialize, Serialize};

use crate::autospec::AutospecError;
use crate::history::FinishError;
use crate::prepare::PrepareError;
use crate::sources::SourceError;

/// Why a component cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Its upstream files cannot be had.
    #[error("its sources cannot be had")]
    Source(#[from] SourceError),
    /// A file that one of its overlays brings in cannot be read.
    #[error("a file of the definition cannot be read")]
    Definition(#[source] std::io::Error),
    /// A change that it asks for cannot be made.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Its release cannot be counted.
    #[error("its release cannot be counted")]
    Release(#[from] FinishError),
}

impl RenderError {
    /// Whether the same inputs may do the next time: what lies outside failed.
    pub fn may_pass(&self) -> bool {
        match self {
            RenderError::Source(error) => error.may_pass(),
            RenderError::Definition(_) => true,
            // With other macros, what a spec says may be known.
            RenderError::Release(FinishError::Autospec(
                AutospecError::Version(_) | AutospecError::Contents { .. },
            )) => true,
            RenderError::Release(error) => error.may_pass(),
            RenderError::Prepare(_) => false,
        }
    }
}

/// Why a component cannot be rendered, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// What is wrong, and after it what led to it.
    pub causes: Vec<String>,
    /// Where in the definition the cause is stated, as `file:line:column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Failed {
    /// An error and what led to it.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut next = Some(error);
        while let Some(error) = next {
            let message = error.to_string();
            // A transparent wrapper says what it wraps.
            if causes.last() != Some(&message) {
                causes.push(message);
            }
            next = error.source();
        }
        Failed { causes, place: None }
    }
}
