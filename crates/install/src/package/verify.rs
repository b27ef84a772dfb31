//! Headers and a policy, in; nothing or the reason to refuse them, out.

use std::sync::Arc;

use repository::openpgp::{Keyring, verify_package};
use rpm_model::header::{HEADER_MAGIC, Header, PackageHeaders, Tag};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::error::PackageProblem;

/// What a package must prove before it is used.
#[derive(Clone, Debug)]
pub enum SignaturePolicy {
    /// A signature over the header by a key of the keyring; `now`, in seconds since 1970, tells signatures from the future.
    Required {
        /// The keys that count.
        keyring: Arc<Keyring>,
        /// Seconds since 1970.
        now: u64,
    },
    /// Digests only: for packages whose checksum is pinned elsewhere (a lock file, a signed repository).
    DigestsOnly,
}

/// Compares every digest of the main header that the signature header states, and applies the policy.
pub(super) fn headers(headers: &PackageHeaders, policy: &SignaturePolicy) -> Result<(), PackageProblem> {
    digest::<Sha1>(headers, Tag::SHA1_HEADER, "SHA-1")?;
    digest::<sha3::Sha3_256>(headers, Tag::SHA3_256_HEADER, "SHA3-256")?;
    // SHA-1 alone proves nothing.
    if !digest::<Sha256>(headers, Tag::SHA256_HEADER, "SHA-256")? {
        return Err(PackageProblem::NoHeaderDigest);
    }
    match policy {
        SignaturePolicy::DigestsOnly => Ok(()),
        SignaturePolicy::Required { keyring, now } => verify_package(keyring, headers, "the package", *now)
            .map(drop)
            .map_err(|source| PackageProblem::Signature(Box::new(source))),
    }
}

fn digest<D: Digest>(
    headers: &PackageHeaders,
    tag: Tag,
    algorithm: &'static str,
) -> Result<bool, PackageProblem> {
    let Some(stated) = headers.signature.string(tag) else { return Ok(false) };
    let found = hex::encode(header_digest::<D>(&headers.main));
    if stated.eq_ignore_ascii_case(&found) {
        Ok(true)
    } else {
        Err(PackageProblem::HeaderDigest { algorithm, stated: stated.to_owned(), found })
    }
}

/// Digests and signatures of a header cover its magic and all bytes after it.
fn header_digest<D: Digest>(header: &Header) -> Vec<u8> {
    D::new().chain_update(HEADER_MAGIC).chain_update(header.bytes()).finalize().to_vec()
}
