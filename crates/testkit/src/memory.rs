//! Work, in; the most bytes that it held at once, out: for tests that bound memory.
//!
//! A test binary that measures what is allocated has, at its top:
//!
//! ```ignore
//! #[global_allocator]
//! static COUNTING: testkit::memory::Counting = testkit::memory::Counting;
//! ```
#![allow(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; this one hands everything to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// What is counted is of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// The system's allocator, with the bytes counted that are held. What C libraries allocate is not seen.
#[derive(Debug)]
pub struct Counting;

// SAFETY: every call is handed to the system's allocator with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may exist together for a moment.
        add(size);
        let moved = unsafe { System.realloc(pointer, layout, size) };
        HELD.fetch_sub(layout.size(), Relaxed);
        moved
    }
}

fn add(bytes: usize) {
    let held = HELD.fetch_add(bytes, Relaxed) + bytes;
    MOST.fetch_max(held, Relaxed);
}

/// A test that measures is alone with what it builds to measure: it asks for this first.
#[derive(Debug)]
pub struct Alone(#[expect(dead_code, reason = "it is held")] MutexGuard<'static, ()>);

impl Alone {
    /// Waits until no other test measures.
    #[must_use]
    pub fn wait() -> Alone {
        Alone(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The result of `work`, and the most bytes that were held at once during it beyond those held before.
    ///
    /// # Panics
    /// Where the binary's allocator is not [`Counting`]: a bound that nothing measures would always hold.
    pub fn peak<R>(&self, work: impl FnOnce() -> R) -> (R, usize) {
        let before = HELD.load(Relaxed);
        MOST.store(before, Relaxed);
        drop(std::hint::black_box(vec![0_u8; 64]));
        assert!(
            MOST.load(Relaxed) >= before + 64,
            "the test binary does not count: name `Counting` as its allocator"
        );
        let result = work();
        (result, MOST.load(Relaxed).saturating_sub(before))
    }

    /// The result of `work`, and how many bytes more than before were resident at once during it, by the kernel's count: what C
    /// libraries take, too.
    ///
    /// # Panics
    /// Where the kernel tells nothing of this process.
    pub fn resident_peak<R>(&self, work: impl FnOnce() -> R) -> (R, u64) {
        // Lets the kernel forget the highest mark so far.
        std::fs::write("/proc/self/clear_refs", "5").expect("the kernel counts for this process");
        let before = most_resident();
        let result = work();
        (result, most_resident().saturating_sub(before))
    }
}

fn most_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it tells the mark");
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().expect("it is a number");
    kib << 10
}
