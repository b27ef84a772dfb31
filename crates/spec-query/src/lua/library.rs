//! A Lua state, in; rpm's library in it, out: macros, versions, texts, and files as far as they are at hand.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlua::{Function, Lua, LuaString, MetaMethod, Table, UserData, UserDataMethods, Value, Variadic};

use super::{Session, values};
use crate::expand::{MacroError, compare_versions, split_quoted, unsplit_quoted};
use crate::files::{CONFIGURATION_FOLDER, Found};

type Shared = Rc<Session>;

/// Adds `rpm`, `posix`, `macros`, `print`, `require`, and what is left of `io` and `os`.
pub(super) fn register(lua: &Lua, session: &Shared) -> mlua::Result<()> {
    let rpm = lua.create_table()?;
    macros(lua, &rpm, session)?;
    texts(lua, &rpm)?;
    versions(lua, &rpm)?;
    programs(lua, &rpm, session)?;
    lua.globals().set("rpm", rpm)?;
    printing(lua, session)?;
    files(lua, session)?;
    let plain = lua.create_function(|_, error: mlua::Error| Ok(super::cause(&error)))?;
    lua.load(PRELUDE).set_name("=rpm").call::<()>(plain)
}

/// Errors of our functions are texts, as they are under rpm. Only source text is loaded: precompiled chunks can crash Lua.
const PRELUDE: &str = r#"
local plain = ...
local pack, unpack, type = table.pack, table.unpack, type
local pcall_bare, xpcall_bare, load_bare, select = pcall, xpcall, load, select
local function text(problem)
    if type(problem) == "userdata" then return plain(problem) end
    return problem
end
function pcall(...)
    local results = pack(pcall_bare(...))
    if not results[1] then results[2] = text(results[2]) end
    return unpack(results, 1, results.n)
end
function xpcall(act, on_error, ...)
    return xpcall_bare(act, function(problem) return on_error(text(problem)) end, ...)
end
function load(chunk, name, mode, ...)
    if select('#', ...) > 0 then return load_bare(chunk, name, "t", (...)) end
    return load_bare(chunk, name, "t")
end
loadfile, dofile = nil, nil
-- Lua walks through tables in an order that differs from run to run; here it is the keys' own.
local next, getmetatable, sort, tostring = next, getmetatable, table.sort, tostring
local function before(left, right)
    local kind, other = type(left), type(right)
    if kind ~= other then return kind < other end
    if kind == "number" or kind == "string" then return left < right end
    return tostring(left) < tostring(right)
end
function pairs(walked)
    local meta = getmetatable(walked)
    if meta and meta.__pairs then return meta.__pairs(walked) end
    local keys, at = {}, 0
    for key in next, walked do keys[#keys + 1] = key end
    sort(keys, before)
    return function()
        repeat at = at + 1 until keys[at] == nil or walked[keys[at]] ~= nil
        if keys[at] ~= nil then return keys[at], walked[keys[at]] end
    end, walked, nil
end
"#;

fn failed(error: MacroError) -> mlua::Error {
    mlua::Error::runtime(error.to_string())
}

fn macros(lua: &Lua, rpm: &Table, session: &Shared) -> mlua::Result<()> {
    let shared = session.clone();
    let expand = lua.create_function(move |lua, text: Value| {
        let expanded = shared.engine()?.expand(&values::string(&text)?).map_err(failed)?;
        shared.taint(&expanded);
        lua.create_string(expanded)
    })?;
    rpm.set("expand", expand)?;
    let shared = session.clone();
    let define = lua.create_function(move |_, text: Value| {
        shared.engine()?.define(&values::string(&text)?).map_err(failed)
    })?;
    rpm.set("define", define)?;
    let shared = session.clone();
    let undefine = lua.create_function(move |_, name: LuaString| {
        shared.engine()?.undefine(&name.as_bytes()).map_err(failed)
    })?;
    rpm.set("undefine", undefine)?;
    let shared = session.clone();
    let is_defined = lua.create_function(move |_, name: LuaString| {
        let entry = shared.engine()?.entry(&name.as_bytes());
        Ok((entry.is_some(), entry.is_some_and(|entry| entry.options.is_some())))
    })?;
    rpm.set("isdefined", is_defined)?;
    let shared = session.clone();
    let load = lua.create_function(move |_, path: LuaString| {
        let call = [b"%{load:", &*path.as_bytes(), b"}"].concat();
        Ok(if shared.engine()?.expand(&call).is_ok() { 0.0 } else { -1.0 })
    })?;
    rpm.set("load", load)?;
    lua.globals().set("macros", MacroTable(session.clone()))
}

/// `macros.NAME`: reads expand or give a function, writes define, writing `nil` takes back.
struct MacroTable(Shared);

impl UserData for MacroTable {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, table, name: LuaString| {
            let name = name.as_bytes().to_vec();
            let engine = table.0.engine()?;
            let Some(entry) = engine.entry(&name) else { return Ok(Value::Nil) };
            if entry.options.is_some() {
                return Ok(Value::Function(macro_function(lua, table.0.clone(), name)?));
            }
            let expanded = engine.expand(&[b"%{", name.as_slice(), b"}"].concat()).map_err(failed)?;
            table.0.taint(&expanded);
            Ok(Value::String(lua.create_string(expanded)?))
        });
        methods.add_meta_method(MetaMethod::NewIndex, |_, table, (name, body): (LuaString, Value)| {
            let engine = table.0.engine()?;
            match body {
                Value::Nil => engine.pop(&name.as_bytes()),
                body => {
                    let definition = [&*name.as_bytes(), b" ", &values::string(&body)?].concat();
                    engine.define(&definition).map_err(failed)?;
                }
            }
            Ok(())
        });
    }
}

/// `macros.NAME("words")` or `macros.NAME({"word", "word"})`.
fn macro_function(lua: &Lua, session: Shared, name: Vec<u8>) -> mlua::Result<Function> {
    lua.create_function(move |lua, argument: Value| {
        let engine = session.engine()?;
        let expanded = match argument {
            Value::Table(words) => {
                let words: Vec<Value> = words.sequence_values().collect::<mlua::Result<_>>()?;
                let words = words.iter().map(values::string).collect::<mlua::Result<Vec<_>>>()?;
                let no_macro = || Err(MacroError::NoSuch(String::from_utf8_lossy(&name).into_owned()));
                engine.call(&name, words).unwrap_or_else(no_macro).map_err(failed)?
            }
            words => {
                let call = [b"%{".as_slice(), name.as_slice(), b" ", &values::string(&words)?, b"}"].concat();
                engine.expand(&call).map_err(failed)?
            }
        };
        session.taint(&expanded);
        lua.create_string(expanded)
    })
}

fn texts(lua: &Lua, rpm: &Table) -> mlua::Result<()> {
    let encode = lua.create_function(|_, (bytes, width): (LuaString, Option<i64>)| {
        Ok(base64_lines(&bytes.as_bytes(), width))
    })?;
    rpm.set("b64encode", encode)?;
    let decode = lua.create_function(|lua, text: LuaString| {
        let text: Vec<u8> =
            text.as_bytes().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        STANDARD.decode(text).ok().map(|bytes| lua.create_string(bytes)).transpose()
    })?;
    rpm.set("b64decode", decode)?;
    let split = lua.create_function(|lua, text: LuaString| {
        let words = split_quoted(&text.as_bytes());
        let words = words.iter().map(|word| lua.create_string(word)).collect::<mlua::Result<Vec<_>>>()?;
        lua.create_sequence_from(words)
    })?;
    rpm.set("splitargs", split)?;
    let join = lua.create_function(|lua, words: Table| {
        let words: Vec<Value> = words.sequence_values().collect::<mlua::Result<_>>()?;
        let words = words.iter().map(values::string).collect::<mlua::Result<Vec<_>>>()?;
        lua.create_string(unsplit_quoted(&words))
    })?;
    rpm.set("unsplitargs", join)
}

/// Lines of 64 letters unless a width is given; 0 is one line.
fn base64_lines(bytes: &[u8], width: Option<i64>) -> String {
    let encoded = STANDARD.encode(bytes);
    let width = match width {
        None => 64,
        Some(width) if width < 0 => 64,
        Some(width) => usize::try_from(width / 4 * 4).unwrap_or(64),
    };
    if width == 0 {
        return encoded;
    }
    let letters: Vec<char> = encoded.chars().collect();
    letters.chunks(width).flat_map(|line| line.iter().copied().chain(['\n'])).collect()
}

/// `rpm.vercmp(a, b)` and `rpm.ver(text)`, whose values compare.
fn versions(lua: &Lua, rpm: &Table) -> mlua::Result<()> {
    let compare = lua.create_function(|_, (left, right): (LuaString, LuaString)| {
        if left.as_bytes().is_empty() || right.as_bytes().is_empty() {
            return Err(mlua::Error::runtime("invalid version"));
        }
        Ok(compare_versions(&left.as_bytes(), &right.as_bytes()) as i64)
    })?;
    rpm.set("vercmp", compare)?;
    let version = lua.create_function(|_, parts: Variadic<LuaString>| {
        let parts: Vec<String> = parts.iter().map(|part| part.to_string_lossy()).collect();
        let text = match parts.as_slice() {
            [text] => text.clone(),
            [version, release] => format!("{version}-{release}"),
            [epoch, version, release] => format!("{epoch}:{version}-{release}"),
            _ => return Err(mlua::Error::runtime("invalid number of arguments")),
        };
        if text.is_empty() {
            return Err(mlua::Error::runtime("invalid version"));
        }
        Ok(Version(text))
    })?;
    rpm.set("ver", version)
}

struct Version(String);

impl UserData for Version {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        let compare = |left: &Self, right: &mlua::UserDataRef<Self>| {
            compare_versions(left.0.as_bytes(), right.0.as_bytes())
        };
        methods.add_meta_method(MetaMethod::Eq, move |_, left, right: mlua::UserDataRef<Self>| {
            Ok(compare(left, &right).is_eq())
        });
        methods.add_meta_method(MetaMethod::Lt, move |_, left, right: mlua::UserDataRef<Self>| {
            Ok(compare(left, &right).is_lt())
        });
        methods.add_meta_method(MetaMethod::Le, move |_, left, right: mlua::UserDataRef<Self>| {
            Ok(compare(left, &right).is_le())
        });
        methods.add_meta_method(MetaMethod::ToString, |_, version, ()| Ok(version.0.clone()));
    }
}

/// Whatever would run a program, ask the terminal or look around the machine: nobody can know what it would say.
fn programs(lua: &Lua, rpm: &Table, session: &Shared) -> mlua::Result<()> {
    for name in
        ["execute", "spawn", "glob", "open", "register", "unregister", "call", "interactive", "redirect2null"]
    {
        rpm.set(name, unknowable(lua, session, &format!("rpm.{name}"))?)?;
    }
    let posix = lua.create_table()?;
    let names = [
        "chdir",
        "chmod",
        "chown",
        "ctermid",
        "dir",
        "errno",
        "exec",
        "files",
        "fork",
        "getcwd",
        "getenv",
        "getgroup",
        "getlogin",
        "getpasswd",
        "getprocessid",
        "kill",
        "link",
        "mkdir",
        "mkfifo",
        "mkstemp",
        "pathconf",
        "putenv",
        "readlink",
        "rmdir",
        "setenv",
        "setgid",
        "setuid",
        "sleep",
        "symlink",
        "sysconf",
        "times",
        "ttyname",
        "umask",
        "uname",
        "unlink",
        "unsetenv",
        "utime",
        "wait",
    ];
    for name in names {
        posix.set(name, unknowable(lua, session, &format!("posix.{name}"))?)?;
    }
    let shared = session.clone();
    let access = lua.create_function(move |_, (path, _): (LuaString, Option<LuaString>)| {
        Ok(match find(&shared, &path)? {
            Found::Absent => None,
            _ => Some(0),
        })
    })?;
    posix.set("access", access)?;
    let shared = session.clone();
    let stat = lua.create_function(move |lua, (path, what): (LuaString, Option<LuaString>)| {
        let content = match find(&shared, &path)? {
            Found::Absent => return Ok(Value::Nil),
            Found::Content(content) => content.len(),
            Found::Present | Found::Unknown => 0,
        };
        let facts = lua.create_table()?;
        facts.set("type", "regular")?;
        facts.set("size", content)?;
        match what {
            Some(what) => facts.get::<Value>(what),
            None => Ok(Value::Table(facts)),
        }
    })?;
    posix.set("stat", stat)?;
    lua.globals().set("posix", posix)?;
    let io = lua.create_table()?;
    for name in ["close", "input", "output", "popen", "read", "tmpfile", "type"] {
        io.set(name, unknowable(lua, session, &format!("io.{name}"))?)?;
    }
    lua.globals().set("io", io)?;
    let os = lua.create_table()?;
    for name in
        ["clock", "date", "difftime", "execute", "getenv", "remove", "rename", "setlocale", "time", "tmpname"]
    {
        os.set(name, unknowable(lua, session, &format!("os.{name}"))?)?;
    }
    lua.globals().set("os", os)
}

/// A function that marks what the script prints as not known and gives the mark as text.
fn unknowable(lua: &Lua, session: &Shared, name: &str) -> mlua::Result<Function> {
    let shared = session.clone();
    let reason = format!("{name} of Lua asks the building machine");
    lua.create_function(move |lua, _: Variadic<Value>| {
        let mark = shared.engine()?.unknowns.mark(&reason);
        shared.taint(&mark);
        lua.create_string(mark)
    })
}

/// A file by its path; what is only known in a build root taints the script.
fn find(session: &Shared, path: &LuaString) -> mlua::Result<Found> {
    let engine = session.engine()?;
    let path = path.to_string_lossy();
    session.taint(path.as_bytes());
    let found = engine.files.find(&path);
    if found == Found::Unknown {
        session.taint(&engine.unknowns.mark(&format!("whether {path} exists where it is built")));
    }
    Ok(found)
}

fn printing(lua: &Lua, session: &Shared) -> mlua::Result<()> {
    let shared = session.clone();
    let print = lua.create_function(move |lua, texts: Variadic<Value>| {
        for (position, text) in texts.into_iter().enumerate() {
            if position > 0 {
                shared.print(b"\t");
            }
            let text = values::text(lua, text)?;
            shared.print(&text.as_bytes());
        }
        Ok(())
    })?;
    lua.globals().set("print", print)?;
    // What goes to the real standard output is no part of the expansion.
    let io: Table = lua.globals().get("io")?;
    io.set("write", lua.create_function(|_, _: Variadic<Value>| Ok(()))?)?;
    let stderr = lua.create_table()?;
    stderr.set("write", lua.create_function(|_, _: Variadic<Value>| Ok(()))?)?;
    io.set("stderr", stderr.clone())?;
    io.set("stdout", stderr)
}

/// `require`, `dofile` and reading by `io`, from files at hand only.
fn files(lua: &Lua, session: &Shared) -> mlua::Result<()> {
    let loaded = lua.create_table()?;
    for library in ["string", "table", "math", "utf8", "coroutine", "rpm", "posix", "io", "os"] {
        loaded.set(library, lua.globals().get::<Value>(library)?)?;
    }
    let shared = session.clone();
    let require = lua.create_function(move |lua, name: LuaString| {
        let known: Value = loaded.get(name.clone())?;
        if !known.is_nil() {
            return Ok(known);
        }
        let name = name.to_string_lossy();
        let path = format!("{CONFIGURATION_FOLDER}/lua/{}.lua", name.replace('.', "/"));
        let Found::Content(source) = shared.engine()?.files.find(&path) else {
            let reason = format!("Lua module {name} ({path}) is not at hand");
            shared.taint(&shared.engine()?.unknowns.mark(&reason));
            return Err(mlua::Error::runtime(reason));
        };
        let module = lua.load(source).set_name(path).set_mode(mlua::chunk::ChunkMode::Text);
        let module = match module.call::<Value>(name.clone())? {
            Value::Nil => Value::Boolean(true),
            module => module,
        };
        loaded.set(name, module.clone())?;
        Ok(module)
    })?;
    lua.globals().set("require", require)?;
    let io: Table = lua.globals().get("io")?;
    let shared = session.clone();
    let open = lua.create_function(move |lua, (path, _): (LuaString, Option<LuaString>)| {
        match find(&shared, &path)? {
            Found::Content(content) => Ok((Some(reader(lua, &content)?), None)),
            _ => Ok((None, Some(format!("{}: No such file or directory", path.to_string_lossy())))),
        }
    })?;
    io.set("open", open)?;
    let shared = session.clone();
    let lines = lua.create_function(move |lua, path: LuaString| match find(&shared, &path)? {
        Found::Content(content) => reader(lua, &content)?.get::<Function>("lines")?.call::<Function>(()),
        _ => Err(mlua::Error::runtime(format!("{}: No such file or directory", path.to_string_lossy()))),
    })?;
    io.set("lines", lines)
}

/// A file that is read: `:read`, `:lines`, `:close`, written in Lua over its text.
fn reader(lua: &Lua, content: &[u8]) -> mlua::Result<Table> {
    const READER: &str = r#"
        local text, at = ..., 1
        local file = {}
        local function line(keep)
            if at > #text then return nil end
            local last = text:find("\n", at, true)
            local stop = last or #text + 1
            local result = text:sub(at, (keep and last) or stop - 1)
            at = stop + 1
            return result
        end
        function file:read(what)
            what = tostring(what or "l"):gsub("^%*", "")
            if what:sub(1, 1) == "a" then
                local rest = text:sub(at)
                at = #text + 1
                return rest
            elseif what:sub(1, 1) == "L" then
                return line(true)
            elseif what:sub(1, 1) == "n" then
                local first, last = text:find("^%s*[-+]?[%d.]+", at)
                if not first then return nil end
                at = last + 1
                return tonumber(text:sub(first, last))
            elseif tonumber(what) then
                if at > #text then return nil end
                local part = text:sub(at, at + tonumber(what) - 1)
                at = at + #part
                return part
            end
            return line(false)
        end
        function file:lines() return function() return line(false) end end
        function file:close() return true end
        return file
    "#;
    lua.load(READER).set_name("=file").call(lua.create_string(content)?)
}
