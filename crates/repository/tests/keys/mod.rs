//! Keys with the properties that a test asks for: seeds in, certificates and signatures out, the same every time.

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SecretKeyParamsBuilder,
    SignedKeyDetails, SignedPublicKey, SignedPublicSubKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, RevocationCode, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, KeyVersion, Password, SignedUser, SigningKey, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use repository::openpgp::Keyring;

/// 2020-01-02, when all keys are made.
pub(crate) const BORN: u64 = 1_577_923_200;
/// 2020-06-01, when things are signed.
pub(crate) const SIGNED: u64 = 1_590_969_600;
/// 365 days.
pub(crate) const YEAR: u64 = 365 * 86400;

/// What is special about a key.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) lifetime: Option<u64>,
    pub(crate) may_sign: bool,
    pub(crate) revoked: Option<(RevocationCode, u64)>,
    /// The user id is certified by the key of this seed instead of by itself.
    pub(crate) self_signed_by: Option<u64>,
    /// A subkey signs; whether it agrees to its binding.
    pub(crate) subkey: Option<bool>,
    pub(crate) rsa: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            lifetime: None,
            may_sign: true,
            revoked: None,
            self_signed_by: None,
            subkey: None,
            rsa: false,
        }
    }
}

pub(crate) struct Key {
    secret: SignedSecretKey,
    certificate: SignedPublicKey,
    options: Options,
}

impl Key {
    pub(crate) fn ed25519(seed: u64) -> Key {
        Key::with(seed, Options::default())
    }

    pub(crate) fn rsa(seed: u64) -> Key {
        Key::with(seed, Options { rsa: true, ..Options::default() })
    }

    pub(crate) fn with(seed: u64, options: Options) -> Key {
        let secret = secret(seed, &options);
        let certificate = certificate(&secret, &options);
        Key { secret, certificate, options }
    }

    pub(crate) fn secret(&self) -> &SignedSecretKey {
        &self.secret
    }

    /// Of the key that signs.
    pub(crate) fn fingerprint(&self) -> String {
        match self.options.subkey {
            Some(_) => hex::encode(self.secret.secret_subkeys[0].key.fingerprint().as_bytes()),
            None => hex::encode(self.secret.primary_key.fingerprint().as_bytes()),
        }
    }

    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::parse(&self.binary(), "test keyring").unwrap()
    }

    pub(crate) fn binary(&self) -> Vec<u8> {
        self.certificate.to_bytes().unwrap()
    }

    pub(crate) fn armored(&self) -> String {
        self.certificate.to_armored_string(ArmorOptions::default()).unwrap()
    }

    pub(crate) fn sign(&self, content: &[u8], hash: HashAlgorithm, time: u64) -> Vec<u8> {
        packet(&self.signature(content, hash, &[created(time)]))
    }

    pub(crate) fn sign_until(&self, content: &[u8], time: u64, lifetime: u64) -> Vec<u8> {
        let end = SubpacketData::SignatureExpirationTime(duration(lifetime));
        packet(&self.signature(content, HashAlgorithm::Sha256, &[created(time), end]))
    }

    pub(crate) fn sign_text(&self, text: &str, time: u64) -> String {
        let message = CleartextSignedMessage::new_many(text, |normalized| {
            Ok(vec![self.signature(normalized.as_bytes(), HashAlgorithm::Sha256, &[created(time)])])
        });
        message.unwrap().to_armored_string(ArmorOptions::default()).unwrap()
    }

    fn signature(&self, content: &[u8], hash: HashAlgorithm, subpackets: &[SubpacketData]) -> Signature {
        match self.options.subkey {
            Some(_) => sign_with(&self.secret.secret_subkeys[0].key, content, hash, subpackets),
            None => sign_with(&self.secret.primary_key, content, hash, subpackets),
        }
    }
}

/// A detached signature as a text.
pub(crate) fn armored(signature: &[u8]) -> String {
    use pgp::composed::Deserializable;
    DetachedSignature::from_bytes(signature).unwrap().to_armored_string(ArmorOptions::default()).unwrap()
}

fn secret(seed: u64, options: &Options) -> SignedSecretKey {
    let kind = if options.rsa { KeyType::Rsa(2048) } else { KeyType::Ed25519Legacy };
    let born = Timestamp::from_secs(u32::try_from(BORN).unwrap());
    let mut parameters = SecretKeyParamsBuilder::default();
    parameters
        .version(KeyVersion::V4)
        .key_type(kind)
        .can_certify(true)
        .can_sign(options.may_sign)
        .created_at(born)
        .primary_user_id("test <test@example.org>".into());
    if options.subkey.is_some() {
        let mut subkey = SubkeyParamsBuilder::default();
        subkey.version(KeyVersion::V4).key_type(KeyType::Ed25519Legacy).can_sign(true).created_at(born);
        parameters.subkey(subkey.build().unwrap());
    }
    parameters.build().unwrap().generate(StdRng::seed_from_u64(seed)).unwrap()
}

/// The certificate with signatures of a known time: rPGP itself would write the present one.
fn certificate(secret: &SignedSecretKey, options: &Options) -> SignedPublicKey {
    let made = secret.to_public_key();
    let (primary, id) = (made.primary_key.clone(), made.details.users[0].id.clone());
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(options.may_sign);
    let mut about = vec![created(BORN), SubpacketData::KeyFlags(flags)];
    about.extend(options.lifetime.map(|lifetime| SubpacketData::KeyExpirationTime(duration(lifetime))));
    let issuer = &secret.primary_key;
    let over_user = match options.self_signed_by {
        Some(seed) => {
            let other = self::secret(seed, &Options::default());
            let mut config =
                config(&other.primary_key, SignatureType::CertPositive, HashAlgorithm::Sha256, &about);
            config.hashed_subpackets[0] =
                Subpacket::regular(SubpacketData::IssuerFingerprint(issuer.fingerprint())).unwrap();
            config.unhashed_subpackets = vec![];
            config.sign_certification_third_party(
                &other.primary_key,
                &Password::empty(),
                &primary,
                Tag::UserId,
                &id,
            )
        }
        None => config(issuer, SignatureType::CertPositive, HashAlgorithm::Sha256, &about)
            .sign_certification(issuer, &primary, &Password::empty(), Tag::UserId, &id),
    };
    let revocation = options.revoked.map(|(reason, time)| {
        let about = [created(time), SubpacketData::RevocationReason(reason, b"test".to_vec().into())];
        config(issuer, SignatureType::KeyRevocation, HashAlgorithm::Sha256, &about)
            .sign_key(issuer, &Password::empty(), &primary)
            .unwrap()
    });
    let details = SignedKeyDetails::new(
        revocation.into_iter().collect(),
        vec![],
        vec![SignedUser::new(id, vec![over_user.unwrap()])],
        vec![],
    );
    let subkeys = options.subkey.map(|agrees| bound_subkey(secret, &made, agrees));
    SignedPublicKey::new(primary, details, subkeys.into_iter().collect())
}

fn bound_subkey(secret: &SignedSecretKey, made: &SignedPublicKey, agrees: bool) -> SignedPublicSubKey {
    let (private, public) = (&secret.secret_subkeys[0].key, made.public_subkeys[0].key.clone());
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    let mut about = vec![created(BORN), SubpacketData::KeyFlags(flags)];
    if agrees {
        let back = config(private, SignatureType::KeyBinding, HashAlgorithm::Sha256, &[created(BORN)])
            .sign_primary_key_binding(private, &public, &Password::empty(), &made.primary_key)
            .unwrap();
        about.push(SubpacketData::EmbeddedSignature(Box::new(back)));
    }
    let binding = config(&secret.primary_key, SignatureType::SubkeyBinding, HashAlgorithm::Sha256, &about)
        .sign_subkey_binding(&secret.primary_key, &made.primary_key, &Password::empty(), &public)
        .unwrap();
    SignedPublicSubKey::new(public, vec![binding])
}

fn sign_with(
    key: &impl SigningKey,
    content: &[u8],
    hash: HashAlgorithm,
    subpackets: &[SubpacketData],
) -> Signature {
    config(key, SignatureType::Binary, hash, subpackets).sign(key, &Password::empty(), content).unwrap()
}

fn config(
    key: &impl SigningKey,
    kind: SignatureType,
    hash: HashAlgorithm,
    subpackets: &[SubpacketData],
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), hash);
    let issuer = SubpacketData::IssuerFingerprint(key.fingerprint());
    let all = std::iter::once(issuer).chain(subpackets.iter().cloned());
    config.hashed_subpackets = all.map(|data| Subpacket::regular(data).unwrap()).collect();
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).unwrap()];
    config
}

fn packet(signature: &Signature) -> Vec<u8> {
    use pgp::packet::PacketTrait;
    let mut bytes = Vec::new();
    signature.to_writer_with_header(&mut bytes).unwrap();
    bytes
}

fn created(time: u64) -> SubpacketData {
    SubpacketData::SignatureCreationTime(Timestamp::from_secs(u32::try_from(time).unwrap()))
}

fn duration(seconds: u64) -> Duration {
    Duration::from_secs(u32::try_from(seconds).unwrap())
}
