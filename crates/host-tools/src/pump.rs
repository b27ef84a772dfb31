//! A running program's pipes, in; what it said, out: input is written and both outputs are read at once, so that no pipe can block another.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::call::Stream;
use crate::clock::Stopwatch;

/// Hears each line as it comes, without its line end.
pub(crate) type OnLine<'a> = &'a mut dyn FnMut(Stream, &str);

/// The parent's ends of the pipes.
#[derive(Default)]
pub(crate) struct Pipes {
    pub(crate) stdin: Option<(File, Vec<u8>)>,
    pub(crate) stdout: Option<(File, usize)>,
    pub(crate) stderr: Option<(File, usize)>,
}

#[derive(Default)]
pub(crate) struct Captured {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Why pumping stopped before the program did; what was captured is lost but for `said`.
pub(crate) enum Stopped {
    TooSlow { captured: Captured },
    TooMuchOutput { limit: usize },
    Pipe(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Pipe(error)
    }
}

impl From<rustix::io::Errno> for Stopped {
    fn from(errno: rustix::io::Errno) -> Self {
        Stopped::Pipe(errno.into())
    }
}

/// Pumps until the program has ended (`ended` becomes readable) and its pipes are drained.
pub(crate) fn pump(
    pipes: Pipes,
    ended: BorrowedFd<'_>,
    time_limit: Option<Duration>,
    mut on_line: Option<OnLine<'_>>,
) -> Result<Captured, Stopped> {
    let stopwatch = Stopwatch::start();
    let mut input = pipes.stdin.map(|(pipe, bytes)| Input { pipe, bytes, written: 0 });
    let mut stdout = pipes.stdout.map(|(pipe, limit)| Reader::new(Stream::Stdout, pipe, limit));
    let mut stderr = pipes.stderr.map(|(pipe, limit)| Reader::new(Stream::Stderr, pipe, limit));
    if let Some(input) = &input {
        do_not_block(&input.pipe)?;
    }
    for reader in [&stdout, &stderr].into_iter().flatten() {
        do_not_block(&reader.pipe)?;
    }
    loop {
        let left = match time_limit.map(|limit| limit.checked_sub(stopwatch.elapsed())) {
            None => None,
            Some(Some(left)) => Some(left),
            Some(None) => return Err(Stopped::TooSlow { captured: captured(stdout, stderr) }),
        };
        let has_ended = wait_for_any(input.as_ref(), &[stdout.as_ref(), stderr.as_ref()], ended, left)?;
        if let Some(open) = &mut input
            && (has_ended || open.write()?)
        {
            input = None;
        }
        for reader in [&mut stdout, &mut stderr].into_iter().flatten() {
            reader.read(&mut on_line)?;
        }
        if has_ended {
            for reader in [&mut stdout, &mut stderr].into_iter().flatten() {
                reader.last_line(&mut on_line);
            }
            return Ok(captured(stdout, stderr));
        }
    }
}

fn captured(stdout: Option<Reader>, stderr: Option<Reader>) -> Captured {
    let bytes = |reader: Option<Reader>| reader.map(|reader| reader.bytes).unwrap_or_default();
    Captured { stdout: bytes(stdout), stderr: bytes(stderr) }
}

fn do_not_block(pipe: &File) -> Result<(), Stopped> {
    Ok(fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?)
}

fn wait_for_any(
    input: Option<&Input>,
    readers: &[Option<&Reader>],
    ended: BorrowedFd<'_>,
    left: Option<Duration>,
) -> Result<bool, Stopped> {
    let mut polled = vec![PollFd::new(&ended, PollFlags::IN)];
    polled.extend(input.map(|input| PollFd::new(&input.pipe, PollFlags::OUT)));
    polled.extend(
        readers
            .iter()
            .flatten()
            .filter(|reader| reader.open)
            .map(|reader| PollFd::new(&reader.pipe, PollFlags::IN)),
    );
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!polled[0].revents().is_empty()),
        Err(errno) => Err(errno.into()),
    }
}

struct Input {
    pipe: File,
    bytes: Vec<u8>,
    written: usize,
}

impl Input {
    /// Writes what fits; true when there is no more to write, or nobody to read it.
    fn write(&mut self) -> Result<bool, Stopped> {
        while self.written < self.bytes.len() {
            match self.pipe.write(&self.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A program may end, or close its input, without reading all of it.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

struct Reader {
    stream: Stream,
    pipe: File,
    limit: usize,
    bytes: Vec<u8>,
    line: Vec<u8>,
    open: bool,
}

impl Reader {
    fn new(stream: Stream, pipe: File, limit: usize) -> Self {
        Reader { stream, pipe, limit, bytes: Vec::new(), line: Vec::new(), open: true }
    }

    /// Reads what is there.
    fn read(&mut self, on_line: &mut Option<OnLine<'_>>) -> Result<(), Stopped> {
        let mut buffer = [0; 32 << 10];
        while self.open {
            match self.pipe.read(&mut buffer) {
                Ok(0) => self.open = false,
                Ok(count) => self.keep(&buffer[..count], on_line)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn keep(&mut self, new: &[u8], on_line: &mut Option<OnLine<'_>>) -> Result<(), Stopped> {
        if let Some(on_line) = on_line {
            for piece in new.split_inclusive(|byte| *byte == b'\n') {
                self.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    tell(self.stream, &mut self.line, on_line);
                }
            }
        }
        self.bytes.extend_from_slice(new);
        match self.stream {
            Stream::Stdout if self.bytes.len() > self.limit => {
                Err(Stopped::TooMuchOutput { limit: self.limit })
            }
            // Forgetting in large steps keeps the cost per byte constant.
            Stream::Stderr if self.bytes.len() > self.limit.saturating_mul(2) => {
                self.bytes.drain(..self.bytes.len() - self.limit);
                Ok(())
            }
            Stream::Stdout | Stream::Stderr => Ok(()),
        }
    }

    fn last_line(&mut self, on_line: &mut Option<OnLine<'_>>) {
        if let Some(on_line) = on_line
            && !self.line.is_empty()
        {
            tell(self.stream, &mut self.line, on_line);
        }
        if self.stream == Stream::Stderr && self.bytes.len() > self.limit {
            self.bytes.drain(..self.bytes.len() - self.limit);
        }
    }
}

fn tell(stream: Stream, line: &mut Vec<u8>, on_line: &mut OnLine<'_>) {
    let text = String::from_utf8_lossy(line);
    on_line(stream, text.trim_end_matches(['\n', '\r']));
    line.clear();
}
