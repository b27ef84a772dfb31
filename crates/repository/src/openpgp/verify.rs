//! Signed bytes and their signatures in; the bytes as [`Verified`], out.

use pgp::composed::{CleartextSignedMessage, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{Packet, PacketParser, Signature, SignatureType};
use pgp::types::VerifyingKey;

use super::error::{Refusal, VerifyError, date};
use super::keyring::{Keyring, fingerprint};
use super::policy;
use super::{Signer, Verified};

/// At which moment a key must have been valid.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyMoment {
    /// Now: for what is published anew all the time.
    Present,
    /// When the signature was made: for what is kept for years.
    Signing,
}

/// Proves content by a detached signature (armored or binary); `what` names it in errors, `now` is in seconds since 1970.
pub fn verify_detached<'a>(
    keyring: &Keyring,
    content: &'a [u8],
    signature: &[u8],
    what: &str,
    now: u64,
) -> Result<Verified<&'a [u8]>, VerifyError> {
    let signatures = if signature.first().is_some_and(|byte| byte & 0x80 != 0) {
        read_signatures(signature, what)?
    } else {
        let mut armor = pgp::armor::Dearmor::new(signature);
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut armor, &mut bytes).map_err(|error| malformed(what, &error))?;
        read_signatures(&bytes, what)?
    };
    let signer = accept(keyring, &signatures, content, what, now, KeyMoment::Present)?;
    Ok(Verified::new(content, signer))
}

/// Proves a text with its signature in one (`-----BEGIN PGP SIGNED MESSAGE-----`), and gives the signed text alone, with `\n` at
/// the end of its lines.
pub fn verify_cleartext(
    keyring: &Keyring,
    message: &[u8],
    what: &str,
    now: u64,
) -> Result<Verified<String>, VerifyError> {
    let text = std::str::from_utf8(message).map_err(|error| malformed(what, &error))?;
    if !text.trim_start().starts_with("-----BEGIN PGP SIGNED MESSAGE-----") {
        return Err(VerifyError::NotSigned { what: what.to_owned() });
    }
    let (message, _) =
        CleartextSignedMessage::from_string(text.trim_start()).map_err(|error| malformed(what, &error))?;
    let signed = message.signed_text();
    let signer = accept(keyring, message.signatures(), signed.as_bytes(), what, now, KeyMoment::Present)?;
    Ok(Verified::new(signed.replace("\r\n", "\n"), signer))
}

pub(super) fn read_signatures(bytes: &[u8], what: &str) -> Result<Vec<Signature>, VerifyError> {
    let packets = PacketParser::new(bytes).map(|packet| match packet {
        Ok(Packet::Signature(signature)) => Ok(signature),
        Ok(_) => Err(malformed(what, &"another packet stands where a signature belongs")),
        Err(error) => Err(malformed(what, &error)),
    });
    packets.collect()
}

pub(super) fn malformed(what: &str, reason: &dyn std::fmt::Display) -> VerifyError {
    VerifyError::Malformed { what: what.to_owned(), reason: reason.to_string() }
}

/// The signer of the first signature that counts.
pub(super) fn accept(
    keyring: &Keyring,
    signatures: &[Signature],
    content: &[u8],
    what: &str,
    now: u64,
    moment: KeyMoment,
) -> Result<Signer, VerifyError> {
    if signatures.is_empty() {
        return Err(VerifyError::NotSigned { what: what.to_owned() });
    }
    let mut refusals = Vec::new();
    for signature in signatures {
        match accept_one(keyring, signature, content, now, moment) {
            Ok(signer) => return Ok(signer),
            Err(refusal) => refusals.push(refusal),
        }
    }
    Err(VerifyError::Refused { what: what.to_owned(), refusals })
}

fn accept_one(
    keyring: &Keyring,
    signature: &Signature,
    content: &[u8],
    now: u64,
    moment: KeyMoment,
) -> Result<Signer, Refusal> {
    let key = named_key(signature);
    let time = check_signature(signature, &key, now)?;
    let at = match moment {
        KeyMoment::Present => now,
        KeyMoment::Signing => time,
    };
    let mut refusal = Refusal::UnknownKey { key };
    for certificate in &keyring.certificates {
        for candidate in candidates(certificate).filter(|candidate| candidate.is_named_by(signature)) {
            match candidate.check(certificate, signature, content, at) {
                Ok(()) => return Ok(candidate.signer(certificate, time)),
                Err(reason) => refusal = reason,
            }
        }
    }
    Err(refusal)
}

/// The moment of the signature, if the signature itself may count.
fn check_signature(signature: &Signature, key: &str, now: u64) -> Result<u64, Refusal> {
    let key = key.to_owned();
    let (Some(kind), Some(hash), Some(created)) =
        (signature.typ(), signature.hash_alg(), signature.created())
    else {
        return Err(Refusal::WrongKind { key });
    };
    if !matches!(kind, SignatureType::Binary | SignatureType::Text) {
        return Err(Refusal::WrongKind { key });
    }
    if !policy::is_strong_hash(hash) {
        return Err(Refusal::WeakHash { key, hash: hash.to_string() });
    }
    let created = u64::from(created.as_secs());
    if created > now {
        return Err(Refusal::FromTheFuture { key, time: date(created) });
    }
    match signature.signature_expiration_time().map(|lifetime| u64::from(lifetime.as_secs())) {
        Some(lifetime) if lifetime > 0 && created + lifetime <= now => {
            Err(Refusal::SignatureExpired { key, time: date(created + lifetime) })
        }
        _ => Ok(created),
    }
}

/// The key as the signature itself names it, which proves nothing.
fn named_key(signature: &Signature) -> String {
    let by_fingerprint =
        signature.issuer_fingerprint().first().map(|fingerprint| hex::encode(fingerprint.as_bytes()));
    let by_id = || signature.issuer_key_id().first().map(|id| hex::encode(id.as_ref()));
    by_fingerprint.or_else(by_id).unwrap_or_else(|| "without a name".to_owned())
}

enum Candidate<'a> {
    Primary(&'a pgp::packet::PublicKey),
    Subkey(&'a SignedPublicSubKey),
}

fn candidates(certificate: &SignedPublicKey) -> impl Iterator<Item = Candidate<'_>> {
    std::iter::once(Candidate::Primary(&certificate.primary_key))
        .chain(certificate.public_subkeys.iter().map(Candidate::Subkey))
}

impl Candidate<'_> {
    fn is_named_by(&self, signature: &Signature) -> bool {
        match self {
            Candidate::Primary(key) => names(signature, *key),
            Candidate::Subkey(subkey) => names(signature, &subkey.key),
        }
    }

    fn check(
        &self,
        certificate: &SignedPublicKey,
        signature: &Signature,
        content: &[u8],
        at: u64,
    ) -> Result<(), Refusal> {
        let verified = match self {
            Candidate::Primary(key) => {
                policy::check_primary(certificate, at)?;
                signature.verify(*key, content)
            }
            Candidate::Subkey(subkey) => {
                policy::check_subkey(certificate, subkey, at)?;
                signature.verify(&subkey.key, content)
            }
        };
        verified.map_err(|_| Refusal::WrongSignature { key: self.fingerprint() })
    }

    fn fingerprint(&self) -> String {
        match self {
            Candidate::Primary(key) => fingerprint(*key),
            Candidate::Subkey(subkey) => fingerprint(&subkey.key),
        }
    }

    fn signer(&self, certificate: &SignedPublicKey, time: u64) -> Signer {
        let name =
            certificate.details.users.first().map(|user| String::from_utf8_lossy(user.id.id()).into_owned());
        Signer {
            certificate: fingerprint(&certificate.primary_key),
            key: self.fingerprint(),
            name: name.unwrap_or_default(),
            time,
        }
    }
}

fn names(signature: &Signature, key: &impl VerifyingKey) -> bool {
    let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    ids.contains(&&key.legacy_key_id()) || fingerprints.contains(&&key.fingerprint())
}
