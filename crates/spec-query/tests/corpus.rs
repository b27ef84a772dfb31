//! Specs as files, each with what it describes beside it; rpm itself is asked as well where it is at hand.
//! `UPDATE_EXPECTED=1` writes the expected texts anew; look at the difference before keeping it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corpus {
    pub mod judge;
    pub mod print;
}

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use corpus::{judge, print};
use spec_query::{Files, Found, Macros, SOURCE_FOLDER, SpecError, evaluate};

/// The files beside the specs of a folder.
struct Beside(PathBuf);

impl Files for Beside {
    fn find(&self, path: &str) -> Found {
        let Some(name) = path.strip_prefix(SOURCE_FOLDER) else { return Found::Unknown };
        fs::read(self.0.join(name.trim_start_matches('/'))).map_or(Found::Absent, Found::Content)
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn specs(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "spec"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} has specs", folder.display());
    found
}

fn read(spec: &Path, macros: &Macros) -> Result<spec_query::Evaluation, SpecError> {
    let text = fs::read(spec).unwrap();
    let name = spec.file_name().unwrap().to_string_lossy().into_owned();
    evaluate(&name, &text, macros, Rc::new(Beside(folder("specs/files"))))
}

fn compare(spec: &Path, text: &str, wrong: &mut Vec<String>) {
    let expected = spec.with_extension("expected");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&expected, text).unwrap();
        return;
    }
    let wanted = fs::read_to_string(&expected).unwrap_or_default();
    if wanted != text {
        wrong.push(format!("{}:\n--- expected\n{wanted}--- got\n{text}", spec.display()));
    }
}

fn all_right(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn specs_describe_what_is_expected() {
    let macros = Macros::of_architecture("x86_64");
    let mut wrong = Vec::new();
    for spec in specs(&folder("specs")) {
        let text = match read(&spec, &macros) {
            Ok(evaluation) => print::evaluation(&evaluation),
            Err(error) => format!("refused {error}\n"),
        };
        compare(&spec, &text, &mut wrong);
    }
    all_right(&wrong);
}

#[test]
fn specs_that_rpm_refuses_are_refused_with_line_and_reason() {
    let macros = Macros::of_architecture("x86_64");
    let mut wrong = Vec::new();
    for spec in specs(&folder("refused")) {
        match read(&spec, &macros) {
            Ok(_) => wrong.push(format!("{} was read", spec.display())),
            Err(error) => compare(&spec, &format!("{error}\n"), &mut wrong),
        }
    }
    all_right(&wrong);
}

#[test]
fn what_only_a_build_root_could_tell_is_said_to_be_unknown() {
    let macros = Macros::of_architecture("x86_64");
    let mut wrong = Vec::new();
    for spec in specs(&folder("unknown")) {
        let evaluation = read(&spec, &macros).unwrap();
        compare(&spec, &print::with_doubts(&evaluation), &mut wrong);
    }
    all_right(&wrong);
}

#[test]
fn rpm_describes_the_same() {
    let Some(judge) = judge::Judge::new() else { return };
    let mut wrong = Vec::new();
    let all = specs(&folder("specs"));
    for (spec, answer) in all.iter().zip(judge.query(&all, &folder("specs/files"))) {
        let expected = fs::read_to_string(spec.with_extension("expected")).unwrap();
        if answer != expected {
            wrong.push(format!("{}:\n--- rpm\n{answer}--- expected\n{expected}", spec.display()));
        }
    }
    all_right(&wrong);
}

#[test]
fn rpm_expands_to_the_same_text() {
    let Some(judge) = judge::Judge::new() else { return };
    let macros = judge.macros();
    let mut wrong = Vec::new();
    let all = specs(&folder("specs"));
    for (spec, theirs) in all.iter().zip(judge.expand(&all, &folder("specs/files"))) {
        let ours = read(spec, &macros).map_or_else(|error| format!("{error}\n"), |read| read.expanded);
        if ours != theirs {
            wrong.push(format!("{}:\n--- rpm\n{theirs}--- ours\n{ours}", spec.display()));
        }
    }
    all_right(&wrong);
}

#[test]
fn rpm_refuses_the_same() {
    let Some(judge) = judge::Judge::new() else { return };
    let all = specs(&folder("refused"));
    let answers = judge.query(&all, &folder("specs/files"));
    let read: Vec<_> = all.iter().zip(&answers).filter(|(_, answer)| !answer.contains("refused\n")).collect();
    assert!(read.is_empty(), "rpm reads {read:?}");
}
