//! One request: an address and a first byte in; where the answer's content really begins and ends, and its bytes, out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use ureq::Agent;
use ureq::http::{Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use url::Url;

use super::Options;
use super::error::{AttemptError, ClientError};

/// How many bytes a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// So many: signed metadata says so.
    Exactly(u64),
    /// Nobody knows; more than these are not taken.
    AtMost(u64),
}

pub(super) fn agent(options: &Options) -> Result<Agent, ClientError> {
    Ok(ureq::config::Config::builder()
        .tls_config(tls(options)?)
        .http_status_as_error(false)
        .user_agent(concat!("lazuli-agent/", env!("CARGO_PKG_VERSION")))
        // Offsets and lengths are of the file, not of a compressed form of it.
        .accept_encoding("identity")
        .max_redirects(5)
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_recv_response(Some(options.stall_timeout))
        .timeout_per_read(Some(options.stall_timeout))
        .timeout_per_write(Some(options.stall_timeout))
        .max_idle_connections(2)
        .max_idle_connections_per_host(1)
        .build()
        .new_agent())
}

/// Whom to believe: the configured authorities, or this machine's.
pub(crate) fn tls(options: &Options) -> Result<TlsConfig, ClientError> {
    let authorities = match &options.authorities {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let text = std::fs::read(path)
                .map_err(|source| ClientError::Authorities { path: path.clone(), source })?;
            let found: Vec<Certificate<'static>> = ureq::tls::parse_pem(&text)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if found.is_empty() {
                return Err(ClientError::NoAuthority { path: path.clone() });
            }
            RootCerts::new_with_certs(&found)
        }
    };
    Ok(TlsConfig::builder().root_certs(authorities).build())
}

/// The content of one answer.
pub(super) struct Body {
    reader: Box<dyn Read>,
    position: u64,
    end: u64,
}

impl Body {
    /// Asks for the bytes from `start` on, up to `end` if there is one; the answer may begin earlier and end later.
    pub(super) fn open(
        agent: &Agent,
        url: &Url,
        start: u64,
        end: Option<u64>,
        bound: Bound,
    ) -> Result<Body, AttemptError> {
        match url.scheme() {
            "http" | "https" => remote(agent, url, start, end, bound),
            "file" => {
                let path = url.to_file_path().map_err(|()| AttemptError::BadAddress)?;
                local(path, start, bound)
            }
            _ => Err(AttemptError::BadAddress),
        }
    }

    /// Offset in the file of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Offset in the file behind the last byte of this answer, as far as the server told it.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, AttemptError> {
        loop {
            match self.reader.read(buffer) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(AttemptError::Connection(error.to_string())),
            }
        }
    }

    /// Sees that nothing more comes.
    pub(super) fn finish(mut self) -> Result<(), AttemptError> {
        let mut byte = [0];
        self.read(&mut byte).map(|_| ())
    }
}

impl Bound {
    /// The most bytes it allows.
    pub(super) fn most(self) -> u64 {
        match self {
            Bound::Exactly(size) | Bound::AtMost(size) => size,
        }
    }

    fn check_total(self, total: u64) -> Result<(), AttemptError> {
        match self {
            Bound::Exactly(expected) if total != expected => {
                Err(AttemptError::WrongSize { expected, got: total })
            }
            Bound::AtMost(limit) if total > limit => Err(AttemptError::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_running(self, length: u64) -> Result<(), AttemptError> {
        match self {
            Bound::Exactly(expected) if length > expected => {
                Err(AttemptError::WrongSize { expected, got: length })
            }
            Bound::AtMost(limit) if length > limit => Err(AttemptError::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_end(self, length: u64) -> Result<(), AttemptError> {
        match self {
            Bound::Exactly(expected) if length < expected => {
                Err(AttemptError::Truncated { expected, got: length })
            }
            _ => Ok(()),
        }
    }
}

fn local(path: PathBuf, start: u64, bound: Bound) -> Result<Body, AttemptError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => AttemptError::Missing,
        _ => AttemptError::LocalFile { path: path.clone(), source },
    };
    let mut file = File::open(&path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(failed(io::Error::other("not a regular file")));
    }
    bound.check_total(facts.len())?;
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    Ok(Body { reader: Box::new(file), position: start, end: facts.len() })
}

fn remote(
    agent: &Agent,
    url: &Url,
    start: u64,
    end: Option<u64>,
    bound: Bound,
) -> Result<Body, AttemptError> {
    let mut request = agent.get(url.as_str());
    if start > 0 || end.is_some_and(|end| end < bound.most()) {
        // RFC 9110 14.1.2: the last byte is part of the range.
        let last = end.map(|end| end.saturating_sub(1).to_string()).unwrap_or_default();
        request = request.header(header::RANGE, format!("bytes={start}-{last}"));
    }
    // What was asked for in secret must not go on in the open.
    let request = request.config().https_only(url.scheme() == "https").build();
    let response = request.call().map_err(connection)?;
    let (position, end) = match response.status().as_u16() {
        200 => {
            let length = content_length(&response);
            length.map_or(Ok(()), |total| bound.check_total(total))?;
            (0, length.unwrap_or_else(|| bound.most()))
        }
        206 => match content_range(&response) {
            Some((first, end, total)) if first <= start && end > start => {
                total.map_or(Ok(()), |total| bound.check_total(total))?;
                (first, end.min(bound.most()))
            }
            _ => {
                return Err(AttemptError::Connection(
                    "the server sent another range than was asked for".into(),
                ));
            }
        },
        // A range of a file whose length is signed exists: the server's file is another one.
        416 => {
            let got = unsatisfied_total(&response).unwrap_or(0);
            return Err(AttemptError::WrongSize { expected: bound.most(), got });
        }
        // Stores that hide what they have answer 403 for what they have not.
        403 | 404 | 410 => return Err(AttemptError::Missing),
        status => return Err(AttemptError::Status { status, retry_after: retry_after(&response) }),
    };
    Ok(Body { reader: Box::new(response.into_body().into_reader()), position, end })
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

fn text(response: &Response<ureq::Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok().map(str::trim)
}

fn retry_after(response: &Response<ureq::Body>) -> Option<u64> {
    text(response, header::RETRY_AFTER)?.parse().ok()
}

fn content_length(response: &Response<ureq::Body>) -> Option<u64> {
    text(response, header::CONTENT_LENGTH)?.parse().ok()
}

/// First byte, the one behind the last and, unless it is `*`, total of `bytes START-END/TOTAL`.
fn content_range(response: &Response<ureq::Body>) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text(response, header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let end = last.trim().parse::<u64>().ok()?.checked_add(1)?;
    Some((first.trim().parse().ok()?, end, total.trim().parse().ok()))
}

/// Total of `bytes */TOTAL`.
fn unsatisfied_total(response: &Response<ureq::Body>) -> Option<u64> {
    text(response, header::CONTENT_RANGE)?.strip_prefix("bytes */")?.parse().ok()
}
