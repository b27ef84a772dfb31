//! Extended attributes, in; the same ext4 file system with them, out: what `mke2fs` does not take from an archive.

use std::fmt::Write;
use std::path::Path;

use crate::call::{Call, Stdin};
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "debugfs";

/// One extended attribute of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Absolute, in the file system.
    pub path: Vec<u8>,
    /// With its name space, as `security.selinux`.
    pub name: String,
    /// Any bytes.
    pub value: Vec<u8>,
}

/// Sets attributes in an unmounted ext4 file system; `source_date_epoch` becomes its last write time.
pub fn set_attributes(
    sandbox: &Sandbox,
    image: &Path,
    attributes: &[Attribute],
    source_date_epoch: u64,
) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let inside = exchange.write(image)?;
    let call = Call::new(TOOL)
        .args(["-w", "-f", "-"])
        .arg(inside)
        .env("SOURCE_DATE_EPOCH", source_date_epoch.to_string())
        .stdin(Stdin::Bytes(commands(attributes)?));
    let output = exchange.run(&call)?;
    // It goes on after a mistake and exits with 0: only its messages tell.
    match complaint(&output.stderr_text()).or_else(|| misunderstood(&output.stdout_text())) {
        None => Ok(()),
        Some(said) => Err(ToolError::Answer { tool: TOOL, said }),
    }
}

fn commands(attributes: &[Attribute]) -> Result<Vec<u8>, ToolError> {
    let mut commands = Vec::new();
    for attribute in attributes {
        if attribute.path.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let what = format!("a path with a line end: {:?}", String::from_utf8_lossy(&attribute.path));
            return Err(ToolError::Request { tool: TOOL, what });
        }
        commands.extend_from_slice(b"ea_set \"");
        for byte in &attribute.path {
            commands.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
        }
        commands.extend_from_slice(format!("\" {} {}\n", attribute.name, octal(&attribute.value)).as_bytes());
    }
    Ok(commands)
}

/// A value as the command reads it: plain where that is safe, octal otherwise.
fn octal(value: &[u8]) -> String {
    if value.is_empty() {
        return "\"\"".into();
    }
    let mut text = String::with_capacity(value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"_:.,-+/".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(text, "\\{byte:03o}");
        }
    }
    text
}

/// The first message that is not the program's name and version.
fn complaint(stderr: &str) -> Option<String> {
    stderr.lines().find(|line| !line.trim().is_empty() && !line.starts_with("debugfs 1.")).map(str::to_owned)
}

/// The command before the advice on how to write it.
fn misunderstood(stdout: &str) -> Option<String> {
    let lines: Vec<&str> = stdout.lines().collect();
    lines.windows(2).find(|pair| pair[1].starts_with("Usage:")).map(|pair| pair[0].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_and_values_escaped() {
        let attribute = Attribute {
            path: b"/odd \"name\"".to_vec(),
            name: "security.selinux".into(),
            value: b"system_u:object_r:etc_t:s0 \0".to_vec(),
        };
        let text = String::from_utf8(commands(&[attribute]).unwrap()).unwrap();
        assert_eq!(
            text,
            "ea_set \"/odd \"\"name\"\"\" security.selinux system_u:object_r:etc_t:s0\\040\\000\n"
        );
    }

    #[test]
    fn a_misunderstood_command_is_found() {
        let said =
            "debugfs: ea_set \"/a\" user.x\nUsage:\tea_set [-r] <file> <attr> <value>\ndebugfs: more\n";
        assert_eq!(misunderstood(said).as_deref(), Some("debugfs: ea_set \"/a\" user.x"));
        assert_eq!(misunderstood("debugfs: ea_set \"/a\" user.x \"\"\n"), None);
    }

    #[test]
    fn a_path_that_could_smuggle_a_command_is_refused() {
        let attribute = Attribute { path: b"/a\nrm /b".to_vec(), name: "user.x".into(), value: Vec::new() };
        assert_eq!(
            commands(&[attribute]).unwrap_err().to_string(),
            "cannot tell debugfs a path with a line end: \"/a\\nrm /b\""
        );
    }

    #[test]
    fn a_complaint_is_found_behind_the_banner() {
        let said = "debugfs 1.47.4 (6-Mar-2025)\n/nothere: File not found by ext2_lookup \n";
        assert_eq!(complaint(said).as_deref(), Some("/nothere: File not found by ext2_lookup "));
        assert_eq!(complaint("debugfs 1.47.4 (6-Mar-2025)\n"), None);
    }
}
