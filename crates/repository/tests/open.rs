//! Repositories over HTTP, with every proof and every fault.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "each test file uses its part")]
mod keys;
#[allow(dead_code, reason = "each test file uses its part")]
mod records;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use keys::{Key, SIGNED};
use pgp::crypto::hash::HashAlgorithm;
use records::{file, record};
use repository::checksum::sha256;
use repository::download::{Cache, Downloader, Expected, Options};
use repository::metadata::compression::Compression;
use repository::write::{WriteOptions, write};
use repository::{Location, Mirrors, OpenError, Proof, Repository, Source};
use rpm_model::PackageRecord;
use testkit::http::{Fault, Server};

const NOW: u64 = SIGNED + 1000;

struct World {
    folder: tempfile::TempDir,
    server: Server,
}

impl World {
    /// A repository of two packages, at `m` and once more at `n`.
    fn new(compression: Compression) -> World {
        let folder = tempfile::tempdir().unwrap();
        for mirror in ["m", "n"] {
            let root = folder.path().join("served").join(mirror);
            fs::create_dir_all(&root).unwrap();
            let options = WriteOptions { compression, ..WriteOptions::default() };
            write(&root, &packages(), &options).unwrap();
            fs::write(root.join("a-1-1.noarch.rpm"), b"content of a").unwrap();
        }
        let server = Server::start(&folder.path().join("served")).unwrap();
        World { folder, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("served").join(name)
    }

    fn downloader(&self, offline: bool) -> Downloader {
        let options = Options {
            offline,
            retries: 1,
            first_pause: Duration::from_millis(1),
            stall_timeout: Duration::from_secs(2),
            ..Options::default()
        };
        Downloader::new(Cache::open(&self.folder.path().join("cache")).unwrap(), options)
    }

    fn source(&self, location: Location, proof: Proof) -> Source {
        let variables = [("name".to_owned(), "m".to_owned())].into();
        Source { id: "test".into(), location, proof, priority: 50, variables }
    }

    fn base(&self) -> Location {
        Location::Base(vec![self.server.url("$name/")])
    }

    fn open(&self, location: Location, proof: Proof) -> Result<Repository, OpenError> {
        Repository::open(&self.source(location, proof), &self.downloader(false), NOW)
    }

    fn repomd(&self) -> Vec<u8> {
        fs::read(self.path("m/repodata/repomd.xml")).unwrap()
    }

    fn sign(&self, key: &Key) {
        let signature = key.sign(&self.repomd(), HashAlgorithm::Sha256, SIGNED);
        fs::write(self.path("m/repodata/repomd.xml.asc"), keys::armored(&signature)).unwrap();
    }

    fn metadata_file(&self, kind: &str) -> PathBuf {
        let files = fs::read_dir(self.path("m/repodata")).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.to_str().unwrap().contains(&format!("-{kind}.xml"))).min().unwrap()
    }
}

fn packages() -> Vec<PackageRecord> {
    let mut a = record("a-1-1.noarch", &[], &["/usr/share/b/data"]);
    (a.checksum, a.package_size) = (sha256(b"content of a"), 12);
    a.files = vec![file("/usr/bin/a")];
    let mut b = record("b-1-1.noarch", &["thing = 2"], &[]);
    b.files = vec![file("/etc/b"), file("/usr/share/b/data"), file("/usr/share/b/other")];
    vec![a, b]
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn every_compression_is_read() {
    for compression in [Compression::Zstd, Compression::Gzip, Compression::Xz] {
        let world = World::new(compression);
        let repository = world.open(world.base(), Proof::Nothing).unwrap();
        let names: Vec<_> = repository.records.iter().map(|record| record.nevra.to_string()).collect();
        assert_eq!(names, ["a-1-1.noarch", "b-1-1.noarch"], "{compression:?}");
        assert_eq!((repository.priority, repository.revision.as_str()), (50, "1600000000"));
        assert_eq!(repository.repomd_checksum, sha256(&world.repomd()));
        assert_eq!(repository.unread().collect::<Vec<_>>(), ["other"]);
    }
}

#[test]
fn plain_http_alone_proves_nothing() {
    let world = World::new(Compression::Zstd);
    let error = world.open(world.base(), Proof::Transport).unwrap_err();
    let address = world.server.url("m/repodata/repomd.xml");
    assert_eq!(
        error.to_string(),
        format!(
            "repository test comes over plain HTTP from {address} and its metadata is not signed: name a keyring for \
             repomd.xml.asc, use https, or state that it is trusted without proof"
        )
    );
}

#[test]
fn local_folders_need_no_proof() {
    let world = World::new(Compression::Zstd);
    let source = Source::folder("local", &world.path("m"));
    let repository = Repository::open(&source, &world.downloader(false), NOW).unwrap();
    assert_eq!(repository.records.len(), 2);
    assert_eq!(repository.priority, 99);
}

#[test]
fn a_signature_is_checked() {
    let world = World::new(Compression::Zstd);
    let key = Key::ed25519(1);
    let signed = || world.open(world.base(), Proof::Signature(key.keyring()));
    let missing = chain(&signed().unwrap_err());
    assert!(missing.contains("repomd.xml.asc") && missing.contains("404"), "{missing}");
    world.sign(&Key::ed25519(2));
    let stranger = chain(&signed().unwrap_err());
    assert!(stranger.contains("is not in the keyring"), "{stranger}");
    world.sign(&key);
    assert_eq!(signed().unwrap().signed_by, Some(key.fingerprint()));
    fs::write(world.path("m/repodata/repomd.xml"), world.repomd().repeat(1).to_ascii_uppercase()).unwrap();
    let changed = chain(&signed().unwrap_err());
    assert!(changed.contains("does not match the signature"), "{changed}");
}

#[test]
fn a_stale_signature_from_a_cache_is_asked_for_again() {
    let world = World::new(Compression::Zstd);
    let key = Key::ed25519(1);
    let old = key.sign(b"older", HashAlgorithm::Sha256, SIGNED);
    world.sign(&key);
    world.server.fail("m/repodata/repomd.xml.asc", 1, Fault::Body(old));
    world.open(world.base(), Proof::Signature(key.keyring())).unwrap();
    let last = world.server.seen().into_iter().rfind(|seen| seen.path.ends_with(".asc")).unwrap();
    assert_eq!(last.headers.get("cache-control").map(String::as_str), Some("no-cache"));
}

#[test]
fn mirror_lists_and_bases_fail_over() {
    let world = World::new(Compression::Zstd);
    let list = format!("# mirrors\n{}\n{}\n", world.server.url("gone/"), world.server.url("n/"));
    fs::write(world.path("list"), list).unwrap();
    let location = Location::MirrorList(world.server.url("list"));
    assert_eq!(world.open(location, Proof::Nothing).unwrap().records.len(), 2);
    fs::write(world.path("list"), "<html>").unwrap();
    let error = world.open(Location::MirrorList(world.server.url("list")), Proof::Nothing).unwrap_err();
    assert!(matches!(error, OpenError::NoMirrors { .. }), "{error}");
}

fn metalink(world: &World, current: &[u8], older: &[u8]) -> String {
    let hash = |bytes: &[u8]| {
        let hex = sha256(bytes);
        format!(
            "<verification><hash type=\"md5\">{}</hash><hash type=\"sha256\">{}</hash></verification>",
            "0".repeat(32),
            hex.hex()
        )
    };
    format!(
        "<?xml version=\"1.0\"?><metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\" \
         xmlns:mm0=\"http://fedorahosted.org/mirrormanager\"><files><file name=\"repomd.xml\">\
         <mm0:timestamp>9</mm0:timestamp><size>{}</size>{}\
         <mm0:alternates><mm0:alternate><mm0:timestamp>8</mm0:timestamp><size>{}</size>{}</mm0:alternate></mm0:alternates>\
         <resources maxconnections=\"1\">\
         <url protocol=\"rsync\" type=\"rsync\" preference=\"100\">rsync://x/repodata/repomd.xml</url>\
         <url protocol=\"http\" type=\"http\" preference=\"90\">{}</url>\
         <url protocol=\"http\" type=\"http\" preference=\"99\">{}</url>\
         </resources></file></files></metalink>",
        current.len(),
        hash(current),
        older.len(),
        hash(older),
        world.server.url("n/repodata/repomd.xml"),
        world.server.url("gone/repodata/repomd.xml"),
    )
}

#[test]
fn a_metalink_states_which_repomd_is_accepted() {
    let world = World::new(Compression::Zstd);
    let location = || Location::Metalink(world.server.url("metalink"));
    let served = world.repomd();
    fs::write(world.path("metalink"), metalink(&world, &served, b"older")).unwrap();
    let repository = world.open(location(), Proof::Nothing).unwrap();
    assert_eq!(
        repository.mirrors.bases,
        [world.server.url("gone"), world.server.url("n")],
        "by preference, HTTP alone"
    );

    fs::write(world.path("metalink"), metalink(&world, b"newer, nowhere yet", &served)).unwrap();
    assert_eq!(
        world.open(location(), Proof::Nothing).unwrap().records.len(),
        2,
        "an older state is accepted where it is named"
    );

    fs::write(world.path("metalink"), metalink(&world, b"newer", b"other")).unwrap();
    let error = chain(&world.open(location(), Proof::Nothing).unwrap_err());
    assert!(error.contains("wrong size: expected 5 bytes"), "{error}");

    let error = world.open(location(), Proof::Transport).unwrap_err();
    assert!(
        matches!(error, OpenError::Unproven { .. }),
        "a metalink over plain HTTP proves nothing: {error}"
    );
}

#[test]
fn metadata_that_was_changed_is_refused() {
    let world = World::new(Compression::Zstd);
    let primary = world.metadata_file("primary");
    let mut bytes = fs::read(&primary).unwrap();
    bytes[40] ^= 1;
    fs::write(&primary, &bytes).unwrap();
    let error = chain(&world.open(world.base(), Proof::Nothing).unwrap_err());
    assert!(
        error.contains("primary of test") && error.contains("wrong checksum: expected sha256:"),
        "{error}"
    );
    fs::write(&primary, &bytes[..40]).unwrap();
    let error = chain(&world.open(world.base(), Proof::Nothing).unwrap_err());
    assert!(error.contains("wrong size"), "{error}");
}

#[test]
fn a_false_promise_about_the_content_is_noticed() {
    let world = World::new(Compression::Zstd);
    let text = String::from_utf8(world.repomd()).unwrap();
    let at = text.find("<open-checksum type=\"sha256\">").unwrap() + 29;
    let mut changed = text.clone();
    changed.replace_range(at..at + 64, &"0".repeat(64));
    fs::write(world.path("m/repodata/repomd.xml"), &changed).unwrap();
    let error = world.open(world.base(), Proof::Nothing).unwrap_err();
    assert!(matches!(error, OpenError::OpenChecksum { .. }), "{error}");

    let size = text.find("<open-size>").unwrap() + 11;
    let end = size + text[size..].find('<').unwrap();
    let mut changed = text.clone();
    changed.replace_range(size..end, "100");
    fs::write(world.path("m/repodata/repomd.xml"), &changed).unwrap();
    let error = chain(&world.open(world.base(), Proof::Nothing).unwrap_err());
    assert!(error.ends_with("it unfolds to more than 100 bytes"), "{error}");
}

#[test]
fn broken_xml_is_reported_by_place() {
    let world = World::new(Compression::Zstd);
    fs::write(
        world.path("m/repodata/repomd.xml"),
        "<repomd>\n  <data type=\"primary\">\n    <size>many</size>",
    )
    .unwrap();
    let error = chain(&world.open(world.base(), Proof::Nothing).unwrap_err());
    let address = world.server.url("m/repodata/repomd.xml");
    assert_eq!(error, format!("repository test: {address}:3:22: `many` is not a valid number"));
    fs::write(world.path("m/repodata/repomd.xml"), "<repomd/>").unwrap();
    let error = world.open(world.base(), Proof::Nothing).unwrap_err();
    assert_eq!(error.to_string(), "repository test: repomd.xml lists no `primary` metadata");
}

#[test]
fn file_lists_are_read_where_asked() {
    let world = World::new(Compression::Zstd);
    let mut repository = world.open(world.base(), Proof::Nothing).unwrap();
    let listed = |repository: &Repository| -> Vec<String> {
        repository.records[1].files.iter().map(|file| file.path.clone()).collect()
    };
    assert_eq!(listed(&repository), ["/etc/b"]);
    let wanted = |path: &str| path == "/usr/share/b/data" || path == "/etc/b";
    let downloader = world.downloader(false);
    assert_eq!(repository.load_files(&downloader, &wanted).unwrap(), 1);
    assert_eq!(listed(&repository), ["/etc/b", "/usr/share/b/data"]);
    assert_eq!(repository.load_files(&downloader, &wanted).unwrap(), 0, "nothing is added twice");
}

#[test]
fn required_files_are_found_for_the_closure() {
    use repository::check::{closure, load_required_files};
    let world = World::new(Compression::Zstd);
    let mut repositories = [world.open(world.base(), Proof::Nothing).unwrap()];
    let unresolved = |repositories: &[Repository]| {
        closure(
            repositories.iter().flat_map(|one| one.records.iter().map(|record| (one.id.as_str(), record))),
        )
        .len()
    };
    assert_eq!(unresolved(&repositories), 1);
    assert_eq!(load_required_files(&mut repositories, &world.downloader(false)).unwrap(), 1);
    assert_eq!(unresolved(&repositories), 0);
}

#[test]
fn packages_are_fetched_by_checksum_and_then_offline() {
    let world = World::new(Compression::Zstd);
    let repository = world.open(world.base(), Proof::Nothing).unwrap();
    let wanted = [&repository.records[0]];
    let paths = repository.fetch_packages(&wanted, &world.downloader(false), &|_| {}).unwrap();
    assert_eq!(fs::read(&paths[0]).unwrap(), b"content of a");
    let source = world.source(world.base(), Proof::Nothing);
    let offline = Repository::open(&source, &world.downloader(true), NOW).unwrap();
    assert_eq!(offline.fetch_packages(&wanted, &world.downloader(true), &|_| {}).unwrap(), paths);
    let missing = [&repository.records[1]];
    let error = chain(&offline.fetch_packages(&missing, &world.downloader(true), &|_| {}).unwrap_err());
    assert!(error.contains("b-1-1.noarch is not in the cache, and offline mode forbids"), "{error}");
}

#[test]
fn paths_out_of_the_repository_are_refused() {
    let world = World::new(Compression::Zstd);
    let mut bad = packages();
    bad[0].location = "../../etc/passwd".into();
    write(&world.path("m"), &bad, &WriteOptions::default()).unwrap();
    let repository = world.open(world.base(), Proof::Nothing).unwrap();
    let error = chain(&repository.package_request(&repository.records[0]).unwrap_err());
    assert_eq!(error, "repository test: `../../etc/passwd` is not a path inside of the repository");
}

#[test]
fn locked_files_need_no_metadata() {
    let world = World::new(Compression::Zstd);
    fs::remove_dir_all(world.path("m/repodata")).unwrap();
    fs::write(world.path("list"), world.server.url("m")).unwrap();
    let downloader = world.downloader(false);
    for location in [world.base(), Location::MirrorList(world.server.url("list"))] {
        let mirrors = Mirrors::find(&world.source(location, Proof::Transport), &downloader, NOW).unwrap();
        let expected = Expected::new(sha256(b"content of a"), Some(12));
        let request = mirrors.request("a-1-1.noarch", "a-1-1.noarch.rpm", expected).unwrap();
        assert_eq!(fs::read(downloader.fetch(&request).unwrap()).unwrap(), b"content of a");
    }
}
