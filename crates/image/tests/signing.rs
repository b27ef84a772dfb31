//! Programs and root hashes signed here, judged by sbverify and openssl.
#![allow(clippy::unwrap_used, reason = "a test panics where it cannot go on")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use host_tools::{Bind, Call, Output, Sandbox};
use image::signing::{CertificateError, Signer, SigningError, sign_program, sign_root_hash};
use tempfile::TempDir;
use testkit::prepared;

const ROOT_HASH: [u8; 32] = [0x5a; 32];

struct World {
    tools: Sandbox,
    judges: PathBuf,
    folder: TempDir,
}

impl World {
    fn new() -> Option<World> {
        let (tools, judges) = (prepared::tools_root()?, prepared::judge_root()?);
        Some(World { tools: Sandbox::new(tools), judges, folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a shell script of the judges in the folder.
    fn judge(&self, script: &str) -> Output {
        let sandbox = Sandbox::new(&self.judges).bind(Bind::writable(self.folder.path(), "/run/work"));
        let call = Call::new("sh").args(["-ec", script]).directory("/run/work").accept_any_status();
        sandbox.run(&call).unwrap()
    }

    /// A key pair: `NAME.key`, `NAME.pem`.
    fn pair(&self, name: &str, kind: &str) {
        let made = self.judge(&format!(
            "openssl req -x509 -newkey {kind} -nodes -keyout {name}.key -out {name}.pem -days 3650 -subj /CN={name}"
        ));
        assert!(made.status.success(), "{}", made.stderr_text());
    }

    fn signer(&self, key: &str, certificate: &str) -> Result<Signer, SigningError> {
        Signer::from_files(&self.tools, &self.path(key), &self.path(certificate))
    }

    fn boot_loader(&self) -> Vec<u8> {
        fs::read(self.tools.root().join("usr/lib/systemd/boot/efi/systemd-bootx64.efi")).unwrap()
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_signed_program_is_verified_by_its_certificate_alone_and_a_changed_one_by_none() {
    let Some(world) = World::new() else { return };
    world.pair("ours", "rsa:2048");
    world.pair("other", "rsa:3072");
    let signer = world.signer("ours.key", "ours.pem").unwrap();
    write(&world.path("whole.efi"), &sign_program(&world.boot_loader(), &signer).unwrap());
    let verified = world.judge("sbverify --cert ours.pem whole.efi");
    assert!(verified.status.success(), "{}", verified.stderr_text());
    assert!(!verified.stderr_text().contains("warning"), "{}", verified.stderr_text());
    let mut program = world.boot_loader();
    // A length that is no multiple of 8 is filled up first.
    program.extend_from_slice(b"tail");
    let signed = sign_program(&program, &signer).unwrap();
    assert_eq!(signed, sign_program(&program, &signer).unwrap(), "the same bytes every time");
    write(&world.path("signed.efi"), &signed);
    let verified = world.judge("sbverify --cert ours.pem signed.efi");
    assert!(verified.status.success(), "{}", verified.stderr_text());
    assert!(!world.judge("sbverify --cert other.pem signed.efi").status.success());
    for place in [0x200, 0x1000, program.len() - 1] {
        let mut changed = signed.clone();
        changed[place] ^= 1;
        write(&world.path("changed.efi"), &changed);
        assert!(
            !world.judge("sbverify --cert ours.pem changed.efi").status.success(),
            "byte {place} is covered"
        );
    }
    let error = sign_program(&signed, &signer).unwrap_err();
    assert!(matches!(error, SigningError::Program(_)), "{error}");
    assert_eq!(error.to_string(), "the program to sign is signed already, and what is signed cannot change");
    let error = sign_program(b"MZ", &signer).unwrap_err();
    assert_eq!(error.to_string(), "the program to sign is no 64-bit EFI program");
}

#[test]
fn sbsign_computes_the_same_digest() {
    let Some(world) = World::new() else { return };
    world.pair("ours", "rsa:2048");
    let signer = world.signer("ours.key", "ours.pem").unwrap();
    write(&world.path("program.efi"), &world.boot_loader());
    write(&world.path("ours.efi"), &sign_program(&world.boot_loader(), &signer).unwrap());
    let script = "sbsign --key ours.key --cert ours.pem --output theirs.efi program.efi
        for name in ours theirs; do
            sbattach --detach $name.p7 $name.efi
            openssl asn1parse -inform DER -in $name.p7 | sed -n 's/.*l=  32 prim: OCTET STRING *//p' | head -1
        done";
    let said = world.judge(script);
    assert!(said.status.success(), "{}", said.stderr_text());
    let digests: Vec<String> = said.stdout_text().lines().map(str::to_owned).collect();
    assert_eq!(digests.len(), 2, "{digests:?}");
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn a_root_hash_is_signed_as_openssl_does() {
    let Some(world) = World::new() else { return };
    world.pair("ours", "rsa:2048");
    let signer = world.signer("ours.key", "ours.pem").unwrap();
    let signature = sign_root_hash(&ROOT_HASH, &signer).unwrap();
    write(&world.path("hash"), hex::encode(ROOT_HASH).as_bytes());
    write(&world.path("hash.p7s"), signature.der());
    let said = world.judge(
        "openssl smime -sign -nocerts -noattr -binary -in hash -inkey ours.key -signer ours.pem -outform der -out theirs.p7s
        cmp hash.p7s theirs.p7s
        openssl smime -verify -binary -inform der -in hash.p7s -content hash -certfile ours.pem -CAfile ours.pem -purpose any
        openssl x509 -in ours.pem -outform der | sha256sum",
    );
    assert!(said.status.success(), "{}", said.stderr_text());
    let json: serde_json::Value = serde_json::from_str(&signature.json()).unwrap();
    assert_eq!(json["rootHash"], hex::encode(ROOT_HASH));
    let fingerprint = json["certificateFingerprint"].as_str().unwrap();
    assert!(said.stdout_text().contains(fingerprint), "{fingerprint} in {}", said.stdout_text());
}

#[test]
fn keys_that_cannot_sign_are_refused_before_anything_is_signed() {
    let Some(world) = World::new() else { return };
    world.pair("ours", "rsa:2048");
    world.pair("other", "rsa:2048");
    world.pair("curve", "ec -pkeyopt ec_paramgen_curve:P-256");
    let error = world.signer("ours.key", "other.pem").unwrap_err();
    assert!(matches!(error, SigningError::DifferentPairs { .. }), "{error}");
    let error = world.signer("curve.key", "curve.pem").unwrap_err();
    assert!(matches!(error, SigningError::Certificate { source: CertificateError::NotRsa, .. }), "{error}");
    let error = world.signer("missing.key", "ours.pem").unwrap_err();
    assert!(error.to_string().ends_with("missing.key"), "{error}");
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(world.path("ours.key"), fs::Permissions::from_mode(mode)).unwrap();
        let error = world.signer("ours.key", "ours.pem").unwrap_err().to_string();
        let expected = format!(
            "ours.key has mode {mode:o}, and a private key is its owner's alone; run `chmod 600` on it"
        );
        assert!(error.starts_with("key file /") && error.ends_with(&expected), "{error}");
    }
    fs::set_permissions(world.path("ours.key"), fs::Permissions::from_mode(0o400)).unwrap();
    world.signer("ours.key", "ours.pem").unwrap();
    let locked = world.judge("openssl pkcs8 -topk8 -in ours.key -out locked.key -passout pass:secret");
    assert!(locked.status.success(), "{}", locked.stderr_text());
    assert!(matches!(world.signer("locked.key", "ours.pem").unwrap_err(), SigningError::Key(_)));
    let two =
        [fs::read(world.path("ours.pem")).unwrap(), fs::read(world.path("other.pem")).unwrap()].concat();
    write(&world.path("two.pem"), &two);
    let error = world.signer("ours.key", "two.pem").unwrap_err();
    assert!(matches!(error, SigningError::Certificate { source: CertificateError::Count { found: 2 }, .. }));
}
