//! An address and what is wanted of it, in; the bytes, out: over HTTP(S) or from a file, resumed and tried again.
//! What the bytes are worth is decided elsewhere; here only their number and their pace are bounded.

mod cursor;
mod error;
mod patience;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_fetch::{Body, Request, TransferError};
use url::Url;

pub use error::{AttemptError, DownloadError};
pub use http_fetch::{AuthoritiesError, Bound};

use crate::pulse::Pulse;
use crate::source::{Sink, SinkError};
use cursor::Cursor;
use patience::{Pace, Patience};

/// What servers are told of this program.
pub(crate) const USER_AGENT: &str = concat!("lazuli-agent/", env!("CARGO_PKG_VERSION"));

/// How long to wait, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For a name's address and for a connection.
    pub connect_timeout: Duration,
    /// Within this time at least [`Options::least_bytes`] must come.
    pub stall_timeout: Duration,
    /// In bytes per [`Options::stall_timeout`].
    pub least_bytes: u64,
    /// Transfers in a row that may bring nothing worth speaking of before the download is given up.
    pub attempts: u32,
    /// Before the second transfer; doubled before each further one.
    pub first_pause: Duration,
    /// The longest pause, also where the server asks for a longer one.
    pub longest_pause: Duration,
    /// Certificate authorities (PEM) to believe in place of this machine's.
    pub authorities: Option<PathBuf>,
    /// Unwanted bytes between two wanted ranges that are fetched and dropped rather than asked around.
    pub gap: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(60),
            least_bytes: 16 << 10,
            attempts: 6,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            authorities: None,
            gap: 32 << 10,
        }
    }
}

/// Fetches; may be cloned and shared, the connections are the same.
#[derive(Debug, Clone)]
pub struct Client {
    transfers: http_fetch::Client,
    options: Options,
    received: Arc<AtomicU64>,
    pulse: Pulse,
}

impl Client {
    /// A client with these options. Proxies are taken from the environment (`https_proxy`, `no_proxy`, …).
    pub fn new(options: Options) -> Result<Client, AuthoritiesError> {
        let transfers = http_fetch::Client::new(http_fetch::Options {
            user_agent: USER_AGENT,
            tls: http_fetch::trusted_authorities(options.authorities.as_deref())?,
            connect_timeout: options.connect_timeout,
            stall_timeout: options.stall_timeout,
            connections: 1,
        });
        Ok(Client { transfers, options, received: Arc::default(), pulse: Pulse::default() })
    }

    /// The same client, telling at each piece and each pause that it goes on.
    #[must_use]
    pub fn with_pulse(mut self, pulse: Pulse) -> Client {
        self.pulse = pulse;
        self
    }

    /// The same client, counting the bytes of content here.
    #[must_use]
    pub fn counting(mut self, received: Arc<AtomicU64>) -> Client {
        self.received = received;
        self
    }

    /// Bytes of content that came in since the client was made, those that were dropped included.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The whole content of an address, at most 64 MiB.
    pub fn whole(&self, url: &Url, bound: Bound) -> Result<Vec<u8>, DownloadError> {
        const MOST: u64 = 64 << 20;
        let mut content = Vec::new();
        let mut patience = Patience::new(&self.options, &self.pulse);
        if bound.most() > MOST {
            return Err(DownloadError::new(url, TransferError::TooLarge { limit: MOST }.into()));
        }
        loop {
            // What has no promised length may have changed in the meantime: its pieces are never put together.
            if matches!(bound, Bound::AtMost(_)) {
                content.clear();
            }
            let before = content.len();
            match self.append(url, bound, &mut content) {
                Ok(()) => return Ok(content),
                Err(cause) => patience.note(url, cause, (content.len() - before) as u64)?,
            }
        }
    }

    /// Ranges of a file of `total` bytes, ascending and without overlap; `sink` takes them in order.
    pub fn ranges(
        &self,
        url: &Url,
        total: u64,
        ranges: &[Range<u64>],
        sink: &mut Sink<'_>,
    ) -> Result<(), RangesError> {
        let mut cursor = Cursor::new(ranges, total)
            .map_err(|range| DownloadError::new(url, AttemptError::BadRange { range, total }))?;
        let mut patience = Patience::new(&self.options, &self.pulse);
        while let Some(stretch) = cursor.stretch(self.options.gap) {
            let before = cursor.delivered();
            match self.stretch(url, total, stretch, &mut cursor, sink) {
                Ok(()) => patience.succeeded(),
                Err(Interruption::Sink(error)) => return Err(RangesError::Sink(error)),
                Err(Interruption::Attempt(cause)) => {
                    patience.note(url, cause, cursor.delivered() - before)?;
                }
            }
        }
        Ok(())
    }

    fn append(&self, url: &Url, bound: Bound, content: &mut Vec<u8>) -> Result<(), AttemptError> {
        let start = content.len() as u64;
        let mut body = self.open(url, start, None, bound)?;
        // The answer may begin earlier.
        content.truncate(usize::try_from(body.position()).unwrap_or(content.len()));
        let mut buffer = vec![0; 1 << 16];
        let mut pace = Pace::new(&self.options);
        loop {
            let count = body.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.count(count);
            content.extend_from_slice(&buffer[..count]);
            pace.note(count)?;
        }
    }

    /// Fetches one stretch; where the server sends more of the file than was asked for, that is used as well.
    fn stretch(
        &self,
        url: &Url,
        total: u64,
        stretch: Range<u64>,
        cursor: &mut Cursor<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Interruption> {
        let mut body = self.open(url, stretch.start, Some(stretch.end), Bound::Exactly(total))?;
        let end = body.end().unwrap_or(total);
        let mut buffer = vec![0; 1 << 16];
        let mut pace = Pace::new(&self.options);
        while body.position() < end && cursor.position().is_some_and(|wanted| wanted < end) {
            let offset = body.position();
            let count = body.read(&mut buffer)?;
            self.count(count);
            cursor.feed(offset, &buffer[..count], sink).map_err(Interruption::Sink)?;
            pace.note(count)?;
        }
        if body.position() >= end {
            body.finish()?;
        }
        Ok(())
    }

    fn open(&self, url: &Url, start: u64, end: Option<u64>, bound: Bound) -> Result<Body, TransferError> {
        self.transfers.open(&Request { url, start, end, bound, stay_on_https: true, headers: &[] })
    }

    fn count(&self, bytes: usize) {
        self.pulse.beat();
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Why ranges did not come.
#[derive(Debug, thiserror::Error)]
pub enum RangesError {
    /// The address did not give them.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The taker refused them.
    #[error("the transfer was ended by the taker of its bytes")]
    Sink(#[source] SinkError),
}

enum Interruption {
    Attempt(AttemptError),
    Sink(SinkError),
}

impl<E: Into<AttemptError>> From<E> for Interruption {
    fn from(cause: E) -> Self {
        Interruption::Attempt(cause.into())
    }
}
