//! The result that a testcase states, in; the same in the form of our answers, out: without the digests by which
//! libsolv tells rules and problems apart.

use std::collections::BTreeMap;

use super::Segment;

pub(crate) fn lines(segment: &Segment) -> Option<Vec<String>> {
    let stated: Vec<&str> =
        segment.results.iter().flat_map(|result| &result.lines).map(String::as_str).collect();
    if segment.results.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    let mut rules: BTreeMap<&str, (&str, Vec<String>)> = BTreeMap::new();
    let mut choices: BTreeMap<&str, Vec<(usize, String)>> = BTreeMap::new();
    let mut problems: Vec<&str> = Vec::new();
    for line in stated {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("problem") => {
                let digest = words.next().unwrap_or_default();
                if !problems.contains(&digest) {
                    problems.push(digest);
                }
            }
            Some("rule") => {
                let (class, digest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let literal: String = words.collect();
                rules.entry(digest).or_insert_with(|| (class, Vec::new())).1.push(literal);
            }
            Some("alternative") => {
                let digest = words.next().unwrap_or_default();
                let number = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
                // Number 0 says in words what the choice was for.
                if number > 0 {
                    choices.entry(digest).or_default().push((number, words.collect()));
                }
            }
            Some("genid") => lines.push(normalize_node(line)),
            Some(_) => lines.push(line.trim_end().to_owned()),
            None => {}
        }
    }
    lines.extend(problems.iter().map(|_| "problem".to_owned()));
    for (class, mut literals) in rules.into_values() {
        literals.sort_unstable();
        lines.push(format!("rule {class} {}", literals.join(" ")));
    }
    for mut choice in choices.into_values() {
        choice.sort_unstable();
        let packages: Vec<String> = choice.into_iter().map(|(_, text)| text).collect();
        lines.push(format!("alternative {}", packages.join(" ")));
    }
    lines.sort_unstable();
    Some(lines)
}

/// Numbers of nodes are padded.
fn normalize_node(line: &str) -> String {
    line.replacen("genid  ", "genid ", 1)
}
