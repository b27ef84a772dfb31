//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use solver::testcase::Testcase;

/// Longer ones are read and not solved: the fuzzer looks for panics, not for hard problems.
const SOLVED: usize = 2048;

/// A testcase of libsolv.
pub fn testcase(bytes: &[u8]) {
    let Ok(testcase) = Testcase::read(bytes, &|_| None) else { return };
    for segment in testcase.segments() {
        std::hint::black_box((segment.line(), segment.has_installed(), segment.expected(), segment.kinds()));
        if bytes.len() <= SOLVED {
            drop(std::hint::black_box(segment.answer()));
        }
    }
}
