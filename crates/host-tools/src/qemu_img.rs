//! A disk image file, in; what QEMU makes of it, or the same disk in another format, out.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;

use crate::call::Call;
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "qemu-img";

/// What `qemu-img info` says of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Info {
    /// `raw`, `qcow2`, `vpc` (which others call VHD), ...
    pub format: String,
    /// As a guest sees it, in bytes.
    pub virtual_size: u64,
    /// The part of the file that is not a hole, in bytes; depends on the host's file system.
    pub actual_size: u64,
    /// In bytes, where the format has clusters.
    pub cluster_size: Option<u64>,
}

/// The formats that a disk is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The bytes of the disk.
    Raw,
    /// QEMU's own.
    Qcow2,
    /// VHD.
    Vpc,
}

impl Format {
    /// As QEMU names it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
            Format::Vpc => "vpc",
        }
    }
}

/// Describes an image.
pub fn info(sandbox: &Sandbox, image: &Path) -> Result<Info, ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let call = Call::new(TOOL).args(["info", "--output=json"]).arg(exchange.read(image)?);
    parse_info(&exchange.run(&call)?.stdout_text())
}

fn parse_info(said: &str) -> Result<Info, ToolError> {
    serde_json::from_str(said).map_err(|error| ToolError::Answer { tool: TOOL, said: error.to_string() })
}

/// Checks an image's own structure, where its format has one.
pub fn check(sandbox: &Sandbox, image: &Path, format: Format) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let inside = exchange.read(image)?;
    // 2: corruption; 3: leaked clusters; 63: the format has nothing to check.
    let call = Call::new(TOOL).args(["check", "-f", format.name()]).arg(inside).accept_status([0, 2, 3, 63]);
    let output = exchange.run(&call)?;
    if matches!(output.status.code(), Some(0 | 63)) {
        return Ok(());
    }
    let said = format!("{}{}", output.stdout_text(), output.stderr_text());
    Err(ToolError::Damaged { tool: TOOL, path: image.to_owned(), said })
}

/// Writes the disk of `from` into `to`, which is created or overwritten; `options` as for `-o`, for instance `subformat=fixed`.
pub fn convert(
    sandbox: &Sandbox,
    (from, from_format): (&Path, Format),
    (to, to_format): (&Path, Format),
    options: &[&str],
) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    drop(File::create(to).map_err(|error| exchange.unusable("make", to, error))?);
    let mut call = Call::new(TOOL).args(["convert", "-f", from_format.name(), "-O", to_format.name()]);
    if !options.is_empty() {
        call = call.arg("-o").arg(options.join(","));
    }
    call = call.arg(exchange.read(from)?).arg(exchange.write(to)?);
    exchange.run(&call)?;
    Ok(())
}

/// Makes `overlay`: a qcow2 file on top of an image that stays as it is, of the size that the guest sees, in bytes.
pub fn overlay(
    sandbox: &Sandbox,
    (image, format): (&Path, Format),
    overlay: &Path,
    size: u64,
) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let image = image.canonicalize().map_err(|error| exchange.unusable("find", image, error))?;
    drop(File::create(overlay).map_err(|error| exchange.unusable("make", overlay, error))?);
    let call = Call::new(TOOL)
        // -u: it need not see the image, whose path is written down for whoever opens the overlay by itself.
        .args(["create", "-q", "-u", "-f", "qcow2", "-F", format.name(), "-b"])
        .arg(image)
        .arg(exchange.write(overlay)?)
        .arg(size.to_string());
    exchange.run(&call)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_from_json() {
        let said = r#"{"children": [], "virtual-size": 1048576, "filename": "dta.q", "cluster-size": 65536,
            "format": "qcow2", "actual-size": 331776, "dirty-flag": false}"#;
        let expected = Info {
            format: "qcow2".into(),
            virtual_size: 1 << 20,
            actual_size: 331_776,
            cluster_size: Some(65_536),
        };
        assert_eq!(parse_info(said).unwrap(), expected);
        assert!(parse_info("{}").unwrap_err().to_string().contains("missing field `format`"));
    }
}
