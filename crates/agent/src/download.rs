//! An address and what is wanted of it, in; the bytes, out: over HTTP(S) or from a file, resumed and tried again.
//! What the bytes are worth is decided elsewhere; here only their number and their pace are bounded.

mod attempt;
mod cursor;
mod error;
mod patience;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use url::Url;

pub use attempt::Bound;
pub(crate) use attempt::tls;
pub use error::{AttemptError, ClientError, DownloadError};

use crate::pulse::Pulse;
use crate::source::{Sink, SinkError};
use attempt::Body;
use cursor::Cursor;
use patience::{Pace, Patience};

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
    agent: ureq::Agent,
    options: Options,
    received: Arc<AtomicU64>,
    pulse: Pulse,
}

impl Client {
    /// A client with these options. Proxies are taken from the environment (`https_proxy`, `no_proxy`, …).
    pub fn new(options: Options) -> Result<Client, ClientError> {
        let agent = attempt::agent(&options)?;
        Ok(Client { agent, options, received: Arc::default(), pulse: Pulse::default() })
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
            return Err(DownloadError::new(url, AttemptError::TooLarge { limit: MOST }));
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
        let mut body = Body::open(&self.agent, url, start, None, bound)?;
        if body.position() < start {
            content.clear();
        }
        let mut buffer = vec![0; 1 << 16];
        let mut pace = Pace::new(&self.options);
        loop {
            let count = body.read(&mut buffer)?;
            if count == 0 {
                return bound.check_end(content.len() as u64);
            }
            self.count(count);
            bound.check_running(content.len() as u64 + count as u64)?;
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
        let end = Some(stretch.end);
        let mut body = Body::open(&self.agent, url, stretch.start, end, Bound::Exactly(total))?;
        let mut buffer = vec![0; 1 << 16];
        let mut pace = Pace::new(&self.options);
        loop {
            let offset = body.position();
            if cursor.position().is_none_or(|wanted| wanted >= body.end()) {
                // Asks for the end of the body, so that the connection can serve the next request.
                return if offset >= body.end() { Ok(body.finish()?) } else { Ok(()) };
            }
            let count = body.read(&mut buffer)?;
            if count == 0 {
                let cause = AttemptError::Truncated { expected: body.end(), got: offset };
                return Err(Interruption::Attempt(cause));
            }
            self.count(count);
            cursor.feed(offset, &buffer[..count], sink).map_err(Interruption::Sink)?;
            pace.note(count)?;
        }
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

impl From<AttemptError> for Interruption {
    fn from(cause: AttemptError) -> Self {
        Interruption::Attempt(cause)
    }
}
