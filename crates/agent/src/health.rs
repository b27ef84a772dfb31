//! Declared checks and what they find, over time, in; whether a new version is good, out.
//!
//! A check says what must hold: units are active, a command succeeds, an address answers, the whole system runs. A version is
//! good when all checks hold without a break for a while, and bad when that has not come by the deadline.

mod declared;
mod gate;
mod probe;

pub use declared::{Check, CheckError, load};
pub use gate::{Gate, Verdict};
pub use probe::{Probe, Problem, System};

/// Asks every check, in their order; what does not hold, and why.
pub fn problems(checks: &[Check], probe: &mut dyn Probe) -> Vec<Problem> {
    checks
        .iter()
        .filter_map(|check| {
            probe.probe(check).err().map(|reason| Problem { check: check.to_string(), reason })
        })
        .collect()
}
