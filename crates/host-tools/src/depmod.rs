//! A root with kernel modules, in; the same root with the tables that `modprobe` reads, out.

use std::path::Path;

use crate::call::Call;
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "depmod";

/// Writes `modules.dep` and its kin for one kernel release into `root`; an unknown symbol is an error.
pub fn run(sandbox: &Sandbox, root: &Path, release: &str) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let symbols = root.join("usr/lib/modules").join(release).join("System.map");
    let inside = exchange.write(root)?;
    let mut call = Call::new(TOOL).arg("-b").arg(&inside).arg("-a");
    if symbols.is_file() {
        let inside_symbols = inside.join("usr/lib/modules").join(release).join("System.map");
        call = call.arg("-e").arg("-F").arg(inside_symbols);
    }
    let output = exchange.run(&call.arg(release))?;
    // It says so and exits with 0 when a module lacks a symbol or cannot be read.
    match complaint(&output.stderr_text()) {
        None => Ok(()),
        Some(said) => Err(ToolError::Answer { tool: TOOL, said }),
    }
}

fn complaint(stderr: &str) -> Option<String> {
    stderr
        .lines()
        .find(|line| {
            let line = line.to_ascii_lowercase();
            line.contains("error") || line.contains("fatal") || line.contains("needs unknown symbol")
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_symbol_is_a_complaint_and_a_remark_is_not() {
        let said = "depmod: WARNING: could not open modules.order at /x: No such file or directory\n";
        assert_eq!(complaint(said), None);
        let said = "depmod: WARNING: /lib/modules/1/a.ko needs unknown symbol b\n";
        assert_eq!(complaint(said).as_deref(), Some(said.trim_end()));
    }
}
