//! Work that becomes ready piece by piece, in; its results, in the order of the pieces, out.

use std::collections::BinaryHeap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Runs `work` on every item, on `jobs` threads.
pub(super) fn in_parallel<T: Sync, R: Send>(
    jobs: NonZeroUsize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(items.iter().map(|_| None).collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..jobs.get() {
            scope.spawn(|| {
                while let Some((index, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
                {
                    let result = work(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

#[derive(Default)]
struct Ready {
    heap: BinaryHeap<(u64, usize, PathBuf)>,
    closed: bool,
}

/// Runs `fetch`, which names pieces as they become ready, and `work` on them meanwhile on `jobs` threads, the largest ready
/// piece first. Gives back what `fetch` gave, and the result of each piece that became ready.
pub(super) fn largest_first<F, R: Send>(
    jobs: NonZeroUsize,
    sizes: &[u64],
    fetch: impl FnOnce(&(dyn Fn(usize, &Path) + Sync)) -> F,
    work: impl Fn(usize, &Path) -> R + Sync,
) -> (F, Vec<Option<R>>) {
    let ready = Mutex::new(Ready::default());
    let changed = Condvar::new();
    let results = Mutex::new(sizes.iter().map(|_| None).collect::<Vec<_>>());
    let lock = || ready.lock().unwrap_or_else(PoisonError::into_inner);
    let fetched = thread::scope(|scope| {
        for _ in 0..jobs.get() {
            scope.spawn(|| {
                loop {
                    let mut queue = lock();
                    let next = loop {
                        if let Some(next) = queue.heap.pop() {
                            break Some(next);
                        }
                        if queue.closed {
                            break None;
                        }
                        queue = changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    };
                    drop(queue);
                    let Some((_, index, path)) = next else { return };
                    let result = work(index, &path);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                }
            });
        }
        let fetched = fetch(&|index, path| {
            lock().heap.push((sizes.get(index).copied().unwrap_or_default(), index, path.to_owned()));
            changed.notify_one();
        });
        lock().closed = true;
        changed.notify_all();
        fetched
    });
    (fetched, results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_pieces() {
        let jobs = NonZeroUsize::new(3).unwrap();
        assert_eq!(in_parallel(jobs, &[3, 1, 2], |item| item * 10), [30, 10, 20]);
        let fetch = |ready: &(dyn Fn(usize, &Path) + Sync)| {
            ready(2, Path::new("c"));
            ready(0, Path::new("a"));
            "fetched"
        };
        let (fetched, results) =
            largest_first(jobs, &[1, 1, 1], fetch, |index, path| format!("{index}{}", path.display()));
        assert_eq!(fetched, "fetched");
        assert_eq!(results, [Some("0a".to_owned()), None, Some("2c".to_owned())]);
    }

    #[test]
    fn the_largest_ready_piece_comes_first() {
        let order = Mutex::new(Vec::new());
        let (gate, opened) = (Mutex::new(false), Condvar::new());
        let fetch = |ready: &(dyn Fn(usize, &Path) + Sync)| {
            // The first piece holds the only worker until all others are ready.
            for index in [3, 0, 1, 2] {
                ready(index, Path::new("x"));
            }
            *gate.lock().unwrap() = true;
            opened.notify_all();
        };
        let ((), _) = largest_first(NonZeroUsize::MIN, &[10, 30, 20, 99], fetch, |index, _| {
            let _open = opened.wait_while(gate.lock().unwrap(), |open| !*open).unwrap();
            order.lock().unwrap().push(index);
        });
        let order = order.into_inner().unwrap();
        assert!(order.ends_with(&[1, 2, 0]) || order == [3, 1, 2, 0], "{order:?}");
    }
}
