//! Kernel, initrds and command line, in; a unified kernel image that firmware can start, out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::call::Call;
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "ukify";

/// The parts of a unified kernel image.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// The kernel.
    pub linux: &'a Path,
    /// Initrds, one after another.
    pub initrds: Vec<PathBuf>,
    /// The kernel's command line.
    pub command_line: &'a str,
    /// The text of `os-release`.
    pub os_release: &'a str,
    /// The kernel's release, as `uname -r` says it.
    pub uname: &'a str,
    /// `linuxx64.efi.stub`.
    pub stub: &'a Path,
    /// In seconds since 1970-01-01 00:00 UTC.
    pub source_date_epoch: u64,
}

/// Makes the image in `output`, which is created or overwritten.
pub fn build(sandbox: &Sandbox, options: &Options<'_>, output: &Path) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let mut call = Call::new(TOOL).arg("build");
    call = call.arg(option("--linux=", &exchange.read(options.linux)?));
    for initrd in &options.initrds {
        call = call.arg(option("--initrd=", &exchange.read(initrd)?));
    }
    for (name, text) in [("command line", options.command_line), ("os-release", options.os_release)] {
        // It takes what begins with an at sign for a file's name.
        if text.starts_with('@') {
            return Err(ToolError::Request {
                tool: TOOL,
                what: format!("the {name} {text:?}: it begins with @"),
            });
        }
    }
    call = call
        .arg(format!("--cmdline={}", options.command_line))
        .arg(format!("--os-release={}", options.os_release))
        .arg(format!("--uname={}", options.uname))
        .arg(option("--stub=", &exchange.read(options.stub)?))
        .arg("--no-measure")
        .arg(option("--output=", &exchange.write(output)?))
        .env("SOURCE_DATE_EPOCH", options.source_date_epoch.to_string());
    exchange.run(&call)?;
    Ok(())
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}
