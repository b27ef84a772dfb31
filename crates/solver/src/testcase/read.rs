//! The lines of a testcase, in; its segments, out.

use std::sync::Arc;

use super::selection::Order;
use super::statement::Statement;
use super::term::{Operator, Term};
use super::{Expected, Segment, TestcaseError, World, packages, suse};
use crate::jobs::settings::{self, Setting, Settings};

/// More lines than the metadata of the largest distributions gives.
const MAXIMUM_LINES: usize = 20_000_000;

/// Architecture conditions of libsolv builds that make no difference here.
const FEATURES: &[&str] = &["complex_deps"];

pub(crate) fn read(
    bytes: &[u8],
    file: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<Segment>, TestcaseError> {
    let text = std::str::from_utf8(bytes).map_err(|error| TestcaseError::NotText(error.valid_up_to()))?;
    let mut reader = Reader::new(text, file)?;
    while reader.next < reader.lines.len() {
        reader.statement()?;
    }
    reader.finish();
    Ok(reader.segments)
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    next: usize,
    file: &'t dyn Fn(&str) -> Option<Vec<u8>>,
    segments: Vec<Segment>,
    current: Segment,
    /// What has to be on in the pool of every segment from here on.
    pool: Settings,
    stack: Vec<Term>,
    empty: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, file: &'t dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Self, TestcaseError> {
        let lines: Vec<&str> = text.lines().take(MAXIMUM_LINES + 1).collect();
        if lines.len() > MAXIMUM_LINES {
            return Err(TestcaseError::TooLong(MAXIMUM_LINES));
        }
        let current = Segment {
            line: 1,
            machine: String::new(),
            repositories: Vec::new(),
            installed: None,
            settings: Settings::default(),
            disabled: Vec::new(),
            jobs: Vec::new(),
            terms: Vec::new(),
            versions: Vec::new(),
            results: Vec::new(),
        };
        Ok(Reader {
            lines,
            next: 0,
            file,
            segments: Vec::new(),
            current,
            pool: Settings::default(),
            stack: Vec::new(),
            empty: true,
        })
    }

    /// One statement with what belongs to it.
    fn statement(&mut self) -> Result<(), TestcaseError> {
        let text = self.lines[self.next];
        self.next += 1;
        let line = self.next;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let Some(word) = words.first().filter(|word| !word.starts_with('#')) else { return Ok(()) };
        if std::mem::take(&mut self.empty) {
            self.current.line = line;
        }
        let rest = text.trim_ascii_start()[word.len()..].trim_ascii_start();
        match (*word, &words[1..]) {
            ("repo", [name, priority, kind, source @ ..]) => {
                self.repository(line, name, priority, kind, source)
            }
            ("system", [machine, kinds, installed @ ..]) => self.system(line, machine, kinds, installed),
            ("poolflags", flags) => {
                self.pool = apply(self.pool, flags, line, settings::of_pool)?;
                Ok(())
            }
            ("solverflags", flags) => {
                self.current.settings = apply(self.current.settings, flags, line, settings::of_solver)?;
                Ok(())
            }
            ("job", _) => Order::parse(rest, line).map(|job| self.current.jobs.push(job)),
            ("disable", _) => {
                let statement = Statement::parse(&format!("noop {rest}"), line)?;
                self.current.disabled.push(statement);
                Ok(())
            }
            ("result", [kinds, source @ ..]) => self.result(line, kinds, source),
            ("genid", _) => self.term(rest, line),
            ("evrcmp", [a, b]) => {
                self.current.versions.push(((*a).to_owned(), (*b).to_owned()));
                Ok(())
            }
            ("feature", features) => match features.iter().find(|name| !FEATURES.contains(name)) {
                Some(name) => Err(unsupported(line, &format!("the feature {name}"))),
                None => Ok(()),
            },
            ("nextjob", _) => {
                self.finish();
                Ok(())
            }
            ("namespace" | "vendorclass" | "autoinst", _) => Err(unsupported(line, &format!("`{word}`"))),
            _ => Err(TestcaseError::Unknown { line, word: (*word).to_owned() }),
        }
    }

    fn repository(
        &mut self,
        line: usize,
        name: &str,
        priority: &str,
        kind: &str,
        source: &[&str],
    ) -> Result<(), TestcaseError> {
        let (main, sub) = priority.split_once('.').unwrap_or((priority, "0"));
        let number = |text: &str| {
            let shape = |_| shape(line, "a repository's priority is a number", priority);
            text.parse::<i32>().map_err(shape)
        };
        let (main, sub) = (number(main)?, number(sub)?);
        let packages = match (kind, source) {
            ("empty", _) => Vec::new(),
            ("testtags", ["<inline>"]) => {
                let first = self.next + 1;
                packages::read(&self.inline(), first)?
            }
            ("testtags", [path]) => {
                let missing = || TestcaseError::Missing { line, what: "file", name: (*path).to_owned() };
                let bytes = (self.file)(path).ok_or_else(missing)?;
                packages::read(&String::from_utf8_lossy(&bytes), 1)?
            }
            _ => return Err(unsupported(line, &format!("a repository of kind {kind}"))),
        };
        // The higher number wins there, the lower one here.
        let world = World {
            name: name.to_owned(),
            priority: main.saturating_neg(),
            cost: sub.saturating_neg(),
            packages,
        };
        self.current.repositories.push(Arc::new(world));
        Ok(())
    }

    fn system(
        &mut self,
        line: usize,
        machine: &str,
        kinds: &str,
        installed: &[&str],
    ) -> Result<(), TestcaseError> {
        if kinds != "*" && !kinds.split(',').any(|kind| kind == "rpm") {
            return Err(unsupported(line, &format!("packages of kind {kinds}")));
        }
        if machine.starts_with(':') {
            return Err(unsupported(line, "a list of architectures"));
        }
        let machine = if matches!(machine, "unset" | "-") { "" } else { machine };
        machine.clone_into(&mut self.current.machine);
        if let [name, ..] = installed {
            let missing = || TestcaseError::Missing { line, what: "repository", name: (*name).to_owned() };
            let place = self.current.repositories.iter().position(|world| world.name == *name);
            self.current.installed = Some(place.ok_or_else(missing)?);
        }
        Ok(())
    }

    fn result(&mut self, line: usize, kinds: &str, source: &[&str]) -> Result<(), TestcaseError> {
        let text = match source {
            ["<inline>"] => self.inline(),
            [] => String::new(),
            [path, ..] => {
                let missing = || TestcaseError::Missing { line, what: "file", name: (*path).to_owned() };
                let bytes = (self.file)(path).ok_or_else(missing)?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        // As in libsolv, the last result counts.
        self.current.results = vec![Expected {
            kinds: kinds.split(',').map(str::to_owned).collect(),
            lines: text.lines().map(str::to_owned).collect(),
        }];
        Ok(())
    }

    /// The lines that follow with `#>` in front, without it.
    fn inline(&mut self) -> String {
        let mut text = String::new();
        while let Some(line) = self.lines.get(self.next).and_then(|line| line.strip_prefix("#>")) {
            text.push_str(line);
            text.push('\n');
            self.next += 1;
        }
        text
    }

    /// A step in building a dependency from its leaves.
    fn term(&mut self, rest: &str, line: usize) -> Result<(), TestcaseError> {
        let (command, value) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let term = match command {
            "lit" => Term::Literal(value.to_owned()),
            "null" => Term::Null,
            "dep" => Term::parse(value).map_err(|source| TestcaseError::Term { line, source })?,
            "op" => {
                let shape = || shape(line, "an operator follows its two operands", rest);
                let (operator, _) = Operator::at(value).ok_or_else(shape)?;
                let right = self.stack.pop().ok_or_else(shape)?;
                let left = self.stack.pop().ok_or_else(shape)?;
                Term::bounded_relation(operator, left, right)
                    .map_err(|source| TestcaseError::Term { line, source })?
            }
            "susedep" => {
                let list = suse::List::named(value).ok_or_else(|| {
                    shape(
                        line,
                        "dependencies in SUSE's spelling are provides, supplements or conflicts",
                        value,
                    )
                })?;
                let term = self.stack.pop();
                let term = term.ok_or_else(|| shape(line, "a list follows its dependency", rest))?;
                suse::rewritten(term, list).unwrap_or(Term::Null)
            }
            _ => return Err(unsupported(line, &format!("`genid {command}`"))),
        };
        self.stack.push(term);
        Ok(())
    }

    /// Ends a segment; the next one begins with the same packages.
    fn finish(&mut self) {
        let mut segment = self.current.clone();
        segment.settings = segment.settings.union(self.pool);
        segment.terms = std::mem::take(&mut self.stack);
        segment.terms.reverse();
        if !self.empty {
            self.segments.push(segment);
        }
        self.current.settings = Settings::default();
        self.current.jobs.clear();
        self.current.versions.clear();
        self.current.results.clear();
        self.empty = true;
    }
}

fn apply(
    mut settings: Settings,
    flags: &[&str],
    line: usize,
    find: fn(&str) -> Option<Setting>,
) -> Result<Settings, TestcaseError> {
    for flag in flags.iter().flat_map(|flags| flags.split(',')).filter(|flag| !flag.is_empty()) {
        let (name, on) = flag.strip_prefix('!').map_or((flag, true), |name| (name, false));
        match find(name) {
            Some(setting) => settings = settings.with(setting, on),
            // What is switched off and not known makes no difference.
            None if !on || settings::WITHOUT_EFFECT.contains(&name) => {}
            None => return Err(unsupported(line, &format!("the switch {name}"))),
        }
    }
    Ok(settings)
}

fn shape(line: usize, expected: &'static str, found: &str) -> TestcaseError {
    TestcaseError::Shape { line, expected, found: found.to_owned() }
}

fn unsupported(line: usize, what: &str) -> TestcaseError {
    TestcaseError::Unsupported { line, what: what.to_owned() }
}
