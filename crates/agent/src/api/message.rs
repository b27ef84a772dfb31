//! Requests and replies on the wire, read from and written to any stream.

use std::io::{self, Read, Write};

use serde::Serialize;

/// The most that the lines before the content may have, in bytes.
const MOST_HEAD: usize = 16 << 10;
/// The most that a request's content may have, in bytes.
const MOST_REQUEST: usize = 64 << 10;
/// The most that a reply's content may have, in bytes.
const MOST_REPLY: usize = 16 << 20;

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To know.
    Get,
    /// To have something done.
    Post,
    /// Something that is not done here.
    Other,
}

/// A request that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What it wants.
    pub method: Method,
    /// The path without a query.
    pub path: String,
    /// Its content.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The type of the content.
    pub content_type: &'static str,
    /// The content.
    pub body: Vec<u8>,
}

impl Received {
    /// Reads one request; the error says what is wrong with it.
    pub fn read(stream: &mut dyn Read) -> Result<Received, String> {
        let (head, rest) = read_head(stream)?;
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&head).map_err(|error| error.to_string())?;
        let method = match request.method {
            Some("GET") => Method::Get,
            Some("POST") => Method::Post,
            _ => Method::Other,
        };
        let path = request.path.unwrap_or("/").split('?').next().unwrap_or("/").to_owned();
        let length = content_length(request.headers)?.unwrap_or(0);
        let body = read_body(stream, rest, length, MOST_REQUEST)?;
        Ok(Received { method, path, body })
    }
}

impl Reply {
    /// A value as JSON.
    pub fn json<T: Serialize>(status: u16, value: &T) -> Reply {
        // What cannot be told in JSON is a mistake of this program, and still an answer.
        let (status, body) = match serde_json::to_vec_pretty(value) {
            Ok(body) => (status, body),
            Err(error) => (500, error.to_string().into_bytes()),
        };
        Reply { status, content_type: "application/json", body }
    }

    /// Text in Prometheus' format.
    pub fn prometheus(text: String) -> Reply {
        Reply { status: 200, content_type: "text/plain; version=0.0.4", body: text.into_bytes() }
    }
}

/// Writes one request.
pub(super) fn write_request(stream: &mut dyn Write, method: &str, path: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.flush()
}

/// Reads status and content of one reply.
pub(super) fn read_reply(stream: &mut dyn Read) -> Result<(u16, Vec<u8>), String> {
    let (head, rest) = read_head(stream)?;
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&head).map_err(|error| error.to_string())?;
    let status = response.code.ok_or("no status")?;
    let length = content_length(response.headers)?.ok_or("no length of the content")?;
    Ok((status, read_body(stream, rest, length, MOST_REPLY)?))
}

/// Writes one reply.
pub(super) fn write_reply(stream: &mut dyn Write, reply: &Reply) -> io::Result<()> {
    let reason = match reply.status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        503 => "Service Unavailable",
        _ => "Error",
    };
    let head = format!(
        "HTTP/1.1 {} {reason}\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        reply.status,
        reply.content_type,
        reply.body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&reply.body)?;
    stream.flush()
}

/// The lines up to the empty one, and what came behind them.
fn read_head(stream: &mut dyn Read) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((bytes, rest));
        }
        if bytes.len() > MOST_HEAD {
            return Err(format!("more than {MOST_HEAD} bytes before the content"));
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err("it ended before its content".to_owned()),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn read_body(
    stream: &mut dyn Read,
    mut body: Vec<u8>,
    length: usize,
    most: usize,
) -> Result<Vec<u8>, String> {
    if length > most {
        return Err(format!("{length} bytes of content, more than {most}"));
    }
    if body.len() > length {
        return Err("more content than was announced".to_owned());
    }
    let missing = (length - body.len()) as u64;
    stream.take(missing).read_to_end(&mut body).map_err(|error| error.to_string())?;
    if body.len() == length { Ok(body) } else { Err("less content than was announced".to_owned()) }
}

fn content_length(headers: &[httparse::Header<'_>]) -> Result<Option<usize>, String> {
    let named =
        |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    if named("transfer-encoding").next().is_some() {
        return Err("content in chunks is not read here: send a Content-Length".to_owned());
    }
    let mut lengths =
        named("content-length").map(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(None),
        (Some(Some(length)), None) => Ok(Some(length)),
        _ => Err("its Content-Length is no number, or is there twice".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Received, String> {
        Received::read(&mut text.as_bytes())
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write_request(&mut bytes, "POST", "/v1/operations", b"{}").unwrap();
        let received = Received::read(&mut &bytes[..]).unwrap();
        let expected = Received { method: Method::Post, path: "/v1/operations".into(), body: b"{}".to_vec() };
        assert_eq!(received, expected);
        let mut bytes = Vec::new();
        write_reply(&mut bytes, &Reply::json(409, &[1, 2])).unwrap();
        assert_eq!(read_reply(&mut &bytes[..]), Ok((409, b"[\n  1,\n  2\n]".to_vec())));
    }

    #[test]
    fn a_query_is_left_out_and_other_methods_are_seen() {
        let received = request("DELETE /metrics?x=1 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!((received.method, received.path.as_str()), (Method::Other, "/metrics"));
    }

    #[test]
    fn wrong_requests_are_told_what_is_wrong() {
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(40_000));
        for (text, expected) in [
            ("", "it ended before its content"),
            ("GET / HTTP/1.1\r\n", "it ended before its content"),
            ("nonsense\r\n\r\n", "invalid"),
            (&endless, "more than 16384 bytes before the content"),
            (
                "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
                "99999999 bytes of content, more than 65536",
            ),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", "less content than was announced"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nab", "more content than was announced"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "or is there twice"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "send a Content-Length"),
        ] {
            let error = request(text).unwrap_err();
            assert!(error.contains(expected), "{text:.60}: {error}");
        }
    }
}
