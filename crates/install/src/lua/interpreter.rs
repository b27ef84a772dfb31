//! A request, in; a Lua state with rpm's libraries in which its script ran, its exit status, out.
//! Runs as a process of its own whose `/` is the root being installed: what it does to files, it does there.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::process::ExitCode;
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, Table};

use super::macros::Macros;
use super::request::Request;
use super::session::{Session, Shared, warn};
use super::{posix_files, posix_identity, processes, rpm_library};

/// The status of a script that raised an error, or that is no Lua.
const SCRIPT_FAILED: u8 = 1;
/// The status where the interpreter itself was not called as it has to be.
const MISUSED: u8 = 2;

/// Runs the request on standard input; the whole of the interpreter's process, which must have no other thread.
pub fn interpreter_main() -> ExitCode {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    let Some(request) = read.ok().and_then(|_| Request::parse(&bytes)) else {
        warn(
            "error: the Lua interpreter is started by the installer and takes its script from standard input",
        );
        return ExitCode::from(MISUSED);
    };
    drop(bytes);
    match run(&request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(&format!("error: {}", message(&error)));
            ExitCode::from(SCRIPT_FAILED)
        }
    }
}

fn run(request: &Request) -> mlua::Result<()> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let mut macros = Macros::fedora(&text(&request.architecture));
    for definition in &request.definitions {
        macros.define(&text(definition)).map_err(|error| mlua::Error::runtime(error.to_string()))?;
    }
    let session: Shared = Rc::new(Session {
        last_error: Cell::new(0),
        forked: Cell::new(false),
        macros: RefCell::new(macros),
        rpm_version: request.rpm_version.as_ref().map(text),
    });
    let lua = Lua::new();
    register(&lua, &session, request)?;
    let result = chunk(&lua, request)?.call::<()>((lua.create_table()?, arguments(&lua, request)?));
    if session.forked.get() {
        processes::end_runaway_child();
    }
    result
}

fn register(lua: &Lua, session: &Shared, request: &Request) -> mlua::Result<()> {
    let posix = lua.create_table()?;
    posix_files::register(lua, &posix, session)?;
    posix_identity::register(lua, &posix, session)?;
    processes::register_posix(lua, &posix, session)?;
    posix.set("version", "posix library for Lua 5.4 / Nov 2003")?;
    lua.globals().set("posix", posix)?;
    rpm_library::register(lua, session, request.files.clone())?;
    processes::register_exit(lua, session)?;
    let plain = lua.create_function(|_, error: mlua::Error| Ok(cause(&error)))?;
    lua.load(PRELUDE).set_name("=rpm").call::<()>(plain)?;
    lua.globals().get::<Table>("package")?.set("path", "/usr/lib/rpm/lua/?.lua")?;
    if !request.prefixes.is_empty() {
        let prefixes = lua.create_sequence_from(strings(lua, &request.prefixes)?)?;
        lua.globals().set("RPM_INSTALL_PREFIX", prefixes)?;
    }
    Ok(())
}

/// `print` through Lua's own, unbuffered standard output: in order with `io.write` and with programs that the script runs.
/// `pcall` and `xpcall` that give errors of our functions as the texts that they are under rpm.
const PRELUDE: &str = r#"
local plain = ...
local pack, unpack, type, pcall_bare, xpcall_bare = table.pack, table.unpack, type, pcall, xpcall
local function text(problem)
    if type(problem) == "userdata" then return plain(problem) end
    return problem
end
function pcall(...)
    local results = pack(pcall_bare(...))
    if not results[1] then results[2] = text(results[2]) end
    return unpack(results, 1, results.n)
end
function xpcall(act, handle, ...)
    return xpcall_bare(act, function(problem) return handle(text(problem)) end, ...)
end
local output, select, tostring, concat = io.stdout, select, tostring, table.concat
output:setvbuf("no")
io.stderr:setvbuf("no")
function print(...)
    local texts = {}
    for position = 1, select('#', ...) do
        texts[position] = tostring((select(position, ...)))
    end
    output:write(concat(texts, "\t"), "\n")
end
"#;

fn chunk(lua: &Lua, request: &Request) -> mlua::Result<Function> {
    // As rpm does it: in one line, so that the script's own lines keep their numbers.
    let mut source = b"local opt, arg = ...;".to_vec();
    let first = request.arguments.len() + 1;
    for position in first..first + request.numbers.len() {
        source.extend(format!("arg[{position}] = tonumber(arg[{position}]);").bytes());
    }
    source.extend(&request.body);
    // Only text: precompiled chunks can crash the interpreter.
    lua.load(source)
        .set_name(String::from_utf8_lossy(&request.description))
        .set_mode(ChunkMode::Text)
        .into_function()
}

fn arguments(lua: &Lua, request: &Request) -> mlua::Result<Table> {
    let all: Vec<Vec<u8>> = request.arguments.iter().chain(&request.numbers).cloned().collect();
    lua.create_sequence_from(strings(lua, &all)?)
}

fn strings(lua: &Lua, texts: &[Vec<u8>]) -> mlua::Result<Vec<mlua::LuaString>> {
    texts.iter().map(|text| lua.create_string(text)).collect()
}

/// What one of our functions says is wrong, as a script sees it.
fn cause(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause: inner, .. } => cause(inner),
        mlua::Error::RuntimeError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What went wrong, without the Lua stack.
fn message(error: &mlua::Error) -> String {
    match error {
        mlua::Error::SyntaxError { message, .. } => format!("invalid syntax in lua script: {message}"),
        mlua::Error::CallbackError { traceback, cause } => {
            // The place in the script is the first line of the traceback that names one.
            let place = traceback.lines().map(str::trim).find(|line| line.starts_with("[string"));
            let place = place
                .map(|line| format!(" ({})", line.split(": in ").next().unwrap_or(line)))
                .unwrap_or_default();
            format!("{}{place}", message(cause))
        }
        mlua::Error::RuntimeError(text) => {
            format!("lua script failed: {}", text.split("\nstack traceback:").next().unwrap_or(text))
        }
        other => format!("lua script failed: {other}"),
    }
}
