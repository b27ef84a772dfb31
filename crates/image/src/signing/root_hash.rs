//! A root hash of dm-verity and a signer, in; the content of the signature partition, out, as the UAPI group's Discoverable
//! Partitions Specification has it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Attributes, Signer, SigningError, content_info, der, signed_data};

/// A signed root hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootHashSignature {
    root_hash: String,
    certificate_fingerprint: String,
    signature: Vec<u8>,
}

/// Signs a root hash as the kernel verifies it: its hexadecimal digits, without attributes and certificates.
pub fn sign_root_hash(root_hash: &[u8; 32], signer: &Signer) -> Result<RootHashSignature, SigningError> {
    let root_hash = hex::encode(root_hash);
    let signature = signer.sign(root_hash.as_bytes())?;
    let content = content_info(der::object::DATA, None);
    let signature = signed_data(signer, &content, &Attributes::None, None, &signature);
    let certificate_fingerprint = hex::encode(signer.certificate().fingerprint());
    Ok(RootHashSignature { root_hash, certificate_fingerprint, signature })
}

impl RootHashSignature {
    /// The PKCS #7 signature as DER, without the signed text.
    pub fn der(&self) -> &[u8] {
        &self.signature
    }

    /// The JSON text of the signature partition, which zeros follow up to the partition's end.
    pub fn json(&self) -> String {
        // Nothing in it needs to be quoted: digits and base64 alone.
        format!(
            "{{\"rootHash\":\"{}\",\"certificateFingerprint\":\"{}\",\"signature\":\"{}\"}}",
            self.root_hash,
            self.certificate_fingerprint,
            BASE64_STANDARD.encode(&self.signature)
        )
    }
}
