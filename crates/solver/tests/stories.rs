//! Small worlds as text, each with what is asked of it and what must come out (tests/stories/*.txt).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod support;

use std::path::Path;

use support::{checker, story};

#[test]
fn every_story_ends_as_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 5, "the stories are there");
    let mut wrong = String::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let story = story::parse(&std::fs::read_to_string(&path).unwrap());
        assert!(!story.requests.is_empty(), "{name} asks for something");
        for asked in &story.requests {
            let answer = story::answer(&story, &asked.request);
            if answer != asked.expected {
                let lines =
                    |list: &[String]| list.iter().map(|line| format!("> {line}\n")).collect::<String>();
                wrong += &format!("{name}:{}: install {}\n", asked.line, asked.text);
                wrong += &format!("expected:\n{}found:\n{}\n", lines(&asked.expected), lines(&answer));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_expected_solution_can_be_installed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("install-only.txt") {
            continue; // the checker knows no install-only packages
        }
        let story = story::parse(&std::fs::read_to_string(&path).unwrap());
        let all: Vec<_> = story.repositories.iter().flat_map(|world| &world.packages).collect();
        for asked in &story.requests {
            let chosen: Vec<_> = all
                .iter()
                .copied()
                .filter(|package| {
                    asked.expected.iter().any(|line| line.starts_with(&format!("{} ", package.nevra)))
                })
                .collect();
            if asked
                .expected
                .iter()
                .all(|line| [" user", " dependency", " weak"].iter().any(|end| line.ends_with(end)))
            {
                assert_eq!(
                    checker::faults(&chosen),
                    Vec::<String>::new(),
                    "{}:{}",
                    path.display(),
                    asked.line
                );
            }
        }
    }
}
