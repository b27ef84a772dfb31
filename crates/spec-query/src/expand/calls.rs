//! A definition and the arguments of a call, in; its expansion, out: arguments are macros of their own while it lasts.

use std::rc::Rc;
use std::sync::Arc;

use super::{Call, Engine, Expansion, MacroError, arguments, parse_options, shown, unsplit_quoted};
use crate::macros::builtin::{Arity, Builtin};
use crate::macros::table::{Body, Entry, Traits};

impl Engine {
    /// Expands a definition; `used` says how much of the text after it a built-in macro took for itself.
    pub(super) fn expand_entry(
        self: &Rc<Self>,
        out: &mut Expansion,
        entry: &Arc<Entry>,
        arguments: Option<Vec<Vec<u8>>>,
        used: Option<&mut usize>,
    ) -> Result<(), MacroError> {
        let start = out.text.len();
        let before = out.call.clone();
        let result = match &entry.body {
            Body::Builtin(builtin) => {
                let arguments = arguments.unwrap_or_else(|| vec![entry.name.to_vec()]);
                self.check_arity(*builtin, &arguments)
                    .and_then(|()| self.expand_builtin(out, *builtin, arguments, used))
            }
            Body::Text(body) if entry.traits.literal => {
                out.text.extend_from_slice(body);
                Ok(())
            }
            Body::Text(body) => match arguments {
                Some(arguments) => {
                    let entered = self.enter(out, entry, arguments);
                    let result = entered.and_then(|()| self.expand_body(out, entry, body));
                    self.leave(out);
                    result
                }
                None => self.expand_body(out, entry, body),
            },
        };
        out.call = before;
        result?;
        if entry.traits.once {
            let traits = Traits { once: false, literal: true, ..entry.traits };
            let body = Body::Text(out.text[start..].into());
            self.push(Entry { body, traits, ..Entry::clone(entry) });
        }
        if entry.traits.quoted {
            if out.keep_quotes {
                out.have_quotes = true;
            } else {
                arguments::unquote(&mut out.text, start);
            }
        }
        Ok(())
    }

    fn check_arity(&self, builtin: Builtin, arguments: &[Vec<u8>]) -> Result<(), MacroError> {
        match (builtin.arity(), arguments.len() > 1) {
            (Arity::Some, false) => Err(MacroError::NoArgument(builtin.name().to_owned())),
            (Arity::None, true) => Err(MacroError::Argument(builtin.name().to_owned())),
            _ => Ok(()),
        }
    }

    fn expand_body(
        self: &Rc<Self>,
        out: &mut Expansion,
        entry: &Entry,
        body: &[u8],
    ) -> Result<(), MacroError> {
        if !(entry.traits.quoted && out.keep_quotes) {
            return self.expand_into(out, body);
        }
        let mut parts = body.split(|byte| *byte == arguments::QUOTE);
        let first = parts.next().unwrap_or_default();
        self.expand_into(out, first)?;
        for part in parts {
            out.text.push(arguments::QUOTE);
            out.keep_quotes = !out.keep_quotes;
            let result = self.expand_into(out, part);
            if result.is_err() {
                out.keep_quotes = true;
                return result;
            }
        }
        out.keep_quotes = true;
        Ok(())
    }

    /// Begins a call: its arguments become macros.
    fn enter(
        self: &Rc<Self>,
        out: &mut Expansion,
        entry: &Arc<Entry>,
        mut arguments: Vec<Vec<u8>>,
    ) -> Result<(), MacroError> {
        out.place.level += 1;
        let level = out.place.level;
        let push = |name: &[u8], body: &[u8], quoted: bool| {
            let traits = Traits { literal: true, automatic: true, quoted, ..Traits::default() };
            self.push(Entry { level, traits, ..Entry::plain(name, body) });
        };
        push(b"0", &entry.name, false);
        push(b"**", &unsplit_quoted(&arguments[1..]), true);
        let options = entry.options.as_deref().unwrap_or_default();
        let parsed = parse_options(&mut arguments, options);
        let rest = match &parsed {
            Ok(parsed) => {
                for option in &parsed.options {
                    let name = [b'-', option.letter];
                    match &option.value {
                        Some(value) => {
                            push(&name, &[&name[..], b" ", value].concat(), false);
                            push(&[b'-', option.letter, b'*'], value, false);
                        }
                        None => push(&name, &name, false),
                    }
                }
                let rest = &arguments[parsed.rest..];
                push(b"#", rest.len().to_string().as_bytes(), false);
                for (number, argument) in rest.iter().enumerate() {
                    push((number + 1).to_string().as_bytes(), argument, false);
                }
                push(b"*", &rest.join(&b' '), false);
                Ok(())
            }
            Err(letter) => Err(MacroError::Option {
                name: shown(&entry.name),
                option: char::from(*letter),
                options: shown(options),
            }),
        };
        out.call = Some(Rc::new(Call { entry: entry.clone(), arguments }));
        rest
    }

    /// Ends a call: what was defined in it is gone.
    fn leave(&self, out: &mut Expansion) {
        let level = out.place.level;
        let mut scoped = self.scoped.borrow_mut();
        let mut table = self.table.borrow_mut();
        let mut hidden = Vec::new();
        while let Some((_, name)) = scoped.pop_if(|(defined, _)| *defined >= level) {
            if table.leave(&name, level) {
                hidden.push((level, name));
            }
        }
        scoped.extend(hidden);
        out.place.level -= 1;
    }
}
