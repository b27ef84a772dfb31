//! An ext4 file system in a file, in; whether it is sound, out. Nothing is repaired.

use std::path::Path;

use crate::call::Call;
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "e2fsck";

/// Checks the whole file system without writing to it.
pub fn check(sandbox: &Sandbox, image: &Path) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let inside = exchange.read(image)?;
    // A sum of 4: errors left uncorrected, and 8: so damaged, or so different, that it cannot be checked.
    let output =
        exchange.run(&Call::new(TOOL).args(["-f", "-n"]).arg(inside).accept_status([0, 4, 8, 12]))?;
    if output.status.success() {
        return Ok(());
    }
    let said = format!("{}{}", output.stdout_text(), output.stderr_text());
    Err(ToolError::Damaged { tool: TOOL, path: image.to_owned(), said })
}
