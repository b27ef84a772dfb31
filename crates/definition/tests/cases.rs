//! Folders of definition files, in; the problems or the distribution they yield, out: each folder of `cases` is one.
//!
//! `expected.txt` holds the problems as printed, `expected.json` the distribution. With the environment variable
//! `UPDATE_EXPECTED` set, the files are written instead of compared.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The result of a case: the name of its expected file, and its text with the case's folder written as `$CASE`.
fn outcome(case: &Path) -> (&'static str, String) {
    let (file, text) = match definition::load(case) {
        Ok(distro) => ("expected.json", serde_json::to_string_pretty(&distro).unwrap()),
        Err(problems) => ("expected.txt", problems.to_string()),
    };
    (file, text.replace(case.to_str().unwrap(), "$CASE") + "\n")
}

#[test]
fn every_case_yields_what_is_expected() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() > 15, "the cases are there");
    for case in cases {
        let (file, text) = outcome(&case);
        let expected = case.join(file);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &text).unwrap();
        }
        if fs::read_to_string(&expected).ok().as_deref() != Some(text.as_str()) {
            wrong.push(format!("{}:\n{text}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "these differ:\n{}", wrong.join("\n"));
}

#[test]
fn good_cases_load_and_bad_ones_do_not() {
    for case in cases() {
        let good = case.file_name().unwrap().to_str().unwrap().starts_with("good-");
        assert_eq!(definition::load(&case).is_ok(), good, "{}", case.display());
    }
}

#[test]
fn a_folder_without_a_definition_is_a_problem_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let problems = definition::load(folder.path()).unwrap_err();
    assert_eq!(problems.problems.len(), 1);
    assert!(problems.to_string().starts_with("error: no definition in "), "{problems}");
    assert!(problems.to_string().contains("hint: go to a project's folder"), "{problems}");
}

#[test]
fn the_nearest_root_file_is_found_and_lazuli_comes_before_azldev() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("a/b/distro")).unwrap();
    fs::write(root.join("azldev.toml"), "").unwrap();
    assert_eq!(definition::find_root(&root.join("a/b")).unwrap(), root.join("azldev.toml"));
    fs::write(root.join("lazuli.toml"), "").unwrap();
    assert_eq!(definition::find_root(&root.join("a/b")).unwrap(), root.join("lazuli.toml"));
    fs::write(root.join("a/b/distro/lazuli.toml"), "").unwrap();
    assert_eq!(definition::find_root(&root.join("a/b")).unwrap(), root.join("a/b/distro/lazuli.toml"));
    assert_eq!(definition::find_root(&root.join("a")).unwrap(), root.join("lazuli.toml"));
}

#[test]
fn bytes_that_are_no_text_are_named_by_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lazuli.toml"), b"# fine\n\xff\n").unwrap();
    let problems = definition::load(folder.path()).unwrap_err();
    assert_eq!(problems.to_string(), "error: cannot read lazuli.toml: line 2 is not UTF-8");
}

#[test]
fn problems_are_values_for_machines() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lazuli.toml"), "[project]\nlog_dir = 'x'\n").unwrap();
    let problems = definition::load(folder.path()).unwrap_err();
    let json = serde_json::to_value(&problems).unwrap();
    let expected = serde_json::json!([{
        "message": "unknown key `log_dir` in [project]",
        "file": "lazuli.toml",
        "line": 2,
        "column": 1,
        "text": "log_dir",
        "source_line": "log_dir = 'x'",
        "hint": "did you mean `log-dir`?",
    }]);
    assert_eq!(json, expected);
}
