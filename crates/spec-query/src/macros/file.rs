//! A macro file's text, in; one definition after the other, and the lines that define nothing, out.

use crate::scan::{Open, is_blank, is_line_end};

/// A line that should define a macro and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem<E> {
    /// The last line of the definition, from 1.
    pub(crate) line: u32,
    /// Why not.
    pub(crate) error: E,
}

/// Hands each definition, without its percent sign, to `define`; goes on after those that fail.
pub(crate) fn load<E>(text: &[u8], mut define: impl FnMut(&[u8]) -> Result<(), E>) -> Vec<Problem<E>> {
    let mut problems = Vec::new();
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let mut number = 0;
    while let Some(line) = lines.next() {
        number += 1;
        let start = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(line.len());
        if line.get(start) != Some(&b'%') {
            continue;
        }
        let mut definition = without_end(&line[start..]).to_vec();
        while definition.ends_with(b"\\") || Open::of(&definition).brackets_are_open() {
            let Some(line) = lines.next() else { break };
            number += 1;
            definition.push(b'\n');
            definition.extend_from_slice(without_end(line));
        }
        if let Err(error) = define(&definition[1..]) {
            problems.push(Problem { line: number, error });
        }
    }
    problems
}

fn without_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !is_line_end(*byte)).map_or(0, |last| last + 1);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_span_lines() {
        let mut found = Vec::new();
        let text = b"# %comment x\n\n%one 1\n  %two \\\nmore \\\nlast\n%three %{lua:\n  a\n}\ntext\n%four 4";
        let problems = load(text, |definition| {
            found.push(String::from_utf8(definition.to_vec()).unwrap());
            if definition.starts_with(b"one") { Err("no") } else { Ok(()) }
        });
        assert_eq!(found, ["one 1", "two \\\nmore \\\nlast", "three %{lua:\n  a\n}", "four 4"]);
        assert_eq!(problems, [Problem { line: 3, error: "no" }]);
    }
}
