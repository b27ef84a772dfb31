//! A certificate, one of its keys and a moment in; whether that key may sign data then, out.
//! RFC 9580 sections 5.2.3 and 10.1; what is left to policy there is stated here.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams, Tag, VerifyingKey};

use super::error::{Refusal, date};
use super::keyring::fingerprint;

/// Short RSA and DSA keys have been broken, or nearly so.
const LEAST_BITS: usize = 2048;

/// Whether the hash of a signature over data can be relied on.
pub(super) fn is_strong_hash(hash: HashAlgorithm) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    matches!(hash, Sha224 | Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512)
}

/// Refuses a primary key that could not sign at this moment (seconds since 1970).
pub(super) fn check_primary(certificate: &SignedPublicKey, at: u64) -> Result<(), Refusal> {
    check_certificate(certificate, at)?;
    let key = fingerprint(&certificate.primary_key);
    let flags = newest(self_signatures(certificate), at).and_then(may_sign);
    // A certificate without key flags is from the time before them: its primary key does everything.
    if flags.unwrap_or(true) { Ok(()) } else { Err(Refusal::NotForSigning { key }) }
}

/// Refuses a subkey that could not sign at this moment (seconds since 1970).
pub(super) fn check_subkey(
    certificate: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    at: u64,
) -> Result<(), Refusal> {
    check_certificate(certificate, at)?;
    let key = fingerprint(&subkey.key);
    let (created, primary) = (u64::from(subkey.key.created_at().as_secs()), &certificate.primary_key);
    if created > at {
        return Err(Refusal::KeyNotYetValid { key, time: date(created) });
    }
    let of_type = |kind| subkey.signatures.iter().filter(move |signature| signature.typ() == Some(kind));
    let bound = |signature: &&Signature| {
        is_usable(signature) && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
    };
    if of_type(SignatureType::SubkeyRevocation).filter(bound).any(|signature| revokes(signature, at)) {
        return Err(Refusal::KeyRevoked { key });
    }
    let Some(binding) = newest(of_type(SignatureType::SubkeyBinding).filter(bound), at) else {
        return Err(Refusal::NotForSigning { key });
    };
    check_lifetime(binding, created, at, &key)?;
    // RFC 9580 5.2.3.34: a signing subkey must say itself that it belongs to this certificate.
    let agreed = binding
        .embedded_signature()
        .is_some_and(|back| is_usable(back) && back.verify_primary_key_binding(&subkey.key, primary).is_ok());
    if may_sign(binding).unwrap_or(false) && agreed {
        check_length(subkey.key.public_params(), key)
    } else {
        Err(Refusal::NotForSigning { key })
    }
}

fn check_certificate(certificate: &SignedPublicKey, at: u64) -> Result<(), Refusal> {
    let (primary, key) = (&certificate.primary_key, fingerprint(&certificate.primary_key));
    let created = u64::from(primary.created_at().as_secs());
    if created > at {
        return Err(Refusal::KeyNotYetValid { key, time: date(created) });
    }
    let revocations = certificate.details.revocation_signatures.iter();
    let own = |signature: &&Signature| is_usable(signature) && signature.verify_key(primary).is_ok();
    if revocations.filter(own).any(|signature| revokes(signature, at)) {
        return Err(Refusal::KeyRevoked { key });
    }
    match newest(self_signatures(certificate), at) {
        Some(signature) => check_lifetime(signature, created, at, &key)?,
        // Nothing that the key says of itself holds at this moment: not for how long, not what for.
        None => return Err(Refusal::NotForSigning { key }),
    }
    check_length(primary.public_params(), key)
}

/// What the primary key says of itself: over its user ids, or directly.
fn self_signatures(certificate: &SignedPublicKey) -> impl Iterator<Item = &Signature> {
    let primary = &certificate.primary_key;
    let over_users = certificate.details.users.iter().flat_map(move |user| {
        user.signatures.iter().filter(move |signature| {
            signature.is_certification()
                && is_issued_by(signature, primary)
                && is_usable(signature)
                && signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
        })
    });
    let direct = certificate.details.direct_signatures.iter().filter(move |signature| {
        is_issued_by(signature, primary) && is_usable(signature) && signature.verify_key(primary).is_ok()
    });
    over_users.chain(direct)
}

/// Spares the arithmetic for the many signatures that others made over a well-known key.
fn is_issued_by(signature: &Signature, key: &impl VerifyingKey) -> bool {
    let (id, fingerprint) = (key.legacy_key_id(), key.fingerprint());
    signature.issuer_key_id().contains(&&id) || signature.issuer_fingerprint().contains(&&fingerprint)
}

/// SHA-1 is let pass within a certificate, which comes from a keyring that a person chose; MD5 is not.
fn is_usable(signature: &Signature) -> bool {
    signature.hash_alg().is_some_and(|hash| is_strong_hash(hash) || hash == HashAlgorithm::Sha1)
}

fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>, at: u64) -> Option<&'a Signature> {
    signatures
        .filter(|signature| created(signature).is_some_and(|time| time <= at))
        .max_by_key(|signature| created(signature))
}

fn created(signature: &Signature) -> Option<u64> {
    signature.created().map(|time| u64::from(time.as_secs()))
}

fn may_sign(signature: &Signature) -> Option<bool> {
    let mut subpackets = signature.config()?.hashed_subpackets();
    subpackets.find_map(|subpacket| match &subpacket.data {
        SubpacketData::KeyFlags(flags) => Some(flags.sign()),
        _ => None,
    })
}

/// A key that was replaced or retired was good before; one that was stolen, or without a reason, never was.
fn revokes(signature: &Signature, at: u64) -> bool {
    let soft = matches!(
        signature.revocation_reason_code(),
        Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired)
    );
    !soft || created(signature).is_none_or(|time| time <= at)
}

fn check_lifetime(signature: &Signature, key_created: u64, at: u64, key: &str) -> Result<(), Refusal> {
    let end = |lifetime: u64, from: u64| (lifetime > 0).then_some(from + lifetime);
    let key_end =
        signature.key_expiration_time().and_then(|lifetime| end(u64::from(lifetime.as_secs()), key_created));
    let own_end = signature
        .signature_expiration_time()
        .and_then(|lifetime| end(u64::from(lifetime.as_secs()), created(signature).unwrap_or(key_created)));
    match key_end.into_iter().chain(own_end).min() {
        Some(end) if end <= at => Err(Refusal::KeyExpired { key: key.to_owned(), time: date(end) }),
        _ => Ok(()),
    }
}

fn check_length(parameters: &PublicParams, key: String) -> Result<(), Refusal> {
    if !matches!(parameters, PublicParams::RSA(_) | PublicParams::DSA(_)) {
        return Ok(());
    }
    // RFC 9580 3.2 and 5.5.5: the first number of both is the modulus, and a number opens with its length in bits.
    let bits = match parameters.to_bytes().as_deref() {
        Ok([high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    if bits < LEAST_BITS { Err(Refusal::WeakKey { key, bits }) } else { Ok(()) }
}
