//! Pieces of work, in; their results in the order of the work, out. What takes longest begins first: threads end together.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does the work on all threads; of several errors, the first in the order of the work is told.
pub(super) fn map<T: Sync, R: Send, E: Send>(
    work: &[T],
    size: impl Fn(&T) -> u64,
    result: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let mut order: Vec<usize> = (0..work.len()).collect();
    order.sort_by_key(|place| Reverse(size(&work[*place])));
    let next = AtomicUsize::new(0);
    let by_thread = rayon::broadcast(|_| {
        let mut done = Vec::new();
        while let Some(place) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*place, result(&work[*place])));
        }
        done
    });
    let mut done: Vec<(usize, Result<R, E>)> = by_thread.into_iter().flatten().collect();
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_and_the_first_error_is_told() {
        let work: Vec<u64> = (0..1000).map(|number| number * 7919 % 1000).collect();
        let doubled = map(&work, |size| *size, |number| Ok::<u64, u64>(number * 2));
        assert_eq!(doubled, Ok(work.iter().map(|number| number * 2).collect()));
        let failed =
            map(&work, |size| *size, |number| if *number % 100 == 0 { Err(*number) } else { Ok(()) });
        assert_eq!(failed, Err(work[0]));
        assert_eq!(map(&[], |size: &u64| *size, |number| Ok::<u64, u64>(*number)), Ok(Vec::new()));
    }
}
