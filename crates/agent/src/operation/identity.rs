//! The machine's identity in; identities for single purposes out, from which nobody can tell it.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::Named;

/// Identities of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(String);

/// Why a machine has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("cannot read the machine's identity in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no machine identity: it should be 32 hexadecimal digits, which systemd writes at the first boot", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
    },
}

impl Named for IdentityError {
    fn name(&self) -> &'static str {
        "host.machine-id"
    }
}

impl Identity {
    /// Reads `machine-id`.
    pub fn read(path: &Path) -> Result<Identity, IdentityError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| IdentityError::Read { path: path.to_owned(), source })?;
        let text = text.trim();
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Identity(text.to_ascii_lowercase()))
        } else {
            Err(IdentityError::Wrong { path: path.to_owned() })
        }
    }

    /// 32 hexadecimal digits for a purpose; another purpose has others.
    pub fn for_purpose(&self, purpose: &str) -> String {
        let digest = Sha256::digest(format!("lazuli-agent {purpose} {}", self.0));
        hex::encode(&digest[..16])
    }

    /// A number below `below` (0 if that is 0) for a purpose.
    pub fn number(&self, purpose: &str, below: u64) -> u64 {
        let digest = Sha256::digest(format!("lazuli-agent {purpose} {}", self.0));
        let number = digest[..8].iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        number.checked_rem(below).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_its_own_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine-id");
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        let identity = Identity::read(&path).unwrap();
        // sha256sum of "lazuli-agent waves 0123456789abcdef0123456789abcdef".
        assert_eq!(identity.for_purpose("waves"), WAVES);
        assert_ne!(identity.for_purpose("fleet-lock"), WAVES);
        assert!(identity.number("splay", 3600) < 3600);
        assert_eq!(identity.number("splay", 0), 0);
        std::fs::write(&path, "uninitialized\n").unwrap();
        assert!(matches!(Identity::read(&path), Err(IdentityError::Wrong { .. })));
    }

    const WAVES: &str = "6b6148a86b462caa37fb5277143ba927";
}
