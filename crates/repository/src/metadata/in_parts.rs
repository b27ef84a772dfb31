//! A long document as a stream, in; it is cut behind elements, threads read the parts, and what they make of them is taken in
//! the order of the document. How many threads there are shows in nothing but time.

use std::io::{self, Read};
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use memchr::memmem;

/// Bytes of a part, but for an element that is longer: small enough that what is made of it is still near when it is taken.
const PART: u64 = 256 << 10;
/// Parts that may wait to be read: the stream is no further ahead.
const WAITING: usize = 16;
/// Taking is not shared: more threads would only wait.
const MOST_THREADS: usize = 4;

/// What is done with the parts of a document.
pub(super) trait Stages: Send {
    /// What every thread may look at.
    type Wish<'w>: Sync;
    /// What a part becomes, borrowed from its bytes.
    type Parsed<'a>;

    /// Reads a part, on any thread; `first` marks the one that opens the document.
    fn parse<'a>(wish: &Self::Wish<'_>, part: &'a [u8], first: bool) -> Self::Parsed<'a>;

    /// Takes what became of the next part; `false` ends it all.
    fn take(&mut self, parsed: Self::Parsed<'_>) -> bool;
}

/// Leads a document, whose parts may end behind `close`, through the stages.
///
/// An error is one of the stream, and told only if the stages did not end before.
pub(super) fn read<S: Stages>(
    source: impl Read + Send,
    close: &'static [u8],
    wish: &S::Wish<'_>,
    stages: &mut S,
) -> io::Result<()> {
    let mut cutter = Cutter { source, close, carried: Vec::new(), ended: false };
    let Some(first) = cutter.next()? else { return Ok(()) };
    if cutter.ended {
        let _nothing_follows = stages.take(S::parse(wish, &first, true));
        return Ok(());
    }
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    let parts = Mutex::new(Some(receiver));
    let queue = Queue { turn: Mutex::new(Turn { next: 0, stages, over: false }), moved: Condvar::new() };
    let sent = thread::scope(|scope| {
        let reader = scope.spawn(move || cutter.send(first, &sender));
        for _ in 1..threads() {
            scope.spawn(|| work(&queue, &parts, wish));
        }
        work(&queue, &parts, wish);
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    if lock(&queue.turn).over { Ok(()) } else { sent }
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

/// Cuts the stream.
struct Cutter<R> {
    source: R,
    close: &'static [u8],
    /// What was read of the next part already.
    carried: Vec<u8>,
    ended: bool,
}

impl<R: Read> Cutter<R> {
    /// The next part; the last one holds all that is left.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.ended {
            return Ok(None);
        }
        loop {
            let mut part = std::mem::take(&mut self.carried);
            let before = part.len();
            part.reserve(usize::try_from(PART).unwrap_or_default());
            let read = self.source.by_ref().take(PART).read_to_end(&mut part)?;
            if (read as u64) < PART {
                self.ended = true;
                return Ok(Some(part));
            }
            // The end of an element may lie across the seam.
            let from = before.saturating_sub(self.close.len());
            match memmem::rfind(&part[from..], self.close) {
                Some(at) => {
                    let end = from + at + self.close.len();
                    self.carried.extend_from_slice(&part[end..]);
                    part.truncate(end);
                    return Ok(Some(part));
                }
                None => self.carried = part,
            }
        }
    }

    fn send(mut self, first: Vec<u8>, sender: &mpsc::SyncSender<(usize, Vec<u8>)>) -> io::Result<()> {
        let mut number = 0;
        let mut next = Some(first);
        while let Some(part) = next {
            // Nobody listens any more.
            if sender.send((number, part)).is_err() {
                return Ok(());
            }
            number += 1;
            next = self.next()?;
        }
        Ok(())
    }
}

/// Parts are taken one after the other, by the thread that has read the next one.
struct Queue<'s, S> {
    turn: Mutex<Turn<'s, S>>,
    moved: Condvar,
}

struct Turn<'s, S> {
    next: usize,
    stages: &'s mut S,
    over: bool,
}

type Parts = Mutex<Option<mpsc::Receiver<(usize, Vec<u8>)>>>;

fn work<S: Stages>(queue: &Queue<'_, S>, parts: &Parts, wish: &S::Wish<'_>) {
    let _leave = Leave { queue, parts };
    loop {
        let received = lock(parts).as_ref().and_then(|receiver| receiver.recv().ok());
        let Some((number, part)) = received else { return };
        let parsed = S::parse(wish, &part, number == 0);
        let mut turn = lock(&queue.turn);
        while turn.next != number && !turn.over {
            turn = queue.moved.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        if turn.over {
            return;
        }
        turn.over = !turn.stages.take(parsed);
        turn.next += 1;
        drop(turn);
        queue.moved.notify_all();
    }
}

/// Lets the reader stop when a thread leaves, and the others, when it leaves by a panic: its turn would never pass.
struct Leave<'q, 's, S> {
    queue: &'q Queue<'s, S>,
    parts: &'q Parts,
}

impl<S> Drop for Leave<'_, '_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.queue.turn).over = true;
            self.queue.moved.notify_all();
        }
        drop(lock(self.parts).take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts elements and remembers them in order; ends at `bad;`.
    struct Words {
        seen: Vec<String>,
        firsts: usize,
    }

    impl Stages for Words {
        type Wish<'w> = ();
        type Parsed<'a> = (Vec<&'a str>, bool);

        fn parse<'a>((): &(), part: &'a [u8], first: bool) -> Self::Parsed<'a> {
            let text = str::from_utf8(part).unwrap();
            assert!(!text.contains("panic"), "asked to panic");
            (text.split_terminator(';').collect(), first)
        }

        fn take(&mut self, (words, first): Self::Parsed<'_>) -> bool {
            self.firsts += usize::from(first);
            for word in words {
                if word == "bad" {
                    return false;
                }
                self.seen.push(word.to_owned());
            }
            true
        }
    }

    fn words(text: &str) -> (Vec<String>, usize) {
        let mut words = Words { seen: Vec::new(), firsts: 0 };
        read(text.as_bytes(), b";", &(), &mut words).unwrap();
        (words.seen, words.firsts)
    }

    fn many(count: usize) -> Vec<String> {
        // Some are longer than a part.
        let word =
            |number: usize| format!("{number}{}", "x".repeat(if number % 997 == 7 { 700_000 } else { 40 }));
        (0..count).map(word).collect()
    }

    #[test]
    fn what_was_made_of_parts_is_taken_in_the_order_of_the_document() {
        let expected = many(60_000);
        assert_eq!(words(&format!("{};", expected.join(";"))), (expected, 1));
        assert_eq!(words("a;b"), (vec!["a".to_owned(), "b".to_owned()], 1));
        assert_eq!(words(""), (Vec::new(), 1));
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let mut all = many(60_000);
        all[30_000] = "bad".to_owned();
        let (seen, _) = words(&all.join(";"));
        assert_eq!(seen, all[..30_000]);
    }

    #[test]
    fn a_panic_ends_all_threads() {
        let mut all = many(60_000);
        all[30_000] = "panic".to_owned();
        let text = all.join(";");
        assert!(std::panic::catch_unwind(|| words(&text)).is_err());
    }

    #[test]
    fn an_error_of_the_stream_is_told_unless_the_end_came_before() {
        struct Broken<R>(R);
        impl<R: Read> Read for Broken<R> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(io::Error::other("torn")),
                    count => Ok(count),
                }
            }
        }
        let text = many(60_000).join(";");
        let attempt = |text: &str| {
            let mut words = Words { seen: Vec::new(), firsts: 0 };
            read(Broken(text.as_bytes()), b";", &(), &mut words)
        };
        assert_eq!(attempt(&text).unwrap_err().to_string(), "torn");
        attempt(&format!("bad;{text}")).unwrap();
        assert_eq!(attempt("a;").unwrap_err().to_string(), "torn");
    }
}
