//! Packages in their order, in; their plain payloads, decompressed ahead on several threads, out, in the same order.
//!
//! At most a given number of bytes wait in memory. The package at the head may always go on, so nothing can wait forever.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Scope;

use super::source::{PackageDigests, VerifiedPayload};
use crate::package::{Package, PackageProblem};

/// The receiving side of all payloads.
pub struct Feeder {
    feeds: std::vec::IntoIter<Feed>,
    gate: Arc<Gate>,
}

/// The receiving side of one payload: a reader of its plain bytes.
pub struct Feed {
    position: usize,
    receiver: Receiver<Message>,
    gate: Arc<Gate>,
    block: Vec<u8>,
    offset: usize,
    failed: Option<PackageProblem>,
    digests: Option<PackageDigests>,
    over: bool,
}

/// Why a payload could not be given.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The package is at fault.
    #[error(transparent)]
    Package(#[from] PackageProblem),
    /// The thread that read it is gone.
    #[error("the thread that decompresses the payload ended early")]
    Lost,
}

enum Message {
    Proven(PackageDigests),
    Block(Vec<u8>),
    End(Result<(), PackageProblem>),
}

impl Feeder {
    /// Starts `threads` threads that decompress `packages` in order, with at most `budget` bytes waiting.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        packages: &'scope [&'scope Package],
        threads: usize,
        budget: usize,
    ) -> Self {
        let gate = Arc::new(Gate::new(budget));
        let (senders, feeds): (Vec<_>, Vec<_>) = packages
            .iter()
            .enumerate()
            .map(|(position, package)| {
                let (sender, receiver) = channel();
                let feed = Feed {
                    position,
                    receiver,
                    gate: Arc::clone(&gate),
                    block: Vec::new(),
                    offset: 0,
                    failed: None,
                    digests: None,
                    over: false,
                };
                ((position, *package, sender), feed)
            })
            .unzip();
        let queue = Arc::new(Mutex::new(senders.into_iter()));
        for _ in 0..threads.max(1) {
            let (queue, gate) = (Arc::clone(&queue), Arc::clone(&gate));
            scope.spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((position, package, sender)) = next else { return };
                    if !serve(position, package, &sender, &gate) {
                        return;
                    }
                }
            });
        }
        Feeder { feeds: feeds.into_iter(), gate }
    }

    /// The payload of the next package; the ones before must be done with.
    pub fn next_feed(&mut self) -> Option<Feed> {
        let feed = self.feeds.next()?;
        self.gate.advance_to(feed.position);
        Some(feed)
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.gate.close();
    }
}

impl Feed {
    /// Reads to the end, which proves that the payload was whole, and gives the digests of the package file.
    pub fn finish(mut self) -> Result<PackageDigests, FeedError> {
        while !self.over {
            self.receive();
        }
        match (self.failed.take(), self.digests) {
            (Some(problem), _) => Err(problem.into()),
            (None, Some(digests)) => Ok(digests),
            (None, None) => Err(FeedError::Lost),
        }
    }

    fn receive(&mut self) {
        self.gate.give_back(self.block.len());
        self.block = Vec::new();
        self.offset = 0;
        match self.receiver.recv() {
            Ok(Message::Proven(digests)) => self.digests = Some(digests),
            Ok(Message::Block(block)) => self.block = block,
            Ok(Message::End(result)) => {
                self.failed = result.err();
                self.over = true;
            }
            Err(_) => {
                self.digests = None;
                self.over = true;
            }
        }
    }
}

impl Read for &mut Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.offset == self.block.len() && !self.over {
            self.receive();
        }
        let rest = &self.block[self.offset..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.offset += count;
        Ok(count)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.gate.give_back(self.block.len());
    }
}

/// Proves and decompresses one payload; false when nobody wants more.
fn serve(position: usize, package: &Package, sender: &Sender<Message>, gate: &Gate) -> bool {
    let mut wanted = true;
    let result = VerifiedPayload::open(package).and_then(|mut payload| {
        wanted = sender.send(Message::Proven(payload.digests())).is_ok();
        payload.decompress(package, |bytes| {
            wanted = wanted
                && gate.wait(position, bytes.len())
                && sender.send(Message::Block(bytes.to_vec())).is_ok();
            wanted
        })
    });
    // When the receiver is gone, an earlier failure already ended the transaction.
    wanted && sender.send(Message::End(result)).is_ok()
}

/// Counts the bytes that wait.
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
    budget: usize,
}

struct GateState {
    waiting: usize,
    head: usize,
    closed: bool,
}

impl Gate {
    fn new(budget: usize) -> Self {
        Gate {
            state: Mutex::new(GateState { waiting: 0, head: 0, closed: false }),
            changed: Condvar::new(),
            budget,
        }
    }

    /// Waits until the bytes fit or the package is at the head; false when the feeder is gone. One block of the head's
    /// may exceed the budget at a time.
    fn wait(&self, position: usize, bytes: usize) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .changed
            .wait_while(state, |state| {
                !state.closed
                    && state.waiting > 0
                    && state.waiting + bytes > self.budget
                    && !(position <= state.head && state.waiting < self.budget.saturating_mul(2))
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting += bytes;
        !state.closed
    }

    fn give_back(&self, bytes: usize) {
        if bytes > 0 {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.waiting = state.waiting.saturating_sub(bytes);
            self.changed.notify_all();
        }
    }

    fn advance_to(&self, head: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).head = head;
        self.changed.notify_all();
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }
}
