//! Macro definitions and a text, in; the text as rpm expands it while a package is being installed, out.
//! What runs a program or evaluates an expression is an error: nothing that is being installed uses it.

mod defaults;
mod parameters;

use std::collections::BTreeMap;

use defaults::DEFAULTS;
pub use parameters::OptionError;
use parameters::Parameters;

/// rpm's own limit.
const DEEPEST_NESTING: usize = 64;

/// Why a text could not be expanded or a macro not be defined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MacroError {
    /// Macros that name each other in a circle.
    #[error("the macros in `{0}` nest too deeply (a circle?)")]
    TooDeep(String),
    /// A brace or parenthesis that is not closed.
    #[error("`{0}` is not closed")]
    Unclosed(String),
    /// Not a name of three or more letters, digits and `_`.
    #[error("`{0}` is no name for a macro")]
    Name(String),
    /// A definition without a body.
    #[error("the macro `{0}` has no body")]
    NoBody(String),
    /// Options that a macro does not have, or without their values.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A builtin that has no place in a scriptlet.
    #[error("the macro `{0}` cannot be expanded while a package is being installed")]
    Unsupported(String),
}

/// The macros that a scriptlet sees; the newest definition of a name counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macros {
    definitions: BTreeMap<String, Vec<Definition>>,
    /// Of the parametric macros that are being expanded, the innermost last.
    calls: Vec<Parameters>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Definition {
    body: String,
    /// The options of a parametric macro, as for getopt.
    options: Option<String>,
    /// How many calls deep it was defined: it is gone when that call is over.
    level: usize,
}

impl Macros {
    /// No macros at all.
    pub fn empty() -> Self {
        Self { definitions: BTreeMap::new(), calls: Vec::new() }
    }

    /// rpm's defaults for Fedora on a 64 bit machine of this architecture (`x86_64`, `aarch64`).
    pub fn fedora(architecture: &str) -> Self {
        let mut macros = Self::empty();
        for (name, body) in DEFAULTS {
            macros.set(name, body);
        }
        for name in ["_arch", "_build_arch", "_build_cpu", "_host_cpu", "_target_cpu"] {
            macros.set(name, architecture);
        }
        macros.set("_isa", &format!("({}-64)", architecture.split('_').next().unwrap_or(architecture)));
        macros
    }

    /// Defines a macro without parameters, whatever its name.
    pub fn set(&mut self, name: &str, body: &str) {
        let definition = Definition { body: body.to_owned(), options: None, level: 0 };
        self.definitions.entry(name.to_owned()).or_default().push(definition);
    }

    /// Defines from `NAME BODY` or `NAME(OPTIONS) BODY`, as `rpm.define` does.
    pub fn define(&mut self, definition: &str) -> Result<(), MacroError> {
        self.define_at(definition, 0)
    }

    fn define_at(&mut self, definition: &str, level: usize) -> Result<(), MacroError> {
        let definition = definition.trim_start();
        let name_end = name_length(definition);
        let (name, rest) = definition.split_at(name_end);
        let (options, body) = match rest.strip_prefix('(') {
            Some(rest) => {
                let parts =
                    rest.split_once(')').ok_or_else(|| MacroError::Unclosed(definition.to_owned()))?;
                (Some(parts.0.to_owned()), parts.1)
            }
            None => (None, rest),
        };
        let first_is_digit = name.starts_with(|character: char| character.is_ascii_digit());
        if name.len() < 3 || first_is_digit || !body.starts_with([' ', '\t', '\n']) && !body.is_empty() {
            let word = definition.split_whitespace().next().unwrap_or_default();
            return Err(MacroError::Name(word.to_owned()));
        }
        let body = body.trim_start().trim_end_matches('\n');
        if body.is_empty() {
            return Err(MacroError::NoBody(name.to_owned()));
        }
        // A body in braces is what they hold.
        let body = match closing(body, '{', '}') {
            Some(end) if end + 1 == body.len() => &body[1..end],
            _ => body,
        };
        let definition = Definition { body: body.to_owned(), options, level };
        self.definitions.entry(name.to_owned()).or_default().push(definition);
        Ok(())
    }

    /// Defines everything in the text of a macro file: lines `%NAME BODY`, continued after a `\\` at their end.
    pub fn define_all(&mut self, text: &str) -> Result<(), MacroError> {
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(definition) = line.trim_start().strip_prefix('%') else { continue };
            let mut definition = definition.to_owned();
            while let Some(continued) = definition.strip_suffix('\\') {
                definition = format!("{continued}\n{}", lines.next().unwrap_or_default());
            }
            self.define(&definition)?;
        }
        Ok(())
    }

    /// Takes back the newest definition of a name.
    pub fn undefine(&mut self, name: &str) {
        if let Some(definitions) = self.definitions.get_mut(name) {
            definitions.pop();
            if definitions.is_empty() {
                self.definitions.remove(name);
            }
        }
    }

    /// Whether a name is defined, and whether it takes parameters.
    pub fn is_defined(&self, name: &str) -> Option<bool> {
        self.newest(name).map(|definition| definition.options.is_some())
    }

    /// Expands all macros of a text; unknown ones stay as they are written.
    pub fn expand(&mut self, text: &str) -> Result<String, MacroError> {
        self.expand_nested(text, 0)
    }

    /// Expands a macro with arguments that are split already.
    pub fn call(&mut self, name: &str, arguments: Vec<String>) -> Result<String, MacroError> {
        match self.newest(name).cloned() {
            Some(Definition { body, options: Some(options), .. }) => {
                self.expand_call(name, &body, &options, arguments, 0)
            }
            _ => self.expand(&format!("%{{{name}:{}}}", arguments.join(" "))),
        }
    }

    fn newest(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name).and_then(|definitions| definitions.last())
    }

    fn expand_nested(&mut self, text: &str, depth: usize) -> Result<String, MacroError> {
        if depth > DEEPEST_NESTING {
            return Err(MacroError::TooDeep(text.to_owned()));
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            expanded.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            rest = self.expand_one(rest, depth, &mut expanded)?;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// Expands what follows a `%` and returns what follows it.
    fn expand_one<'a>(
        &mut self,
        rest: &'a str,
        depth: usize,
        expanded: &mut String,
    ) -> Result<&'a str, MacroError> {
        let unclosed = || MacroError::Unclosed(format!("%{rest}"));
        match rest.chars().next() {
            Some('%') => {
                expanded.push('%');
                Ok(&rest[1..])
            }
            Some('{') => {
                let end = closing(rest, '{', '}').ok_or_else(unclosed)?;
                let inside = &rest[1..end];
                expanded.push_str(&self.expand_name(inside, format!("%{{{inside}}}"), depth)?);
                Ok(&rest[end + 1..])
            }
            Some('(') => {
                let end = closing(rest, '(', ')').ok_or_else(unclosed)?;
                Err(MacroError::Unsupported(format!("%{}", &rest[..=end])))
            }
            Some('[') => {
                let end = closing(rest, '[', ']').ok_or_else(unclosed)?;
                Err(MacroError::Unsupported(format!("%{}", &rest[..=end])))
            }
            _ => self.expand_bare(rest, depth, expanded),
        }
    }

    fn expand_bare<'a>(
        &mut self,
        rest: &'a str,
        depth: usize,
        expanded: &mut String,
    ) -> Result<&'a str, MacroError> {
        let conditions_end =
            rest.find(|character| character != '?' && character != '!').unwrap_or(rest.len());
        let name_end = conditions_end + parameters::name_length(&rest[conditions_end..]);
        let name = &rest[conditions_end..name_end];
        let after = &rest[name_end..];
        match name {
            "" => {
                expanded.push('%');
                return Ok(rest);
            }
            "define" | "global" => {
                let (line, after) = line(after);
                // `%global` expands at once, `%define` when the macro is used.
                let line =
                    if name == "global" { self.expand_nested(line, depth + 1)? } else { line.to_owned() };
                let level = if name == "global" { 0 } else { self.calls.len() };
                self.define_at(&line, level)?;
                return Ok(after);
            }
            "undefine" => {
                let (line, after) = line(after);
                self.undefine(line.trim());
                return Ok(after);
            }
            "dnl" => return Ok(line(after).1),
            _ => {}
        }
        let inside = &rest[..name_end];
        if conditions_end == 0 && self.is_defined(name) == Some(true) {
            // Its arguments are the rest of the line.
            let end =
                if after.starts_with([' ', '\t']) { after.find('\n').unwrap_or(after.len()) } else { 0 };
            let call = format!("{name}{}", &after[..end]);
            expanded.push_str(&self.expand_name(&call, format!("%{inside}"), depth)?);
            return Ok(&after[end..]);
        }
        expanded.push_str(&self.expand_name(inside, format!("%{inside}"), depth)?);
        Ok(after)
    }

    /// Expands `NAME`, `?NAME`, `!?NAME:TEXT`, `BUILTIN:TEXT`; an unknown name comes back as it was `written`.
    fn expand_name(&mut self, inside: &str, written: String, depth: usize) -> Result<String, MacroError> {
        let conditions_end =
            inside.find(|character| character != '?' && character != '!').unwrap_or(inside.len());
        let conditional = inside[..conditions_end].contains('?');
        let negated = inside[..conditions_end].matches('!').count() % 2 == 1;
        let rest = &inside[conditions_end..];
        let (name, argument) = rest.split_at(parameters::name_length(rest));
        let text = argument.strip_prefix(':');
        if parameters::is_name(name) {
            return self.expand_parameter(name, text, (conditional, negated), written, depth);
        }
        let definition = self.newest(name).cloned();
        if conditional {
            if definition.is_some() == negated {
                return Ok(String::new());
            }
            if let Some(text) = text {
                return self.expand_nested(text, depth + 1);
            }
        }
        match definition {
            Some(Definition { body, options: Some(options), .. }) if !conditional => {
                let arguments = match text {
                    Some(text) => vec![self.expand_nested(text, depth + 1)?],
                    None => parameters::split(&self.expand_nested(argument, depth + 1)?),
                };
                self.expand_call(name, &body, &options, arguments, depth)
            }
            // What follows the name of a macro without parameters is ignored, as in rpm.
            Some(Definition { body, .. }) => self.expand_nested(&body, depth + 1),
            None if conditional => Ok(String::new()),
            None => match text {
                Some(text) => self.builtin(inside, name, text, depth),
                None => Ok(written),
            },
        }
    }

    /// Expands `1`, `*`, `-f`, `-f*` and the like in a parametric macro. A flag that was not given is nothing; anything else that
    /// is not there stays as it was `written`.
    fn expand_parameter(
        &mut self,
        name: &str,
        text: Option<&str>,
        (conditional, negated): (bool, bool),
        written: String,
        depth: usize,
    ) -> Result<String, MacroError> {
        let value = self.calls.last().and_then(|call| call.value(name));
        if !conditional && !name.starts_with('-') {
            return Ok(value.unwrap_or(written));
        }
        match (value, text) {
            (value, _) if value.is_some() == negated => Ok(String::new()),
            (_, Some(text)) => self.expand_nested(text, depth + 1),
            (value, None) => Ok(value.unwrap_or_default()),
        }
    }

    fn expand_call(
        &mut self,
        name: &str,
        body: &str,
        options: &str,
        arguments: Vec<String>,
        depth: usize,
    ) -> Result<String, MacroError> {
        self.calls.push(Parameters::read(name, options, arguments)?);
        let expanded = self.expand_nested(body, depth + 1);
        let level = self.calls.len();
        self.calls.pop();
        self.definitions.retain(|_, definitions| {
            definitions.retain(|definition| definition.level < level);
            !definitions.is_empty()
        });
        expanded
    }

    fn builtin(&mut self, inside: &str, name: &str, text: &str, depth: usize) -> Result<String, MacroError> {
        let unsupported = || MacroError::Unsupported(format!("%{{{inside}}}"));
        if !matches!(name, "expand" | "basename" | "dirname" | "lower" | "upper" | "len" | "suffix") {
            let known = matches!(
                name,
                "lua" | "expr" | "shrink" | "quote" | "gsub" | "sub" | "rep" | "reverse" | "load"
            ) || matches!(
                name,
                "uncompress" | "getncpus" | "getconfdir" | "getenv" | "exists" | "url2path" | "u2p"
            ) || matches!(
                name,
                "error" | "warn" | "echo" | "S" | "P" | "F" | "verbose" | "trace" | "dump" | "macrobody"
            );
            return if known { Err(unsupported()) } else { Ok(format!("%{{{inside}}}")) };
        }
        let text = self.expand_nested(text, depth + 1)?;
        Ok(match name {
            "expand" => return self.expand_nested(&text, depth + 1),
            "basename" => text.rsplit('/').next().unwrap_or_default().to_owned(),
            "dirname" => {
                text.rsplit_once('/').map_or_else(|| text.clone(), |(directory, _)| directory.to_owned())
            }
            "suffix" => text.rsplit_once('.').map_or(String::new(), |(_, suffix)| suffix.to_owned()),
            "lower" => text.to_ascii_lowercase(),
            "upper" => text.to_ascii_uppercase(),
            _ => text.len().to_string(),
        })
    }
}

fn name_length(text: &str) -> usize {
    text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len())
}

fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Where the bracket that `text` begins with is closed.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    if !text.starts_with(open) {
        return None;
    }
    let mut depth = 0_usize;
    for (position, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth -= 1;
            if depth == 0 {
                return Some(position);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> String {
        Macros::fedora("x86_64").expand(text).unwrap()
    }

    #[test]
    fn paths_are_those_of_fedora() {
        assert_eq!(
            expand("%{_dbpath} %_sysconfdir/x %{_libdir}%{_isa}"),
            "/usr/lib/sysimage/rpm /etc/x /usr/lib64(x86-64)"
        );
    }

    #[test]
    fn unknown_macros_stay_as_written() {
        assert_eq!(
            expand("%{unknown} %unknown 100% %{unknown:a} %{unknown a}"),
            "%{unknown} %unknown 100% %{unknown:a} %{unknown a}"
        );
    }

    #[test]
    fn conditions_ask_whether_a_name_is_defined() {
        assert_eq!(
            expand("[%{?unknown}] [%{?_var:yes}] [%{!?_var:no}] [%{!?unknown:no}] [%?_var]"),
            "[] [yes] [] [no] [/var]"
        );
    }

    #[test]
    fn definitions_last_until_taken_back() {
        let mut macros = Macros::fedora("x86_64");
        assert_eq!(
            macros
                .expand("%global _thing %{_var}/thing\n%{_thing}%define _var /elsewhere\n%{_thing}")
                .unwrap(),
            "/var/thing/var/thing"
        );
        macros.define("_thing {two words}").unwrap();
        assert_eq!(macros.expand("%{_thing} %{upper:%{_thing}}").unwrap(), "two words TWO WORDS");
        macros.undefine("_thing");
        assert_eq!(macros.expand("%{_thing}").unwrap(), "/var/thing");
    }

    /// What rpm 6.1 makes of these; a definition in the text, then calls and their expansions.
    #[test]
    fn macros_with_parameters_are_called() {
        for (definition, calls) in [
            (
                "one() [%0|%1|%2|%#|%*|%**]",
                &[
                    ("%{one a b c}", "[one|a|b|3|a b c|a b c]"),
                    ("%one a b c", "[one|a|b|3|a b c|a b c]"),
                    ("x %one a b\ny", "x [one|a|b|2|a b|a b]\ny"),
                    ("%one,a", "[one|%1|%2|0||],a"),
                    ("%{one:a b c}", "[one|a b c|%2|1|a b c|a b c]"),
                    ("%{one}", "[one|%1|%2|0||]"),
                    ("%{one: a  b }", "[one| a  b |%2|1| a  b | a  b ]"),
                    ("%{one %{_usr} \"q r\"}", "[one|/usr|\"q|3|/usr \"q r\"|/usr \"q r\"]"),
                    ("%{one a\tb\nc}", "[one|a|b\nc|2|a b\nc|a b\nc]"),
                    ("%{?one:yes} %{!?one:no} %{?one a}", "yes  [%0|%1|%2|%#|%*|%**]"),
                    ("%{one %%a}", "[one|%a|%2|1|%a|%a]"),
                ][..],
            ),
            (
                "opts(ab:c) [%{-a}|%{-b}|%{-b*}|%{-c:yes}|%{!-c:no}|%1|%#|%*|%**]",
                &[
                    ("%{opts -a -b val x y}", "[-a|-b val|val||no|x|2|x y|-a -b val x y]"),
                    ("%{opts x -c y}", "[|||yes||x|2|x y|x -c y]"),
                    ("%{opts -bval -- -a z}", "[|-b val|val||no|-a|2|-a z|-bval -- -a z]"),
                    ("%{opts -acb val}", "[-a|-b val|val|yes||%1|0||-acb val]"),
                ],
            ),
            ("raw(-) [%1|%#|%*]", &[("%{raw -a b}", "[-a|2|-a b]")]),
            (
                "cond() [%{?1}|%{?1:has}|%{!?2:lacks}|%{1}|%{?9}|%{2}]",
                &[("%{cond a}", "[a|has|lacks|a||%{2}]"), ("%{cond}", "[||lacks|%{1}||%{2}]")],
            ),
            (
                "local() %define inner I%{1}\n%global outer O%{1}\n[%{inner}]",
                &[("%{local z}%{?inner}%{outer}", "[Iz]Oz")],
            ),
            ("plain P", &[("%{plain a b}", "P"), ("%plain a", "P a"), ("%{plain:a}", "P")]),
            ("never nothing", &[("%1 %* %# %{-a} %{-a:x} %{!-a:y} %{1}", "%1 %* %#   y %{1}")]),
        ] {
            for (call, expected) in calls {
                let mut macros = Macros::fedora("x86_64");
                macros.define(definition).unwrap();
                assert_eq!(macros.expand(call).as_deref(), Ok(*expected), "{definition}: {call}");
            }
        }
    }

    #[test]
    fn a_call_sees_its_own_parameters_alone() {
        let mut macros = Macros::empty();
        macros.define("inner() [%1|%2|%#]").unwrap();
        macros.define("nested() <%{inner %{1} x}|%1|%2>").unwrap();
        assert_eq!(macros.expand("%{nested q r}").unwrap(), "<[q|x|2]|q|r>");
        assert_eq!(macros.call("inner", vec!["a b".into(), "c".into()]).unwrap(), "[a b|c|2]");
        let error = macros.expand("%{nested -z}").unwrap_err().to_string();
        assert_eq!(error, "the macro `nested()` has no option `-z`");
        macros.define("valued(b:) %{-b*}").unwrap();
        let error = macros.expand("%{valued -b}").unwrap_err().to_string();
        assert_eq!(error, "the option `-b` of the macro `valued(b:)` needs a value");
        // An error leaves nothing behind.
        assert_eq!(macros.expand("%{valued -b 1}%1").unwrap(), "1%1");
    }

    #[test]
    fn what_cannot_be_expanded_is_an_error() {
        let mut macros = Macros::empty();
        macros.define("circle %{circle}").unwrap();
        assert!(matches!(macros.expand("%(date)"), Err(MacroError::Unsupported(_))));
        assert!(matches!(macros.expand("%{circle}"), Err(MacroError::TooDeep(_))));
        assert!(matches!(macros.expand("%{open"), Err(MacroError::Unclosed(_))));
        assert!(matches!(macros.define("x y"), Err(MacroError::Name(_))));
    }
}
