//! Signatures that count and signatures that do not, with keys made for each test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod keys;

use keys::{BORN, Key, Options, SIGNED, YEAR};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::RevocationCode;
use repository::openpgp::{
    Keyring, KeyringError, Refusal, VerifyError, has_signature, verify_cleartext, verify_detached,
    verify_package,
};
use rpm_model::header::PackageHeaders;

const NOW: u64 = SIGNED + 1000;
const CONTENT: &[u8] = b"<repomd/>\n";

fn refusals(error: VerifyError) -> Vec<Refusal> {
    match error {
        VerifyError::Refused { refusals, .. } => refusals,
        other => panic!("{other}"),
    }
}

fn refused(key: &Key, now: u64) -> Refusal {
    let signature = key.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    let error = verify_detached(&key.keyring(), CONTENT, &signature, "repomd.xml", now).unwrap_err();
    refusals(error).remove(0)
}

#[test]
fn detached_signatures_prove_content() {
    for key in [Key::ed25519(1), Key::rsa(2)] {
        let signature = key.sign(CONTENT, HashAlgorithm::Sha512, SIGNED);
        let verified = verify_detached(&key.keyring(), CONTENT, &signature, "repomd.xml", NOW).unwrap();
        assert_eq!(*verified.get(), CONTENT);
        assert_eq!(verified.signer().key, key.fingerprint());
        assert_eq!(
            (verified.signer().name.as_str(), verified.signer().time),
            ("test <test@example.org>", SIGNED)
        );
        let armored = keys::armored(&signature);
        verify_detached(&key.keyring(), CONTENT, armored.as_bytes(), "repomd.xml", NOW).unwrap();
    }
}

#[test]
fn changed_content_is_refused() {
    let key = Key::ed25519(1);
    let signature = key.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    let error =
        verify_detached(&key.keyring(), b"<repomd></repomd>", &signature, "repomd.xml", NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the signature of repomd.xml is not accepted: the content does not match the signature of key {} \
             (it was changed on the way, or is of another version: fetch again)",
            key.fingerprint()
        )
    );
}

#[test]
fn a_key_outside_of_the_keyring_is_named() {
    let (known, stranger) = (Key::ed25519(1), Key::ed25519(2));
    let signature = stranger.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    let error = verify_detached(&known.keyring(), CONTENT, &signature, "repomd.xml", NOW).unwrap_err();
    assert_eq!(refusals(error), [Refusal::UnknownKey { key: stranger.fingerprint() }]);
}

#[test]
fn one_accepted_signature_of_several_is_enough() {
    let (known, stranger) = (Key::ed25519(1), Key::ed25519(2));
    let mut signatures = stranger.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    signatures.extend(known.sign(CONTENT, HashAlgorithm::Sha256, SIGNED));
    verify_detached(&known.keyring(), CONTENT, &signatures, "repomd.xml", NOW).unwrap();
}

#[test]
fn weak_hashes_are_refused() {
    let key = Key::rsa(1);
    let signature = key.sign(CONTENT, HashAlgorithm::Sha1, SIGNED);
    let error = verify_detached(&key.keyring(), CONTENT, &signature, "repomd.xml", NOW).unwrap_err();
    assert_eq!(refusals(error), [Refusal::WeakHash { key: key.fingerprint(), hash: "SHA1".into() }]);
}

#[test]
fn keys_expire() {
    let key = Key::with(1, Options { lifetime: Some(YEAR), ..Options::default() });
    let signature = key.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    verify_detached(&key.keyring(), CONTENT, &signature, "repomd.xml", BORN + YEAR - 1).unwrap();
    let expected = Refusal::KeyExpired { key: key.fingerprint(), time: "2021-01-01T00:00:00Z".into() };
    assert_eq!(refused(&key, BORN + YEAR), expected);
}

#[test]
fn a_stolen_key_never_counts_a_retired_one_until_then() {
    let revoked = |reason| Key::with(1, Options { revoked: Some((reason, NOW)), ..Options::default() });
    let stolen = revoked(RevocationCode::KeyCompromised);
    assert_eq!(refused(&stolen, NOW - 1), Refusal::KeyRevoked { key: stolen.fingerprint() });
    let retired = revoked(RevocationCode::KeyRetired);
    let signature = retired.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    verify_detached(&retired.keyring(), CONTENT, &signature, "repomd.xml", NOW - 1).unwrap();
    assert_eq!(refused(&retired, NOW), Refusal::KeyRevoked { key: retired.fingerprint() });
}

#[test]
fn keys_for_other_purposes_do_not_count() {
    let key = Key::with(1, Options { may_sign: false, ..Options::default() });
    assert_eq!(refused(&key, NOW), Refusal::NotForSigning { key: key.fingerprint() });
}

#[test]
fn a_user_id_that_another_key_signed_says_nothing() {
    let key = Key::with(1, Options { self_signed_by: Some(7), ..Options::default() });
    assert_eq!(refused(&key, NOW), Refusal::NotForSigning { key: key.fingerprint() });
}

#[test]
fn the_future_is_refused() {
    let key = Key::ed25519(1);
    let time = "2020-06-01T00:00:00Z".to_owned();
    assert_eq!(refused(&key, SIGNED - 1), Refusal::FromTheFuture { key: key.fingerprint(), time });
}

#[test]
fn signatures_that_name_an_end_end_then() {
    let key = Key::ed25519(1);
    let signature = key.sign_until(CONTENT, SIGNED, 500);
    verify_detached(&key.keyring(), CONTENT, &signature, "repomd.xml", SIGNED + 499).unwrap();
    let error = verify_detached(&key.keyring(), CONTENT, &signature, "repomd.xml", SIGNED + 500).unwrap_err();
    assert!(matches!(refusals(error)[0], Refusal::SignatureExpired { .. }));
}

#[test]
fn subkeys_sign_if_both_keys_say_so() {
    let good = Key::with(1, Options { subkey: Some(true), ..Options::default() });
    let signature = good.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    let verified = verify_detached(&good.keyring(), CONTENT, &signature, "repomd.xml", NOW).unwrap();
    assert_ne!(verified.signer().key, verified.signer().certificate);
    let claimed = Key::with(1, Options { subkey: Some(false), ..Options::default() });
    assert_eq!(refused(&claimed, NOW), Refusal::NotForSigning { key: claimed.fingerprint() });
}

#[test]
fn garbage_is_no_signature() {
    let keyring = Key::ed25519(1).keyring();
    let check =
        |signature: &[u8]| verify_detached(&keyring, CONTENT, signature, "repomd.xml", NOW).unwrap_err();
    assert!(matches!(check(b""), VerifyError::NotSigned { .. } | VerifyError::Malformed { .. }));
    assert!(matches!(check(b"<html>404</html>"), VerifyError::Malformed { .. }));
    let whole = Key::ed25519(1).sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    for length in 0..whole.len() {
        check(&whole[..length]);
    }
    for index in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[index] ^= 0x10;
        // Bytes outside of the hashed part may change without harm; what matters is that the content stays proven.
        if let Ok(verified) = verify_detached(&keyring, CONTENT, &flipped, "repomd.xml", NOW) {
            assert_eq!(*verified.get(), CONTENT);
        }
    }
}

#[test]
fn cleartext_messages_give_their_text_alone() {
    let key = Key::ed25519(1);
    let message = key.sign_text("Origin: Test\n- dashed\nSuite: stable\n", SIGNED);
    let verified = verify_cleartext(&key.keyring(), message.as_bytes(), "InRelease", NOW).unwrap();
    assert_eq!(verified.get().trim_end(), "Origin: Test\n- dashed\nSuite: stable");

    let changed = message.replace("stable", "stuble");
    let error = verify_cleartext(&key.keyring(), changed.as_bytes(), "InRelease", NOW).unwrap_err();
    assert!(matches!(refusals(error)[0], Refusal::WrongSignature { .. }));

    let unsigned = verify_cleartext(&key.keyring(), b"Origin: Test\n", "InRelease", NOW).unwrap_err();
    assert_eq!(unsigned.to_string(), "InRelease is not signed");
    for extra in [format!("Evil: yes\n{message}"), format!("{message}\nEvil: yes\n")] {
        verify_cleartext(&key.keyring(), extra.as_bytes(), "InRelease", NOW).unwrap_err();
    }
}

#[test]
fn keyrings_are_armored_or_binary_and_may_be_pinned() {
    let (one, two) = (Key::ed25519(1), Key::ed25519(2));
    let armored = format!("first\n{}\nsecond\n{}", one.armored(), two.armored());
    let keyring = Keyring::parse(armored.as_bytes(), "keys.asc").unwrap();
    assert_eq!(keyring.fingerprints(), [one.fingerprint(), two.fingerprint()]);
    let binary = Keyring::parse(&[one.binary(), two.binary()].concat(), "keys.gpg").unwrap();
    assert_eq!(binary.fingerprints(), keyring.fingerprints());

    let pinned = keyring.clone().pinned(&[two.fingerprint().to_uppercase()]).unwrap();
    let signature = one.sign(CONTENT, HashAlgorithm::Sha256, SIGNED);
    verify_detached(&keyring, CONTENT, &signature, "repomd.xml", NOW).unwrap();
    verify_detached(&pinned, CONTENT, &signature, "repomd.xml", NOW).unwrap_err();

    let missing = keyring.pinned(&["00".repeat(20)]).unwrap_err();
    assert!(
        missing.to_string().starts_with("keyring keys.asc holds no certificate with the pinned"),
        "{missing}"
    );
    assert!(matches!(Keyring::parse(b"", "none"), Err(KeyringError::Empty { .. })));
    assert!(Keyring::parse(b"not a keyring", "none").is_err());
}

#[test]
fn package_signatures_prove_the_header() {
    let key = Key::rsa(3);
    for config in [rpm::BuildConfig::v4(), rpm::BuildConfig::v6()] {
        let bytes = signed_package(&key, config);
        let headers = PackageHeaders::parse(&bytes).unwrap();
        assert!(has_signature(&headers));
        let far_future = u64::from(u32::MAX);
        let verified = verify_package(&key.keyring(), &headers, "tiny", far_future).unwrap();
        assert_eq!(verified.signer().certificate, key.fingerprint());

        let start = usize::try_from(headers.header_start).unwrap();
        let end = usize::try_from(headers.header_end).unwrap();
        let summary = bytes[start..end].windows(9).position(|window| window == b"a summary").unwrap() + start;
        let mut changed = bytes.clone();
        changed[summary] = b'A';
        let headers = PackageHeaders::parse(&changed).unwrap();
        let error = verify_package(&key.keyring(), &headers, "tiny", far_future).unwrap_err();
        assert!(matches!(refusals(error)[0], Refusal::WrongSignature { .. }));
    }
}

#[test]
fn an_unsigned_package_is_called_so() {
    let mut bytes = Vec::new();
    tiny(rpm::BuildConfig::v4()).build().unwrap().write(&mut bytes).unwrap();
    let headers = PackageHeaders::parse(&bytes).unwrap();
    assert!(!has_signature(&headers));
    let error = verify_package(&Key::ed25519(1).keyring(), &headers, "tiny-1-1", NOW).unwrap_err();
    assert_eq!(error.to_string(), "tiny-1-1 is not signed");
}

fn tiny(config: rpm::BuildConfig) -> rpm::PackageBuilder {
    let mut builder = rpm::PackageBuilder::new("tiny", "1", "MIT", "noarch", "a summary");
    builder.using_config(config.source_date(u32::try_from(SIGNED).unwrap())).description("a text");
    builder
}

fn signed_package(key: &Key, config: rpm::BuildConfig) -> Vec<u8> {
    let signer = rpm::signature::pgp::Signer::new(key.secret().primary_key.clone()).unwrap();
    let mut bytes = Vec::new();
    tiny(config).build_and_sign(signer).unwrap().write(&mut bytes).unwrap();
    bytes
}
