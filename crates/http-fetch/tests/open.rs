//! Single requests to servers and files that give more, less or something else than was asked for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use http_fetch::{Bound, Client, Options, Request, TransferError};
use testkit::http::{Fault, Server};
use url::Url;

/// A file `file` of ten digits, its server, and a client.
fn world() -> (tempfile::TempDir, Server, Client) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "0123456789").unwrap();
    let server = Server::start(folder.path()).unwrap();
    let client = Client::new(Options {
        user_agent: "test/1",
        tls: http_fetch::machine_authorities(),
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_millis(400),
        connections: 1,
    });
    (folder, server, client)
}

/// Where the content began, and the content.
fn read(client: &Client, url: &Url, start: u64, bound: Bound) -> Result<(u64, String), TransferError> {
    let request = Request { url, start, end: None, bound, stay_on_https: true, headers: &[] };
    let mut body = client.open(&request)?;
    let (position, mut content, mut buffer) = (body.position(), Vec::new(), [0; 4]);
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok((position, String::from_utf8(content).unwrap())),
            count => content.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn servers_and_files_are_read_within_their_bounds() {
    let (folder, server, client) = world();
    let remote = server.url("file").parse().unwrap();
    for url in [remote, Url::from_file_path(folder.path().join("file")).unwrap()] {
        let read = |start, bound| read(&client, &url, start, bound);
        assert_eq!(read(0, Bound::AtMost(10)).unwrap(), (0, "0123456789".to_owned()));
        assert_eq!(read(7, Bound::Exactly(10)).unwrap(), (7, "789".to_owned()));
        assert!(matches!(read(0, Bound::Exactly(9)), Err(TransferError::WrongSize { expected: 9, got: 10 })));
        assert!(matches!(read(0, Bound::AtMost(9)), Err(TransferError::TooLarge { limit: 9 })));
        assert!(matches!(read(11, Bound::AtMost(20)), Err(TransferError::NoSuchRange)));
        let missing = self::read(&client, &url.join("none").unwrap(), 0, Bound::AtMost(9)).unwrap_err();
        assert!(missing.is_missing() && !missing.may_pass(), "{missing}");
    }
    let folder =
        read(&client, &Url::from_file_path(folder.path()).unwrap(), 0, Bound::AtMost(9)).unwrap_err();
    assert!(folder.to_string().ends_with(": not a regular file"), "{folder}");
    let other = read(&client, &Url::parse("ftp://host/file").unwrap(), 0, Bound::AtMost(9)).unwrap_err();
    assert_eq!(other.to_string(), "not a http, https or file address");
}

#[test]
fn no_more_and_no_less_than_promised_is_read() {
    let (_folder, server, client) = world();
    let url = server.url("file").parse().unwrap();
    let meets = |fault, bound| {
        server.fail("file", 1, fault);
        read(&client, &url, 7, bound)
    };
    assert_eq!(meets(Fault::NoRange, Bound::AtMost(10)).unwrap(), (0, "0123456789".to_owned()));
    let endless = meets(Fault::Endless, Bound::Exactly(10));
    assert!(matches!(endless, Err(TransferError::WrongSize { expected: 10, got: 12 })), "{endless:?}");
    assert!(meets(Fault::CutAfter(1), Bound::AtMost(10)).unwrap_err().may_pass());
    assert!(meets(Fault::Stall(Duration::from_secs(2)), Bound::AtMost(10)).unwrap_err().may_pass());
}

#[test]
fn redirects_are_followed_five_times() {
    let (_folder, server, client) = world();
    let url = server.url("file").parse().unwrap();
    server.fail("file", 5, Fault::Redirect(server.url("file")));
    assert_eq!(read(&client, &url, 8, Bound::Exactly(10)).unwrap(), (8, "89".to_owned()));
    server.fail("file", 6, Fault::Redirect(server.url("file")));
    assert!(matches!(read(&client, &url, 8, Bound::Exactly(10)), Err(TransferError::Connection(_))));
}
