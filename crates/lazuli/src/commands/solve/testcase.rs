//! `lazuli solve --testcase FILE`: what the solver answers to a testcase of libsolv.

use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path};

use repository::metadata::compression::{limit, unfold};
use serde::Serialize;
use solver::testcase::{Segment, Testcase};

use crate::cli::Global;
use crate::failure::{ExitCode, Failure};
use crate::output;

/// The answer to one segment.
#[derive(Serialize)]
struct Answered {
    segment: usize,
    line: usize,
    /// Absent where the segment asks for what the solver does not do.
    answer: Option<Vec<String>>,
    /// Absent where the testcase states no result.
    expected: Option<Vec<String>>,
    error: Option<String>,
}

/// Answers every segment; fails when one is not as the testcase expects.
pub fn run(global: &Global, file: &Path) -> Result<(), Failure> {
    let refused = |text: String, error: &(dyn std::error::Error + 'static)| {
        Failure::caused(text, error).code(ExitCode::Usage)
    };
    let bytes = fs::read(file).map_err(|error| refused(format!("cannot read {}", file.display()), &error))?;
    let testcase = Testcase::read(&bytes, &|name| beside(file, name)).map_err(|error| {
        refused(format!("{} is no testcase that can be answered", file.display()), &error)
    })?;
    let answers: Vec<Answered> =
        testcase.segments().iter().enumerate().map(|(place, segment)| answered(place + 1, segment)).collect();
    output::print(global.format, &answers, |answers| answers.iter().map(Answered::text).collect())?;
    let wrong = answers.iter().filter(|answered| !answered.is_right()).count();
    if wrong == 0 {
        return Ok(());
    }
    let count = answers.len();
    Err(Failure::new(format!("{wrong} of {count} segments are not answered as {} expects", file.display())))
}

/// The plain bytes of a repository that the testcase keeps in its own folder or below.
fn beside(testcase: &Path, name: &str) -> Option<Vec<u8>> {
    let name = Path::new(name);
    if !name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return None;
    }
    let bytes = fs::read(testcase.with_file_name(name)).ok()?;
    unfold(&bytes, limit(bytes.len() as u64, None)).ok()
}

fn answered(number: usize, segment: &Segment) -> Answered {
    let (answer, error) = match segment.answer() {
        Ok(lines) => (Some(lines), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Answered { segment: number, line: segment.line(), answer, expected: segment.expected(), error }
}

impl Answered {
    fn is_right(&self) -> bool {
        self.answer.is_some() && (self.expected.is_none() || self.answer == self.expected)
    }

    /// A heading and the answer; where it is not the expected one, `+` marks what is only ours and `-` what is missing.
    fn text(&self) -> String {
        let Answered { segment, line, answer, expected, error } = self;
        let heading = match (answer, expected) {
            (None, _) => "not answered",
            (Some(_), None) => "no result is stated",
            (Some(answer), Some(expected)) if answer == expected => "as expected",
            _ => "not as expected",
        };
        let mut text = format!("# segment {segment}, line {line}: {heading}\n");
        let mut put = |sign: &str, line: &str| {
            let _infallible = writeln!(text, "{sign}{line}");
        };
        if let Some(error) = error {
            put("# ", error);
        }
        let ours = answer.as_deref().unwrap_or_default();
        match expected {
            Some(expected) if !self.is_right() => {
                let mut missing = expected.clone();
                for line in ours {
                    match missing.iter().position(|other| other == line) {
                        Some(place) => {
                            missing.remove(place);
                            put(" ", line);
                        }
                        None => put("+", line),
                    }
                }
                missing.iter().for_each(|line| put("-", line));
            }
            _ => ours.iter().for_each(|line| put("", line)),
        }
        text
    }
}
