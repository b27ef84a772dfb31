//! Keys and certificates named on the command line, in; who signs an image, out. The keys are tried before anything is built.

use std::path::{Path, PathBuf};

use host_tools::Sandbox;
use image::signing::{Key, Signer, SigningError};
use image::{Signers, Specification};
use release_repository::RsaTokenKey;

use crate::cli::ImageRelease;
use crate::failure::{Context as _, ExitCode, Failure};

/// The signers that were asked for.
#[derive(Debug)]
pub struct SigningKeys {
    secure_boot: Option<Signer>,
    root_hash: Option<Signer>,
    /// Whether the root hash is signed by the key for Secure Boot.
    shared: bool,
}

impl SigningKeys {
    /// Opens the keys with programs of the tools tree.
    pub fn open(
        release: &ImageRelease,
        specification: &Specification,
        tools: &Path,
    ) -> Result<Self, Failure> {
        let sandbox = Sandbox::new(tools).read_only_root(true);
        let signer = |key: &Option<PathBuf>, certificate: &Option<PathBuf>| match (key, certificate) {
            (Some(key), Some(certificate)) => open(&sandbox, key, certificate)
                .map(Some)
                .context(|| "the image cannot be signed".to_owned())
                .map_err(|failure: Failure| failure.code(ExitCode::Usage)),
            _ => Ok(None),
        };
        let has_place = specification.slots.as_ref().is_some_and(|slots| slots.signature_mebibytes.is_some());
        let secure_boot = signer(&release.secure_boot_key, &release.secure_boot_certificate)?;
        let root_hash = signer(&release.root_hash_key, &release.root_hash_certificate)?;
        let shared = root_hash.is_none() && has_place;
        Ok(Self { secure_boot, root_hash, shared })
    }

    /// Who signs what.
    pub fn signers(&self) -> Signers<'_> {
        let secure_boot = self.secure_boot.as_ref();
        let shared = if self.shared { secure_boot } else { None };
        Signers { secure_boot, root_hash: self.root_hash.as_ref().or(shared) }
    }

    /// What is different when another key signs, or none.
    pub fn stamp(&self) -> String {
        let Signers { secure_boot, root_hash } = self.signers();
        let one = |signer: Option<&Signer>| {
            signer.map_or("nobody".to_owned(), |signer| hex::encode(signer.certificate().fingerprint()))
        };
        format!("signed by {}, {}", one(secure_boot), one(root_hash))
    }
}

/// A key in a token, if its name is a URI, else one in a file.
fn open(tools: &Sandbox, key: &Path, certificate: &Path) -> Result<Signer, SigningError> {
    match key.to_str().filter(|word| word.starts_with("pkcs11:")) {
        Some(uri) => {
            let token = RsaTokenKey::open(uri).map_err(|error| SigningError::Key(Box::new(error)))?;
            Signer::new(tools, Box::new(InToken(token)), certificate)
        }
        None => Signer::from_files(tools, key, certificate),
    }
}

#[derive(Debug)]
struct InToken(RsaTokenKey);

impl Key for InToken {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.sign(message)?)
    }
}
