//! libsolv's own testcases, answered by the solver.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what it did"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use solver::testcase::Testcase;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "t") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn explore() {
    let Ok(folder) = std::env::var("LAZULI_LIBSOLV_TESTCASES") else { return };
    let folder = PathBuf::from(folder);
    let only = std::env::var("ONLY").ok();
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&folder) {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let beside = |file: &str| std::fs::read(path.with_file_name(file)).ok();
        let testcase = match Testcase::read(&bytes, &beside) {
            Ok(testcase) => testcase,
            Err(error) => {
                println!(
                    "READ {name}: {error} {:?}",
                    std::error::Error::source(&error).map(|e| e.to_string())
                );
                *tally.entry("unreadable".into()).or_default() += 1;
                continue;
            }
        };
        for (number, segment) in testcase.segments().iter().enumerate() {
            let installed = if segment.has_installed() { "installed" } else { "empty" };
            let outcome = match segment.answer() {
                Err(error) => {
                    println!("ANSWER {name} {}: {error}", number + 1);
                    "unsupported"
                }
                Ok(lines) if Some(&lines) == segment.expected().as_ref() => "same",
                Ok(lines) => {
                    println!("DIFF {name} {} ({installed})", number + 1);
                    let expected = segment.expected().unwrap_or_default();
                    for line in expected.iter().filter(|line| !lines.contains(line)) {
                        println!("    - {line}");
                    }
                    for line in lines.iter().filter(|line| !expected.contains(line)) {
                        println!("    + {line}");
                    }
                    if expected.len() != lines.len() {
                        println!("    {} expected, {} given", expected.len(), lines.len());
                    }
                    "different"
                }
            };
            *tally.entry(format!("{installed} {outcome}")).or_default() += 1;
        }
    }
    println!("{tally:#?}");
}
