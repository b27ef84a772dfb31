//! What is wrong and where, in; messages that show the line and say what to do, out.
//! Nothing here reads a disk.

use std::fmt;

use serde::Serialize;

use crate::place::{Place, Sources};
use crate::remark::{PlacedRemark, RemarkKind};

/// One thing wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The place it is about; absent when no file could be read.
    #[serde(flatten)]
    pub at: Option<ProblemPlace>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A problem's place with the text that stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemPlace {
    /// The file, relative to the folder the search started in when it lies below it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The offending text, at most to the end of its first line.
    pub text: String,
    /// The whole line.
    pub source_line: String,
}

/// Everything wrong with a definition, in the order of files and lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems {
    /// Never empty when it is an error.
    pub problems: Vec<Problem>,
}

impl Sources {
    /// A problem at a place of these files, for stages that find one later.
    pub fn problem(&self, place: Place, message: impl Into<String>) -> Problem {
        let position = self.line_column(place);
        let (line, covered) = self.line(place);
        Problem {
            message: message.into(),
            at: Some(ProblemPlace {
                file: self.file(place.file).shown.clone(),
                line: position.line,
                column: position.column,
                text: line[covered].to_owned(),
                source_line: line.to_owned(),
            }),
            hint: None,
        }
    }
}

impl Problem {
    pub(crate) fn without_place(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, hint: None }
    }

    /// The same problem with advice on what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(formatter, "\n")?;
            }
            problem.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print("error", formatter)
    }
}

impl Problem {
    /// The message after a label, the line it is about, and the advice.
    pub(crate) fn print(&self, label: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{label}: {}", printable(&self.message))?;
        if let Some(at) = &self.at {
            let gutter = " ".repeat(at.line.to_string().len());
            // A tab in the line is a tab under it: the marks stay below the text at every tab width.
            let indent: String = at
                .source_line
                .chars()
                .take(at.column - 1)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let marks = "^".repeat(at.text.chars().count().max(1));
            write!(
                formatter,
                "\n{gutter}--> {}:{}:{}\n{gutter} |\n{} | {}\n{gutter} | {indent}{marks}",
                printable(&at.file),
                at.line,
                at.column,
                at.line,
                printable(&at.source_line),
            )?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\nhint: {}", printable(hint))?;
        }
        Ok(())
    }
}

/// Text with control characters replaced, so that a hostile file cannot steer the terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The problems found so far and the files they point into.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) sources: Sources,
    found: Vec<(Option<Place>, Problem)>,
    /// Set when something could not be read, so that a name that seems unknown may only be unread.
    incomplete: bool,
    /// What is allowed and hardly meant, if anybody asked.
    remarks: Option<Vec<PlacedRemark>>,
}

impl Collector {
    /// A collector that also takes remarks.
    pub(crate) fn with_remarks() -> Self {
        Self { remarks: Some(Vec::new()), ..Self::default() }
    }

    /// Whether anybody asked for remarks.
    pub(crate) fn wants_remarks(&self) -> bool {
        self.remarks.is_some()
    }

    pub(crate) fn remark(
        &mut self,
        kind: RemarkKind,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        if let Some(remarks) = &mut self.remarks {
            remarks.push(PlacedRemark { kind, place, message: message.into(), hint: hint.into() });
        }
    }

    pub(crate) fn take_remarks(&mut self) -> Vec<PlacedRemark> {
        self.remarks.take().unwrap_or_default()
    }

    pub(crate) fn report(&mut self, place: Place, message: impl Into<String>) {
        let problem = self.sources.problem(place, message);
        self.found.push((Some(place), problem));
    }

    pub(crate) fn report_hinted(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = self.sources.problem(place, message).with_hint(hint);
        self.found.push((Some(place), problem));
    }

    /// Reports a problem that may be nothing but the echo of an earlier one, unless there is an earlier one.
    pub(crate) fn report_if_complete(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        if self.incomplete {
            return;
        }
        match hint.into() {
            Some(hint) => self.report_hinted(place, message, hint),
            None => self.report(place, message),
        }
    }

    pub(crate) fn report_nowhere(&mut self, problem: Problem) {
        self.found.push((None, problem));
    }

    /// From here on the definition counts as incomplete if anything was wrong so far.
    pub(crate) fn end_of_reading(&mut self) {
        self.incomplete = self.incomplete || !self.found.is_empty();
    }

    pub(crate) fn finish(mut self) -> Result<Sources, Problems> {
        if self.found.is_empty() {
            return Ok(self.sources);
        }
        self.found.sort_by_key(|(place, _)| *place);
        self.found.dedup();
        Err(Problems { problems: self.found.into_iter().map(|(_, problem)| problem).collect() })
    }
}
