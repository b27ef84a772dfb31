//! Who signs what, and when it is enough.

use release_repository::change::{ChangeError, Lifetimes};
use release_repository::{AdvanceError, Repository, RoleName, advance};

use crate::world::{DAY, World, chain, files};

/// Two of three root keys that never meet on one machine.
#[test]
fn a_repository_begins_when_enough_keys_have_signed_each_on_its_own() {
    let world = World::new();
    let signers = world.signers([("a b c", 2), ("t u", 2), ("online", 1), ("online", 1)]);
    let begun = Repository::begin(&signers, Lifetimes::default(), world.now).unwrap();
    let missing = |missing: Vec<release_repository::Missing>| -> Vec<(RoleName, u64, u64)> {
        missing.iter().map(|missing| (missing.role, missing.valid, missing.needed)).collect()
    };
    assert_eq!(missing(world.sign(&begun, &["a"])), [(RoleName::Root, 1, 2), (RoleName::Targets, 0, 2)]);
    assert_eq!(world.problems(), ["nothing is published yet; sign what is staged"]);
    assert_eq!(
        missing(world.sign(&world.read(), &["a", "t"])),
        [(RoleName::Root, 1, 2), (RoleName::Targets, 1, 2)]
    );
    assert_eq!(missing(world.sign(&world.read(), &["c"])), [(RoleName::Targets, 1, 2)]);
    assert_eq!(missing(world.sign(&world.read(), &["u"])), [(RoleName::Snapshot, 0, 1)]);
    assert_eq!(missing(world.sign(&world.read(), &["online"])), []);
    assert_eq!(world.problems(), [""; 0]);
    assert!(!world.read().is_staged());
    let names: Vec<String> = files(&world.path()).into_keys().collect();
    assert_eq!(
        names,
        [
            "metadata/1.root.json",
            "metadata/1.snapshot.json",
            "metadata/1.targets.json",
            "metadata/timestamp.json"
        ]
    );
}

#[test]
fn equal_input_gives_equal_bytes() {
    let world = World::published();
    let first = files(&world.path());
    let again = Repository::begin(
        &world.signers([("root", 1), ("targets", 1), ("online", 1), ("online", 1)]),
        Lifetimes::default(),
        world.now,
    );
    let advance = world.advance(&again.unwrap(), &["online", "targets", "root"]);
    let second = advance.publish.into_iter().collect();
    assert_eq!(first, second);
}

#[test]
fn what_is_signed_enough_is_not_signed_again() {
    let world = World::published();
    let before = files(&world.path());
    assert_eq!(world.sign(&world.read(), &["root", "targets", "online"]), []);
    assert_eq!(files(&world.path()), before);
}

#[test]
fn lifetimes_are_the_repository_s_own() {
    let world = World::new();
    let lifetimes = Lifetimes { timestamp: 2 * DAY, ..Lifetimes::default() };
    let signers = world.signers([("root", 1), ("targets", 1), ("online", 1), ("online", 1)]);
    let begun = Repository::begin(&signers, lifetimes, world.now).unwrap();
    world.sign(&begun, &["root", "targets", "online"]);
    let expires: Vec<u64> = world.inspect().roles.iter().map(|role| role.expires - world.now).collect();
    assert_eq!(expires, [365 * DAY, 180 * DAY, 30 * DAY, 2 * DAY]);
    let mut later = world;
    later.now += DAY;
    assert_eq!(later.sign(&later.read().renew(RoleName::Timestamp, later.now).unwrap(), &["online"]), []);
    assert_eq!(later.inspect().roles[3].expires, later.now + 2 * DAY);
    assert_eq!(later.inspect().roles[3].version, 2);
}

#[test]
fn expired_metadata_is_told_and_never_signed() {
    let mut world = World::published();
    world.now += 7 * DAY;
    let message =
        "the timestamp metadata expired on 2026-11-28T18:00:00Z; run `lazuli release renew --role timestamp`";
    assert_eq!(world.problems(), [message]);
    let staged = world.read().renew(RoleName::Targets, world.now).unwrap();
    assert_eq!(world.sign(&staged, &[]).len(), 1);
    world.now += 200 * DAY;
    let error = advance(&world.read(), &[world.key("targets")], world.now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the staged targets metadata expired on 2027-05-27T18:00:00Z; stage it anew with `lazuli release renew --role targets`"
    );
    let anew = world.read().renew(RoleName::Targets, world.now).unwrap();
    assert_eq!(world.sign(&anew, &["targets", "online"]), []);
}

#[test]
fn a_key_of_no_role_is_refused() {
    let world = World::published();
    let error = advance(&world.read(), &[world.key("stranger")], world.now).unwrap_err();
    assert!(matches!(error, AdvanceError::UnknownKey { .. }));
    let known = |role: &str, name: &str| format!("{role} {}", &world.public(name).id()[..16]);
    let roles = [
        known("root", "root"),
        known("targets", "targets"),
        known("snapshot", "online"),
        known("timestamp", "online"),
    ];
    let expected =
        format!("key {} is of no role; the root names {}", world.public("stranger").id(), roles.join(", "));
    assert_eq!(error.to_string(), expected);
}

/// The new key signs, the old one does not, and a machine that knows only the first root follows.
#[test]
fn keys_are_exchanged_without_losing_machines() {
    let world = World::published();
    world.add("1");
    // Another targets key, and two of them must sign.
    let next =
        world.read().add_key(RoleName::Targets, &world.public("ec-second"), Some(2), world.now).unwrap();
    let missing = world.sign(&next, &["root"]);
    assert_eq!(missing.len(), 1);
    assert_eq!((missing[0].role, missing[0].valid, missing[0].needed), (RoleName::Targets, 0, 2));
    assert_eq!(world.problems(), [""; 0]);
    assert_eq!(world.sign(&world.read(), &["targets", "ec-second", "online"]), []);
    assert_eq!(world.problems(), [""; 0]);
    assert_eq!(world.inspect().roles[0].version, 2);
    // The first key leaves, and the root key is exchanged: signed by the old and the new one.
    let first = world.public("targets").id().to_owned();
    let next = world.read().remove_key(RoleName::Targets, &first[..8], Some(1), world.now).unwrap();
    let next = next.add_key(RoleName::Root, &world.public("root-2"), None, world.now).unwrap();
    let old_root = world.public("root").id().to_owned();
    let next = next.remove_key(RoleName::Root, &old_root, None, world.now).unwrap();
    let missing = world.sign(&next, &["root-2", "ec-second", "online"]);
    assert_eq!(
        missing.iter().map(|missing| (missing.role, missing.by_root)).collect::<Vec<_>>(),
        [(RoleName::Root, 2)]
    );
    assert_eq!(world.sign(&world.read(), &["root", "online"]), []);
    assert_eq!(world.problems(), [""; 0]);
    assert_eq!(world.inspect().roles[0].version, 3);
    // What is removed signs no more.
    let error = advance(&world.read(), &[world.key("targets")], world.now).unwrap_err();
    assert!(matches!(error, AdvanceError::UnknownKey { .. }), "{error}");
}

#[test]
fn an_online_key_is_exchanged_in_one_go() {
    let world = World::published();
    let mut next = world.read();
    for role in [RoleName::Snapshot, RoleName::Timestamp] {
        next = next.add_key(role, &world.public("online-2"), None, world.now).unwrap();
        next = next.remove_key(role, world.public("online").id(), None, world.now).unwrap();
    }
    assert_eq!(world.sign(&next, &["root", "online-2"]), []);
    assert_eq!(world.problems(), [""; 0]);
    assert_eq!(world.inspect().roles.iter().map(|role| role.version).collect::<Vec<_>>(), [2, 1, 2, 2]);
}

#[test]
fn what_would_lock_everybody_out_is_refused() {
    let world = World::published();
    let repository = world.read();
    let message = |change: Result<Repository, ChangeError>| change.unwrap_err().to_string();
    let id = world.public("targets").id().to_owned();
    assert_eq!(
        message(repository.remove_key(RoleName::Targets, &id, None, world.now)),
        "role targets has 0 keys, and 1 of them cannot sign: a threshold is 1 to the number of keys"
    );
    assert_eq!(
        message(repository.add_key(RoleName::Targets, &world.public("b"), Some(3), world.now)),
        "role targets has 2 keys, and 3 of them cannot sign: a threshold is 1 to the number of keys"
    );
    assert_eq!(
        message(repository.add_key(RoleName::Targets, &world.public("b"), Some(0), world.now)),
        "role targets has 2 keys, and 0 of them cannot sign: a threshold is 1 to the number of keys"
    );
    assert_eq!(
        message(repository.add_key(RoleName::Targets, &world.public("targets"), None, world.now)),
        format!("role targets has key {id} already")
    );
    assert_eq!(
        message(repository.remove_key(RoleName::Targets, "zz", None, world.now)),
        format!("role targets has 0 keys whose id begins with `zz`: {id}")
    );
    let two = repository.add_key(RoleName::Targets, &world.public("b"), None, world.now).unwrap();
    assert!(
        message(two.remove_key(RoleName::Targets, "", None, world.now))
            .starts_with("role targets has 2 keys")
    );
}

/// A key file that others can read is no secret.
#[test]
fn a_key_file_that_is_open_or_strange_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str| {
        let path = folder.path().join(name);
        let error = release_repository::key::load(path.to_str().unwrap()).unwrap_err();
        chain(&error).replace(&format!("{}/", folder.path().display()), "")
    };
    let key = release_repository::key::generate(
        &folder.path().join("a"),
        release_repository::key::Algorithm::Ed25519,
    )
    .unwrap();
    let pem = std::fs::read_to_string(folder.path().join("a")).unwrap();
    std::fs::set_permissions(folder.path().join("a"), PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(
        message("a"),
        "key file a has mode 640, and a private key is its owner's alone; run `chmod 600` on it"
    );
    std::fs::write(folder.path().join("public"), key.public().to_pem().unwrap()).unwrap();
    let loaded = release_repository::key::load(folder.path().join("public").to_str().unwrap()).unwrap();
    assert_eq!(loaded.public(), key.public());
    for (name, text, expected) in [
        ("empty", String::new(), "it has no PEM section (`-----BEGIN …`)"),
        ("cut", pem[..60].to_owned(), "it has no PEM section (`-----BEGIN …`)"),
        (
            "other",
            pem.replace("PRIVATE KEY", "CERTIFICATE"),
            "it is not a PEM section of type `PRIVATE KEY` or `PUBLIC KEY`",
        ),
        (
            "old",
            pem.replace("PRIVATE KEY", "EC PRIVATE KEY"),
            "it is in the old form; convert it with `openssl pkcs8 -topk8 -nocrypt`",
        ),
        (
            "strange",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_owned(),
            "releases are signed by Ed25519 keys and ECDSA keys on the curve P-256, and it is neither",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(message(name), format!("key file {name}: {expected}"));
    }
    assert_eq!(
        message("absent"),
        "key file absent: No such file or directory (os error 2): No such file or directory (os error 2)"
    );
    let again = release_repository::key::generate(
        &folder.path().join("a"),
        release_repository::key::Algorithm::Ed25519,
    );
    assert!(chain(&again.unwrap_err()).contains("File exists"));
    assert!(!format!("{key:?}").contains(&pem[30..60]));
}
