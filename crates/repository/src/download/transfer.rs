//! One address, one transfer. Bytes go where they are told; what they are worth is decided elsewhere.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rpm_model::Checksum;
use ureq::http::{Response, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};
use url::Url;

use super::cache::Partial;
use super::error::AttemptError;
use super::fetch::Watch;
use super::request::Options;

/// How many bytes may come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    Exact(u64),
    AtMost(u64),
}

/// What makes a server answer "unchanged".
pub(super) struct Condition<'a> {
    pub(super) etag: Option<&'a str>,
    pub(super) last_modified: Option<&'a str>,
    pub(super) bypass_caches: bool,
}

/// What a server says of a named thing.
pub(super) enum Reply {
    Unchanged,
    Content { etag: Option<String>, last_modified: Option<String> },
}

pub(super) fn agent(options: &Options) -> Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    ureq::config::Config::builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .user_agent(concat!("lazuli/", env!("CARGO_PKG_VERSION")))
        // Metadata is compressed as a file: its checksum is of the compressed bytes.
        .accept_encoding("identity")
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_recv_response(Some(options.stall_timeout))
        .timeout_per_read(Some(options.stall_timeout))
        .timeout_per_write(Some(options.stall_timeout))
        .max_idle_connections_per_host(options.connections.max(1))
        .max_idle_connections(options.connections.max(1) * 2)
        .build()
        .new_agent()
}

/// The address as it may be shown: without password.
pub(super) fn redacted(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => match parsed.set_password(Some("***")) {
            Ok(()) => parsed.into(),
            Err(()) => "(an address with a password)".to_owned(),
        },
        _ => url.to_owned(),
    }
}

/// Appends what is missing of the file at this address to the partial file.
pub(super) fn into_partial(
    agent: &Agent,
    url: &str,
    bound: Bound,
    partial: &mut Partial,
    expected: &[&Checksum],
    watch: &Watch<'_>,
) -> Result<(), AttemptError> {
    match place(url)? {
        Place::Local(path) => {
            let (mut file, size) = open_local(&path)?;
            bound.check_total(size)?;
            if partial.length() > size {
                partial.restart(expected)?;
            }
            let failed = |source| AttemptError::LocalFile { path: path.clone(), source };
            file.seek(SeekFrom::Start(partial.length())).map_err(failed)?;
            pour(&mut file, bound, partial, watch, failed)?;
        }
        Place::Remote(address) => {
            let mut request = agent.get(address.as_str());
            if partial.length() > 0 {
                request = request.header(header::RANGE, format!("bytes={}-", partial.length()));
            }
            let mut response = request.call().map_err(connection)?;
            match response.status().as_u16() {
                206 => match content_range(&response) {
                    Some((start, total)) if start == partial.length() => {
                        total.map_or(Ok(()), |total| bound.check_total(total))?
                    }
                    // The server sends another part than was asked for: the next attempt asks for the whole.
                    _ => {
                        partial.restart(expected)?;
                        return Err(AttemptError::Connection(
                            "the server sent another range than was asked for".into(),
                        ));
                    }
                },
                200 => {
                    partial.restart(expected)?;
                    content_length(&response).map_or(Ok(()), |total| bound.check_total(total))?;
                }
                416 if partial.length() > 0 => {
                    partial.restart(expected)?;
                    return Err(AttemptError::Connection(
                        "the server's file is shorter than what is already here".into(),
                    ));
                }
                _ => return Err(status(&response)),
            }
            let mut body = response.body_mut().as_reader();
            pour(&mut body, bound, partial, watch, |error| AttemptError::Connection(error.to_string()))?;
        }
    }
    bound.check_end(partial.length())
}

/// Gets a named thing, unless the server says that it is unchanged.
pub(super) fn named(
    agent: &Agent,
    url: &str,
    condition: &Condition<'_>,
    limit: u64,
    partial: &mut Partial,
) -> Result<Reply, AttemptError> {
    let never = std::sync::atomic::AtomicBool::new(false);
    let watch = Watch { length: &|_| {}, stop: &never };
    let bound = Bound::AtMost(limit);
    let address = match place(url)? {
        Place::Remote(address) => address,
        Place::Local(path) => {
            let (mut file, size) = open_local(&path)?;
            bound.check_total(size)?;
            pour(&mut file, bound, partial, &watch, |source| AttemptError::LocalFile {
                path: path.clone(),
                source,
            })?;
            return Ok(Reply::Content { etag: None, last_modified: None });
        }
    };
    let mut request = agent.get(address.as_str());
    if let Some(etag) = condition.etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    } else if let Some(time) = condition.last_modified {
        request = request.header(header::IF_MODIFIED_SINCE, time);
    }
    if condition.bypass_caches {
        request = request.header(header::CACHE_CONTROL, "no-cache").header(header::PRAGMA, "no-cache");
    }
    // Where TLS is what vouches for the content, a redirect must not leave it.
    let https_only = address.scheme() == "https";
    let mut response = request.config().https_only(https_only).build().call().map_err(connection)?;
    match response.status().as_u16() {
        200 => {}
        304 => return Ok(Reply::Unchanged),
        _ => return Err(status(&response)),
    }
    let promised = content_length(&response);
    promised.map_or(Ok(()), |total| bound.check_total(total))?;
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (etag, last_modified) = (text(header::ETAG), text(header::LAST_MODIFIED));
    let mut body = response.body_mut().as_reader();
    pour(&mut body, bound, partial, &watch, |error| AttemptError::Connection(error.to_string()))?;
    match promised {
        Some(expected) if expected != partial.length() => {
            Err(AttemptError::Truncated { expected, got: partial.length() })
        }
        _ => Ok(Reply::Content { etag, last_modified }),
    }
}

enum Place {
    Local(PathBuf),
    /// In the form that may stand in a request: blanks and other letters escaped.
    Remote(Url),
}

fn place(url: &str) -> Result<Place, AttemptError> {
    let parsed = Url::parse(url).map_err(|_| AttemptError::BadAddress)?;
    match parsed.scheme() {
        "http" | "https" => Ok(Place::Remote(parsed)),
        "file" => parsed.to_file_path().map(Place::Local).map_err(|()| AttemptError::BadAddress),
        _ => Err(AttemptError::BadAddress),
    }
}

fn open_local(path: &Path) -> Result<(File, u64), AttemptError> {
    let failed = |source| AttemptError::LocalFile { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(failed(io::Error::other("not a regular file")));
    }
    Ok((file, facts.len()))
}

impl Bound {
    fn check_total(self, total: u64) -> Result<(), AttemptError> {
        match self {
            Bound::Exact(expected) if total != expected => {
                Err(AttemptError::WrongSize { expected, got: total })
            }
            Bound::AtMost(limit) if total > limit => Err(AttemptError::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    fn check_running(self, length: u64) -> Result<(), AttemptError> {
        match self {
            Bound::Exact(expected) if length > expected => {
                Err(AttemptError::WrongSize { expected, got: length })
            }
            Bound::AtMost(limit) if length > limit => Err(AttemptError::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    fn check_end(self, length: u64) -> Result<(), AttemptError> {
        match self {
            Bound::Exact(expected) if length < expected => {
                Err(AttemptError::Truncated { expected, got: length })
            }
            _ => Ok(()),
        }
    }
}

fn pour(
    source: &mut dyn Read,
    bound: Bound,
    partial: &mut Partial,
    watch: &Watch<'_>,
    failed: impl Fn(io::Error) -> AttemptError,
) -> Result<(), AttemptError> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        if watch.stop.load(Ordering::Relaxed) {
            return Err(AttemptError::Stopped);
        }
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        bound.check_running(partial.length() + count as u64)?;
        partial.append(&buffer[..count])?;
        (watch.length)(partial.length());
    }
}

fn connection(error: ureq::Error) -> AttemptError {
    match error {
        ureq::Error::BadUri(_) => AttemptError::BadAddress,
        ureq::Error::Rustls(refused @ rustls::Error::InvalidCertificate(_)) => {
            AttemptError::Certificate(refused.to_string())
        }
        // The handshake happens within the first write or read, which wraps what it says.
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(refused @ rustls::Error::InvalidCertificate(_)) => {
                AttemptError::Certificate(refused.to_string())
            }
            _ => AttemptError::Connection(ureq::Error::Io(error).to_string()),
        },
        error => AttemptError::Connection(error.to_string()),
    }
}

fn status(response: &Response<Body>) -> AttemptError {
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    AttemptError::Status { status: response.status().as_u16(), retry_after }
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Start and, unless it is `*`, total of `bytes START-END/TOTAL`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_is_refused_for_good() {
        let refused = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        for error in [
            ureq::Error::Rustls(refused()),
            ureq::Error::Io(io::Error::new(io::ErrorKind::InvalidData, refused())),
        ] {
            let cause = connection(error);
            assert!(matches!(cause, AttemptError::Certificate(_)), "{cause:?}");
            assert!(!cause.may_pass());
        }
        let cut = connection(ureq::Error::Io(io::ErrorKind::ConnectionReset.into()));
        assert!(matches!(cut, AttemptError::Connection(_)) && cut.may_pass(), "{cut:?}");
    }
}
