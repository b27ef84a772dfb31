//! A spec's text, macros and files at hand, in; what the spec describes, out.
//! One pass, section by section, with rpm's rules in rpm's order; a spec that is `BuildArch: noarch` is read a second time.

mod characters;
mod dependencies;
mod error;
mod finish;
mod lines;
mod packages;
mod preamble;
mod scripts;
mod sections;
mod sources;

use std::rc::Rc;

pub use error::{SpecError, SpecProblem};

use error::ReadError;
use lines::{Lines, Strip};
use packages::PackageState;
use sections::Part;
use sources::SourceState;

use crate::evaluation::{Evaluation, Value};
use crate::expand::Engine;
use crate::files::Files;
use crate::macros::Macros;
use crate::macros::table::Entry;
use crate::scan::left_call;
use crate::unknown::{RESERVED, Unknowns, is_unknown};

/// Reads a spec; `file` is its name for messages and `%{__file_name}`.
pub fn evaluate(
    file: &str,
    spec: &[u8],
    macros: &Macros,
    files: Rc<dyn Files>,
) -> Result<Evaluation, SpecError> {
    let engine = Engine::new(macros, files);
    let read = check_control(spec).and_then(|()| read(&engine, file, spec));
    let evaluation =
        read.map_err(|error| SpecError { file: file.to_owned(), line: error.line, problem: error.problem });
    evaluation.map(|reader| reader.finish())
}

/// The sources and patches of a spec, as far as it can be read: an error further down does not hide those above.
pub fn sources(
    file: &str,
    spec: &[u8],
    macros: &Macros,
    files: Rc<dyn Files>,
) -> Result<Vec<crate::evaluation::Source>, SpecError> {
    evaluate(file, spec, macros, files).map(|evaluation| evaluation.source.sources)
}

fn check_control(spec: &[u8]) -> Result<(), ReadError> {
    let Some(place) = spec.iter().position(|byte| RESERVED.contains(byte)) else { return Ok(()) };
    let newlines = spec[..place].iter().filter(|byte| **byte == b'\n').count();
    let line = u32::try_from(newlines + 1).unwrap_or(u32::MAX);
    Err(ReadError { line, problem: SpecProblem::Control(spec[place]) })
}

fn read(engine: &Rc<Engine>, file: &str, spec: &[u8]) -> Result<Reader, ReadError> {
    let mut reader = Reader::new(engine, file, spec, false);
    match reader.read()? {
        Outcome::Whole => Ok(reader),
        Outcome::Architectures(names) => again(engine, file, spec, &names, &mut reader),
    }
}

/// As rpm does it: what the spec defined the first time is still defined.
fn again(
    engine: &Rc<Engine>,
    file: &str,
    spec: &[u8],
    names: &[Vec<u8>],
    first: &mut Reader,
) -> Result<Reader, ReadError> {
    first.lines.close();
    let own = engine.expand(b"%{_target_cpu}").unwrap_or_default();
    let mut result = None;
    for name in names {
        if *name != own && name != b"noarch" && !is_compatible(&own, name) && !is_unknown(name) {
            continue;
        }
        if let Some(lua) = engine.lua_if_used() {
            lua.forget_sources().map_err(|error| first.lines.problem(error))?;
        }
        engine.sources.borrow_mut().clear();
        engine.push(Entry::plain(b"_target_cpu", name));
        let mut reader = Reader::new(engine, file, spec, true);
        reader.read()?;
        // The macros at the end of the first architecture are those that its answer is made with.
        reader.summarise();
        engine.pop(b"_target_cpu");
        result.get_or_insert(reader);
    }
    let none = || SpecProblem::NoArchitecture(String::from_utf8_lossy(&names.join(&b' ')).into_owned());
    result.ok_or_else(|| first.lines.problem(none()))
}

/// Whether packages for `name` can be built on `own`.
fn is_compatible(own: &[u8], name: &[u8]) -> bool {
    let family: &[&[u8]] = match own {
        b"x86_64" => &[b"amd64", b"athlon", b"i686", b"i586", b"i486", b"i386"],
        b"i686" => &[b"i586", b"i486", b"i386"],
        b"ppc64" => &[b"ppc64", b"ppc"],
        b"s390x" => &[b"s390"],
        _ => &[],
    };
    family.contains(&name)
}

/// How reading ended.
enum Outcome {
    Whole,
    /// At `BuildArch` of the main package.
    Architectures(Vec<Vec<u8>>),
}

/// A spec that is being read.
struct Reader {
    engine: Rc<Engine>,
    lines: Lines,
    /// The line that begins the section being read, then whatever was read last.
    line: Vec<u8>,
    packages: Vec<PackageState>,
    sources: Vec<SourceState>,
    source: packages::SourceState,
    again: bool,
    build_architectures: Option<Vec<Vec<u8>>>,
    seen: sections::Seen,
    summary: Option<Evaluation>,
}

impl Reader {
    fn new(engine: &Rc<Engine>, file: &str, spec: &[u8], again: bool) -> Self {
        let lines = Lines::new(engine, file, spec);
        if engine.entry(b"_top_builddir").is_none() {
            let folder = engine.expand(b"%{_builddir}").unwrap_or_default();
            engine.push(Entry::literal(b"_top_builddir", &folder));
            engine.pop_all(b"_builddir");
        }
        engine.push(Entry::plain(b"_docdir", b"%{_defaultdocdir}"));
        engine.push(Entry::plain(b"_licensedir", b"%{_defaultlicensedir}"));
        Self {
            engine: engine.clone(),
            lines,
            line: Vec::new(),
            packages: Vec::new(),
            sources: Vec::new(),
            source: packages::SourceState::default(),
            again,
            build_architectures: None,
            seen: sections::Seen::default(),
            summary: None,
        }
    }

    fn read(&mut self) -> Result<Outcome, ReadError> {
        let outcome = self.read_sections()?;
        if matches!(outcome, Outcome::Whole) {
            self.read_build_system()?;
            self.check_required()?;
        }
        Ok(outcome)
    }

    fn read_sections(&mut self) -> Result<Outcome, ReadError> {
        let mut initial = true;
        let mut part = Some(Part::Preamble);
        let mut before = Part::End;
        while let Some(this) = part {
            part = match this {
                Part::Preamble => match self.read_preamble(initial)? {
                    preamble::Next::Part(next) => next,
                    preamble::Next::Architectures(names) => return Ok(Outcome::Architectures(names)),
                },
                other => self.read_section(other, before)?,
            };
            initial = false;
            before = this;
        }
        Ok(Outcome::Whole)
    }

    /// Reads the next line; whether there was one.
    fn advance(&mut self, strip: Strip) -> Result<bool, ReadError> {
        match self.lines.next(strip)? {
            Some(line) => {
                self.line = line;
                Ok(true)
            }
            None => {
                self.line.clear();
                Ok(false)
            }
        }
    }

    fn problem(&self, problem: impl Into<SpecProblem>) -> ReadError {
        self.lines.problem(problem)
    }
}

/// A text as far as it is known: marks, and macro calls that nothing defines, make it unknown.
pub(crate) fn value(text: &[u8], unknowns: &Unknowns) -> Value {
    let mut unknown = unknowns.reasons_in(text);
    if let Some(call) = left_call(text) {
        unknown.push(format!("macro {} is not defined", String::from_utf8_lossy(call)));
    }
    let text = unknowns.readable(text);
    if unknown.is_empty() { Value::Known(text) } else { Value::Unknown { text, unknown } }
}
