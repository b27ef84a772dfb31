//! A folder in, a small HTTP/1.1 server on a free port of this machine out, with the faults that real mirrors show.
//! It knows GET, Range, If-None-Match, and takes what is posted; nothing that a test does not ask for.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One way to answer wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status and nothing else.
    Status(u16),
    /// The connection ends after this many bytes of the body, though all were promised.
    CutAfter(usize),
    /// One byte in the middle of what is sent is another one.
    WrongByte,
    /// Nothing for this long before the body's second half.
    Stall(Duration),
    /// A redirect to this address.
    Redirect(String),
    /// The body is this one.
    Body(Vec<u8>),
    /// Range headers are ignored: the whole file comes with status 200.
    NoRange,
    /// The body goes on for ever, without a length.
    Endless,
    /// Not more than this many bytes a second.
    Slow(usize),
}

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The path, with its leading slash.
    pub path: String,
    /// Header lines by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// What was posted.
    pub body: Vec<u8>,
}

/// A slow body comes in this many pieces a second.
const SLOW_STEPS: usize = 10;

/// A running server; it ends when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    faults: Mutex<BTreeMap<String, Vec<(usize, Fault)>>>,
    seen: Mutex<Vec<Seen>>,
    sent: AtomicU64,
    stop: AtomicBool,
}

impl Server {
    /// Serves this folder on 127.0.0.1.
    pub fn start(root: &Path) -> io::Result<Server> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            faults: Mutex::default(),
            seen: Mutex::default(),
            sent: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), serving) = (stream, Arc::clone(&accepting)) else { continue };
                // A client that goes away ends its own thread only.
                std::thread::spawn(move || serving.connection(stream).ok());
            }
        });
        Ok(Server { address, shared })
    }

    /// The address of this path: `http://127.0.0.1:PORT/PATH`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    /// The next `times` requests of this path meet this fault; faults of one path are met in the order they were added. A path
    /// that begins with `*` stands for all that end with the rest.
    pub fn fail(&self, path: &str, times: usize, fault: Fault) {
        let path = if path.starts_with('*') {
            path.to_owned()
        } else {
            format!("/{}", path.trim_start_matches('/'))
        };
        lock(&self.shared.faults).entry(path).or_default().push((times, fault));
    }

    /// All files are whole and fast again.
    pub fn mend(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Bytes of bodies that were sent so far.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn connection(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        while let Some(request) = read_request(&mut reader)? {
            lock(&self.seen).push(request.clone());
            if !self.answer(&request, &mut writer)? || self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the connection can serve another request.
    fn answer(&self, request: &Seen, writer: &mut TcpStream) -> io::Result<bool> {
        let fault = self.take_fault(&request.path);
        match &fault {
            Some(Fault::Status(status)) => return plain(writer, *status, &[]),
            Some(Fault::Redirect(target)) => return plain(writer, 302, &[("Location", target)]),
            Some(Fault::Endless) => {
                writer.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                loop {
                    writer.write_all(&[b'x'; 4096])?;
                }
            }
            _ => {}
        }
        let Some(content) = self.content(&request.path, fault.as_ref())? else {
            return plain(writer, 404, &[]);
        };
        let etag =
            format!("\"{}-{}\"", content.len(), content.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        if request.headers.get("if-none-match") == Some(&etag) {
            return plain(writer, 304, &[]);
        }
        let total = content.len();
        let range = match (&fault, request.headers.get("range").and_then(|range| parse_range(range, total))) {
            (Some(Fault::NoRange), _) | (_, None) => None,
            (_, Some(range)) if range.is_empty() => return plain(writer, 416, &[]),
            (_, Some(range)) => Some(range),
        };
        let mut body = content[range.clone().unwrap_or(0..total)].to_vec();
        let middle = body.len() / 2;
        if fault == Some(Fault::WrongByte)
            && let Some(byte) = body.get_mut(middle)
        {
            *byte ^= 0x55;
        }
        match range {
            None => write!(writer, "HTTP/1.1 200 OK\r\n")?,
            Some(range) => {
                write!(
                    writer,
                    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {}-{}/{total}\r\n",
                    range.start,
                    range.end - 1
                )?;
            }
        }
        write!(writer, "Content-Length: {}\r\nETag: {etag}\r\nAccept-Ranges: bytes\r\n\r\n", body.len())?;
        match fault {
            Some(Fault::CutAfter(bytes)) => {
                self.send(writer, &body[..bytes.min(body.len())])?;
                return Ok(false);
            }
            Some(Fault::Stall(pause)) => {
                self.send(writer, &body[..body.len() / 2])?;
                writer.flush()?;
                std::thread::sleep(pause);
                self.send(writer, &body[body.len() / 2..])?;
            }
            Some(Fault::Slow(rate)) => {
                for part in body.chunks((rate / SLOW_STEPS).max(1)) {
                    self.send(writer, part)?;
                    writer.flush()?;
                    std::thread::sleep(Duration::from_secs(1) / u32::try_from(SLOW_STEPS).unwrap_or(1));
                    if self.stop.load(Ordering::Relaxed) {
                        return Ok(false);
                    }
                }
            }
            _ => self.send(writer, &body)?,
        }
        Ok(true)
    }

    fn send(&self, writer: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(1 << 16) {
            writer.write_all(part)?;
            self.sent.fetch_add(part.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn content(&self, path: &str, fault: Option<&Fault>) -> io::Result<Option<Vec<u8>>> {
        if let Some(Fault::Body(body)) = fault {
            return Ok(Some(body.clone()));
        }
        let relative = Path::new(path.trim_start_matches('/'));
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        match std::fs::read(self.root.join(relative)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn take_fault(&self, path: &str) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        let fits = |pattern: &str| match pattern.strip_prefix('*') {
            Some(end) => path.ends_with(end),
            None => pattern == path,
        };
        let queue = faults.iter_mut().find(|(pattern, queue)| fits(pattern) && !queue.is_empty())?.1;
        let (times, fault) = queue.first_mut()?;
        let fault = fault.clone();
        *times = times.saturating_sub(1);
        if *times == 0 {
            queue.remove(0);
        }
        Some(fault)
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = decoded(line.split(' ').nth(1).unwrap_or("/"));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.trim_end().split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(Some(Seen { path, headers, body }))
}

/// RFC 9110 14.1.2: of several ranges none, which is allowed; one that begins behind the end is empty.
fn parse_range(range: &str, total: usize) -> Option<Range<usize>> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: usize = start.parse().ok()?;
    let end = match last {
        "" => total,
        last => last.parse::<usize>().ok()?.saturating_add(1).min(total),
    };
    Some(start..end.max(start))
}

fn plain(writer: &mut TcpStream, status: u16, headers: &[(&str, &str)]) -> io::Result<bool> {
    write!(writer, "HTTP/1.1 {status} Answer\r\n")?;
    for (name, value) in headers {
        write!(writer, "{name}: {value}\r\n")?;
    }
    // RFC 9110 15.4.5: a 304 has no content, and no length of one.
    let length = if status == 304 { "" } else { "Content-Length: 0\r\n" };
    write!(writer, "{length}\r\n")?;
    Ok(true)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
/// A path with `%XX` replaced by the byte it stands for.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hexadecimal = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hexadecimal.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file() {
        let cases = [
            ("bytes=0-", Some(0..10)),
            ("bytes=2-4", Some(2..5)),
            ("bytes=2-99", Some(2..10)),
            ("bytes=10-", Some(10..10)),
            ("bytes=1-2,4-5", None),
            ("bytes=-5", None),
            ("lines=1-2", None),
        ];
        for (text, range) in cases {
            assert_eq!(parse_range(text, 10), range, "{text}");
        }
    }
}
