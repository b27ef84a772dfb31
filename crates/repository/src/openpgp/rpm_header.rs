//! A package's headers in; the same headers as [`Verified`], out.
//!
//! Only signatures over the main header count (rpm's "header-only" ones: tags RSA and DSA of format 4, OPENPGP of format 6). The
//! signed header holds the digest of the payload, so that nothing of the package is left unproven once its reader compares that.
//! The older signatures over header and payload together are not looked at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rpm_model::header::{EntryType, HEADER_MAGIC, Header, PackageHeaders, Tag};

use super::Verified;
use super::error::VerifyError;
use super::keyring::Keyring;
use super::verify::{KeyMoment, accept, malformed, read_signatures};

const REGION_IMMUTABLE: u32 = 63;
const SIGNATURE_DSA: Tag = Tag(267);
const SIGNATURE_RSA: Tag = Tag(268);
const SIGNATURE_OPENPGP: Tag = Tag(278);

/// Whether a signature that could count is there at all.
pub fn has_signature(headers: &PackageHeaders) -> bool {
    [SIGNATURE_DSA, SIGNATURE_RSA, SIGNATURE_OPENPGP].into_iter().any(|tag| headers.signature.has(tag))
}

/// Proves a package's headers; `what` names the package in errors, `now` is in seconds since 1970.
pub fn verify_package<'a>(
    keyring: &Keyring,
    headers: &'a PackageHeaders,
    what: &str,
    now: u64,
) -> Result<Verified<&'a PackageHeaders>, VerifyError> {
    let mut packets: Vec<u8> = Vec::new();
    let signatures = &headers.signature;
    let encoded = signatures.strings(SIGNATURE_OPENPGP);
    for text in encoded {
        let joined: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        packets.extend(STANDARD.decode(joined).map_err(|error| malformed(what, &error))?);
    }
    for tag in [SIGNATURE_RSA, SIGNATURE_DSA] {
        packets.extend(signatures.bytes_of(tag).unwrap_or_default());
    }
    let signatures = read_signatures(&packets, what)?;
    check_region(&headers.main).map_err(|reason| malformed(what, &reason))?;
    let content = [&HEADER_MAGIC, headers.main.bytes()].concat();
    let signer = accept(keyring, &signatures, &content, what, now, KeyMoment::Signing)?;
    Ok(Verified::new(headers, signer))
}

/// The signature is over the immutable region: what lies outside of it would be taken for proven.
fn check_region(header: &Header) -> Result<(), &'static str> {
    let region = header.entries().first().filter(|entry| entry.tag == REGION_IMMUTABLE);
    let region = region.filter(|entry| entry.kind == EntryType::Binary && entry.count == 16);
    let Some(region) = region else { return Err("the header has no immutable region") };
    let trailer: Option<&[u8; 16]> = header.data().get(region.offset..).and_then(|data| data.try_into().ok());
    let Some(trailer) = trailer else { return Err("the header holds data outside of its immutable region") };
    let number =
        |at: usize| i32::from_be_bytes([trailer[at], trailer[at + 1], trailer[at + 2], trailer[at + 3]]);
    // The trailer is an index entry itself, whose offset is the negative length of the index.
    let length = i32::try_from(header.entries().len() * 16).unwrap_or(i32::MAX);
    if number(0) != 63 || number(8) != -length || number(12) != 16 {
        return Err("the header holds entries outside of its immutable region");
    }
    Ok(())
}
