//! Any bytes, in; nothing out but the promise that they were read without a panic. The fuzzer and the tests call the same functions.

use repository::metadata::primary;
use repository::metadata::primary_views::{Scan, scan};
use solver::flat::{IndexBuilder, of_records};
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

/// A primary document: what the fast reader takes at all, it takes as the other one does.
pub fn primary_views(bytes: &[u8]) {
    let mut builder = IndexBuilder::default();
    let Ok(Ok(Scan::Whole)) = scan(bytes, |package| builder.add(package)) else { return };
    let text = std::str::from_utf8(bytes).expect("the fast reader takes nothing else");
    let records = primary::parse(text, "fuzzed").expect("the fast reader takes no more than the other");
    let slow = of_records(&records).expect("the fast reader has indexed the same packages");
    assert!(builder.finish() == slow, "the readers disagree");
}
