//! Packages in their order, in; their plain payloads, decompressed ahead on several threads, out, in the same order.
//!
//! At most a given number of bytes wait in memory. The package at the head may always go on, so nothing can wait forever.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use rpm_model::{Checksum, ChecksumAlgorithm};

use super::gate::Gate;
use super::source::{PackageDigests, VerifiedPayload, fill};
use super::store::{BLOCK, Keeping, Kept, Store};
use crate::package::{Package, PackageProblem};

/// A payload to be fed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose it is.
    pub package: &'a Package,
    /// What the package file's bytes must give; only a payload whose file is pinned by SHA-256 is taken from a store.
    pub checksum: Option<&'a Checksum>,
}

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
    block: Block,
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
    Block(Block),
    End(Result<(), PackageProblem>),
}

/// A buffer that is not always full.
#[derive(Default)]
struct Block {
    buffer: Vec<u8>,
    length: usize,
}

impl Feeder {
    /// Starts `threads` threads that decompress payloads in order, with at most `budget` bytes waiting. What `store` has is taken
    /// from there, and what it has not is kept there.
    pub fn start<'scope, 'p: 'scope>(
        scope: &'scope Scope<'scope, '_>,
        payloads: impl IntoIterator<Item = Wanted<'p>>,
        store: Option<&'p Store>,
        threads: usize,
        budget: usize,
    ) -> Self {
        let gate = Arc::new(Gate::new(budget));
        let (senders, feeds): (Vec<_>, Vec<_>) = payloads
            .into_iter()
            .enumerate()
            .map(|(position, wanted)| {
                let (sender, receiver) = channel();
                let feed = Feed {
                    position,
                    receiver,
                    gate: Arc::clone(&gate),
                    block: Block::default(),
                    offset: 0,
                    failed: None,
                    digests: None,
                    over: false,
                };
                let server = Server { position, wanted, store, sender, gate: Arc::clone(&gate) };
                (server, feed)
            })
            .unzip();
        let queue = Arc::new(Mutex::new(senders.into_iter()));
        for _ in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            scope.spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(server) = next else { return };
                    if !server.serve() {
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
        self.give_back();
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

    fn give_back(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.gate.give_back(block.length, block.buffer);
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.offset == self.block.length && !self.over {
            self.receive();
        }
        Ok(&self.block.buffer[self.offset..self.block.length])
    }

    fn consume(&mut self, count: usize) {
        self.offset += count;
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// The giving side of one payload.
struct Server<'a> {
    position: usize,
    wanted: Wanted<'a>,
    store: Option<&'a Store>,
    sender: Sender<Message>,
    gate: Arc<Gate>,
}

/// Nobody wants more: an earlier failure has ended the transaction.
struct Unwanted;

impl Server<'_> {
    /// Proves and decompresses the payload, or takes it from the store; false when nobody wants more.
    fn serve(&self) -> bool {
        self.try_serve().is_ok()
    }

    fn try_serve(&self) -> Result<(), Unwanted> {
        let mut given = 0;
        if let (Some(store), Some(sha256)) = (self.store, self.pinned())
            && let Some(kept) = store.find(self.wanted.package, &sha256)
        {
            self.send(Message::Proven(kept.digests()))?;
            given = self.give_kept(&kept)?;
            if given == kept.blocks() {
                return self.send(Message::End(Ok(())));
            }
            // What came so far was sound; the rest comes from the package.
            store.forget(&sha256);
        }
        let result = self.give_package(given)?;
        self.send(Message::End(result))
    }

    fn pinned(&self) -> Option<[u8; 32]> {
        let pinned =
            self.wanted.checksum.filter(|checksum| checksum.algorithm() == ChecksumAlgorithm::Sha256)?;
        hex::decode(pinned.hex()).ok()?.try_into().ok()
    }

    /// How many blocks were sound.
    fn give_kept(&self, kept: &Kept) -> Result<usize, Unwanted> {
        for number in 0..kept.blocks() {
            let mut buffer = self.gate.buffer(BLOCK);
            let Some(length) = kept.block(number, &mut buffer) else { return Ok(number) };
            self.give(Block { buffer, length })?;
        }
        Ok(kept.blocks())
    }

    fn give_package(&self, mut skipped: usize) -> Result<Result<(), PackageProblem>, Unwanted> {
        let package = self.wanted.package;
        let mut payload = match VerifiedPayload::open(package) {
            Ok(payload) => payload,
            Err(problem) => return Ok(Err(problem)),
        };
        let digests = payload.digests();
        self.send(Message::Proven(digests))?;
        // A store that cannot keep anything, on a full disk for example, fails nothing.
        let mut keeping: Option<Keeping> = self.store.and_then(|store| store.begin().ok());
        let mut wanted = true;
        let result = payload.decompress(package, |reader| {
            loop {
                let mut buffer = self.gate.buffer(BLOCK);
                let length = fill(reader, &mut buffer)?;
                if length == 0 {
                    return Ok(());
                }
                keeping = keeping
                    .take()
                    .and_then(|mut keeping| keeping.append(&buffer[..length]).ok().map(|()| keeping));
                if skipped > 0 {
                    skipped -= 1;
                } else if self.give(Block { buffer, length }).is_err() {
                    wanted = false;
                    return Ok(());
                }
                if length < BLOCK {
                    return Ok(());
                }
            }
        });
        if !wanted {
            return Err(Unwanted);
        }
        if let (Ok(()), Some(store), Some(keeping)) = (&result, self.store, keeping) {
            let _not_kept = keeping.finish(store, package, &digests);
        }
        Ok(result)
    }

    fn give(&self, block: Block) -> Result<(), Unwanted> {
        if self.gate.wait(self.position, block.length) {
            self.send(Message::Block(block))
        } else {
            Err(Unwanted)
        }
    }

    fn send(&self, message: Message) -> Result<(), Unwanted> {
        self.sender.send(message).map_err(|_| Unwanted)
    }
}
