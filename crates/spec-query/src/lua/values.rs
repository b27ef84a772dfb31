//! Lua's values, in; the texts that rpm makes of them, out.

use mlua::{Lua, LuaString, Value};

/// What `tostring` makes of a value.
pub(super) fn text(lua: &Lua, value: Value) -> mlua::Result<LuaString> {
    match value {
        Value::String(text) => Ok(text),
        other => lua.globals().get::<mlua::Function>("tostring")?.call(other),
    }
}

/// A string or a number, as functions of Lua's C interface take it.
pub(super) fn string(value: &Value) -> mlua::Result<Vec<u8>> {
    match value {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Integer(number) => Ok(number.to_string().into_bytes()),
        Value::Number(number) => Ok(number.to_string().into_bytes()),
        other => Err(mlua::Error::runtime(format!("string expected, got {}", other.type_name()))),
    }
}
