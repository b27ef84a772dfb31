//! A number in, an OpenPGP key out that signs packages, metadata and releases: the same key for the same number.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SecretKeyParamsBuilder,
    SignedKeyDetails, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails, KeyVersion, Password, SignedUser, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// 2020-01-02, when all keys are made.
const BORN: u32 = 1_577_923_200;

/// A key that may sign.
#[derive(Debug)]
pub struct Key(SignedSecretKey);

impl Key {
    /// The key of this number.
    pub fn new(number: u64) -> Self {
        let mut parameters = SecretKeyParamsBuilder::default();
        parameters
            .version(KeyVersion::V4)
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .created_at(Timestamp::from_secs(BORN))
            .primary_user_id("test <test@example.org>".into());
        Key(parameters.build().unwrap().generate(StdRng::seed_from_u64(number)).unwrap())
    }

    /// The public key as a text.
    pub fn public(&self) -> String {
        certificate(&self.0).to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// The secret key as a text.
    pub fn secret(&self) -> String {
        self.0.to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// The fingerprint in lower-case hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.0.primary_key.fingerprint().as_bytes())
    }

    /// A detached signature as a text, such as `repomd.xml.asc`.
    pub fn sign_detached(&self, content: &[u8]) -> String {
        let signature = DetachedSignature::sign_binary_data(
            StdRng::seed_from_u64(2),
            &self.0.primary_key,
            &Password::empty(),
            HashAlgorithm::Sha256,
            content,
        );
        signature.unwrap().to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// The text with its signature around it, such as `InRelease`.
    pub fn sign_text(&self, text: &str) -> String {
        let (random, key) = (StdRng::seed_from_u64(2), &self.0.primary_key);
        let signed = CleartextSignedMessage::sign(random, text, key, &Password::empty());
        signed.unwrap().to_armored_string(ArmorOptions::default()).unwrap()
    }
}

/// The public key with a signature over itself of the time it was made: rPGP would write the present time, and a key vouches for
/// nothing that was signed before its own signature.
fn certificate(secret: &SignedSecretKey) -> SignedPublicKey {
    let (made, key) = (secret.to_public_key(), &secret.primary_key);
    let id = made.details.users[0].id.clone();
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let about = [
        SubpacketData::IssuerFingerprint(key.fingerprint()),
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(BORN)),
        SubpacketData::KeyFlags(flags),
    ];
    let mut config = SignatureConfig::v4(SignatureType::CertPositive, key.algorithm(), HashAlgorithm::Sha256);
    config.hashed_subpackets = about.into_iter().map(|data| Subpacket::regular(data).unwrap()).collect();
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).unwrap()];
    let over_id = config.sign_certification(key, &made.primary_key, &Password::empty(), Tag::UserId, &id);
    let details =
        SignedKeyDetails::new(vec![], vec![], vec![SignedUser::new(id, vec![over_id.unwrap()])], vec![]);
    SignedPublicKey::new(made.primary_key, details, vec![])
}
