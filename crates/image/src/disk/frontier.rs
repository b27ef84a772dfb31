//! Which parts of a disk are written, for those who follow behind the writers.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The segments that are not yet written.
#[derive(Debug)]
pub(super) struct Frontier {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    pending: BTreeSet<u64>,
    given_up: bool,
}

/// Gives up for everybody when it is dropped before its writer is done: nobody waits for what never comes.
#[derive(Debug)]
pub(super) struct Writer<'f> {
    frontier: &'f Frontier,
    done: bool,
}

impl Frontier {
    pub(super) fn new(segments: impl IntoIterator<Item = u64>) -> Self {
        let state = State { pending: segments.into_iter().collect(), given_up: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn writer(&self) -> Writer<'_> {
        Writer { frontier: self, done: false }
    }

    /// Waits until a segment is written; false when it never will be.
    pub(super) fn wait(&self, segment: u64) -> bool {
        let mut state = self.lock();
        while state.pending.contains(&segment) && !state.given_up {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.given_up
    }

    pub(super) fn given_up(&self) -> bool {
        self.lock().given_up
    }

    // A set is whole whatever panicked beside it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer<'_> {
    pub(super) fn written(&self, segment: u64) {
        self.frontier.lock().pending.remove(&segment);
        self.frontier.changed.notify_all();
    }

    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.frontier.lock().given_up = true;
            self.frontier.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Frontier;

    #[test]
    fn who_waits_learns_that_it_is_written_or_never_will_be() {
        let frontier = Frontier::new([3, 5]);
        assert!(frontier.wait(4));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (frontier.wait(3), frontier.wait(5)));
            let writer = frontier.writer();
            writer.written(3);
            assert!(frontier.wait(3));
            drop(writer);
            assert!(!waiting.join().unwrap().1);
        });
        assert!(frontier.given_up());
    }
}
