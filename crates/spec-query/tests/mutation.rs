//! Specs with bytes changed, cut out and doubled: whatever comes of it is an answer or a reason, never a crash, and always the same.
//! `LAZULI_SPEC_MUTATIONS` says how many for each spec; 30 without it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::rc::Rc;

use spec_query::{Macros, NoFiles, evaluate};

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

const PIECES: [&[u8]; 16] = [
    b"%{",
    b"}",
    b"%[",
    b"]",
    b"%(",
    b")",
    b"\\\n",
    b"%if ",
    b"%endif\n",
    b"%{lua:",
    b"\xff",
    b"%%",
    b"%package ",
    b"\"",
    b"?",
    b"%define a %{a}\n",
];

fn mutate(text: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(text.len());
        match numbers.below(4) {
            0 => drop(text.splice(at..at, PIECES[numbers.below(PIECES.len())].iter().copied())),
            1 => {
                let end = (at + numbers.below(20)).min(text.len());
                text.drain(at..end);
            }
            2 => {
                let end = (at + numbers.below(60)).min(text.len());
                let part = text[at..end].to_vec();
                let place = numbers.below(text.len());
                text.splice(place..place, part);
            }
            _ => {
                if let Some(byte) = text.get_mut(at) {
                    *byte = u8::try_from(numbers.below(256)).unwrap();
                }
            }
        }
    }
}

#[test]
fn damaged_specs_are_answered_or_refused() {
    let count: usize = std::env::var("LAZULI_SPEC_MUTATIONS").map_or(30, |count| count.parse().unwrap());
    let macros = Macros::of_architecture("x86_64");
    let mut numbers = Numbers(1);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs");
    let mut specs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    specs.sort();
    let (mut read, mut refused) = (0, 0);
    for path in specs.iter().filter(|path| path.extension().is_some_and(|extension| extension == "spec")) {
        let text = fs::read(path).unwrap();
        for _ in 0..count {
            let mut text = text.clone();
            mutate(&mut text, &mut numbers);
            let first = evaluate("a.spec", &text, &macros, Rc::new(NoFiles));
            match &first {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
            assert_eq!(first, evaluate("a.spec", &text, &macros, Rc::new(NoFiles)));
        }
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}
