//! Release repositories: begun, signed by keys that never meet, kept in tokens, renewed, and refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use host_tools::{Bind, Call, Sandbox};
use testkit::prepared;

use crate::world::{Ended, World, names};

const NOW: [&str; 2] = ["--now", "2026-11-21T18:00:00Z"];

/// A world with keys of these names, and their ids.
fn with_keys<const N: usize>(keys: [&str; N]) -> (World, [String; N]) {
    let world = World::new();
    fs::create_dir_all(world.path("keys")).unwrap();
    let ids = keys.map(|key| {
        let made = world.succeeds(["release", "key", "new", &file(&world, key), "--format", "json"]);
        let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
        made["id"].as_str().unwrap().to_owned()
    });
    (world, ids)
}

fn file(world: &World, key: &str) -> String {
    world.path(&format!("keys/{key}.pem")).to_str().unwrap().to_owned()
}

fn repository(world: &World) -> String {
    world.path("releases").to_str().unwrap().to_owned()
}

/// Runs `lazuli release WORDS…` with keys; a word that begins with `@` is a key's file.
fn release(world: &World, words: &[&str]) -> Ended {
    world.run(arguments(world, words))
}

fn arguments(world: &World, words: &[&str]) -> Vec<String> {
    let word = |word: &&str| match word.strip_prefix('@') {
        Some(key) => file(world, key),
        None => (*word).to_owned(),
    };
    ["release"].iter().chain(words).map(word).collect()
}

#[test]
fn a_repository_is_begun_renewed_and_checked() {
    let (world, [_, targets, online]) = with_keys(["root", "targets", "online"]);
    let place = repository(&world);
    let keys = ["--root-key", "@root", "--targets-key", "@targets", "--online-key", "@online"];
    let ended = release(&world, &[&["init", &place][..], &keys, &NOW].concat());
    assert_eq!(
        ended.stdout,
        format!(
            "a release repository in {place}\npublished: metadata/1.targets.json, metadata/1.snapshot.json, \
             metadata/1.root.json, metadata/timestamp.json\n"
        )
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    // The same again, elsewhere, is the same bytes.
    let other = world.path("other").to_str().unwrap().to_owned();
    assert_eq!(release(&world, &[&["init", &other][..], &keys, &NOW].concat()).code, 0);
    for name in names(&world.path("releases/metadata")) {
        let bytes = |folder: &str| fs::read(world.path(folder).join("metadata").join(&name)).unwrap();
        assert_eq!(bytes("releases"), bytes("other"), "{name}");
    }
    let status = release(&world, &["verify", &place, "--now", "2026-11-22T00:00:00Z"]);
    assert_eq!(
        status.stdout,
        "root       version 1, until 2027-11-21T18:00:00Z, signed by 1 of 1\n\
         targets    version 1, until 2027-05-20T18:00:00Z, signed by 1 of 1\n\
         snapshot   version 1, until 2026-12-21T18:00:00Z, signed by 1 of 1\n\
         timestamp  version 1, until 2026-11-28T18:00:00Z, signed by 1 of 1\n"
    );
    // A week later machines take it for frozen.
    let late = ["--now", "2026-11-29T00:00:00Z"];
    let ended = release(&world, &["verify", &place, late[0], late[1]]);
    assert_eq!(ended.code, 5, "{ended}");
    let expected = format!(
        "error: machines would stumble over the release repository {place}:\nthe timestamp metadata expired on 2026-11-28T18:00:00Z; \
         run `lazuli release renew --role timestamp`\n"
    );
    assert_eq!(ended.stderr, expected);
    let plan = release(&world, &["renew", &place, "--key", "@online", "--plan", late[0], late[1]]);
    assert_eq!(
        plan.stdout,
        "timestamp metadata for another lifetime\nwould be published: metadata/timestamp.json\n"
    );
    assert_eq!(release(&world, &["verify", &place, late[0], late[1]]).code, 5);
    assert_eq!(release(&world, &["renew", &place, "--key", "@online", late[0], late[1]]).code, 0);
    assert_eq!(release(&world, &["verify", &place, late[0], late[1]]).code, 0);
    // With the wrong key nothing is signed.
    let ended =
        release(&world, &["renew", &place, "--role", "targets", "--key", "@online", late[0], late[1]]);
    let expected = format!("  targets has 0 of 1 signatures by root 1; it lacks one by {}\n", &targets[..16]);
    assert_eq!(ended.stdout.lines().last().map(|line| format!("{line}\n")).unwrap(), expected);
    let status = release(&world, &["status", &place, late[0], late[1]]);
    assert!(
        status.stdout.contains(&format!(
            "staged     targets has 0 of 1 signatures by root 1; it lacks one by {}\n",
            &targets[..16]
        )),
        "{status}"
    );
    let ended = release(&world, &["sign", &place, "--key", "@targets", late[0], late[1]]);
    assert!(
        ended.stdout.contains(&format!(
            "snapshot has 0 of 1 signatures by root 1; it lacks one by {}",
            &online[..16]
        )),
        "{ended}"
    );
    let ended = release(&world, &["sign", &place, "--key", "@online", late[0], late[1]]);
    assert_eq!(
        ended.stdout,
        "published: metadata/2.targets.json, metadata/2.snapshot.json, metadata/timestamp.json\n"
    );
    let ended = release(&world, &["sign", &place, "--key", "@online", late[0], late[1]]);
    assert_eq!(ended.stdout, "nothing waits for signatures\n");
}

/// Two holders of root keys, each with a copy of the staged folder and nothing but their own key.
#[test]
fn root_keys_sign_on_machines_of_their_own() {
    let (world, [_, second, _, _, _]) = with_keys(["first", "second", "targets", "online", "third"]);
    let place = repository(&world);
    for key in ["first", "second"] {
        let shown = release(&world, &["key", "show", &format!("@{key}")]);
        fs::write(world.path(&format!("keys/{key}.pub.pem")), &shown.stdout).unwrap();
    }
    let ended = release(
        &world,
        &[
            "init",
            &place,
            "--root-key",
            "@first.pub",
            "--root-key",
            "@second.pub",
            "--root-threshold",
            "2",
            "--targets-key",
            "@targets",
            "--online-key",
            "@online",
            NOW[0],
            NOW[1],
        ],
    );
    assert_eq!(ended.code, 0, "{ended}");
    assert!(
        ended.stdout.contains(
            "staged, not published: signatures are missing\n  root has 0 of 2 signatures by root 1"
        ),
        "{ended}"
    );
    assert_eq!(release(&world, &["verify", &place, NOW[0], NOW[1]]).code, 5);
    // Each signs a copy of the folder and brings back what is staged.
    for key in ["first", "second"] {
        let copy = world.path(&format!("stick-{key}"));
        fs::create_dir_all(copy.join("staged")).unwrap();
        for name in names(&world.path("releases/staged")) {
            fs::copy(world.path("releases/staged").join(&name), copy.join("staged").join(&name)).unwrap();
        }
        let ended =
            release(&world, &["sign", copy.to_str().unwrap(), "--key", &format!("@{key}"), NOW[0], NOW[1]]);
        assert_eq!(ended.code, 0, "{ended}");
        if key == "first" {
            assert!(
                ended.stdout.contains(&format!(
                    "root has 1 of 2 signatures by root 1; it lacks one by {}",
                    &second[..16]
                )),
                "{ended}"
            );
        }
        fs::copy(copy.join("staged/root.json"), world.path("releases/staged/root.json")).unwrap();
    }
    let ended = release(&world, &["sign", &place, "--key", "@online", NOW[0], NOW[1]]);
    assert_eq!(ended.stdout.lines().count(), 1, "{ended}");
    assert_eq!(release(&world, &["verify", &place, NOW[0], NOW[1]]).code, 0);
    // A third root key comes, the second goes; a machine that was built with the first root follows.
    let root = world.path("root.json");
    fs::copy(world.path("releases/metadata/1.root.json"), &root).unwrap();
    assert_eq!(release(&world, &["key", "add", &place, "@third", "--role", "root", NOW[0], NOW[1]]).code, 0);
    let ended = release(
        &world,
        &[
            "key",
            "remove",
            &place,
            &second[..10],
            "--role",
            "root",
            "--key",
            "@first",
            "--key",
            "@second",
            "--key",
            "@third",
            NOW[0],
            NOW[1],
        ],
    );
    assert_eq!(
        ended.stdout,
        format!("key {} no longer signs for root\npublished: metadata/2.root.json\n", &second[..10])
    );
    let verified = release(&world, &["verify", &place, "--root", root.to_str().unwrap(), NOW[0], NOW[1]]);
    assert!(verified.stdout.starts_with("root       version 2,"), "{verified}");
}

#[test]
fn what_is_wrong_is_said_in_words_and_changes_nothing() {
    let (world, [root, _, _]) = with_keys(["root", "targets", "online"]);
    let place = repository(&world);
    let fails = |words: &[&str], code: i32, expected: &[&str]| {
        let arguments = arguments(&world, words);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        world.fails(&arguments, code, expected);
    };
    let keys = ["--root-key", "@root", "--targets-key", "@targets", "--online-key", "@online"];
    fails(&["status", &place], 1, &["cannot be read", "No such file"]);
    fails(
        &[&["init", &place][..], &keys, &["--root-threshold", "2"]].concat(),
        1,
        &["role root has 1 keys, and 2 of them cannot sign"],
    );
    fails(
        &[&["init", &place][..], &keys, &["--lifetime", "timestamp=soon"]].concat(),
        2,
        &["`timestamp=soon` is not the lifetime of a role", "timestamp=2d"],
    );
    fails(
        &[&["init", &place][..], &keys, &["--now", "yesterday"]].concat(),
        2,
        &["`yesterday` is not a time"],
    );
    assert!(!world.path("releases").exists());
    assert_eq!(release(&world, &[&["init", &place][..], &keys, &NOW].concat()).code, 0);
    fails(&[&["init", &place][..], &keys].concat(), 1, &["there is one already"]);
    fails(&["key", "new", "@root"], 1, &["key file", "File exists"]);
    fs::set_permissions(world.path("keys/root.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fails(&["sign", &place, "--key", "@root"], 1, &["has mode 644", "chmod 600"]);
    fs::set_permissions(world.path("keys/root.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let shown = release(&world, &["key", "show", "@root"]);
    fs::write(world.path("keys/public.pem"), &shown.stdout).unwrap();
    assert!(shown.stderr.contains(&root), "{shown}");
    fails(&["sign", &place, "--key", "@public"], 2, &["is a public key, which cannot sign"]);
    fails(
        &["sign", &place, "--key", "pkcs11:object=a?module-path=/no.so"],
        1,
        &["key pkcs11:object=a", "there is no library /no.so"],
    );
    fails(
        &["sign", &place, "--key", "pkcs11:object=a?module-path=/no.so&pin-value=1"],
        1,
        &["pin-source=file:PATH"],
    );
    fs::create_dir(world.path("empty")).unwrap();
    let empty = world.path("empty").to_str().unwrap().to_owned();
    fails(
        &["add", &place, &empty],
        1,
        &["was not published", "manifest.json cannot be read", "No such file"],
    );
    fails(
        &["add", &empty, &empty],
        1,
        &["there is no metadata/1.root.json; begin a repository with `lazuli release init`"],
    );
    fails(
        &["promote", &place, "host", "1", "--channel", "stable"],
        1,
        &["version 1 of host for x86-64 is not in the repository; it has: none"],
    );
    fails(
        &["promote", &place, "host", "1", "--channel", "stable", "--architecture", "riscv"],
        2,
        &["`riscv` is not the name of an architecture"],
    );
    fails(
        &["promote", &place, "Host", "1", "--channel", "stable"],
        2,
        &["`Host` is not the name of an image"],
    );
    fails(
        &["promote", &place, "host", "1_2", "--channel", "stable"],
        2,
        &["`1_2` is not the version of an image"],
    );
    fails(
        &["promote", &place, "host", "1", "--channel", "stable", "--waves", "10%@1d 5%@2d"],
        2,
        &["percents must rise"],
    );
    fails(
        &["withdraw", &place, "host", "1", "--channel", "stable", "--reason", "x"],
        1,
        &["has no channel stable; it has: none"],
    );
    assert_eq!(release(&world, &["verify", &place, NOW[0], NOW[1]]).code, 0);
    assert_eq!(names(&world.path("releases")), ["metadata"]);
}

/// SoftHSM is a token in software; the program runs in the judges' root, which has it.
#[test]
fn keys_in_a_token_sign_and_never_leave_it() {
    let Some(judges) = prepared::judge_root() else { return };
    let world = World::new();
    let place = world.path("token");
    fs::create_dir_all(place.join("tokens")).unwrap();
    fs::write(place.join("softhsm2.conf"), "directories.tokendir = /mnt/tokens\nlog.level = ERROR\n")
        .unwrap();
    write_with_mode(&place.join("pin"), "4711\n", 0o600);
    let token = Token { sandbox: sandbox(&judges, &place) };
    token.succeeds(
        "softhsm2-util",
        &["--init-token", "--free", "--label", "release keys", "--so-pin", "0815", "--pin", "4711"],
    );
    for (label, id, kind) in [
        ("root", "01", "EC:prime256v1"),
        ("targets", "02", "EC:prime256v1"),
        ("edwards", "03", "EC:edwards25519"),
    ] {
        token.succeeds(
            "pkcs11-tool",
            &[
                "--module",
                MODULE,
                "--token-label",
                "release keys",
                "--login",
                "--pin",
                "4711",
                "--keypairgen",
                "--key-type",
                kind,
                "--label",
                label,
                "--id",
                id,
            ],
        );
    }
    let uri = |label: &str| {
        format!("pkcs11:token=release%20keys;object={label}?module-path={MODULE}&pin-source=file:/mnt/pin")
    };
    token.lazuli(&["release", "key", "new", "/mnt/online.pem"]);
    let shown = token.lazuli(&["release", "key", "show", &uri("edwards"), "--format", "json"]);
    assert!(shown.contains("\"algorithm\": \"ed25519\""), "{shown}");
    let init = [
        "release",
        "init",
        "/mnt/r",
        "--root-key",
        &uri("root"),
        "--root-key",
        &uri("edwards"),
        "--root-threshold",
        "2",
        "--targets-key",
        &uri("targets"),
        "--online-key",
        "/mnt/online.pem",
        NOW[0],
        NOW[1],
    ];
    let begun = token.lazuli(&init);
    assert!(begun.contains("published: "), "{begun}");
    // What was signed is right, here and for those who never saw the token.
    let repository = place.join("r").to_str().unwrap().to_owned();
    world.succeeds(["release", "verify", &repository, NOW[0], NOW[1]]);
    let reference = "
import sys
from tuf.api.metadata import Metadata
for name in ('root', 'targets'):
    Metadata.from_file('/mnt/r/metadata/1.root.json').verify_delegate(name, Metadata.from_file(f'/mnt/r/metadata/1.{name}.json'))
print('verified')";
    assert_eq!(token.succeeds("python3", &["-c", reference]), "verified\n");
    // Wrong PIN, wrong token, wrong key: said in words.
    write_with_mode(&place.join("wrong"), "1234\n", 0o600);
    write_with_mode(&place.join("open"), "4711\n", 0o644);
    for (uri, expected) in [
        (uri("targets").replace("/mnt/pin", "/mnt/wrong"), "incorrect"),
        (
            uri("targets").replace("/mnt/pin", "/mnt/open"),
            "/mnt/open has mode 644, and a PIN is its owner's alone; run `chmod 600` on it",
        ),
        (uri("targets").replace("/mnt/pin", "/mnt/absent"), "the PIN cannot be read from /mnt/absent"),
        (
            uri("targets").replace("release%20keys", "other"),
            "no token fits; the library has: `release keys` with serial number",
        ),
        (
            uri("nobody"),
            "the token has no private key of this name; is the PIN given by `pin-source=file:PATH`?",
        ),
        (
            uri("targets").replace("&pin-source=file:/mnt/pin", ""),
            "the token has no private key of this name",
        ),
    ] {
        let said =
            token.fails(&["release", "renew", "/mnt/r", "--role", "targets", "--key", &uri, NOW[0], NOW[1]]);
        assert!(said.contains(expected), "{expected} in {said}");
        assert!(!said.contains("4711") && !said.contains("1234"), "{said}");
    }
}

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

fn write_with_mode(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

struct Token {
    sandbox: Sandbox,
}

fn sandbox(judges: &Path, place: &Path) -> Sandbox {
    let program = env!("CARGO_BIN_EXE_lazuli");
    let sandbox = Sandbox::new(judges).bind(Bind::writable(place, "/mnt"));
    sandbox.bind(Bind::read_only(program, "/srv/lazuli")).env("SOFTHSM2_CONF", "/mnt/softhsm2.conf")
}

impl Token {
    fn call(&self, program: &str, arguments: &[&str]) -> Ended {
        let call = Call::new(program).args(arguments.iter().copied()).accept_any_status();
        Ended::of(&self.sandbox.run(&call.env("PYTHONDONTWRITEBYTECODE", "1")).unwrap())
    }

    fn succeeds(&self, program: &str, arguments: &[&str]) -> String {
        let ended = self.call(program, arguments);
        assert_eq!(ended.code, 0, "{program} {arguments:?}: {ended}");
        ended.stdout
    }

    fn lazuli(&self, arguments: &[&str]) -> String {
        self.succeeds("/srv/lazuli", arguments)
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let ended = self.call("/srv/lazuli", arguments);
        assert_ne!(ended.code, 0, "{ended}");
        ended.stderr
    }
}

#[test]
fn what_an_update_costs_is_told_of_payloads_alone() {
    let world = World::new();
    let folder = world.path("no-payload");
    fs::create_dir_all(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    let ended = world.run(["dev", "update-bytes", folder, folder]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert_eq!(
        ended.stderr,
        format!(
            "error: the payload {folder} cannot be used\n  caused by: {folder}/manifest.json cannot be read\n  \
             caused by: No such file or directory (os error 2)\n"
        )
    );
}
