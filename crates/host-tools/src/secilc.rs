//! Modules of an SELinux policy in the Common Intermediate Language, in; the binary policy that a kernel loads and the contexts
//! of files, out.

use std::path::Path;

use crate::call::Call;
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "secilc";

/// What is compiled, and for whom.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// A folder of modules, `NAME.cil` each.
    pub modules: &'a Path,
    /// Names of the modules, compiled in this order.
    pub names: &'a [String],
    /// Version of the binary format, as the kernel counts it.
    pub version: u32,
}

/// Writes `policy` and `file_contexts` into `output`, a folder that is there.
///
/// What a kernel guards and the policy has no word for is denied, whatever the modules say.
pub fn compile(sandbox: &Sandbox, options: &Options<'_>, output: &Path) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let modules = exchange.read(options.modules)?;
    let output = exchange.write(output)?;
    let call = Call::new(TOOL)
        // As semodule: several modules may declare one role, and the result is made small.
        .args(["--multiple-decls", "--optimize", "--handle-unknown=deny"])
        .arg(format!("--policyvers={}", options.version))
        .arg("--output")
        .arg(output.join("policy"))
        .arg("--filecontext")
        .arg(output.join("file_contexts"))
        .args(options.names.iter().map(|name| modules.join(format!("{name}.cil"))));
    exchange.run(&call)?;
    Ok(())
}
