//! The bytes that wait in memory, counted: who makes more of them waits, and who used them up gives their buffers back.

use std::sync::{Condvar, Mutex, PoisonError};

/// Counts the bytes that wait.
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
    budget: usize,
}

struct State {
    waiting: usize,
    head: usize,
    closed: bool,
    /// Buffers that went round: memory fresh from the kernel costs more than what is done in it.
    spare: Vec<Vec<u8>>,
}

/// More buffers than this are never of use at once.
const MOST_SPARE: usize = 64;

impl Gate {
    pub(super) fn new(budget: usize) -> Self {
        Gate {
            state: Mutex::new(State { waiting: 0, head: 0, closed: false, spare: Vec::new() }),
            changed: Condvar::new(),
            budget,
        }
    }

    /// A buffer of that length, with anything in it.
    pub(super) fn buffer(&self, length: usize) -> Vec<u8> {
        let spare = self.state.lock().unwrap_or_else(PoisonError::into_inner).spare.pop();
        spare.filter(|buffer| buffer.len() == length).unwrap_or_else(|| vec![0; length])
    }

    /// Waits until the bytes fit or the package is at the head; false when nobody takes them any more. One block of the head's
    /// may exceed the budget at a time.
    pub(super) fn wait(&self, position: usize, bytes: usize) -> bool {
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

    pub(super) fn give_back(&self, bytes: usize, buffer: Vec<u8>) {
        if bytes > 0 {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.waiting = state.waiting.saturating_sub(bytes);
            if state.spare.len() < MOST_SPARE {
                state.spare.push(buffer);
            }
            self.changed.notify_all();
        }
    }

    pub(super) fn advance_to(&self, head: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).head = head;
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }
}
