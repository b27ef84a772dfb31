//! A key and a message, in; the message's RSA signature, or whether one is right, out.
//!
//! The key stays in its file: the program reads it inside the sandbox, and nothing of it is an argument, a variable or a message.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::call::{Call, Stdin};
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "openssl";

/// Where an RSA key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateKey {
    /// A file in PEM format that is not encrypted.
    File(PathBuf),
}

/// The signature of a message: RSASSA-PKCS1-v1_5 (RFC 8017) over its SHA-256, the same every time.
pub fn sign(sandbox: &Sandbox, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let PrivateKey::File(path) = key;
    // With an empty passphrase it fails where it would otherwise ask a person.
    let call = Call::new(TOOL)
        .args(["dgst", "-sha256", "-passin", "pass:", "-sign"])
        .arg(exchange.read(path)?)
        .stdin(Stdin::Pipe);
    let output = exchange.sandbox().run_with_input(&call, |input| input.write_all(message))?;
    if output.stdout.is_empty() {
        return Err(ToolError::Answer { tool: TOOL, said: output.stderr_text() });
    }
    Ok(output.stdout)
}

/// Whether the signature of a message is right; the public key is PEM.
pub fn verify(
    sandbox: &Sandbox,
    public_key: &str,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let public_key = kept(&exchange, public_key.as_bytes())?;
    let signature = kept(&exchange, signature)?;
    let call = Call::new(TOOL)
        .args(["dgst", "-sha256", "-verify"])
        .arg(exchange.read(public_key.path())?)
        .arg("-signature")
        .arg(exchange.read(signature.path())?)
        .stdin(Stdin::Pipe)
        .accept_status([0, 1]);
    let output = exchange.sandbox().run_with_input(&call, |input| input.write_all(message))?;
    match output.stdout_text().trim() {
        "Verified OK" => Ok(true),
        "Verification failure" => Ok(false),
        said => Err(ToolError::Answer { tool: TOOL, said: format!("{said}{}", output.stderr_text()) }),
    }
}

/// Bytes in a file of their own, for as long as the program runs.
fn kept(exchange: &Exchange, bytes: &[u8]) -> Result<tempfile::NamedTempFile, ToolError> {
    let temporary = |source| exchange.unusable("make", Path::new(&std::env::temp_dir()), source);
    let mut file = tempfile::NamedTempFile::new().map_err(temporary)?;
    file.write_all(bytes).map_err(|source| exchange.unusable("write", file.path(), source))?;
    Ok(file)
}
