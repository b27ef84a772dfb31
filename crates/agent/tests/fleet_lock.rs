//! The FleetLock protocol as a server of it sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use agent::config::FleetLock;
use agent::download::Options;
use agent::error::Named as _;
use agent::reboot::{FleetLockError, Lock, LockClient};
use url::Url;

/// A server that answers one request with this status and content, and then tells the request's lines and content.
fn server(status: u16, content: &str) -> (FleetLock, JoinHandle<(Vec<String>, String)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = Url::parse(&format!("http://{}/lock/", listener.local_addr().unwrap())).unwrap();
    let answer = format!("HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\n\r\n{content}", content.len());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_ascii_lowercase());
        }
        let length =
            lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
        let mut content = vec![0; length];
        reader.read_exact(&mut content).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        (lines, String::from_utf8(content).unwrap())
    });
    (FleetLock { url, group: "workers".to_owned() }, serving)
}

fn ask(lock: Lock, server: &FleetLock) -> Result<(), FleetLockError> {
    LockClient::new("c988d2509fdf5cdcbed39037c56406fb".to_owned(), &Options::default())?.ask(lock, server)
}

#[test]
fn a_request_is_what_the_protocol_says() {
    for (lock, path) in [(Lock::Take, "pre-reboot"), (Lock::Release, "steady-state")] {
        let (address, serving) = server(200, "");
        ask(lock, &address).unwrap();
        let (lines, content) = serving.join().unwrap();
        assert_eq!(lines[0], format!("post /lock/v1/{path} http/1.1"));
        assert!(lines.contains(&"fleet-lock-protocol: true".to_owned()), "{lines:?}");
        let content: serde_json::Value = serde_json::from_str(&content).unwrap();
        let expected = serde_json::json!({
            "client_params": {"id": "c988d2509fdf5cdcbed39037c56406fb", "group": "workers"}
        });
        assert_eq!(content, expected);
    }
}

#[test]
fn a_refusal_keeps_the_server_s_reason() {
    let reason = r#"{"kind": "failed_lock_semaphore_full", "value": "semaphore currently full"}"#;
    let (address, serving) = server(409, reason);
    let error = ask(Lock::Take, &address).unwrap_err();
    serving.join().unwrap();
    assert_eq!(error.name(), "fleet-lock.refused");
    let expected = "the fleet's lock was refused (409, failed_lock_semaphore_full): semaphore currently full";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_server_that_is_not_there_is_told_apart() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = ask(Lock::Take, &FleetLock { url, group: "default".to_owned() }).unwrap_err();
    assert_eq!(error.name(), "fleet-lock.unreachable");
}
