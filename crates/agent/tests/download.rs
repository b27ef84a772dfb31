//! Downloads from servers that are slow, die, loop or answer something else.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::single_range_in_vec_init,
    reason = "a test that cannot go on fails"
)]

use std::ops::Range;
use std::time::Duration;

use agent::download::{Bound, Client, DownloadError, Options, RangesError};
use agent::error::Named;
use testkit::http::{Fault, Server};
use url::Url;

struct World {
    _folder: tempfile::TempDir,
    server: Server,
    client: Client,
    content: Vec<u8>,
}

/// A server with one file `pack` of 300,000 bytes, and a client in a hurry.
fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> =
        (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(folder.path().join("pack"), &content).unwrap();
    let options = Options {
        stall_timeout: Duration::from_millis(400),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
        attempts: 3,
        ..Options::default()
    };
    let server = Server::start(folder.path()).unwrap();
    World { _folder: folder, server, client: Client::new(options).unwrap(), content }
}

impl World {
    fn url(&self) -> Url {
        Url::parse(&self.server.url("pack")).unwrap()
    }

    fn whole(&self) -> Result<Vec<u8>, DownloadError> {
        self.client.whole(&self.url(), Bound::Exactly(300_000))
    }

    /// What the sink was given, one entry a range, and how the transfer ended.
    fn ranges(&self, ranges: &[Range<u64>]) -> (Vec<Vec<u8>>, Result<(), RangesError>) {
        let mut given: Vec<Vec<u8>> = vec![Vec::new(); ranges.len()];
        let ended = self.client.ranges(&self.url(), 300_000, ranges, &mut |offset, bytes| {
            let index = ranges.iter().position(|range| range.contains(&offset)).unwrap();
            assert_eq!(
                offset,
                ranges[index].start + given[index].len() as u64,
                "every byte once and in order"
            );
            given[index].extend_from_slice(bytes);
            Ok(())
        });
        (given, ended)
    }

    fn expected(&self, ranges: &[Range<u64>]) -> Vec<Vec<u8>> {
        ranges.iter().map(|range| self.content[range.start as usize..range.end as usize].to_vec()).collect()
    }

    fn asked(&self) -> Vec<String> {
        self.server.seen().iter().map(|seen| seen.headers.get("range").cloned().unwrap_or_default()).collect()
    }
}

const FAR: [Range<u64>; 3] = [1000..5000, 5000..9000, 200_000..210_000];

#[test]
fn ranges_are_asked_for_by_neighbourhood() {
    let world = world();
    let (given, ended) = world.ranges(&FAR);
    ended.unwrap();
    assert_eq!(given, world.expected(&FAR));
    // This server answers up to the end of the file: the second neighbourhood came with the first, or was asked for anew.
    assert_eq!(world.asked()[0], "bytes=1000-8999");
}

#[test]
fn a_server_without_ranges_is_read_once_from_the_start() {
    let world = world();
    world.server.fail("pack", 9, Fault::NoRange);
    let (given, ended) = world.ranges(&FAR);
    ended.unwrap();
    assert_eq!(given, world.expected(&FAR));
    assert_eq!(world.asked().len(), 1, "{:?}", world.asked());
}

#[test]
fn a_server_that_dies_is_asked_for_the_rest_alone() {
    let world = world();
    world.server.fail("pack", 1, Fault::CutAfter(100_000));
    assert!(world.whole().unwrap() == world.content);
    assert_eq!(world.asked(), ["", "bytes=100000-"]);

    let world = self::world();
    world.server.fail("pack", 1, Fault::CutAfter(3000));
    let (given, ended) = world.ranges(&FAR);
    ended.unwrap();
    assert_eq!(given, world.expected(&FAR));
    assert_eq!(world.asked()[..2], ["bytes=1000-8999", "bytes=4000-8999"]);
}

#[test]
fn a_server_that_keeps_dying_is_given_up_after_its_attempts() {
    let world = world();
    world.server.fail("pack", 99, Fault::CutAfter(10));
    let error = world.whole().unwrap_err();
    assert_eq!(error.name(), "download.connection", "{error}: {}", error.cause);
    assert_eq!(world.asked().len(), 3);
}

#[test]
fn a_server_that_stalls_is_left_and_asked_again() {
    let world = world();
    world.server.fail("pack", 1, Fault::Stall(Duration::from_secs(3)));
    assert!(world.whole().unwrap() == world.content);
    assert_eq!(world.asked(), ["", "bytes=150000-"]);
}

#[test]
fn a_redirect_in_circles_and_a_body_without_an_end_are_refused() {
    let world = world();
    world.server.fail("pack", 99, Fault::Redirect(world.server.url("pack")));
    let error = world.whole().unwrap_err();
    assert_eq!(error.name(), "download.connection", "{error}: {}", error.cause);

    let world = self::world();
    world.server.fail("pack", 99, Fault::Endless);
    let error = world.whole().unwrap_err();
    assert_eq!(error.name(), "download.wrong-size", "{error}: {}", error.cause);
    let error = world.client.whole(&world.url(), Bound::AtMost(1000)).unwrap_err();
    assert_eq!(error.name(), "download.too-large");
    assert_eq!(error.cause.to_string(), "larger than the limit of 1000 bytes");
}

#[test]
fn another_file_than_was_promised_is_refused_at_once() {
    let world = world();
    let error = world.client.whole(&world.url(), Bound::Exactly(299_999)).unwrap_err();
    assert_eq!(error.name(), "download.wrong-size");
    assert_eq!(error.cause.to_string(), "wrong size: expected 299999 bytes, got 300000");
    let far = [250_000..350_000];
    let ended = world.client.ranges(&world.url(), 350_000, &far, &mut |_, _| Ok(()));
    assert!(
        matches!(&ended, Err(RangesError::Download(error)) if error.name() == "download.wrong-size"),
        "{ended:?}"
    );
}

#[test]
fn errors_of_the_server_are_told_apart() {
    for (status, name, requests) in [
        (404, "download.missing", 1),
        (403, "download.missing", 1),
        (401, "download.status", 1),
        (503, "download.status", 3),
    ] {
        let world = world();
        world.server.fail("pack", 99, Fault::Status(status));
        let error = world.whole().unwrap_err();
        assert_eq!((error.name(), world.asked().len()), (name, requests), "{status}");
    }
}

#[test]
fn the_taker_of_the_bytes_can_end_the_transfer() {
    let world = world();
    let ended = world.client.ranges(&world.url(), 300_000, &FAR, &mut |_, _| Err("disk full".into()));
    assert!(matches!(ended, Err(RangesError::Sink(error)) if error.to_string() == "disk full"));
}

#[test]
fn files_are_served_as_servers_are() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pack"), &world.content).unwrap();
    let url = Url::from_file_path(folder.path().join("pack")).unwrap();
    assert!(world.client.whole(&url, Bound::Exactly(300_000)).unwrap() == world.content);
    let mut given = Vec::new();
    let sink = &mut |_, bytes: &[u8]| {
        given.extend_from_slice(bytes);
        Ok(())
    };
    world.client.ranges(&url, 300_000, &FAR, sink).unwrap();
    assert!(given == world.expected(&FAR).concat());
    let missing = Url::from_file_path(folder.path().join("other")).unwrap();
    assert!(world.client.whole(&missing, Bound::AtMost(10)).unwrap_err().is_missing());
}

#[test]
fn a_password_is_not_shown() {
    let error = world()
        .client
        .whole(&Url::parse("ftp://anna:secret@host/pack").unwrap(), Bound::AtMost(1))
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot download ftp://anna:***@host/pack");
}
