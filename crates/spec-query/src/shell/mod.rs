//! A shell script of `%(…)`, in; what it would print, out, if it only works on text: `echo`, `cut`, `tr`, `sed` and their like.
//! Nothing runs. A script with anything that a build root would have to answer has no answer here.
//!
//! Specs use such scripts to cut versions and commits; see `docs/design/0230-shell-text.md`.

mod arithmetic;
mod condition;
mod parse;
mod pattern;
mod programs;
mod sed;
mod syntax;
mod words;

use std::collections::BTreeMap;

use crate::files::Files;
use syntax::{Command, Connector, Input, Item, List, Pipeline, Simple};

/// Commands of one script, loops counted: real ones need a few dozen.
const MOST_COMMANDS: u32 = 10_000;
/// Bytes that a script may print.
const LONGEST: usize = 1 << 20;

/// What the script prints on standard output, or none if that cannot be said without running it.
pub(crate) fn run(script: &[u8], files: &dyn Files) -> Option<Vec<u8>> {
    let list = parse::parse(script)?;
    let mut shell = Shell { variables: BTreeMap::new(), files, commands: 0, status: 0 };
    shell.list(&list, b"").map(|done| done.printed)
}

/// Variables while a script is followed.
struct Shell<'a> {
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
    files: &'a dyn Files,
    commands: u32,
    /// How the last pipeline ended.
    status: u8,
}

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Done {
    printed: Vec<u8>,
    status: u8,
}

impl Done {
    fn printing(printed: impl Into<Vec<u8>>) -> Self {
        Self { printed: printed.into(), status: 0 }
    }

    fn status(status: u8) -> Self {
        Self { printed: Vec::new(), status }
    }
}

impl Shell<'_> {
    fn list(&mut self, list: &List, input: &[u8]) -> Option<Done> {
        let mut done = Done::default();
        for Item { connector, pipeline } in &list.items {
            let wanted = match connector {
                Connector::Then => true,
                Connector::And => done.status == 0,
                Connector::Or => done.status != 0,
            };
            if !wanted {
                continue;
            }
            let next = self.pipeline(pipeline, input)?;
            done.status = next.status;
            self.status = next.status;
            done.printed.extend(next.printed);
            if done.printed.len() > LONGEST {
                return None;
            }
        }
        Some(done)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, input: &[u8]) -> Option<Done> {
        let mut input = input.to_vec();
        let mut done = Done::default();
        let alone = pipeline.commands.len() == 1;
        for command in &pipeline.commands {
            // Each command of a pipeline has variables of its own.
            let before = (!alone).then(|| self.variables.clone());
            done = self.command(command, &input)?;
            if let Some(before) = before {
                self.variables = before;
            }
            input = std::mem::take(&mut done.printed);
        }
        let status = if pipeline.negated { u8::from(done.status == 0) } else { done.status };
        Some(Done { printed: input, status })
    }

    fn command(&mut self, command: &Command, input: &[u8]) -> Option<Done> {
        self.commands += 1;
        if self.commands > MOST_COMMANDS {
            return None;
        }
        match command {
            Command::Simple(simple) => self.simple(simple, input),
            Command::Group { list, own_variables } => {
                let before = own_variables.then(|| self.variables.clone());
                let done = self.list(list, input)?;
                if let Some(before) = before {
                    self.variables = before;
                }
                Some(done)
            }
            Command::If { branches, otherwise } => {
                let mut printed = Vec::new();
                for (condition, body) in branches {
                    let condition = self.list(condition, input)?;
                    printed.extend(condition.printed);
                    if condition.status == 0 {
                        let done = self.list(body, input)?;
                        printed.extend(done.printed);
                        return Some(Done { printed, status: done.status });
                    }
                }
                let done = self.list(otherwise, input)?;
                printed.extend(done.printed);
                Some(Done { printed, status: done.status })
            }
            Command::For { name, words, body } => {
                let words = self.fields(words)?;
                let mut done = Done::default();
                for word in words {
                    self.variables.insert(name.clone(), word);
                    let next = self.list(body, input)?;
                    done.printed.extend(next.printed);
                    done.status = next.status;
                    if done.printed.len() > LONGEST {
                        return None;
                    }
                }
                Some(done)
            }
        }
    }

    fn simple(&mut self, simple: &Simple, input: &[u8]) -> Option<Done> {
        let words = self.fields(&simple.words)?;
        let input = match &simple.input {
            None => input.to_vec(),
            Some(Input::Text(word)) => {
                let mut text = self.text(word)?;
                text.push(b'\n');
                text
            }
            Some(Input::File(word)) => {
                let path = self.text(word)?;
                programs::content(self.files, &path)?
            }
        };
        let mut assigned = Vec::new();
        for (name, word) in &simple.assignments {
            assigned.push((name.clone(), self.text(word)?));
        }
        if words.is_empty() {
            self.variables.extend(assigned);
            return Some(Done::default());
        }
        // A variable in front of a program changes how it sorts or counts: nobody here knows how.
        let harmless = |name: &[u8]| matches!(name, b"LANG" | b"LC_ALL" | b"LC_CTYPE");
        if !assigned.iter().all(|(name, _)| harmless(name)) {
            return None;
        }
        let mut done = programs::run(&words, &input, self.files)?;
        if simple.is_silent {
            done.printed.clear();
        }
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::NoFiles;

    fn print(script: &str) -> Option<String> {
        run(script.as_bytes(), &NoFiles)
            .map(|printed| String::from_utf8(printed).unwrap().trim_end().to_owned())
    }

    fn is(script: &str, expected: &str) {
        assert_eq!(print(script).as_deref(), Some(expected), "{script}");
    }

    #[test]
    fn versions_and_commits_are_cut() {
        is("c=0123456789abcdef; echo ${c:0:7}", "0123456");
        is("echo 1.2.3 | cut -d. -f1-2", "1.2");
        is("echo 1.2~rc1 | cut -d~ -f 1", "1.2");
        is("echo 1.2~rc1 | tr '~' '.'", "1.2.rc1");
        is("echo '1.2~rc1' | tr -d '~'", "1.2rc1");
        is("tr . _ <<< 1.2.3", "1_2_3");
        is("echo 1.2.3 | awk -F. '{print $1\".\"$2}'", "1.2");
        is("v=1.2.3; echo ${v%.*}", "1.2");
        is("v=1.2.3; echo ${v%%.*}", "1");
        is("v=1.2.3; echo ${v//./_}", "1_2_3");
        is("echo \"a-b\" | sed \"s/-/_/g\"", "a_b");
        is("echo 1.2.3 | sed -e 's/\\.//g' -e 's/^1/x/'", "x23");
        is("echo $((64+2))", "66");
        is("printf '%02d%d' 7 11", "0711");
        is("t=\"Name\"; echo ${t,,}", "name");
        is("echo a b c | awk '{print $2}'", "b");
        is("foo=1.2; a=${foo#*.}; echo $a", "2");
    }

    #[test]
    fn conditions_are_followed() {
        is("if [ \"a\" == \"b\" -o \"a\" = \"a\" ]; then echo yes; else echo no; fi", "yes");
        is("test 1 -lt 2 && echo less || echo more", "less");
        is("for i in 1 2 3; do echo -n $i; done", "123");
        is("false || echo other", "other");
        is("echo release-1.2 | grep -qE 'alpha|beta'; echo $?", "1");
        is("echo 11.6.0 | grep \"\\.0$\" >/dev/null; echo $?", "0");
    }

    #[test]
    fn what_a_build_root_would_have_to_answer_has_no_answer() {
        for script in [
            "date +%Y",
            "uname -m",
            "echo $HOME",
            "cat /etc/os-release",
            "echo *",
            "echo `id -u`",
            "rm -rf /",
        ] {
            assert_eq!(print(script), None, "{script}");
        }
    }
}
