//! A built-in macro and its arguments, in; what it adds to the expansion, out.

use std::rc::Rc;

use super::expression;
use super::text::{basename, dirname, shell_quote, shrink, suffix, url_path};
use super::{Engine, Expansion, MacroError, shown, unsplit_quoted};
use crate::files::{CONFIGURATION_FOLDER, Found};
use crate::macros::builtin::{Builtin, TextFunction};
use crate::macros::definition::{self, DefinitionError, Extent};
use crate::macros::file;
use crate::macros::table::{Body, Entry, Traits};
use crate::scan::is_line_end;
use crate::unknown::{first_mark, is_unknown};

/// The rpm whose behaviour this is.
const VERSION: &str = "6.1.0";

impl Engine {
    /// `arguments` has the macro's name in front, and at least what its arity demands.
    pub(super) fn expand_builtin(
        self: &Rc<Self>,
        out: &mut Expansion,
        builtin: Builtin,
        arguments: Vec<Vec<u8>>,
        used: Option<&mut usize>,
    ) -> Result<(), MacroError> {
        let first = arguments.get(1).map(Vec::as_slice).unwrap_or_default();
        match builtin {
            Builtin::Define => return self.expand_define(out, &arguments, false, used),
            Builtin::Global => return self.expand_define(out, &arguments, true, used),
            Builtin::Comment => {
                if let Some(used) = used {
                    *used =
                        first.iter().position(|byte| is_line_end(*byte)).map_or(first.len(), |end| end + 1);
                }
            }
            Builtin::Undefine => self.undefine(first)?,
            Builtin::Expand => self.expand_into(out, first)?,
            Builtin::Span => out.text.extend_from_slice(first),
            Builtin::Source | Builtin::Patch => {
                let name: &[u8] = if builtin == Builtin::Source { b"%SOURCE" } else { b"%PATCH" };
                self.expand_into(out, &[name, first].concat())?;
            }
            Builtin::Verbose => {
                if used.is_some() || arguments.len() < 2 {
                    out.text.push(b'0');
                }
            }
            Builtin::Echo | Builtin::Warn => self.say(self.unknowns.readable(first)),
            Builtin::Error => return Err(MacroError::Raised(self.unknowns.readable(first))),
            Builtin::MacroBody => self.expand_macro_body(out, first)?,
            Builtin::Quote => expand_quote(out, &arguments[1..]),
            Builtin::ShellQuote => out.text.extend(shell_quote(&arguments[1..])),
            Builtin::Uncompress => {
                self.expand_into(out, b"%__rpmuncompress ")?;
                out.text.extend_from_slice(first);
            }
            Builtin::Lua => return self.expand_lua(out, first),
            Builtin::Load => return self.expand_load(out, first),
            Builtin::Dump | Builtin::Trace => {}
            Builtin::Version => out.text.extend_from_slice(VERSION.as_bytes()),
            Builtin::ConfigurationFolder => out.text.extend_from_slice(CONFIGURATION_FOLDER.as_bytes()),
            Builtin::LineNumber => out.text.extend_from_slice(self.line.get().to_string().as_bytes()),
            Builtin::Processors => {
                out.text.extend(self.unknowns.mark("the number of processors of the building machine"));
            }
            Builtin::Environment => {
                let reason = format!("the variable {} of the building environment", shown(first));
                out.text.extend(self.unknowns.mark(&reason));
            }
            Builtin::UserFolder => out.text.extend(self.unknowns.mark("the home folder of who builds")),
            Builtin::Setup => return self.expand_setup(out, &arguments),
            Builtin::ApplyPatch => return self.expand_patch(out, &arguments),
            Builtin::Text(function) => return self.expand_text_function(out, function, &arguments),
            Builtin::Exists
            | Builtin::Expression
            | Builtin::Basename
            | Builtin::Dirname
            | Builtin::Suffix
            | Builtin::Shrink
            | Builtin::UrlPath
            | Builtin::UrlPathShort => {
                if let Some(mark) = first_mark(first).filter(|_| builtin != Builtin::Shrink) {
                    out.text.extend_from_slice(mark);
                } else {
                    let made = self.of_known_text(out, builtin, first)?;
                    out.text.extend(made);
                }
            }
        }
        Ok(())
    }

    fn of_known_text(
        self: &Rc<Self>,
        out: &Expansion,
        builtin: Builtin,
        text: &[u8],
    ) -> Result<Vec<u8>, MacroError> {
        Ok(match builtin {
            Builtin::Basename => basename(text),
            Builtin::Dirname => dirname(text),
            Builtin::Suffix => suffix(text),
            Builtin::Shrink => shrink(text),
            Builtin::UrlPath | Builtin::UrlPathShort => url_path(text),
            Builtin::Expression => self.within(out.place, || expression::evaluate(self, text))?,
            _ => {
                let path = String::from_utf8_lossy(text);
                match self.files.find(&path) {
                    Found::Content(_) | Found::Present => b"1".to_vec(),
                    Found::Absent => b"0".to_vec(),
                    Found::Unknown => self.unknowns.mark(&format!("whether {path} exists where it is built")),
                }
            }
        })
    }

    /// `%define` and `%global`: the latter expands the body at once and outlives the call.
    fn expand_define(
        self: &Rc<Self>,
        out: &mut Expansion,
        arguments: &[Vec<u8>],
        global: bool,
        used: Option<&mut usize>,
    ) -> Result<(), MacroError> {
        // A call from Lua may give name and body apart.
        let text = arguments[1..arguments.len().min(3)].join(&b' ');
        let (mut level, mut expand) = if global { (0, true) } else { (out.place.level, false) };
        let mut start = 0;
        if !global {
            start = define_options(&text, &mut level, &mut expand)?;
        }
        let extent = if used.is_some() { Extent::Line } else { Extent::All };
        let (definition, length) = definition::parse(&text[start..], extent)?;
        if let Some(used) = used {
            *used = start + length;
        }
        self.protect(&definition.name)?;
        let mut traits = Traits { literal: definition.literal, once: definition.once, ..Traits::default() };
        let mut body = definition.body;
        if expand && !definition.literal {
            let expanded = self.expand_apart(out, &body, true)?;
            traits.quoted = expanded.have_quotes;
            body = expanded.text;
        }
        self.push(Entry {
            name: definition.name.into(),
            options: definition.options.map(Into::into),
            body: Body::Text(body.into()),
            level,
            traits,
        });
        Ok(())
    }

    fn expand_macro_body(&self, out: &mut Expansion, name: &[u8]) -> Result<(), MacroError> {
        match self.entry(name).as_deref() {
            _ if name.is_empty() => {}
            Some(Entry { body: Body::Text(text), .. }) => out.text.extend_from_slice(text),
            Some(_) => out.text.extend_from_slice(b"<builtin>"),
            None => return Err(MacroError::NoSuch(format!("there is no macro `{}`", shown(name)))),
        }
        Ok(())
    }

    fn expand_lua(self: &Rc<Self>, out: &mut Expansion, script: &[u8]) -> Result<(), MacroError> {
        let call = out.call.clone();
        let printed = self.within(out.place, || self.lua()?.run(script, call.as_deref()))?;
        out.text.extend(printed);
        Ok(())
    }

    fn expand_text_function(
        self: &Rc<Self>,
        out: &mut Expansion,
        function: TextFunction,
        arguments: &[Vec<u8>],
    ) -> Result<(), MacroError> {
        if let Some(mark) = arguments.iter().find_map(|argument| first_mark(argument)) {
            out.text.extend_from_slice(mark);
            return Ok(());
        }
        let made = self.within(out.place, || self.lua()?.call_text_function(function, &arguments[1..]))?;
        out.text.extend(made);
        Ok(())
    }

    fn expand_load(self: &Rc<Self>, out: &mut Expansion, path: &[u8]) -> Result<(), MacroError> {
        let shown = self.unknowns.readable(path);
        let failed = |problem: &str| MacroError::Load { path: shown.clone(), problem: problem.to_owned() };
        if is_unknown(path) {
            self.say(format!("macro file {shown} is not read: its path is not known"));
            return Ok(());
        }
        match self.files.find(&shown) {
            Found::Content(text) => {
                let problems = file::load(&text, |definition| self.define(definition));
                match problems.first() {
                    Some(problem) => Err(failed(&format!("line {}: {}", problem.line, problem.error))),
                    None => Ok(()),
                }
            }
            Found::Absent => Err(failed("there is no such file")),
            Found::Present | Found::Unknown => {
                // Whatever it would define is missing from here on.
                out.text.extend(self.unknowns.mark(&format!("macro file {shown} is not at hand")));
                Ok(())
            }
        }
    }
}

/// `-e` expands the body at once, `-g` makes the definition outlive the call.
fn define_options(text: &[u8], level: &mut usize, expand: &mut bool) -> Result<usize, MacroError> {
    let mut at = 0;
    loop {
        while text.get(at).copied().is_some_and(crate::scan::is_blank) {
            at += 1;
        }
        if text.get(at) != Some(&b'-') {
            return Ok(at);
        }
        at += 1;
        let start = at;
        while let Some(letter) = text.get(at).filter(|byte| !crate::scan::is_blank(**byte)) {
            match letter {
                b'e' => *expand = true,
                b'g' => *level = 0,
                other => return Err(DefinitionError::DefineOption(char::from(*other)).into()),
            }
            at += 1;
        }
        if at == start {
            return Err(DefinitionError::DefineOption(' ').into());
        }
    }
}

fn expand_quote(out: &mut Expansion, words: &[Vec<u8>]) {
    if out.keep_quotes {
        let quoted = unsplit_quoted(words);
        out.have_quotes |= !quoted.is_empty();
        out.text.extend(quoted);
    } else {
        out.text.extend(words.join(&b' '));
    }
}
