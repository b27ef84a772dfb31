//! Folders of definition files that load, in; what is allowed in them and hardly meant, out: each folder of `lint` is one.
//!
//! `expected.txt` holds the remarks as printed; without it there are none. With the environment variable `UPDATE_EXPECTED` set, the
//! files are written instead of compared.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use definition::{REMARK_KINDS, Remark, RemarkKind};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn remarks(case: &Path) -> Vec<Remark> {
    definition::lint(case).unwrap_or_else(|problems| panic!("{}: {problems}", case.display())).remarks
}

#[test]
fn every_case_yields_what_is_expected() {
    let mut wrong = Vec::new();
    for case in cases() {
        let text: String = remarks(&case).iter().map(|remark| format!("{remark}\n\n")).collect();
        let expected = case.join("expected.txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() && !text.is_empty() {
            fs::write(&expected, &text).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != text {
            wrong.push(format!("{}:\n{text}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "these differ:\n{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_remark_is_made_by_some_case() {
    let made: BTreeSet<RemarkKind> =
        cases().iter().flat_map(|case| remarks(case)).map(|remark| remark.kind).collect();
    assert_eq!(made.into_iter().collect::<Vec<_>>(), {
        let mut all = REMARK_KINDS.to_vec();
        all.sort();
        all
    });
}

#[test]
fn loading_makes_no_remarks_and_gives_the_same() {
    for case in cases() {
        let loaded = serde_json::to_value(definition::load(&case).unwrap()).unwrap();
        let linted = serde_json::to_value(definition::lint(&case).unwrap().distro).unwrap();
        assert_eq!(loaded, linted, "{}", case.display());
    }
}

#[test]
fn remarks_are_values_for_machines() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lazuli.toml"), "[component-groups.g]\n").unwrap();
    let json = serde_json::to_value(definition::lint(folder.path()).unwrap().remarks).unwrap();
    let expected = serde_json::json!([{
        "kind": "selects-nothing",
        "message": "component group `g` has no component",
        "file": "lazuli.toml",
        "line": 1,
        "column": 19,
        "text": "g",
        "source_line": "[component-groups.g]",
        "hint": "delete it, or list some",
    }]);
    assert_eq!(json, expected);
}
