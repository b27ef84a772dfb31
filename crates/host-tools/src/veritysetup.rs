//! A file system in a file, in; its dm-verity hash tree in another, and the root hash, out.

use std::fs::File;
use std::path::Path;

use crate::call::{Call, CallError};
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "veritysetup";

/// What would otherwise be chance.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of the hash tree, as text with dashes.
    pub uuid: String,
    /// As hexadecimal digits.
    pub salt: String,
}

/// Writes the hash tree of `data` into `hashes`, which is created or overwritten; the root hash as hexadecimal digits.
pub fn format(sandbox: &Sandbox, options: &Options, data: &Path, hashes: &Path) -> Result<String, ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    drop(File::create(hashes).map_err(|error| exchange.unusable("make", hashes, error))?);
    let call = Call::new(TOOL)
        .arg("format")
        .arg(format!("--uuid={}", options.uuid))
        .arg(format!("--salt={}", options.salt))
        .args(["--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096"])
        .arg(exchange.read(data)?)
        .arg(exchange.write(hashes)?);
    let said = exchange.run(&call)?.stdout_text();
    root_hash(&said).ok_or(ToolError::Answer { tool: TOOL, said })
}

/// Checks every block of `data` against its hash tree.
pub fn verify(sandbox: &Sandbox, data: &Path, hashes: &Path, root_hash: &str) -> Result<(), ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let call =
        Call::new(TOOL).arg("verify").arg(exchange.read(data)?).arg(exchange.read(hashes)?).arg(root_hash);
    match exchange.run(&call) {
        Err(ToolError::Call(CallError::Failed { said, .. })) if said.contains("Verification") => {
            Err(ToolError::Damaged { tool: TOOL, path: data.to_owned(), said })
        }
        verified => verified.map(drop),
    }
}

fn root_hash(said: &str) -> Option<String> {
    let hash = said.lines().find_map(|line| line.strip_prefix("Root hash:"))?.trim();
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_hash_is_found_in_the_report() {
        let hash = "b41ed920c2730722a09e469d703e709e21df5f7bc23ecc46aa4028cd5751ebff";
        let said = format!(
            "VERITY header information for hsh.\nSalt:            \t00ff\nRoot hash:      \t{hash}\n"
        );
        assert_eq!(root_hash(&said).as_deref(), Some(hash));
        assert_eq!(root_hash("Root hash: none\n"), None);
    }
}
