//! The socket: who may open it, what comes over it, and what happens when too many ask.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use agent::api::{ApiError, Client, Method, Received, Reply, Server};
use agent::error::Named as _;
use agent::operation::{Failure, Request};

/// A server that answers GET with the path and refuses operations.
fn serving() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/agent.sock");
    let server = Server::bind(&path).unwrap();
    let answer = |request: &Received| match request.method {
        Method::Get => Reply::json(200, &request.path),
        _ => {
            let wanted: Request = serde_json::from_slice(&request.body).unwrap();
            Reply::json(409, &Failure::new("update.not-staged", format!("{wanted:?}")))
        }
    };
    server.start(Arc::new(answer)).unwrap();
    (folder, path)
}

#[test]
fn only_root_may_open_the_socket_and_a_left_one_is_replaced() {
    let (_folder, path) = serving();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(Server::bind(&path).unwrap());
    assert!(path.exists(), "a socket that nobody listens at any more");
    let error = Client::new(&path).get::<String>("/v1/status").unwrap_err();
    assert_eq!(error.name(), "api.connect");
    drop(Server::bind(&path).unwrap());
}

#[test]
fn values_and_failures_come_over_it() {
    let (_folder, path) = serving();
    let client = Client::new(&path);
    assert!(client.is_there());
    assert_eq!(client.get::<String>("/v1/status").unwrap(), "/v1/status");
    let error = client.perform(&Request::Apply { reboot: true }).unwrap_err();
    let ApiError::Failed(failure) = error else { panic!("{error}") };
    assert_eq!(
        (failure.name.as_str(), failure.message.as_str()),
        ("update.not-staged", "Apply { reboot: true }")
    );
    let error = client.get::<u32>("/").unwrap_err();
    assert_eq!(error.name(), "api.answer");
}

#[test]
fn whoever_asks_and_says_nothing_keeps_nobody_else_from_an_answer_for_long() {
    let (_folder, path) = serving();
    let silent: Vec<UnixStream> = (0..16).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let mut late = UnixStream::connect(&path).unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("api.busy"), "{answer}");
    drop(silent);
    let client = Client::new(&path);
    for _ in 0..100 {
        if client.get::<String>("/").is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the connections that ended are counted for ever");
}
