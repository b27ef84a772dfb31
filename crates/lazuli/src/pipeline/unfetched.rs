//! A download that failed, in; the exit code that tells a wrong file from a silent mirror, out.

use repository::download::{AttemptError, DownloadError};

use crate::failure::ExitCode;

/// Other content than was promised is no matter of reaching the mirror, and a full disk is neither.
pub fn exit_code(error: &DownloadError) -> ExitCode {
    match error {
        DownloadError::WeakChecksum { .. } => ExitCode::Verification,
        DownloadError::Cache { .. } => ExitCode::Failed,
        DownloadError::EveryAddressFailed { failures, .. } => {
            let any =
                |wanted: fn(&AttemptError) -> bool| failures.iter().any(|failure| wanted(&failure.cause));
            if any(|cause| matches!(cause, AttemptError::Cache(_))) {
                ExitCode::Failed
            } else if any(AttemptError::is_other_content) {
                ExitCode::Verification
            } else {
                ExitCode::Network
            }
        }
        DownloadError::NoAddress { .. } | DownloadError::Offline { .. } | DownloadError::GivenUp { .. } => {
            ExitCode::Network
        }
    }
}

/// What to do about it.
pub fn hint(error: &DownloadError) -> &'static str {
    match exit_code(error) {
        ExitCode::Verification => {
            "the mirror has another file than was promised: it is damaged, or being updated; try later, or another mirror"
        }
        ExitCode::Network => {
            "run again to go on; when the mirrors have dropped a locked package, run `lazuli lock update`"
        }
        _ => "what is finished is kept; run again to go on",
    }
}
