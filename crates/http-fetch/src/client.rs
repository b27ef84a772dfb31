//! How connections are made, and what is asked through them.

use std::time::Duration;

use ureq::Agent;
use ureq::http::header;
use ureq::tls::TlsConfig;
use url::Url;

use crate::{Body, Bound, TransferError};

/// How connections are made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name and version that servers are told.
    pub user_agent: &'static str,
    /// Whom to believe: [`crate::machine_authorities`] or [`crate::trusted_authorities`].
    pub tls: TlsConfig,
    /// For a name's address and for a connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest silence within a transfer.
    pub stall_timeout: Duration,
    /// Connections to one server that are kept open.
    pub connections: usize,
}

/// Opens addresses; may be cloned and shared, the connections are the same.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
}

/// What is asked of one address.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Of the kind `http`, `https` or `file`.
    pub url: &'a Url,
    /// Offset of the first byte that is wanted.
    pub start: u64,
    /// Offset behind the last byte that is wanted; none: the file's end.
    pub end: Option<u64>,
    /// How many bytes the file has.
    pub bound: Bound,
    /// Whether what is asked for over HTTPS may not come over HTTP, as a redirect may want it.
    pub stay_on_https: bool,
    /// Names and values of further headers.
    pub headers: &'a [(&'static str, &'a str)],
}

impl Client {
    /// A client with these options. Proxies are taken from the environment (`https_proxy`, `no_proxy`, …).
    pub fn new(options: Options) -> Client {
        let agent = ureq::config::Config::builder()
            .tls_config(options.tls)
            .http_status_as_error(false)
            .user_agent(options.user_agent)
            // Offsets, lengths and checksums are of the file, not of a compressed form of it.
            .accept_encoding("identity")
            .max_redirects(5)
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_recv_response(Some(options.stall_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout))
            .max_idle_connections_per_host(options.connections.max(1))
            .max_idle_connections(options.connections.max(1) * 2)
            .build()
            .new_agent();
        Client { agent }
    }

    /// Asks once. The content may begin earlier and end later than asked: see [`Body::position`] and [`Body::end`].
    pub fn open(&self, request: &Request<'_>) -> Result<Body, TransferError> {
        match request.url.scheme() {
            "http" | "https" => self.remote(request),
            "file" => {
                let path = request.url.to_file_path().map_err(|()| TransferError::BadAddress)?;
                Body::local(path, request.start, request.bound)
            }
            _ => Err(TransferError::BadAddress),
        }
    }

    fn remote(&self, request: &Request<'_>) -> Result<Body, TransferError> {
        let Request { url, start, end, bound, .. } = *request;
        let mut asked = self.agent.get(url.as_str());
        if start > 0 || end.is_some_and(|end| end < bound.most()) {
            // RFC 9110 14.1.2: the last byte is part of the range.
            let last = end.map(|end| end.saturating_sub(1).to_string()).unwrap_or_default();
            asked = asked.header(header::RANGE, format!("bytes={start}-{last}"));
        }
        for (name, value) in request.headers {
            asked = asked.header(*name, *value);
        }
        let https_only = request.stay_on_https && url.scheme() == "https";
        Body::remote(asked.config().https_only(https_only).build().call()?, request)
    }
}
