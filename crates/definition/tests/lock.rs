//! A lock is printed and read back, two locks are compared, and a lock edited by hand is refused with the place of the edit.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use definition::lock::{
    ChangeKind, Lock, LockedImage, LockedPackage, LockedRepository, LockedSource, LockedUpstream, Reason,
};
use rpm_model::{Checksum, Nevra};

const SAMPLE: &str = include_str!("lock/sample.lock");

fn nevra(text: &str) -> Nevra {
    Nevra::parse(text).unwrap()
}

fn checksum(byte: u8) -> Checksum {
    Checksum::sha256(&[byte; 32])
}

fn package(repository: &str, byte: u8) -> LockedPackage {
    LockedPackage {
        repository: repository.to_owned(),
        checksum: checksum(byte),
        size: 1000 + u64::from(byte),
        build_time: 1_700_000_000 + u64::from(byte),
        location: format!("Packages/{byte}.rpm"),
        source: None,
    }
}

/// Packages `(nevra, byte of its checksum, reason)` of one image.
fn upstream(packages: &[(&str, u8, Reason)]) -> LockedUpstream {
    let mut upstream = LockedUpstream::default();
    let mut image = LockedImage { install: vec!["bash".to_owned()], ..LockedImage::default() };
    for (text, byte, reason) in packages {
        upstream.packages.insert(nevra(text), package("main", *byte));
        image.packages.insert(nevra(text), *reason);
    }
    let repomd = checksum(0xee);
    upstream
        .repositories
        .insert("main".to_owned(), LockedRepository::RpmMd { revision: "1".to_owned(), repomd });
    upstream.images.insert("server".to_owned(), image);
    upstream
}

fn lock(packages: &[(&str, u8, Reason)]) -> Lock {
    Lock { upstreams: [("fedora-43".to_owned(), upstream(packages))].into() }
}

fn sample() -> Lock {
    let mut debian = upstream(&[
        ("bash-5.3-2.x86_64", 1, Reason::User),
        ("libc6-1:2.43-7.x86_64", 2, Reason::Dependency),
        ("python3-six-1.17.0-1.noarch", 3, Reason::Weak),
    ]);
    debian.converter = Some("1".to_owned());
    let suite = "forky".to_owned();
    let date = "2026-10-30T08:08:01Z".to_owned();
    debian.repositories =
        [("main".to_owned(), LockedRepository::Deb { suite, date, in_release: checksum(0xdd) })].into();
    let path = "pool/main/b/bash/bash_5.3-2_amd64.deb".to_owned();
    let source = LockedSource { path, checksum: checksum(0xbb), size: 99, facts: String::new() };
    debian.packages.get_mut(&nevra("bash-5.3-2.x86_64")).unwrap().source = Some(source);
    let path = "pool/main/s/six/python3-six_1.17.0-1_all.deb".to_owned();
    let facts = "provided: \"a\" b=1".to_owned();
    let source = LockedSource { path, checksum: checksum(0xcc), size: 7, facts };
    debian.packages.get_mut(&nevra("python3-six-1.17.0-1.noarch")).unwrap().source = Some(source);
    let fedora = upstream(&[("bash-5.3-4.fc43.x86_64", 9, Reason::User)]);
    Lock { upstreams: [("debian-forky".to_owned(), debian), ("fedora-43".to_owned(), fedora)].into() }
}

#[test]
fn the_text_is_stable_and_read_back() {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write("tests/lock/sample.lock", sample().to_text()).unwrap();
    }
    assert_eq!(sample().to_text(), SAMPLE);
    assert_eq!(Lock::parse(SAMPLE, "lazuli.lock").unwrap(), sample());
    assert_eq!(Lock::parse(&Lock::default().to_text(), "lazuli.lock").unwrap(), Lock::default());
}

#[test]
fn odd_names_survive() {
    let mut odd = lock(&[("g++-4:15.2.0-1~x+b2^git.x86_64", 1, Reason::User)]);
    let upstream = odd.upstreams.remove("fedora-43").unwrap();
    odd.upstreams.insert("a.b \"c\"\\\u{7f}\n".to_owned(), upstream);
    assert_eq!(Lock::parse(&odd.to_text(), "lazuli.lock").unwrap(), odd);
}

#[test]
fn what_an_image_is_made_of_is_told() {
    let lock = sample();
    let debian = &lock.upstreams["debian-forky"];
    assert_eq!(debian.source_date_epoch("server"), Some(1_700_000_003));
    assert_eq!(debian.packages_of("server").count(), 3);
    assert_eq!(debian.packages_of("absent").count(), 0);
    let mut other = debian.clone();
    other.images.get_mut("server").unwrap().packages.insert(nevra("bash-5.3-2.x86_64"), Reason::Dependency);
    assert_ne!(other.image_digest("server"), debian.image_digest("server"), "reasons reach the image");
    other.images.clear();
    other.drop_unused_packages();
    assert!(other.packages.is_empty());
}

#[test]
fn a_lock_answers_exactly_the_request_it_was_made_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("lazuli.toml"),
        "[images.a.definition]\ntype = 'native'\npath = 'a.toml'\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("a.toml"), "kind = 'tree'\npackages.install = ['bash']\n").unwrap();
    let distro = definition::load(folder.path()).unwrap();
    let request = &distro.images["a"].native().unwrap().packages.all;
    let mut image = LockedImage { install: vec!["bash".to_owned()], ..LockedImage::default() };
    assert!(image.answers(request, false));
    assert!(!image.answers(request, true));
    image.install.push("dash".to_owned());
    assert!(!image.answers(request, false));
}

#[test]
fn changes_are_told_by_image() {
    use Reason::{Dependency, User};
    let old = lock(&[
        ("bash-5.3-2.x86_64", 1, User),
        ("gone-1-1.noarch", 2, User),
        ("kernel-core-6.1-1.x86_64", 3, User),
        ("kernel-core-6.2-1.x86_64", 4, User),
        ("libc-2.43-7.x86_64", 5, Dependency),
        ("moved-1-1.noarch", 6, Dependency),
        ("rebuilt-1-1.noarch", 7, Dependency),
        ("same-1-1.noarch", 8, Dependency),
    ]);
    let new = lock(&[
        ("bash-5.3-10.x86_64", 1, User),
        ("kernel-core-6.2-1.x86_64", 4, User),
        ("kernel-core-6.10-1.x86_64", 3, User),
        ("libc-1:2.42-1.x86_64", 5, Dependency),
        ("moved-1-1.x86_64", 6, Dependency),
        ("new-1-1.noarch", 2, User),
        ("older-1-1.noarch", 9, User),
        ("rebuilt-1-1.noarch", 17, Dependency),
        ("same-1-1.noarch", 8, Dependency),
    ]);
    let changes = Lock::changes(&old, &new);
    assert_eq!(
        changes.to_string(),
        "\
server on fedora-43: 2 added, 1 removed, 3 upgraded, 2 rebuilt
  upgraded   bash 5.3-2 -> 5.3-10
  removed    gone-1-1.noarch
  upgraded   kernel-core 6.1-1 -> 6.10-1
  upgraded   libc 2.43-7 -> 1:2.42-1
  rebuilt    moved-1-1.noarch -> moved-1-1.x86_64
  added      new-1-1.noarch
  added      older-1-1.noarch
  rebuilt    rebuilt-1-1.noarch
"
    );
    let back = Lock::changes(&new, &old);
    assert_eq!(back.upstreams["fedora-43"]["server"].count(ChangeKind::Downgraded), 3);
    assert!(Lock::changes(&old, &old).is_empty());
    assert_eq!(Lock::changes(&old, &old).to_string(), "nothing changed\n");
    let first = serde_json::to_value(&changes).unwrap()["fedora-43"]["server"][0].clone();
    let expected = serde_json::json!({"name": "bash", "kind": "upgraded", "from": "bash-5.3-2.x86_64", "to": "bash-5.3-10.x86_64"});
    assert_eq!(first, expected);
}

/// The problems of the sample after one edit: message lines and places.
fn edited(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "the edit applies: {from}");
    let problems = Lock::parse(&SAMPLE.replacen(from, to, 1), "lazuli.lock").unwrap_err();
    let lines: Vec<String> = problems
        .problems
        .iter()
        .map(|problem| {
            let at = problem.at.as_ref().unwrap();
            format!("{}:{}:{} {}", at.file, at.line, at.column, problem.message)
        })
        .collect();
    lines.join("\n")
}

#[test]
fn edits_by_hand_are_refused_where_they_are() {
    for (from, to, expected) in [
        (
            "version = 1",
            "version = 2",
            "lazuli.lock:2:11 this lock has version 2, and 1 is the only one known here",
        ),
        (
            "\"bash-5.3-2.x86_64\",",
            "\"bash-5.3-3.x86_64\",",
            "lazuli.lock:14:10 the packages of image `server` are not those its digest was made of\n\
             lazuli.lock:21:5 the lock has no package `bash-5.3-3.x86_64`",
        ),
        (
            "user = [\n    \"bash-5.3-2.x86_64\",\n]",
            "user = []",
            "lazuli.lock:14:10 the packages of image `server` are not those its digest was made of",
        ),
        (
            "repository = \"main\"",
            "repository = \"mian\"",
            "lazuli.lock:31:38 the lock has no repository `mian`",
        ),
        (
            "size = 1001",
            "size = -1",
            "lazuli.lock:31:139 `upstreams.debian-forky.packages.\"bash-5.3-2.x86_64\".size` must lie between 0 and 18446744073709551615",
        ),
        ("Packages/1.rpm", "../1.rpm", "lazuli.lock:31:181 `../1.rpm` is no place in a repository"),
        (
            "pool/main",
            "/pool",
            "lazuli.lock:31:217 `/pool/b/bash/bash_5.3-2_amd64.deb` is no place in a repository",
        ),
        (
            "date = \"2026-10-30T08:08:01Z\"",
            "date = \"today\"",
            "lazuli.lock:10:8 `today` is no moment as RFC 3339 writes it",
        ),
        ("suite = \"forky\"\n", "", "lazuli.lock:7:38 key `suite` of this repository is missing"),
        (
            "suite = \"forky\"",
            "revision = \"1\"",
            "lazuli.lock:7:38 key `suite` of this repository is missing\nlazuli.lock:9:12 a repository of this type does not have this key",
        ),
        ("converter", "convertor", "lazuli.lock:5:1 unknown key `convertor` in [upstreams.debian-forky]"),
    ] {
        assert_eq!(edited(from, to), expected, "{from} -> {to}");
    }
}

#[test]
fn a_truncated_lock_is_no_lock() {
    for end in (0..SAMPLE.len()).filter(|end| SAMPLE.is_char_boundary(*end)) {
        let cut = &SAMPLE[..end];
        // A cut between two upstreams leaves a lock of the first alone, which no check can tell from a whole one.
        if let Ok(lock) = Lock::parse(cut, "lazuli.lock") {
            for upstream in lock.upstreams.values() {
                for image in upstream.images.values() {
                    assert!(
                        image.packages.keys().all(|nevra| upstream.packages.contains_key(nevra)),
                        "cut at {end}"
                    );
                }
            }
        }
    }
}
