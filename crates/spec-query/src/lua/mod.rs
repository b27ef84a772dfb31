//! A Lua script of a macro and the macros, in; what it printed, and the macros that it changed, out.
//! The state has no library that reaches the machine: files are those of [`Files`](crate::Files), programs do not exist.

mod library;
mod memory;
mod values;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use mlua::chunk::ChunkMode;
use mlua::debug::HookTriggers;
use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, VmState};

pub(crate) use memory::Memory;

use crate::expand::{Call, Engine, MacroError, NumberedFile, Value, parse_options, shown};
use crate::macros::builtin::TextFunction;
use crate::unknown::{first_mark, is_unknown};

/// Instructions of one spec's scripts: rpm's own macros need some ten thousand.
const MOST_INSTRUCTIONS: u64 = 500_000_000;
/// Instructions between two looks at the count.
const BETWEEN_LOOKS: u32 = 100_000;
/// Bytes that scripts may hold at a time.
const MOST_MEMORY: usize = 256 << 20;

/// A Lua state for one spec.
pub(crate) struct Interpreter {
    lua: Lua,
    session: Rc<Session>,
}

/// What functions of the library share.
pub(super) struct Session {
    engine: Weak<Engine>,
    /// What running scripts printed, the innermost last.
    printed: RefCell<Vec<Vec<u8>>>,
    /// A mark that reached the running script.
    tainted: RefCell<Option<Vec<u8>>>,
    instructions: Cell<u64>,
}

impl Session {
    /// The engine that called.
    pub(super) fn engine(&self) -> mlua::Result<Rc<Engine>> {
        self.engine.upgrade().ok_or_else(|| mlua::Error::runtime("the spec has been read"))
    }

    /// Remembers that the script depends on what is not known.
    pub(super) fn taint(&self, text: &[u8]) {
        if let Some(mark) = first_mark(text) {
            self.tainted.borrow_mut().get_or_insert_with(|| mark.to_vec());
        }
    }

    /// Adds to what the running script printed.
    pub(super) fn print(&self, text: &[u8]) {
        if let Some(innermost) = self.printed.borrow_mut().last_mut() {
            innermost.extend_from_slice(text);
        }
    }
}

impl Interpreter {
    /// A state with rpm's libraries, as far as they need no machine.
    pub(crate) fn new(engine: &Rc<Engine>) -> mlua::Result<Self> {
        let libraries = StdLib::STRING | StdLib::TABLE | StdLib::MATH | StdLib::UTF8 | StdLib::COROUTINE;
        let lua = Lua::new_with(libraries, LuaOptions::default())?;
        lua.set_memory_limit(MOST_MEMORY)?;
        let session = Rc::new(Session {
            engine: Rc::downgrade(engine),
            printed: RefCell::default(),
            tainted: RefCell::default(),
            instructions: Cell::new(0),
        });
        let counting = session.clone();
        lua.set_hook(HookTriggers::new().every_nth_instruction(BETWEEN_LOOKS), move |_, _| {
            let count = counting.instructions.get() + u64::from(BETWEEN_LOOKS);
            counting.instructions.set(count);
            if count > MOST_INSTRUCTIONS {
                return Err(mlua::Error::runtime("the script does not end"));
            }
            Ok(VmState::Continue)
        })?;
        library::register(&lua, &session)?;
        let interpreter = Self { lua, session };
        for list in ["patches", "sources", "patch_nums", "source_nums"] {
            interpreter.lua.globals().set(list, interpreter.lua.create_table()?)?;
        }
        for file in engine.sources.borrow().iter() {
            interpreter.list(file)?;
        }
        Ok(interpreter)
    }

    /// Adds a source or patch to the tables that scripts see.
    pub(crate) fn add_source(&self, file: &NumberedFile) -> Result<(), MacroError> {
        self.list(file).map_err(|error| failed(&error))
    }

    fn list(&self, file: &NumberedFile) -> mlua::Result<()> {
        let (paths, numbers) =
            if file.is_patch { ("patches", "patch_nums") } else { ("sources", "source_nums") };
        self.lua.globals().get::<Table>(paths)?.push(self.lua.create_string(&file.path)?)?;
        self.lua.globals().get::<Table>(numbers)?.push(file.number)
    }

    /// Empties the tables of sources and patches: the spec is read again from its beginning.
    pub(crate) fn forget_sources(&self) -> Result<(), MacroError> {
        for list in ["patches", "sources", "patch_nums", "source_nums"] {
            let empty = self.lua.create_table().and_then(|table| self.lua.globals().set(list, table));
            empty.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Runs `%{lua:…}` inside a call, whose options and arguments the script sees.
    pub(crate) fn run(&self, script: &[u8], call: Option<&Call>) -> Result<Vec<u8>, MacroError> {
        if !memory::depends_on_nothing(script) {
            return self.run_anew(script, call);
        }
        let memory = self.session.engine().map_err(|error| failed(&error))?.memory.clone();
        memory.printed(script, || self.run_anew(script, call))
    }

    fn run_anew(&self, script: &[u8], call: Option<&Call>) -> Result<Vec<u8>, MacroError> {
        let run = || {
            let (options, arguments) = self.arguments(call)?;
            self.chunk(script, call.map_or(b"<lua>".as_slice(), |call| &call.entry.name))?
                .call::<MultiValue>((options, arguments))
                .and_then(|results| self.print_results(results))
        };
        self.catch(run)
    }

    /// Calls a function of `string` with these arguments and prints its first result.
    pub(crate) fn call_text_function(
        &self,
        function: TextFunction,
        arguments: &[Vec<u8>],
    ) -> Result<Vec<u8>, MacroError> {
        let run = || {
            let function: Function = self.lua.globals().get::<Table>("string")?.get(function.name())?;
            let strings: mlua::Result<MultiValue> = arguments
                .iter()
                .map(|argument| Ok(mlua::Value::String(self.lua.create_string(argument)?)))
                .collect();
            let result = function.call::<MultiValue>(strings?)?;
            self.print_results(result.into_iter().take(1).collect())
        };
        self.catch(run)
    }

    /// Calls a function by its name in an expression.
    pub(crate) fn call_function(&self, name: &[u8], arguments: &[Value]) -> Result<Vec<u8>, MacroError> {
        let call = || {
            let source = [b"return (", name, b")(...)"].concat();
            let function =
                self.lua.load(source).set_name(shown(name)).set_mode(ChunkMode::Text).into_function()?;
            let arguments: mlua::Result<MultiValue> =
                arguments.iter().map(|argument| self.argument(argument)).collect();
            match function.call::<mlua::Value>(arguments?)? {
                mlua::Value::Nil | mlua::Value::Boolean(false) => Ok(Vec::new()),
                mlua::Value::Boolean(true) => Ok(b"1".to_vec()),
                value => Ok(values::text(&self.lua, value)?.as_bytes().to_vec()),
            }
        };
        let mut result = Err(MacroError::TooDeep);
        let printed = self.catch(|| {
            result = call().map_err(|error| failed(&error));
            Ok(())
        })?;
        let result = result?;
        // What a function printed belongs to nothing; what it learnt belongs to its result.
        Ok(if is_unknown(&printed) { printed } else { result })
    }

    fn argument(&self, value: &Value) -> mlua::Result<mlua::Value> {
        Ok(match value {
            Value::Integer(number) => mlua::Value::Integer(i64::from(*number)),
            Value::Text(text) | Value::Version(text) | Value::Unknown(text) => {
                mlua::Value::String(self.lua.create_string(text)?)
            }
        })
    }

    /// Runs something that prints; what it printed is not known if something not known reached it.
    fn catch(&self, run: impl FnOnce() -> mlua::Result<()>) -> Result<Vec<u8>, MacroError> {
        let tainted = self.session.tainted.take();
        self.session.printed.borrow_mut().push(Vec::new());
        let result = run();
        let printed = self.session.printed.borrow_mut().pop().unwrap_or_default();
        let reached = self.session.tainted.replace(tainted);
        match (result, reached) {
            // A script that fails over what is not known might not fail where it is built.
            (result, Some(mark)) if result.is_err() || !printed.is_empty() => {
                self.session.tainted.borrow_mut().get_or_insert_with(|| mark.clone());
                if result.is_err() || !is_unknown(&printed) {
                    return Ok(mark);
                }
                // It shows where it comes in; what the script did because of it does not show.
                if let Ok(engine) = self.session.engine()
                    && !engine.in_script.get()
                {
                    let reason = engine.unknowns.reasons_in(&mark).join(", ");
                    engine.doubt(format!("a Lua script works on what is not known ({reason})"));
                }
                Ok(printed)
            }
            (result, _) => result.map(|()| printed).map_err(|error| failed(&error)),
        }
    }

    fn chunk(&self, script: &[u8], name: &[u8]) -> mlua::Result<Function> {
        // As rpm does it: in one line, so that the script's own lines keep their numbers.
        let source = [b"local opt, arg = ...;".as_slice(), script].concat();
        self.lua.load(source).set_name(shown(name)).set_mode(ChunkMode::Text).into_function()
    }

    fn arguments(&self, call: Option<&Call>) -> mlua::Result<(Table, Table)> {
        let options = self.lua.create_table()?;
        let Some(call) = call else { return Ok((options, self.lua.create_table()?)) };
        let mut arguments = call.arguments.clone();
        let letters = call.entry.options.as_deref().unwrap_or_default();
        let parsed = parse_options(&mut arguments, letters)
            .map_err(|letter| mlua::Error::runtime(format!("unknown option {}", char::from(letter))))?;
        for option in parsed.options {
            self.session.taint(option.value.as_deref().unwrap_or_default());
            let value = self.lua.create_string(option.value.unwrap_or_default())?;
            options.set(char::from(option.letter).to_string(), value)?;
        }
        let mut rest = Vec::new();
        for argument in &arguments[parsed.rest..] {
            self.session.taint(argument);
            rest.push(self.lua.create_string(argument)?);
        }
        Ok((options, self.lua.create_sequence_from(rest)?))
    }

    fn print_results(&self, results: MultiValue) -> mlua::Result<()> {
        if results.is_empty() {
            return Ok(());
        }
        self.lua.globals().get::<Function>("print")?.call::<()>(results)
    }
}

/// What went wrong, without Lua's stack.
fn failed(error: &mlua::Error) -> MacroError {
    MacroError::Lua(cause(error))
}

fn cause(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause: inner, .. } => cause(inner),
        mlua::Error::RuntimeError(text) => text.split("\nstack traceback:").next().unwrap_or(text).to_owned(),
        other => other.to_string(),
    }
}
