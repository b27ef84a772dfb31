//! One address, one transfer. Bytes go where they are told; what they are worth is decided elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};

use http_fetch::{Body, Bound, Client, Request, TransferError};
use rpm_model::Checksum;
use url::Url;

use super::cache::{NamedEntry, Partial};
use super::error::AttemptError;
use super::fetch::Watch;
use super::request::{NamedRequest, Options};

/// What a server says of a named thing.
pub(super) enum Reply {
    Unchanged,
    Content { etag: Option<String>, last_modified: Option<String> },
}

pub(super) fn client(options: &Options) -> Client {
    Client::new(http_fetch::Options {
        user_agent: concat!("lazuli/", env!("CARGO_PKG_VERSION")),
        tls: http_fetch::machine_authorities(),
        connect_timeout: options.connect_timeout,
        stall_timeout: options.stall_timeout,
        connections: options.connections,
    })
}

/// Appends what is missing of the file at this address to the partial file.
pub(super) fn into_partial(
    client: &Client,
    url: &str,
    bound: Bound,
    partial: &mut Partial,
    expected: &[&Checksum],
    watch: &Watch<'_>,
) -> Result<(), AttemptError> {
    let url = &parsed(url)?;
    // The checksum vouches for the content: any server may give it.
    let open =
        |start| client.open(&Request { url, start, end: None, bound, stay_on_https: false, headers: &[] });
    let start = partial.length();
    let body = match open(start) {
        Ok(body) if body.position() == start => body,
        Ok(body) if body.position() == 0 => {
            partial.restart(expected)?;
            body
        }
        // What is here does not fit what the server has: it is asked for the whole.
        Ok(_) | Err(TransferError::OtherRange | TransferError::NoSuchRange) if start > 0 => {
            partial.restart(expected)?;
            open(0)?
        }
        answer => answer?,
    };
    pour(body, partial, watch)
}

/// Gets a named thing, unless the server says that it is as it was known.
pub(super) fn named(
    client: &Client,
    url: &str,
    request: &NamedRequest,
    known: Option<&NamedEntry>,
    partial: &mut Partial,
) -> Result<Reply, AttemptError> {
    let mut headers = Vec::new();
    if let Some(etag) = known.and_then(|known| known.etag.as_deref()) {
        headers.push(("if-none-match", etag));
    } else if let Some(time) = known.and_then(|known| known.last_modified.as_deref()) {
        headers.push(("if-modified-since", time));
    }
    if request.bypass_caches {
        headers.extend([("cache-control", "no-cache"), ("pragma", "no-cache")]);
    }
    let request = Request {
        url: &parsed(url)?,
        start: 0,
        end: None,
        bound: Bound::AtMost(request.limit),
        // Where TLS is what vouches for the content, a redirect must not leave it.
        stay_on_https: true,
        headers: &headers,
    };
    let body = match client.open(&request) {
        Err(TransferError::Status { status: 304, .. }) => return Ok(Reply::Unchanged),
        opened => opened?,
    };
    let text = |name| body.header(name).map(str::to_owned);
    let (etag, last_modified) = (text("etag"), text("last-modified"));
    pour(body, partial, &Watch { length: &|_| {}, stop: &AtomicBool::new(false) })?;
    Ok(Reply::Content { etag, last_modified })
}

/// Blanks and other letters that may not stand in a request are escaped.
fn parsed(url: &str) -> Result<Url, TransferError> {
    Url::parse(url).map_err(|_| TransferError::BadAddress)
}

fn pour(mut body: Body, partial: &mut Partial, watch: &Watch<'_>) -> Result<(), AttemptError> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        if watch.stop.load(Ordering::Relaxed) {
            return Err(AttemptError::Stopped);
        }
        let count = body.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        partial.append(&buffer[..count])?;
        (watch.length)(partial.length());
    }
}
