//! rpm's `rpm` library for Lua and its `macros` table, but for processes, files and versions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlua::{Function, Lua, MetaMethod, Table, UserData, UserDataMethods, Value};

use super::macros::MacroError;
use super::session::Shared;
use super::{open_file, path_pattern, processes, versions};
use crate::base64_lines::base64_lines;

/// The character that rpm puts around an argument that blanks must not split.
const QUOTE: u8 = 0x1f;

pub(super) fn register(lua: &Lua, session: &Shared, files: Option<Vec<Vec<u8>>>) -> mlua::Result<()> {
    let rpm = lua.create_table()?;
    register_macros(lua, &rpm, session)?;
    register_texts(lua, &rpm)?;
    register_hooks(lua, &rpm)?;
    versions::register(lua, &rpm)?;
    open_file::register(lua, &rpm)?;
    processes::register_rpm(lua, &rpm, session)?;
    if let Some(files) = files {
        let next_place = std::cell::Cell::new(0);
        let next = lua.create_function(move |lua, ()| {
            let file = files.get(next_place.get());
            // After the end comes the first again, as in rpm.
            next_place.set(if file.is_some() { next_place.get() + 1 } else { 0 });
            file.map(|file| lua.create_string(file)).transpose()
        })?;
        rpm.set("next_file", next)?;
    }
    let interactive =
        lua.create_function(|_, ()| -> mlua::Result<()> { Err(mlua::Error::runtime("not a tty")) })?;
    rpm.set("interactive", interactive)?;
    lua.globals().set("rpm", rpm)
}

fn failed(error: MacroError) -> mlua::Error {
    mlua::Error::runtime(error.to_string())
}

fn register_macros(lua: &Lua, rpm: &Table, session: &Shared) -> mlua::Result<()> {
    let shared = session.clone();
    rpm.set(
        "expand",
        lua.create_function(move |_, text: String| shared.macros.borrow_mut().expand(&text).map_err(failed))?,
    )?;
    let shared = session.clone();
    rpm.set(
        "define",
        lua.create_function(move |_, text: String| shared.macros.borrow_mut().define(&text).map_err(failed))?,
    )?;
    let shared = session.clone();
    let undefine = lua.create_function(move |_, name: String| {
        shared.macros.borrow_mut().undefine(&name);
        Ok(())
    })?;
    rpm.set("undefine", undefine)?;
    let shared = session.clone();
    let is_defined = lua.create_function(move |_, name: String| {
        let parametric = shared.macros.borrow().is_defined(&name);
        Ok((parametric.is_some(), parametric.unwrap_or(false)))
    })?;
    rpm.set("isdefined", is_defined)?;
    let shared = session.clone();
    let load = lua.create_function(move |_, path: String| {
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(-1.0) };
        shared.macros.borrow_mut().define_all(&text).map_err(failed)?;
        Ok(0.0)
    })?;
    rpm.set("load", load)?;
    lua.globals().set("macros", MacroTable(session.clone()))
}

/// `macros.NAME`: reads expand, or give a function where the macro takes parameters; writes define, writing `nil` takes back.
struct MacroTable(Shared);

impl UserData for MacroTable {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, table, name: String| {
            let parametric = table.0.macros.borrow().is_defined(&name);
            match parametric {
                None => Ok(Value::Nil),
                Some(false) => {
                    let expanded = table.0.macros.borrow_mut().expand(&format!("%{{{name}}}"));
                    lua.create_string(expanded.map_err(failed)?).map(Value::String)
                }
                Some(true) => {
                    let shared = table.0.clone();
                    let call = lua.create_function(move |_, arguments: Value| {
                        let arguments = words(&name, arguments)?;
                        shared.macros.borrow_mut().call(&name, arguments).map_err(failed)
                    });
                    call.map(Value::Function)
                }
            }
        });
        methods.add_meta_method(MetaMethod::NewIndex, |_, table, (name, body): (String, Value)| {
            let mut macros = table.0.macros.borrow_mut();
            match body {
                Value::Nil => macros.undefine(&name),
                body => macros.define(&format!("{name} {}", body.to_string()?)).map_err(failed)?,
            }
            Ok(())
        });
    }
}

/// One argument is a string, several are a table.
fn words(name: &str, arguments: Value) -> mlua::Result<Vec<String>> {
    match arguments {
        Value::String(word) => Ok(vec![word.to_str()?.to_owned()]),
        Value::Table(words) => words.sequence_values().collect(),
        _ => Err(mlua::Error::runtime(format!("bad argument #1 to '{name}' (string or table expected)"))),
    }
}

fn register_texts(lua: &Lua, rpm: &Table) -> mlua::Result<()> {
    let encode = lua.create_function(|_, (bytes, width): (mlua::LuaString, Option<i64>)| {
        Ok(base64_lines(&bytes.as_bytes(), width))
    })?;
    rpm.set("b64encode", encode)?;
    let decode = lua.create_function(|lua, text: mlua::LuaString| {
        let text: Vec<u8> =
            text.as_bytes().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        STANDARD.decode(text).ok().map(|bytes| lua.create_string(bytes)).transpose()
    })?;
    rpm.set("b64decode", decode)?;
    let split = lua.create_function(|lua, text: mlua::LuaString| {
        let words = split_quoted(&text.as_bytes());
        let words =
            words.into_iter().map(|word| lua.create_string(word)).collect::<mlua::Result<Vec<_>>>()?;
        lua.create_sequence_from(words)
    })?;
    rpm.set("splitargs", split)?;
    let join = lua.create_function(|lua, words: Table| {
        let words: Vec<mlua::LuaString> = words.sequence_values().collect::<mlua::Result<_>>()?;
        let quoted: Vec<Vec<u8>> =
            words.iter().map(|word| [&[QUOTE][..], &word.as_bytes(), &[QUOTE]].concat()).collect();
        lua.create_string(quoted.join(&b' '))
    })?;
    rpm.set("unsplitargs", join)?;
    let glob = lua.create_function(|lua, (pattern, flags): (mlua::LuaString, Option<String>)| {
        let keep = flags.is_some_and(|flags| flags.contains('c'));
        let paths = path_pattern::paths(&pattern.as_bytes(), keep);
        let paths =
            paths.into_iter().map(|path| lua.create_string(path)).collect::<mlua::Result<Vec<_>>>()?;
        // rpm returns its argument when nothing matches, which no caller can use: an empty table is what they test for.
        lua.create_sequence_from(paths)
    })?;
    rpm.set("glob", glob)
}

fn split_quoted(text: &[u8]) -> Vec<Vec<u8>> {
    let mut quoted = false;
    let mut words = vec![Vec::new()];
    for &byte in text {
        if byte == QUOTE {
            quoted = !quoted;
        }
        match (byte, words.last_mut()) {
            (b' ' | b'\t', _) if !quoted => words.push(Vec::new()),
            (byte, Some(word)) => word.push(byte),
            (_, None) => {}
        }
    }
    // An argument in quotes counts even when it is empty.
    words.retain(|word| !word.is_empty());
    words.iter_mut().for_each(|word| word.retain(|byte| *byte != QUOTE));
    words
}

/// Hooks that scripts register for one another by name (`rpm.register`, `rpm.call`).
fn register_hooks(lua: &Lua, rpm: &Table) -> mlua::Result<()> {
    let hooks = lua.create_table()?;
    let registered = hooks.clone();
    let register = lua.create_function(move |lua, (name, function): (String, Function)| {
        let functions = match registered.get::<Option<Table>>(name.as_str())? {
            Some(functions) => functions,
            None => lua.create_table()?,
        };
        functions.push(&function)?;
        registered.set(name, functions)?;
        Ok(function)
    })?;
    rpm.set("register", register)?;
    let registered = hooks.clone();
    let unregister = lua.create_function(move |lua, (name, function): (String, Function)| {
        let Some(functions) = registered.get::<Option<Table>>(name.as_str())? else { return Ok(()) };
        let left = lua.create_table()?;
        for other in functions.sequence_values::<Function>() {
            let other = other?;
            if other != function {
                left.push(other)?;
            }
        }
        registered.set(name, left)
    })?;
    rpm.set("unregister", unregister)?;
    let call = lua.create_function(move |lua, (name, arguments): (String, mlua::Variadic<Value>)| {
        let Some(functions) = hooks.get::<Option<Table>>(name.as_str())? else { return Ok(()) };
        for function in functions.sequence_values::<Function>() {
            let arguments = lua.create_sequence_from(arguments.iter().cloned())?;
            function?.call::<()>(arguments)?;
        }
        Ok(())
    })?;
    rpm.set("call", call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_split_at_blanks_outside_of_quotes() {
        assert_eq!(split_quoted(b"a  b\x1fc d\x1f \x1f\x1f"), [b"a".to_vec(), b"bc d".to_vec(), Vec::new()]);
    }
}
