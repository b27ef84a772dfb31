//! A spec's text and the macros, in; its lines with macros expanded and branches that do not count left out, out.

use std::rc::Rc;

use super::{ReadError, SpecProblem};
use crate::expand::{Engine, Truth, shown};
use crate::files::Found;
use crate::macros::builtin::Builtin;
use crate::macros::table::Entry;
use crate::scan::{Open, is_blank, is_space, left_call, trim, trim_start};
use crate::unknown::{first_mark, is_unknown};

/// Files included by files included by …: no spec needs more.
const DEEPEST_INCLUDE: usize = 16;

/// What of a line does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strip {
    /// Scripts are taken as they are.
    Nothing,
    /// A line that begins with `#` is empty.
    Comments,
    /// And so are blanks at the end of a line, and its end.
    CommentsAndEnds,
}

/// Reads a spec line by line.
pub(super) struct Lines {
    engine: Rc<Engine>,
    files: Vec<OpenFile>,
    /// Lines that an expansion gave and that have not been read yet.
    pending: Vec<u8>,
    at: usize,
    levels: Vec<Level>,
    /// All lines that were read, as `rpmspec -P` prints them.
    pub(super) read: Vec<u8>,
}

struct OpenFile {
    text: Vec<u8>,
    at: usize,
    line: u32,
}

/// One `%if` inside others.
#[derive(Clone, Copy)]
struct Level {
    reading: bool,
    /// A later branch may still count.
    open: bool,
    last: Kind,
    line: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    If,
    IfArch,
    IfNotArch,
    IfOs,
    IfNotOs,
    ElseIf,
    ElseIfArch,
    ElseIfOs,
    Else,
    EndIf,
    Include,
}

const KINDS: [(Kind, &str); 11] = [
    (Kind::EndIf, "%endif"),
    (Kind::Else, "%else"),
    (Kind::If, "%if"),
    (Kind::IfArch, "%ifarch"),
    (Kind::IfNotArch, "%ifnarch"),
    (Kind::IfOs, "%ifos"),
    (Kind::IfNotOs, "%ifnos"),
    (Kind::Include, "%include"),
    (Kind::ElseIfArch, "%elifarch"),
    (Kind::ElseIfOs, "%elifos"),
    (Kind::ElseIf, "%elif"),
];

impl Kind {
    fn of(line: &[u8]) -> Option<Self> {
        let line = trim_start(line);
        let found = KINDS.into_iter().find(|(kind, word)| {
            let Some(rest) = line.strip_prefix(word.as_bytes()) else { return false };
            match rest.first() {
                None => true,
                Some(next) if matches!(kind, Self::EndIf | Self::Else) => !next.is_ascii_alphabetic(),
                Some(next) => is_blank(*next),
            }
        });
        found.map(|(kind, _)| kind)
    }

    fn word(self) -> &'static str {
        KINDS.into_iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    fn opens(self) -> bool {
        matches!(self, Self::If | Self::IfArch | Self::IfNotArch | Self::IfOs | Self::IfNotOs)
    }

    fn goes_on(self) -> bool {
        matches!(self, Self::ElseIf | Self::ElseIfArch | Self::ElseIfOs)
    }
}

impl Lines {
    /// The lines of a spec.
    pub(super) fn new(engine: &Rc<Engine>, name: &str, text: &[u8]) -> Self {
        let outside = Level { reading: true, open: true, last: Kind::EndIf, line: 0 };
        let mut lines = Self {
            engine: engine.clone(),
            files: Vec::new(),
            pending: Vec::new(),
            at: 0,
            levels: vec![outside],
            read: Vec::new(),
        };
        lines.open(name.as_bytes(), text.to_vec());
        lines
    }

    /// Reads these lines next, when what is being read has ended.
    pub(super) fn open(&mut self, name: &[u8], text: Vec<u8>) {
        self.engine.push(Entry::literal(b"__file_name", name));
        self.engine.push(Entry::builtin(Builtin::LineNumber));
        self.files.push(OpenFile { text, at: 0, line: 0 });
    }

    /// Ends reading, wherever it is.
    pub(super) fn close(&mut self) {
        while self.files.pop().is_some() {
            self.engine.pop(b"__file_name");
            self.engine.pop(b"__file_lineno");
        }
    }

    /// An error about the line that is being read.
    pub(super) fn problem(&self, problem: impl Into<SpecProblem>) -> ReadError {
        ReadError { line: self.engine.line.get(), problem: problem.into() }
    }

    /// The next line; none at the end.
    pub(super) fn next(&mut self, strip: Strip) -> Result<Option<Vec<u8>>, ReadError> {
        loop {
            let pending = self.at < self.pending.len();
            if !pending && !self.fill()? {
                return Ok(None);
            }
            let (line, kind) = self.take_line(strip);
            let line = match kind {
                None => Some(line),
                Some(kind) => self.directive(kind, &line)?,
            };
            let Some(mut line) = line else { continue };
            if !self.top().reading {
                line.clear();
            }
            self.read.extend_from_slice(&line);
            if strip == Strip::CommentsAndEnds {
                self.read.push(b'\n');
            }
            return Ok(Some(line));
        }
    }

    fn top(&self) -> Level {
        self.levels.last().copied().unwrap_or(Level { reading: true, open: true, last: Kind::EndIf, line: 0 })
    }

    /// Reads from the file until brackets are closed and lines end, and expands; whether there was something to read.
    fn fill(&mut self) -> Result<bool, ReadError> {
        let mut text = Vec::new();
        let mut start = 0;
        loop {
            let Some(file) = self.files.last_mut() else {
                return self.end(start).map(|()| false);
            };
            if file.at >= file.text.len() {
                self.files.pop();
                self.engine.pop(b"__file_name");
                self.engine.pop(b"__file_lineno");
                if let Some(outer) = self.files.last() {
                    self.engine.line.set(outer.line);
                }
                continue;
            }
            let rest = &file.text[file.at..];
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            text.extend_from_slice(&rest[..length]);
            file.at += length;
            file.line += 1;
            self.engine.line.set(file.line);
            if start == 0 {
                start = file.line;
            }
            if !Open::of(&text).wants_more() {
                break;
            }
        }
        self.pending = self.expand(text)?;
        self.at = 0;
        Ok(true)
    }

    fn end(&self, unfinished: u32) -> Result<(), ReadError> {
        if self.levels.len() > 1 {
            let line = self.top().line;
            return Err(ReadError { line, problem: SpecProblem::UnclosedIf });
        }
        if unfinished > 0 {
            return Err(ReadError { line: unfinished, problem: SpecProblem::Unfinished });
        }
        Ok(())
    }

    fn expand(&self, text: Vec<u8>) -> Result<Vec<u8>, ReadError> {
        let kind = Kind::of(first_line(&text));
        if let Some(kind @ (Kind::EndIf | Kind::Else)) = kind {
            let rest = trim_start(&trim_start(&text)[kind.word().len()..]);
            if !rest.is_empty() && rest[0] != b'#' {
                return Err(self.problem(SpecProblem::ExtraWords(kind.word())));
            }
        }
        let top = self.top();
        let counts = if kind.is_some_and(Kind::goes_on) { top.open } else { top.reading };
        if !counts {
            return Ok(text);
        }
        self.engine.expand(&text).map_err(|error| self.problem(error))
    }

    /// The next line of what is pending, and what kind of directive it is.
    fn take_line(&mut self, strip: Strip) -> (Vec<u8>, Option<Kind>) {
        let rest = &self.pending[self.at..];
        let blanks = rest.iter().take_while(|byte| **byte != b'\n' && is_space(**byte)).count();
        let kind = Kind::of(first_line(&rest[blanks..]));
        let mut line = Vec::new();
        let mut used = 0;
        while used < rest.len() {
            // A directive goes on after a backslash.
            if kind.is_some() && rest[used..].starts_with(b"\\\n") {
                line.extend_from_slice(b"  ");
                used += 2;
                continue;
            }
            line.push(rest[used]);
            used += 1;
            if rest[used - 1] == b'\n' {
                break;
            }
        }
        self.at += used;
        if strip != Strip::Nothing
            && let Some(start) = line.iter().position(|byte| !is_space(*byte))
            && line[start] == b'#'
        {
            line.truncate(start);
        }
        if strip == Strip::CommentsAndEnds {
            let end = line.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
            line.truncate(end);
        }
        (line, kind)
    }

    /// Does what `%if` and its like say; none if the line is no line of the spec.
    fn directive(&mut self, kind: Kind, line: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let top = self.top();
        let wrong = match kind {
            Kind::EndIf => top.last == Kind::EndIf,
            Kind::Else => matches!(top.last, Kind::EndIf | Kind::Else),
            kind if kind.goes_on() => matches!(top.last, Kind::EndIf | Kind::Else),
            _ => false,
        };
        if wrong && top.last == Kind::EndIf {
            return Err(self.problem(SpecProblem::NoIf(kind.word())));
        }
        if wrong {
            return Err(self.problem(SpecProblem::Misplaced { word: kind.word(), after: top.last.word() }));
        }
        let words = &trim(line)[kind.word().len().min(trim(line).len())..];
        match kind {
            Kind::Include if top.reading => return self.include(words).map(|()| None),
            Kind::Include => {}
            Kind::EndIf => {
                self.levels.pop();
            }
            Kind::Else => {
                let outer = self.levels.len().checked_sub(2).is_none_or(|outer| self.levels[outer].reading);
                if let Some(level) = self.levels.last_mut() {
                    level.last = Kind::Else;
                    level.reading = outer && level.open;
                }
            }
            _ => {
                let counts = if kind.opens() { top.reading } else { top.open };
                let holds = self.holds(kind, words, counts)?;
                let line = self.engine.line.get();
                if kind.opens() {
                    let reading = top.reading && holds;
                    self.levels.push(Level { reading, open: !reading && top.reading, last: kind, line });
                } else if let Some(level) = self.levels.last_mut() {
                    level.reading = level.open && holds;
                    level.open &= !level.reading;
                }
            }
        }
        Ok(Some(Vec::new()))
    }

    fn holds(&self, kind: Kind, words: &[u8], counts: bool) -> Result<bool, ReadError> {
        if matches!(kind, Kind::If | Kind::ElseIf) {
            if !counts {
                return Ok(false);
            }
            return match self.engine.truth(words).map_err(|error| self.problem(error))? {
                Truth::Yes => Ok(true),
                Truth::No => Ok(false),
                Truth::Unknown(mark) => {
                    self.left_out(kind, &mark);
                    Ok(false)
                }
            };
        }
        if trim(words).is_empty() {
            return Err(self.problem(SpecProblem::NoArgument(kind.word())));
        }
        let name = match kind {
            Kind::IfArch | Kind::IfNotArch | Kind::ElseIfArch => b"%{_target_cpu}".as_slice(),
            _ => b"%{_target_os}",
        };
        let wanted = self.engine.expand(name).map_err(|error| self.problem(error))?;
        let mut words = words.split(|byte| is_space(*byte));
        let all = words.clone();
        let found = words.any(|word| word.eq_ignore_ascii_case(&wanted));
        if counts && !found {
            self.doubt_words(kind, all);
        }
        Ok(found != matches!(kind, Kind::IfNotArch | Kind::IfNotOs))
    }

    fn doubt_words<'a>(&self, kind: Kind, words: impl Iterator<Item = &'a [u8]>) {
        for word in words {
            if let Some(mark) = first_mark(word) {
                self.left_out(kind, mark);
            } else if let Some(call) = left_call(word) {
                let text = format!("macro {} of this {} is not defined", shown(call), kind.word());
                self.engine.doubt(text);
            }
        }
    }

    fn left_out(&self, kind: Kind, mark: &[u8]) {
        let reason = self.engine.unknowns.reasons_in(mark).join(", ");
        self.engine
            .doubt(format!("whether this {} holds is not known ({reason}): taken as false", kind.word()));
    }

    fn include(&mut self, words: &[u8]) -> Result<(), ReadError> {
        let path = trim(words);
        let shown = self.engine.unknowns.readable(path);
        if path.is_empty() {
            return Err(self.problem(SpecProblem::NoArgument("%include")));
        }
        if self.files.len() >= DEEPEST_INCLUDE {
            return Err(self.problem(SpecProblem::Include {
                path: shown,
                problem: "too many files include each other",
            }));
        }
        let found = if is_unknown(path) { Found::Unknown } else { self.engine.files.find(&shown) };
        match found {
            Found::Content(text) => self.open(path, text),
            Found::Absent => {
                let problem = "there is no such file";
                return Err(self.problem(SpecProblem::Include { path: shown, problem }));
            }
            Found::Present | Found::Unknown => {
                self.engine.doubt(format!("{shown} is not at hand: what it includes is not known"));
            }
        }
        Ok(())
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    &text[..end]
}
