//! Files of a definition with bytes changed, in; always an answer, and every problem points into a file that is there.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use std::fs;
use std::path::Path;

use definition::{Distro, Problems};

/// What stands in for a piece of the file: words that mean something to TOML, to globs and to terminals.
const PIECES: &[&str] = &[
    "",
    "\"",
    "'",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    "\n",
    "#",
    ".",
    "..",
    "/",
    "**",
    "\\",
    "\0",
    "\u{1b}[2J",
    "\t",
    "é",
    "99999999999999999999",
    "-1",
    "0x7f",
    "true",
    "2026-11-21",
    "\"\"\"",
    "$releasever",
    "file://",
    "{a,{b,c}",
    "mode = ",
];

/// A sequence of numbers that looks random and is the same in every run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn boundary(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

fn mutate(text: &str, sequence: &mut Sequence) -> String {
    let mut text = text.to_owned();
    for _ in 0..=sequence.below(3) {
        let (a, b) = (sequence.boundary(&text), sequence.boundary(&text));
        // Most edits are short, as a slip of the hand is; some take away half of the file.
        let (start, end) = if sequence.below(8) == 0 { (a.min(b), a.max(b)) } else { (a, a) };
        text.replace_range(start..end, PIECES[sequence.below(PIECES.len())]);
    }
    text
}

fn check(result: &Result<Distro, Problems>, folder: &Path) {
    let Err(problems) = result else { return };
    assert!(!problems.problems.is_empty(), "an error tells at least one problem");
    for problem in &problems.problems {
        let shown = problem.to_string();
        assert!(!shown.contains('\u{1b}'), "nothing steers the terminal: {shown:?}");
        let Some(at) = &problem.at else { continue };
        let text = fs::read_to_string(folder.join(&at.file)).unwrap();
        let line = text.split('\n').nth(at.line - 1).unwrap_or_else(|| panic!("{shown} is in the file"));
        assert_eq!(line.trim_end_matches('\r'), at.source_line);
        assert!(at.column <= at.source_line.chars().count() + 1, "{shown}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// How many of the changed definitions are refused.
fn refused(case: &str, files: &[&str], rounds: usize) -> usize {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case);
    let folder = tempfile::tempdir().unwrap();
    copy(&case, folder.path());
    let mut sequence = Sequence(20_261_121);
    let mut refused = 0;
    for round in 0..rounds {
        let file = files[round % files.len()];
        let original = fs::read_to_string(case.join(file)).unwrap();
        fs::write(folder.path().join(file), mutate(&original, &mut sequence)).unwrap();
        let result = definition::load(folder.path());
        refused += usize::from(result.is_err());
        check(&result, folder.path());
        check(&definition::lint(folder.path()).map(|linted| linted.distro), folder.path());
        fs::write(folder.path().join(file), original).unwrap();
    }
    refused
}

#[test]
fn changed_files_of_images_always_get_an_answer() {
    let refused = refused("good-image", &["lazuli.toml", "images/server.toml"], 300);
    assert!(refused > 100, "most changes are noticed: {refused}");
}

#[test]
fn changed_files_of_components_always_get_an_answer() {
    for (case, files) in [
        ("good-inheritance", &["lazuli.toml"][..]),
        ("good-overlays", &["lazuli.toml"]),
        ("good-overlay-files", &["lazuli.toml", "comps/app/app.comp.toml", "comps/app/overlays/last.toml"]),
        ("good-found-specs", &["lazuli.toml", "specs/new/here.overlay.toml"]),
    ] {
        let refused = refused(case, files, 150);
        assert!(refused > 40, "most changes are noticed: {refused} of {case}");
    }
}
