//! Text with macro calls and the macros defined so far, in; the text as rpm expands it, and the macros defined by then, out.
//! No program runs and no file is opened: where only a build root could tell, a mark of [`Unknowns`] stands.

mod arguments;
mod builtins;
mod calls;
mod error;
mod expression;
mod prepare;
mod text;
mod value;
mod version;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

pub use error::MacroError;
pub use value::ExpressionError;

pub(crate) use arguments::{parse_options, split_quoted, unsplit_quoted};
pub(crate) use value::{Truth, Value};
pub(crate) use version::compare_versions;

use error::DEEPEST;

use crate::files::Files;
use crate::lua::{Interpreter, Memory};
use crate::macros::Macros;
use crate::macros::builtin::Builtin;
use crate::macros::definition::{self, DefinitionError, Extent};
use crate::macros::table::{Body, Entry, Table, Traits};
use crate::scan::{call_end, is_blank};
use crate::shell;
use crate::unknown::{Unknowns, first_mark};

/// Expansions of one spec: the largest real one needs a thousandth of it.
const MOST_STEPS: u64 = 50_000_000;
/// Bytes of one expansion.
const LONGEST: usize = 64 << 20;

/// Something to tell about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) line: u32,
    pub(crate) text: String,
    /// It is about what is not known, not said by `%{echo:}` or `%{warn:}`.
    pub(crate) is_doubt: bool,
}

/// A source or patch, as macros and Lua see it.
#[derive(Clone, Debug)]
pub(crate) struct NumberedFile {
    pub(crate) is_patch: bool,
    pub(crate) number: u32,
    /// Its last part.
    pub(crate) name: Vec<u8>,
    /// Below the folder of sources.
    pub(crate) path: Vec<u8>,
}

/// Expands text; its state is what a spec changes while it is read.
pub(crate) struct Engine {
    table: RefCell<Table>,
    /// Names defined inside calls, with the level of the call.
    scoped: RefCell<Vec<(usize, Box<[u8]>)>>,
    /// Where the call stands that Lua or an expression was called from.
    outer: Cell<Place>,
    steps: Cell<u64>,
    lua: OnceCell<Interpreter>,
    /// What scripts printed that depend on nothing, in all specs.
    pub(crate) memory: Arc<Memory>,
    pub(crate) line: Cell<u32>,
    /// A build script or scriptlet is read, of which nothing but its program is asked.
    pub(crate) in_script: Cell<bool>,
    pub(crate) files: Rc<dyn Files>,
    pub(crate) unknowns: Unknowns,
    pub(crate) messages: RefCell<Vec<Message>>,
    pub(crate) sources: RefCell<Vec<NumberedFile>>,
    /// Macros of this program that were used for want of others.
    pub(crate) fallbacks: RefCell<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    depth: usize,
    level: usize,
}

/// A text that grows while macros are expanded.
struct Expansion {
    text: Vec<u8>,
    place: Place,
    keep_quotes: bool,
    have_quotes: bool,
    call: Option<Rc<Call>>,
}

/// A call of a macro that takes arguments: its name first, then options, then the rest.
pub(crate) struct Call {
    pub(crate) entry: Arc<Entry>,
    pub(crate) arguments: Vec<Vec<u8>>,
}

/// What follows a macro's name.
#[derive(Clone, Copy)]
enum Argument<'a> {
    Nothing,
    /// `%{name:text}`
    Colon(&'a [u8]),
    /// `%{name words}`
    Words(&'a [u8]),
    /// `%name` and the rest of the line.
    Line(&'a [u8]),
}

/// A call by name.
struct Named<'a> {
    name: &'a [u8],
    condition: Condition,
    argument: Argument<'a>,
    braced: bool,
}

impl Engine {
    /// An engine that knows these macros and may ask for these files.
    pub(crate) fn new(macros: &Macros, files: Rc<dyn Files>) -> Rc<Self> {
        Rc::new(Self {
            table: RefCell::new(macros.table()),
            memory: macros.memory(),
            scoped: RefCell::default(),
            outer: Cell::default(),
            steps: Cell::new(0),
            lua: OnceCell::new(),
            line: Cell::new(0),
            in_script: Cell::new(false),
            files,
            unknowns: Unknowns::default(),
            messages: RefCell::default(),
            sources: RefCell::default(),
            fallbacks: RefCell::default(),
        })
    }

    /// Expands a text.
    pub(crate) fn expand(self: &Rc<Self>, text: &[u8]) -> Result<Vec<u8>, MacroError> {
        let mut expansion = self.expansion(self.outer.get());
        self.expand_into(&mut expansion, text)?;
        Ok(expansion.text)
    }

    /// Calls a macro that takes arguments with these; none if there is no such macro.
    pub(crate) fn call(
        self: &Rc<Self>,
        name: &[u8],
        arguments: Vec<Vec<u8>>,
    ) -> Option<Result<Vec<u8>, MacroError>> {
        let entry = self.entry(name)?;
        let mut expansion = self.expansion(self.outer.get());
        expansion.place.depth += 1;
        let mut all = vec![name.to_vec()];
        all.extend(arguments);
        let arguments = entry.options.is_some().then_some(all);
        Some(self.expand_entry(&mut expansion, &entry, arguments, None).map(|()| expansion.text))
    }

    /// The newest definition of a name.
    pub(crate) fn entry(&self, name: &[u8]) -> Option<Arc<Entry>> {
        self.table.borrow().get(name).cloned()
    }

    /// Adds a definition.
    pub(crate) fn push(&self, entry: Entry) {
        if entry.level > 0 {
            self.scoped.borrow_mut().push((entry.level, entry.name.clone()));
        }
        self.table.borrow_mut().push(entry);
    }

    /// Takes the newest definition of a name back.
    pub(crate) fn pop(&self, name: &[u8]) {
        self.table.borrow_mut().pop(name);
    }

    /// Takes all definitions of a name back.
    pub(crate) fn pop_all(&self, name: &[u8]) {
        let mut table = self.table.borrow_mut();
        while table.depth(name) > 0 {
            table.pop(name);
        }
    }

    /// Defines a macro for good from `name body`, without expanding the body.
    pub(crate) fn define(&self, text: &[u8]) -> Result<(), MacroError> {
        let (definition, _) = definition::parse(text, Extent::Line)?;
        self.protect(&definition.name)?;
        self.push(Entry {
            name: definition.name.into(),
            options: definition.options.map(Into::into),
            body: Body::Text(definition.body.into()),
            level: 0,
            traits: Traits { literal: definition.literal, once: definition.once, ..Traits::default() },
        });
        Ok(())
    }

    /// Takes a definition back as `%undefine` does.
    pub(crate) fn undefine(&self, name: &[u8]) -> Result<(), MacroError> {
        if !definition::is_legal_name(name) {
            return Err(DefinitionError::Name(String::from_utf8_lossy(name).into_owned()).into());
        }
        self.protect(name)?;
        self.pop(name);
        Ok(())
    }

    /// Notes what the spec says to its user.
    pub(crate) fn say(&self, text: String) {
        self.note(text, false);
    }

    /// Notes what is not known and was decided all the same.
    pub(crate) fn doubt(&self, text: String) {
        self.note(text, true);
    }

    fn note(&self, text: String, is_doubt: bool) {
        let message = Message { line: self.line.get(), text, is_doubt };
        let mut messages = self.messages.borrow_mut();
        if !messages.contains(&message) {
            messages.push(message);
        }
    }

    /// The Lua state of this spec.
    pub(crate) fn lua(self: &Rc<Self>) -> Result<&Interpreter, MacroError> {
        if self.lua.get().is_none() {
            let interpreter = Interpreter::new(self).map_err(|error| MacroError::Lua(error.to_string()))?;
            // Nobody else can have set it: making one does not expand anything.
            let _first = self.lua.set(interpreter);
        }
        self.lua.get().ok_or_else(|| MacroError::Lua("there is no interpreter".to_owned()))
    }

    /// Whether Lua has been used at all.
    pub(crate) fn lua_if_used(&self) -> Option<&Interpreter> {
        self.lua.get()
    }

    fn protect(&self, name: &[u8]) -> Result<(), MacroError> {
        match self.entry(name) {
            Some(entry) if entry.is_protected() => {
                Err(DefinitionError::Protected(String::from_utf8_lossy(name).into_owned()).into())
            }
            _ => Ok(()),
        }
    }

    fn expansion(&self, place: Place) -> Expansion {
        Expansion { text: Vec::new(), place, keep_quotes: false, have_quotes: false, call: None }
    }

    /// Expands into a text of its own, in the same place and call.
    fn expand_apart(
        self: &Rc<Self>,
        parent: &Expansion,
        text: &[u8],
        keep_quotes: bool,
    ) -> Result<Expansion, MacroError> {
        let mut apart = Expansion { keep_quotes, call: parent.call.clone(), ..self.expansion(parent.place) };
        self.expand_into(&mut apart, text)?;
        Ok(apart)
    }

    /// Does something from inside a call, so that what it expands knows how deep it is.
    fn within<T>(&self, place: Place, act: impl FnOnce() -> T) -> T {
        let before = self.outer.replace(place);
        let result = act();
        self.outer.set(before);
        result
    }

    fn expand_into(self: &Rc<Self>, out: &mut Expansion, text: &[u8]) -> Result<(), MacroError> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MOST_STEPS || out.text.len() > LONGEST {
            return Err(MacroError::TooMuch);
        }
        if out.place.depth >= DEEPEST {
            return Err(MacroError::TooDeep);
        }
        out.place.depth += 1;
        let result = self.expand_calls(out, text);
        out.place.depth -= 1;
        result
    }

    fn expand_calls(self: &Rc<Self>, out: &mut Expansion, text: &[u8]) -> Result<(), MacroError> {
        let mut at = 0;
        while let Some(offset) = text[at..].iter().position(|byte| *byte == b'%') {
            out.text.extend_from_slice(&text[at..at + offset]);
            at += offset + 1;
            let Some(next) = text.get(at) else {
                out.text.push(b'%');
                return Ok(());
            };
            if *next == b'%' {
                out.text.push(b'%');
                at += 1;
                continue;
            }
            let unterminated = || MacroError::Unterminated(shown(&text[at..]));
            let end = call_end(text, at).ok_or_else(unterminated)?;
            at = match next {
                b'(' => {
                    self.expand_shell(out, &text[at + 1..end - 1])?;
                    end
                }
                b'[' => {
                    let place = out.place;
                    let result = self.within(place, || expression::expand(self, &text[at + 1..end - 1]))?;
                    out.text.extend_from_slice(&result);
                    end
                }
                b'{' => self.expand_braced(out, text, at, end)?,
                _ => self.expand_bare(out, text, at, end)?,
            };
        }
        out.text.extend_from_slice(&text[at..]);
        Ok(())
    }

    /// `%(…)`: what the script would print, if that can be said without running it.
    fn expand_shell(self: &Rc<Self>, out: &mut Expansion, script: &[u8]) -> Result<(), MacroError> {
        let script = self.expand_apart(out, script, false)?.text;
        if let Some(mark) = first_mark(&script) {
            out.text.extend_from_slice(mark);
            return Ok(());
        }
        match shell::run(&script, self.files.as_ref()) {
            Some(mut printed) => {
                while matches!(printed.last(), Some(b'\n' | b'\r')) {
                    printed.pop();
                }
                out.text.extend(printed);
            }
            None => {
                let reason = format!("%({}) runs a program", shown(&script));
                out.text.extend(self.unknowns.mark(&reason));
            }
        }
        Ok(())
    }

    /// `%{name…}` whose `{` is at `open`; returns where to go on.
    fn expand_braced(
        self: &Rc<Self>,
        out: &mut Expansion,
        text: &[u8],
        open: usize,
        end: usize,
    ) -> Result<usize, MacroError> {
        let (start, condition) = Condition::read(text, open + 1);
        let length = text[start..].iter().position(|byte| matches!(byte, b' ' | b':' | b'}'));
        let name_end = start + length.unwrap_or(text.len() - start);
        let close = end - 1;
        let argument = match text.get(name_end) {
            Some(b':') => Argument::Colon(text.get(name_end + 1..close).unwrap_or_default()),
            Some(b' ') => Argument::Words(text.get(name_end..close).unwrap_or_default()),
            _ => Argument::Nothing,
        };
        let named = Named { name: &text[start..name_end], condition, argument, braced: true };
        Ok(self.expand_named(out, &named, text, end)?.unwrap_or(open))
    }

    /// `%name`; returns where to go on.
    fn expand_bare(
        self: &Rc<Self>,
        out: &mut Expansion,
        text: &[u8],
        at: usize,
        end: usize,
    ) -> Result<usize, MacroError> {
        let (start, condition) = Condition::read(text, at);
        let argument = match text.get(end) {
            Some(byte) if is_blank(*byte) => {
                let length = text[end..].iter().position(|byte| *byte == b'\n');
                Argument::Line(&text[end..end + length.unwrap_or(text.len() - end)])
            }
            _ => Argument::Nothing,
        };
        let named = Named { name: &text[start..end], condition, argument, braced: false };
        Ok(self.expand_named(out, &named, text, end)?.unwrap_or(start))
    }

    /// Returns where to go on; none to go on after the percent sign, which then stands for itself.
    fn expand_named(
        self: &Rc<Self>,
        out: &mut Expansion,
        named: &Named<'_>,
        text: &[u8],
        end: usize,
    ) -> Result<Option<usize>, MacroError> {
        let Named { name, condition, argument, braced } = *named;
        if name.is_empty() {
            out.text.push(b'%');
            return Ok(None);
        }
        // An argument of an outer call is not seen in an inner one.
        let entry =
            self.entry(name).filter(|entry| !entry.traits.automatic || entry.level >= out.place.level);
        if let Some(entry) = entry.as_ref().filter(|entry| entry.traits.fallback) {
            self.fallbacks.borrow_mut().insert(shown(&entry.name));
        }
        if name[0] == b'-' || condition.asks {
            if entry.is_none() == condition.negated {
                match (argument, entry) {
                    (Argument::Colon(text), _) if !text.is_empty() => self.expand_into(out, text)?,
                    (_, Some(entry)) => self.expand_entry(out, &entry, None, None)?,
                    _ => {}
                }
            }
            return Ok(Some(end));
        }
        let Some(entry) = entry else {
            out.text.push(b'%');
            return Ok(None);
        };
        let builtin = match entry.body {
            Body::Builtin(builtin) => Some(builtin),
            Body::Text(_) => None,
        };
        if entry.options.is_none() && builtin.is_none() {
            self.expand_entry(out, &entry, None, None)?;
            return Ok(Some(end));
        }
        let raw = builtin.is_some_and(Builtin::reads_raw_text);
        let mut arguments = vec![name.to_vec()];
        if raw && !braced {
            arguments.push(text[end..].to_vec());
            let mut used = 0;
            self.expand_entry(out, &entry, Some(arguments), Some(&mut used))?;
            return Ok(Some((end + used).min(text.len())));
        }
        let mut next = end;
        match argument {
            Argument::Colon(words) | Argument::Words(words) | Argument::Line(words) if raw => {
                arguments.push(words.to_vec());
            }
            Argument::Colon(words) => {
                let keep = out.keep_quotes;
                arguments.push(self.expand_apart(out, words, keep)?.text);
            }
            Argument::Words(words) => {
                arguments.extend(split_quoted(&self.expand_apart(out, words, true)?.text));
            }
            Argument::Line(words) if entry.options.is_some() => {
                arguments.extend(split_quoted(&self.expand_apart(out, words, true)?.text));
                let line_end = end + words.len();
                let continued = line_end > 0 && text.get(line_end - 1) == Some(&b'\\');
                next = if line_end < text.len() && continued { line_end + 1 } else { line_end };
            }
            Argument::Line(_) | Argument::Nothing => {}
        }
        self.expand_entry(out, &entry, Some(arguments), None)?;
        Ok(Some(next))
    }
}

/// `?` and `!` in front of a name.
#[derive(Clone, Copy)]
struct Condition {
    asks: bool,
    negated: bool,
}

impl Condition {
    fn read(text: &[u8], mut at: usize) -> (usize, Self) {
        let mut condition = Self { asks: false, negated: false };
        loop {
            match text.get(at) {
                Some(b'?') => condition.asks = true,
                Some(b'!') => condition.negated = !condition.negated,
                _ => return (at, condition),
            }
            at += 1;
        }
    }
}

/// A text in a message: its beginning, in one line.
pub(crate) fn shown(text: &[u8]) -> String {
    const ENOUGH: usize = 80;
    let text = String::from_utf8_lossy(text);
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(ENOUGH).collect();
    if short.len() < text.trim_end().len() { format!("{short}…") } else { short }
}
