//! An answer, in; lines that rpm's query formats can print as well, out.

use spec_query::{Evaluation, Relation};

/// Packages, dependencies, sources.
pub fn evaluation(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    for package in &evaluation.packages {
        text += &format!("package {}\n", package.nevra());
        for (kind, relations) in &package.relations {
            for relation in relations {
                text += &line(&kind.to_string(), relation);
            }
        }
    }
    text += "source\n";
    let source = &evaluation.source;
    for relation in &source.build_requires {
        text += &line("buildrequires", relation);
    }
    for relation in &source.build_conflicts {
        text += &line("buildconflicts", relation);
    }
    for (word, list) in [("exclusivearch", &source.exclusive_arch), ("excludearch", &source.exclude_arch)] {
        for value in list {
            text += &format!("{word} {value}\n");
        }
    }
    for (word, patches) in [("source", false), ("patch", true)] {
        for file in source.sources.iter().filter(|file| file.is_patch == patches) {
            text += &format!("{word} {}\n", file.file_name);
        }
    }
    text
}

/// The same, and what the answer rests on without knowing it.
pub fn with_doubts(answer: &Evaluation) -> String {
    let mut text = evaluation(answer);
    for doubt in &answer.doubts {
        text += &format!("doubt {}: {}\n", doubt.line, doubt.text);
    }
    text
}

fn line(kind: &str, relation: &Relation) -> String {
    let mut qualifiers: Vec<String> = relation.qualifiers.iter().map(ToString::to_string).collect();
    if qualifiers.is_empty() {
        qualifiers.push("manual".to_owned());
    }
    format!("{kind} {} {relation}\n", qualifiers.join(","))
}
