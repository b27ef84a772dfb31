//! Files over HTTP from a server that misbehaves, into a cache that must stay sound.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use repository::checksum::sha256;
use repository::download::{
    AttemptError, Cache, DownloadError, Downloader, Expected, NamedRequest, Options, Request,
};
use rpm_model::{Checksum, ChecksumAlgorithm};
use testkit::http::{Fault, Server};

struct World {
    folder: tempfile::TempDir,
    server: Server,
}

fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(|number| number.to_le_bytes()).collect()
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("served");
        for mirror in ["a", "b"] {
            fs::create_dir_all(root.join(mirror)).unwrap();
            fs::write(root.join(mirror).join("file"), content()).unwrap();
        }
        let server = Server::start(&root).unwrap();
        World { folder, server }
    }

    fn options() -> Options {
        Options {
            first_pause: Duration::from_millis(1),
            retries: 2,
            stall_timeout: Duration::from_millis(400),
            connections: 4,
            ..Options::default()
        }
    }

    fn downloader(&self, options: Options) -> Downloader {
        Downloader::new(Cache::open(&self.folder.path().join("cache")).unwrap(), options)
    }

    fn request(&self, paths: &[&str]) -> Request {
        Request {
            name: "file".into(),
            urls: paths.iter().map(|path| self.server.url(path)).collect(),
            expected: Expected::new(sha256(&content()), Some(content().len() as u64)),
        }
    }

    fn fetch(&self, paths: &[&str]) -> Result<Vec<u8>, DownloadError> {
        self.downloader(Self::options()).fetch(&self.request(paths)).map(|path| fs::read(path).unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.server.seen().into_iter().map(|seen| seen.path).collect()
    }

    fn cached(&self) -> usize {
        files_below(&self.folder.path().join("cache/sha256"))
    }
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

#[test]
fn a_file_is_downloaded_once() {
    let world = World::new();
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
    assert_eq!(world.asked(), ["/a/file"]);
}

#[test]
fn a_mirror_without_the_file_is_left_for_the_next() {
    let world = World::new();
    world.server.fail("a/file", 1, Fault::Status(404));
    assert_eq!(world.fetch(&["a/file", "b/file"]).unwrap(), content());
    assert_eq!(world.asked(), ["/a/file", "/b/file"]);
}

#[test]
fn a_cut_transfer_goes_on_where_it_stopped() {
    let world = World::new();
    world.server.fail("a/file", 1, Fault::CutAfter(500_000));
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
    let ranges: Vec<_> =
        world.server.seen().into_iter().map(|seen| seen.headers.get("range").cloned()).collect();
    assert_eq!(ranges, [None, Some("bytes=500000-".to_owned())]);
}

#[test]
fn a_transfer_goes_on_at_another_mirror_and_after_a_restart_of_the_program() {
    let world = World::new();
    world.server.fail("a/file", 9, Fault::CutAfter(100_000));
    let error = world.fetch(&["a/file"]).unwrap_err();
    assert!(matches!(error, DownloadError::EveryAddressFailed { .. }), "{error}");
    assert_eq!(world.cached(), 0, "an unfinished file has no name in the cache");
    assert_eq!(world.fetch(&["b/file"]).unwrap(), content());
    assert_eq!(
        world.server.seen().last().unwrap().headers.get("range").map(String::as_str),
        Some("bytes=300000-"),
        "three tries of 100000 bytes were kept"
    );
}

#[test]
fn a_server_that_ignores_ranges_sends_everything_again() {
    let world = World::new();
    world.server.fail("a/file", 1, Fault::CutAfter(500_000));
    world.server.fail("a/file", 1, Fault::NoRange);
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
}

#[test]
fn wrong_bytes_of_one_mirror_do_not_spoil_the_next() {
    let world = World::new();
    world.server.fail("a/file", 1, Fault::WrongByte);
    assert_eq!(world.fetch(&["a/file", "b/file"]).unwrap(), content());
    assert_eq!(world.asked(), ["/a/file", "/b/file"]);
}

#[test]
fn wrong_first_half_of_one_mirror_costs_the_next_a_second_transfer() {
    let world = World::new();
    let mut wrong = content();
    wrong[7] ^= 1;
    fs::write(world.folder.path().join("served/a/file"), &wrong).unwrap();
    world.server.fail("a/file", 9, Fault::CutAfter(100_000));
    assert_eq!(world.fetch(&["a/file", "b/file"]).unwrap(), content());
}

#[test]
fn an_error_names_address_expected_and_got() {
    let world = World::new();
    world.server.fail("a/file", 9, Fault::WrongByte);
    let error = world.fetch(&["a/file"]).unwrap_err();
    let DownloadError::EveryAddressFailed { failures, .. } = &error else { panic!("{error}") };
    let AttemptError::WrongChecksum { expected, got } = &failures[0].cause else { panic!("{error}") };
    assert_eq!(expected, &sha256(&content()));
    assert_ne!(expected, got);
    let address = world.server.url("a/file");
    assert_eq!(
        error.to_string(),
        format!("cannot download file from {address}: wrong checksum: expected {expected}, got {got}")
    );
    assert_eq!(world.cached(), 0);
}

#[test]
fn failures_that_may_pass_are_tried_again() {
    let world = World::new();
    world.server.fail("a/file", 1, Fault::Status(503));
    world.server.fail("a/file", 1, Fault::Stall(Duration::from_secs(3)));
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
    assert_eq!(world.asked().len(), 3);
}

#[test]
fn failures_that_will_not_pass_are_not() {
    let world = World::new();
    let error = world.fetch(&["none/file"]).unwrap_err();
    let address = world.server.url("none/file");
    assert_eq!(error.to_string(), format!("cannot download file from {address}: the server answered 404"));
    assert_eq!(world.asked().len(), 1);
}

#[test]
fn a_larger_file_than_promised_is_refused_before_it_is_transferred() {
    let world = World::new();
    world.server.fail("a/file", 1, Fault::Body(vec![1; 2_000_000]));
    let error = world.fetch(&["a/file"]).unwrap_err();
    assert!(error.to_string().ends_with("wrong size: expected 1200000 bytes, got 2000000"), "{error}");
}

#[test]
fn an_endless_answer_is_cut_off() {
    let world = World::new();
    world.server.fail("a/file", 9, Fault::Endless);
    let error = world.fetch(&["a/file"]).unwrap_err();
    assert!(error.to_string().contains("wrong size: expected 1200000 bytes, got "), "{error}");
    let named = NamedRequest {
        name: "file".into(),
        key: "k".into(),
        urls: vec![world.server.url("a/file")],
        limit: 10_000,
        bypass_caches: false,
    };
    let error = world.downloader(World::options()).fetch_named(&named).unwrap_err();
    assert!(error.to_string().ends_with("larger than the limit of 10000 bytes"), "{error}");
}

#[test]
fn redirects_are_followed() {
    let world = World::new();
    let target = world.server.url("b/file");
    world.server.fail("a/file", 1, Fault::Redirect(target));
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
    assert_eq!(world.asked(), ["/a/file", "/b/file"]);
}

#[test]
fn local_files_are_copied_after_the_same_checks() {
    let world = World::new();
    let path = world.folder.path().join("served/a/file");
    let request = Request { urls: vec![format!("file://{}", path.display())], ..world.request(&[]) };
    let downloader = world.downloader(World::options());
    assert_eq!(fs::read(downloader.fetch(&request).unwrap()).unwrap(), content());
    let mut wrong = content();
    wrong[5] ^= 1;
    fs::write(&path, &wrong).unwrap();
    let other = Request { expected: Expected::new(sha256(b"other"), Some(wrong.len() as u64)), ..request };
    let error = downloader.fetch(&other).unwrap_err();
    assert!(error.to_string().contains("wrong checksum"), "{error}");
}

#[test]
fn a_damaged_file_in_the_cache_is_downloaded_again() {
    let world = World::new();
    let downloader = world.downloader(World::options());
    let path = downloader.fetch(&world.request(&["a/file"])).unwrap();
    fs::write(&path, b"flipped").unwrap();
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
    assert_eq!(world.asked().len(), 2);
}

#[test]
fn other_strong_checksums_find_the_file_too() {
    let world = World::new();
    let mut hash = repository::checksum::Hasher::new(ChecksumAlgorithm::Sha512);
    hash.update(&content());
    let request = Request { expected: Expected::new(hash.finish(), None), ..world.request(&["a/file"]) };
    let downloader = world.downloader(World::options());
    let first = downloader.fetch(&request).unwrap();
    assert_eq!(downloader.fetch(&request).unwrap(), first);
    assert_eq!(world.asked(), ["/a/file"]);
}

#[test]
fn weak_checksums_are_not_enough() {
    let world = World::new();
    let md5 = Checksum::new(ChecksumAlgorithm::Md5, &"0".repeat(32)).unwrap();
    let request = Request { expected: Expected::new(md5, None), ..world.request(&["a/file"]) };
    let error = world.downloader(World::options()).fetch(&request).unwrap_err();
    assert!(matches!(error, DownloadError::WeakChecksum { .. }), "{error}");
    assert!(world.asked().is_empty());
}

#[test]
fn offline_uses_the_cache_alone() {
    let world = World::new();
    let offline = || world.downloader(Options { offline: true, ..World::options() });
    let request = world.request(&["a/file"]);
    let error = offline().fetch(&request).unwrap_err();
    assert!(matches!(error, DownloadError::Offline { .. }), "{error}");
    world.fetch(&["a/file"]).unwrap();
    assert_eq!(fs::read(offline().fetch(&request).unwrap()).unwrap(), content());
    assert_eq!(world.asked().len(), 1);
}

#[test]
fn named_things_are_revalidated() {
    let world = World::new();
    let downloader = world.downloader(World::options());
    let named = NamedRequest {
        name: "index".into(),
        key: "index of a".into(),
        urls: vec![world.server.url("a/file")],
        limit: 1 << 24,
        bypass_caches: false,
    };
    let first = downloader.fetch_named(&named).unwrap();
    assert_eq!(downloader.fetch_named(&named).unwrap(), first);
    assert!(!first.https);
    let seen = world.server.seen();
    assert!(seen[1].headers.contains_key("if-none-match"), "{seen:?}");

    fs::write(world.folder.path().join("served/a/file"), b"new").unwrap();
    let second = downloader.fetch_named(&named).unwrap();
    assert_eq!(fs::read(&second.path).unwrap(), b"new");
    assert_eq!(fs::read(&first.path).unwrap(), content(), "the old content is still there");

    let fresh = NamedRequest { bypass_caches: true, ..named.clone() };
    downloader.fetch_named(&fresh).unwrap();
    let last = world.server.seen().pop().unwrap();
    assert_eq!(last.headers.get("cache-control").map(String::as_str), Some("no-cache"));
    assert!(!last.headers.contains_key("if-none-match"));

    let offline = world.downloader(Options { offline: true, ..World::options() });
    assert_eq!(offline.fetch_named(&named).unwrap().path, second.path);
}

#[test]
fn many_files_come_at_once_in_the_order_asked() {
    let world = World::new();
    let root = world.folder.path().join("served/many");
    fs::create_dir_all(&root).unwrap();
    let bodies: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 1000 * usize::from(number)]).collect();
    let requests: Vec<Request> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            fs::write(root.join(number.to_string()), body).unwrap();
            Request {
                name: number.to_string(),
                urls: vec![world.server.url(&format!("many/{number}"))],
                expected: Expected::new(sha256(body), Some(body.len() as u64)),
            }
        })
        .collect();
    let complete = AtomicBool::new(false);
    let total: u64 = bodies.iter().map(|body| body.len() as u64).sum();
    let downloader = world.downloader(World::options());
    let paths = downloader
        .fetch_all(&requests, &|progress| {
            assert_eq!((progress.files_total, progress.bytes_total), (40, total));
            if progress.files == 40 && progress.bytes == total {
                complete.store(true, Ordering::Relaxed);
            }
        })
        .unwrap();
    assert!(complete.load(Ordering::Relaxed), "the last report says that everything is there");
    let read: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(read, bodies);
}

#[test]
fn one_failure_of_many_is_the_one_reported() {
    let world = World::new();
    let missing = Request {
        name: "missing".into(),
        urls: vec![world.server.url("none")],
        expected: Expected::new(sha256(b"?"), Some(1)),
    };
    let slow = world.request(&["a/file"]);
    let error = world.downloader(World::options()).fetch_all(&[slow, missing], &|_| {}).unwrap_err();
    assert!(error.to_string().starts_with("cannot download missing from "), "{error}");
}

#[test]
fn two_downloaders_of_one_cache_share_one_transfer() {
    let world = World::new();
    world.server.fail("a/file", 1, Fault::Stall(Duration::from_millis(200)));
    let request = world.request(&["a/file"]);
    let paths: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let downloader = world.downloader(World::options());
                let request = &request;
                scope.spawn(move || downloader.fetch(request).unwrap())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(paths.iter().all(|path| fs::read(path).unwrap() == content()));
    assert_eq!(world.asked().len(), 1);
    assert_eq!(files_below(&world.folder.path().join("cache/partial")), 0);
}

#[test]
fn passwords_are_not_shown() {
    let world = World::new();
    let url = world.server.url("none").replace("http://", "http://me:secret@");
    let request = Request { urls: vec![url], ..world.request(&[]) };
    let error = world.downloader(World::options()).fetch(&request).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(error.to_string().contains("404"), "{error}");
}

/// Where the killed process finds its task.
const TASK: &str = "REPOSITORY_TEST_KILLED_DOWNLOAD";

#[test]
fn a_killed_process_leaves_what_the_next_one_goes_on_with() {
    if let Some((cache, url)) = std::env::var(TASK).ok().as_deref().and_then(|task| task.split_once('|')) {
        // This is the process that will be killed.
        let downloader = Downloader::new(Cache::open(Path::new(cache)).unwrap(), Options::default());
        let expected = Expected::new(sha256(&content()), Some(content().len() as u64));
        drop(downloader.fetch(&Request { name: "file".into(), urls: vec![url.to_owned()], expected }));
        return;
    }
    let world = World::new();
    let cache = world.folder.path().join("cache");
    world.server.fail("a/file", 1, Fault::Stall(Duration::from_secs(15)));
    #[allow(clippy::disallowed_methods, reason = "the test starts itself once more, to kill it")]
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["a_killed_process_leaves_what_the_next_one_goes_on_with", "--exact"])
        .env(TASK, format!("{}|{}", cache.display(), world.server.url("a/file")))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let partial = cache.join("partial").join(format!("sha256-{}", sha256(&content()).hex()));
    let half = content().len() as u64 / 2;
    for _ in 0..1000 {
        if fs::metadata(&partial).is_ok_and(|facts| facts.len() == half) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::metadata(&partial).unwrap().len(), half, "the first half is kept");
    assert_eq!(world.cached(), 0, "and has no name yet");
    assert_eq!(world.fetch(&["a/file"]).unwrap(), content());
    let last = world.server.seen().pop().unwrap();
    assert_eq!(last.headers.get("range"), Some(&format!("bytes={half}-")));
}
