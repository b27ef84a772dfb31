//! An EROFS file system in a file, in; whether every file in it can be read, out.

use std::path::Path;

use crate::call::Call;
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "fsck.erofs";

/// Checks the structure and decompresses every file.
pub fn check(sandbox: &Sandbox, image: &Path) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let inside = exchange.read(image)?;
    let output = exchange.run(&Call::new(TOOL).arg("--extract").arg(inside).accept_status([0, 1]))?;
    if output.status.success() {
        return Ok(());
    }
    let said = format!("{}{}", output.stdout_text(), output.stderr_text());
    Err(ToolError::Damaged { tool: TOOL, path: image.to_owned(), said })
}
