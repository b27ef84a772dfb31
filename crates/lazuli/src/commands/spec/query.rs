//! `lazuli spec query SPEC…`

use std::path::{Path, PathBuf};

use component_sources::render::SpecMacros;
use rayon::prelude::*;
use serde::Serialize;
use spec_query::{Evaluation, Relation, Value};

use super::reading;
use crate::cli::{Global, SpecQuery};
use crate::failure::{ExitCode, Failure};
use crate::output;

#[derive(Serialize)]
struct Answer {
    spec: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// Why rpm would not read it.
    Refused(String),
    #[serde(untagged)]
    Described(Box<Evaluation>),
}

/// Tells what specs describe, in the order in which they are named.
pub fn run(global: &Global, options: &SpecQuery) -> Result<(), Failure> {
    let macros = reading::macros_of(&options.macros)?;
    if let [spec] = options.specs.as_slice() {
        let described = Outcome::Described(Box::new(reading::evaluate(spec, &macros)?));
        return print(global, &[Answer { spec: spec.display().to_string(), outcome: described }]);
    }
    let answers: Vec<Answer> = options.specs.par_iter().map(|spec: &PathBuf| answer(spec, &macros)).collect();
    print(global, &answers)?;
    match answers.iter().filter(|answer| matches!(answer.outcome, Outcome::Refused(_))).count() {
        0 => Ok(()),
        refused => Err(Failure::new(format!("{refused} of {} specs cannot be read", answers.len()))
            .code(ExitCode::Failed)),
    }
}

fn answer(spec: &Path, macros: &SpecMacros) -> Answer {
    let outcome = match reading::evaluate(spec, macros) {
        Ok(evaluation) => Outcome::Described(Box::new(evaluation)),
        Err(failure) => Outcome::Refused(failure.in_one_line()),
    };
    Answer { spec: spec.display().to_string(), outcome }
}

fn print(global: &Global, answers: &[Answer]) -> Result<(), Failure> {
    output::print(global.format, &answers, |answers| {
        answers.iter().map(|answer| words(answer, answers.len() > 1)).collect::<Vec<_>>().join("\n")
    })
}

fn words(answer: &Answer, several: bool) -> String {
    let mut text = if several { format!("{}:\n", answer.spec) } else { String::new() };
    match &answer.outcome {
        Outcome::Refused(reason) => text += &format!("refused: {reason}\n"),
        Outcome::Described(evaluation) => text += &described(evaluation),
    }
    text
}

fn described(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    for package in &evaluation.packages {
        let built = if package.is_built { "" } else { " (not built: no %files)" };
        text += &format!("package {}{built}\n", package.nevra());
        for (kind, relations) in &package.relations {
            for relation in relations {
                text += &line(&kind.to_string(), relation);
            }
        }
    }
    let source = &evaluation.source;
    text += "to build\n";
    for relation in &source.build_requires {
        text += &line("requires", relation);
    }
    for relation in &source.build_conflicts {
        text += &line("conflicts", relation);
    }
    if source.has_dynamic_build_requires {
        text += "  and what %generate_buildrequires finds\n";
    }
    let list = |values: &[Value]| values.iter().map(Value::text).collect::<Vec<_>>().join(" ");
    for (what, values) in [("only on", &source.exclusive_arch), ("not on", &source.exclude_arch)] {
        if !values.is_empty() {
            text += &format!("  {what} {}\n", list(values));
        }
    }
    for file in &source.sources {
        let kind = if file.is_patch { "patch" } else { "source" };
        text += &format!("{kind} {} {}\n", file.number, file.location);
    }
    for doubt in &evaluation.doubts {
        text += &format!("not known: line {}: {}\n", doubt.line, doubt.text);
    }
    if !evaluation.fallbacks.is_empty() {
        text += &format!(
            "in no macro file, so this program's own definitions: {}\n",
            evaluation.fallbacks.join(" ")
        );
    }
    text
}

fn line(kind: &str, relation: &Relation) -> String {
    let qualifiers: Vec<String> = relation.qualifiers.iter().map(ToString::to_string).collect();
    match qualifiers.is_empty() {
        true => format!("  {kind} {relation}\n"),
        false => format!("  {kind}({}) {relation}\n", qualifiers.join(",")),
    }
}
